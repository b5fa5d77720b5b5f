"""A sweep with `retrain`: it is dealt first, and average gap, ToW, JS and confusion distance in results.h5 and in the
report are what NumPy computes from the runs' own files.

usage: retrain.py PRUNELORA
"""

import json
import math
import sys

from cli import Program, fail, skip
from small_sweep import HEAD, prepare

try:
    import h5py
    import numpy
    import pandas
except ImportError as missing:
    skip(f"Python module {missing.name} is not installed")

SWEEP = """  train: {epochs: 1, batch_size: 40}
  base.train: {epochs: 3, batch_size: 20}
  eval: {mia: [loss_lr, class_mia, confidence_svc]}
parameters:
  unlearn.method: {values: [original, finetune, retrain, lora]}
  forget.class: [3, 7]
seeds: 2
resources: {threads: 1}
"""
SCORES = ["UA", "RA", "TA", "MIA"]
VALUES = ["average_gap", "ToW", "JS", "confusion_distance"]


def rows(program, folder):
    with h5py.File(program.folder / folder / "results.h5") as file:
        table = pandas.DataFrame(file["runs"][:])
    for column in table.columns:
        if table[column].dtype == object:
            table[column] = table[column].str.decode("utf-8")
    return table.set_index("id")


def run_file(program, folder, row):
    return h5py.File(program.folder / folder / "runs" / row.name / f"a{int(row['attempt'])}" / "run.h5")


def divergence(p, mean):
    """Σ p·log2(p / mean) of each row, 0·log 0 = 0."""
    with numpy.errstate(divide="ignore", invalid="ignore"):
        return numpy.where(p > 0, p * numpy.log2(p / mean), 0.0).sum(axis=1)


def compare(own, other):
    """The four values from two run.h5 files, each straight from its definition."""
    differences = [abs(own["result"].attrs[name] - other["result"].attrs[name]) for name in SCORES]
    p, q = (file["forget/probability"][:].astype(numpy.float64) for file in (own, other))
    p, q = (x / x.sum(axis=1, keepdims=True) for x in (p, q))
    mean = (p + q) / 2
    jsd = (divergence(p, mean) + divergence(q, mean)) / 2
    shares = [numpy.bincount(x.argmax(axis=1), minlength=10) / len(x) for x in (p, q)]
    return {"average_gap": sum(differences) / 4,
            "ToW": math.prod(1 - d for d in differences[:3]),
            "JS": numpy.sqrt(numpy.clip(jsd, 0, None)).mean(),
            "confusion_distance": numpy.abs(shares[0] - shares[1]).sum() / 2}


def check_file(file, row, labels):
    """What run.h5 says of D_f agrees with the rest of the file."""
    images, p = file["forget/image"][:], file["forget/probability"][:]
    part, loss = file["samples/train/part"][:], file["samples/train/loss"][:]
    if p.dtype != numpy.float32 or p.shape != (len(images), 10):
        fail(f"{row['name']}: probabilities are {p.dtype} {p.shape}")
    if not numpy.array_equal(images, numpy.flatnonzero(part)) or set(labels[images]) != {row["forget.class"]}:
        fail(f"{row['name']}: the images are not those of class {row['forget.class']}")
    if not numpy.allclose(p[:, row["forget.class"]], numpy.exp(-loss[images].astype(float)), rtol=1e-5, atol=1e-30):
        fail(f"{row['name']}: probabilities and losses disagree")
    shares = numpy.bincount(p.argmax(axis=1), minlength=10) / len(p)
    if not numpy.array_equal(file["forget/profile"][:], shares):
        fail(f"{row['name']}: the profile is not the shares of argmax")
    for name in ("train", "test"):
        check_classes(file, name, row)
    if file["classes/train/confusion"][row["forget.class"]].tolist() != (shares * len(p)).round().tolist():
        fail(f"{row['name']}: the matrix says something else of D_f than the profile")


def check_classes(file, name, row):
    """Confusion matrix and accuracy of each class agree with labels, margins and the run's own metrics."""
    counts, accuracy = file[f"classes/{name}/confusion"][:], file[f"classes/{name}/accuracy"][:]
    label, margin = (file[f"samples/{name}/{column}"][:] for column in ("label", "margin"))
    per_class, right = numpy.bincount(label, minlength=10), numpy.bincount(label[margin > 0], minlength=10)
    if counts.sum(axis=1).tolist() != per_class.tolist() or counts.diagonal().tolist() != right.tolist():
        fail(f"{row['name']}: the {name} matrix does not agree with labels and margins")
    if not numpy.array_equal(accuracy, right / per_class):
        fail(f"{row['name']}: {name} accuracy of each class")
    kept = numpy.arange(10) != row["forget.class"]
    if row["RA" if name == "train" else "TA"] != right[kept].sum() / per_class[kept].sum():
        fail(f"{row['name']}: {name} matrix and RA or TA disagree")


def check_results(program, folder):
    table, n_compared, largest = rows(program, folder), 0, {name: 0.0 for name in VALUES}
    for _, row in table.iterrows():
        with run_file(program, folder, row) as own:
            check_file(own, row, own["samples/train/label"][:])
            if row["unlearn.method"] == "retrain":
                if row["reference"] != "" or not row[VALUES].isna().all():
                    fail(f"{row['name']} is compared with something")
                continue
            other_row = table.loc[row["reference"]]
            seed = 0 if row["unlearn.method"] == "original" else row["seed"]  # it reads no seed
            if (other_row["unlearn.method"], other_row["forget.class"], other_row["seed"]) != (
                    "retrain", row["forget.class"], seed):
                fail(f"{row['name']} is compared with {other_row['name']}")
            with run_file(program, folder, other_row) as other:
                wanted = compare(own, other)
        for name in VALUES:
            largest[name] = max(largest[name], wanted[name])
            if not abs(row[name] - wanted[name]) <= 1e-12:
                fail(f"{row['name']}: {name} is {row[name]!r}, NumPy has {wanted[name]!r}")
        n_compared += 1
    if n_compared != 2 + 4 + 4 or min(largest.values()) <= 0.01:
        fail(f"{n_compared} runs compared, largest values {largest}: a test of nothing")
    print(f"ok {n_compared} runs agree with NumPy to 1e-12; largest {largest}")
    return table


def check_order(program, folder):
    lines = [json.loads(line) for line in open(program.folder / folder / "journal.jsonl")]
    table = rows(program, folder)
    dealt = [table.loc[line["run"], "unlearn.method"] for line in lines if line["event"] == "assigned"]
    if dealt[:4] != ["retrain"] * 4 or "retrain" in dealt[4:]:
        fail(f"runs were dealt as {dealt}")
    print("ok retrain runs were dealt first")


def check_report(program, folder, table):
    for row in json.loads(program.must("report", folder, "--format", "json")):
        for name in VALUES:
            wanted = table.loc[row["id"], name]
            if (row[name] is None) != math.isnan(wanted) or (row[name] is not None and row[name] != wanted):
                fail(f"report --format json: {name} of {row['name']} is {row[name]}, results.h5 has {wanted}")
        if row["reference"] != table.loc[row["id"], "reference"]:
            fail(f"report --format json: reference of {row['name']}")
    csv = program.must("report", folder, "--format", "csv").splitlines()
    if not set(VALUES + ["reference"]) <= set(csv[0].split(",")):
        fail(f"report --format csv lacks columns: {csv[0]}")
    lines = program.must("report", folder, "--by", "unlearn.method").splitlines()
    check_second_table(lines, table)
    for line in lines:
        if line.startswith("finetune "):
            check_line(line, table)
            return
    fail("the table has no line for finetune")


def check_second_table(lines, table):
    group = table[table["unlearn.method"] == "finetune"]
    heading = "unlearn.method n ECE confusion loss_lr confidence_svc"
    start = next((i for i, line in enumerate(lines) if " ".join(line.split()) == heading), None)
    if start is None or max(map(len, lines[start:])) > 80:
        fail(f"no second table within 80 columns with {heading} in\n" + "\n".join(lines))
    line = " ".join(line for line in lines[start:] if line.startswith("finetune "))  # class_mia goes below
    for name, factor, digits in (("ECE", 100, 2), ("confusion_distance", 1, 3), ("MIA_loss_lr", 100, 2),
                                 ("MIA_confidence_svc", 100, 2), ("MIA_class_mia", 100, 2)):
        wanted = f"{factor * group[name].mean():.{digits}f} ± {factor * group[name].std():.{digits}f}"
        if wanted not in line:
            fail(f"want {name} {wanted} in\n{line}")
    if not (table["MIA"] == table["MIA_loss_lr"]).all() or not table["MIA_class_mia"].between(0.01, 1).all():
        fail("MIA is not the first attack, or class_mia is no balanced accuracy")
    print(f"ok report's second table: {line}")


def check_line(line, table):
    """Gap of single runs and gap of the means, as printed."""
    group = table[table["unlearn.method"] == "finetune"]
    other = table.loc[group["reference"]]
    of_means = numpy.mean([abs(group[name].mean() - other[name].mean()) for name in SCORES])
    gap = f"{100 * group['average_gap'].mean():.2f} ± {100 * group['average_gap'].std():.2f}"
    js = f"{group['JS'].mean():.3f} ± {group['JS'].std():.3f}"
    if f"{gap}  " not in line or f"  {100 * of_means:.2f}  " not in " ".join(line.split("±")) + " " or js not in line:
        fail(f"want gap {gap}, of means {100 * of_means:.2f}, JS {js} in\n{line}")
    print(f"ok report: gap {gap}, of means {100 * of_means:.2f}, JS {js}")


def check_without(program):
    """A sweep without retrain has none of the columns."""
    (program.folder / "without.yaml").write_text(HEAD + SWEEP.replace("[original, finetune, retrain, lora]", "[original]"))
    program.must("sweep", "without.yaml", "--out", "without")
    if set(VALUES + ["reference"]) & set(rows(program, "without").columns):
        fail("a sweep without retrain has comparisons")
    if "gap" in program.must("report", "without"):
        fail("the report of a sweep without retrain speaks of a gap")
    print("ok a sweep without retrain is as before")


def main():
    with Program(sys.argv[1]) as program:
        prepare(program, SWEEP, images=(100, 40), epochs=4, batch_size=20)
        program.must("sweep", "sweep.yaml", "--out", "alone")
        table = check_results(program, "alone")
        check_order(program, "alone")
        check_report(program, "alone", table)
        program.must("sweep", "sweep.yaml", "--out", "two", ranks=2)
        check_order(program, "two")
        other = rows(program, "two").loc[table.index]
        if not numpy.array_equal(table[VALUES].to_numpy(float), other[VALUES].to_numpy(float), equal_nan=True):
            fail("comparisons differ between one and two ranks")
        print("ok the same comparisons on two ranks")
        check_without(program)
    return 0


if __name__ == "__main__":
    sys.exit(main())
