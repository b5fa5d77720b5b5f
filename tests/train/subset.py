"""Random and listed images instead of a class: the sets of images in run.h5, the metrics from them and the comparison
with retrain, as h5py and pandas read them; validation images that no run touches.

usage: subset.py PRUNELORA
"""

import json
import sys

from cli import Program, fail, skip
from small_sweep import prepare

try:
    import h5py
    import numpy
    import pandas
except ImportError as missing:
    skip(f"Python module {missing.name} is not installed")

SWEEP = """  data.validation: 0.1
  train: {epochs: 1, batch_size: 40}
  base.train: {epochs: 1, batch_size: 20}
parameters:
  unlearn.method: {values: [original, retrain, finetune]}
  forget.fraction: [0.1, 0.3]
include: [{unlearn.method: original, forget.indices: list.txt}, {unlearn.method: original, forget.classes: [1, 3]}]
resources: {threads: 1}
"""
N_TRAIN, N_TEST, LISTED = 120, 40, [7, 99, 3]


def part_of(file, name):
    return file[f"samples/{name}/part"][:]


def check_metrics(file, row, forgets_test):
    """From losses and margins alone: an image is right where its margin is above 0."""
    train, test = part_of(file, "train"), part_of(file, "test")
    right = {name: file[f"samples/{name}/margin"][:] > 0 for name in ("train", "test")}
    wanted = {"UA": 1 - right["train"][train == 1].mean(), "RA": right["train"][train == 0].mean(),
              "TA": right["test"][test == 0].mean(), "test_accuracy_all": right["test"].mean()}
    for name, value in wanted.items():
        if abs(row[name] - value) > 1e-12:
            fail(f"{row['name']}: {name} is {row[name]}, its images give {value}")
    if numpy.isnan(row["forget_accuracy_test"]) == forgets_test or numpy.isnan(row["MIA"]):
        fail(f"{row['name']}: forget_accuracy_test {row['forget_accuracy_test']}, MIA {row['MIA']}")
    if (test == 1).any() != forgets_test:
        fail(f"{row['name']}: {(test == 1).sum()} test images are forgotten")


def check_rows(program, table):
    validation, drawn = set(), {}
    for _, row in table.iterrows():
        path = program.folder / "out" / "runs" / row["id"] / f"a{int(row['attempt'])}" / "run.h5"
        with h5py.File(path) as file:
            train, labels = part_of(file, "train"), file["samples/train/label"][:]
            check_metrics(file, row, forgets_test="-c1+3" in row["name"])
            forgotten = tuple(numpy.flatnonzero(train == 1))
            if tuple(file["forget/image"][:]) != forgotten:
                fail(f"{row['name']}: /forget and /samples disagree")
        validation.add(tuple(numpy.flatnonzero(train == 2)))
        if not numpy.isnan(row["forget.fraction"]) and row["forget.fraction"] > 0:
            drawn.setdefault(row["forget.fraction"], set()).add(forgotten)
        elif "-i-list" in row["name"] and forgotten != tuple(sorted(LISTED)):
            fail(f"{row['name']}: forgets {forgotten}")
        elif "-c1+3" in row["name"] and set(labels[train == 1]) != {1, 3}:
            fail(f"{row['name']}: forgets classes {set(labels[train == 1])}")
    if len(validation) != 1 or len(validation.pop()) != 12:
        fail("not every run sets the same 12 images aside")
    if [len(s) for s in drawn.values()] != [1, 1] or sorted(len(*s) for s in drawn.values()) != [11, 32]:
        fail(f"methods forget different images: {drawn}")  # 10 % and 30 % of 108
    print(f"ok {len(table)} runs: parts, metrics, the same images for every method")


def check_comparison(program, table):
    by_id = table.set_index("id")
    compared = table[table["reference"] != ""]
    for _, row in compared.iterrows():
        other = by_id.loc[row["reference"]]
        if other["unlearn.method"] != "retrain" or other["forget.fraction"] != row["forget.fraction"]:
            fail(f"{row['name']} is compared with {other['name']}")
        gap = numpy.mean([abs(row[name] - other[name]) for name in ("UA", "RA", "TA", "MIA")])
        if not abs(row["average_gap"] - gap) <= 1e-12:
            fail(f"{row['name']}: gap {row['average_gap']}, its metrics give {gap}")
    report = program.must("report", "out")
    if len(compared) != 4 or "the goal of UA RA TA MIA is retrain's value, not 100" not in report:
        fail(f"{len(compared)} runs are compared\n{report}")
    print("ok comparison with retrain on the same images")


def check_eval(program, table):
    row = table[(table["unlearn.method"] == "original") & (table["forget.fraction"] == 0.3)].iloc[0]
    options = ["--model", "resnet20", "--weights", "base.h5", "--data", "data", "--threads", "1", "--json",
               "--set", "data.validation=0.1"]
    found = json.loads(program.must("eval", *options, "--set", "forget.fraction=0.3"))
    if any(abs(found[name] - row[name]) > 1e-12 for name in ("UA", "RA", "TA", "MIA")):
        fail(f"eval has {found}, the sweep {dict(row)}")
    for wrong, message in ((["--forget-class", "3"], "both forget.class and forget.fraction are given"),
                           (["--set", "lora.rank=3"], "--set expects forget.class"),
                           (["--set", "forget.seed=many"], "'forget.seed' expects an integer")):
        code, _, err = program.run("eval", *options, "--set", "forget.fraction=0.3", *wrong)
        if code != 2 or message not in err:
            fail(f"eval {wrong}: exit {code}\n{err}")
    print("ok eval of a random subset")


def check_list(program):
    """Its content is part of the id, and a mistake in it is told at its line before anything starts."""
    before = json.loads(program.must("plan", "sweep.yaml", "--format", "json"))
    (program.folder / "list.txt").write_text("7\n99\n4\n")
    after = json.loads(program.must("plan", "sweep.yaml", "--format", "json"))
    changed = [a["name"] for a, b in zip(before["runs"], after["runs"]) if a["id"] != b["id"]]
    if len(changed) != 1 or "-i-list" not in changed[0]:
        fail(f"another list changed {changed}")
    (program.folder / "list.txt").write_text("7\n99\n7\n")
    code, _, err = program.run("plan", "sweep.yaml")
    if code != 2 or "sweep.yaml:11:" not in err or "list.txt:3: 7 is already in line 1" not in err:
        fail(f"a doubled index: exit {code}\n{err}")
    print("ok lists")


def main():
    with Program(sys.argv[1]) as program:
        (program.folder / "list.txt").write_text("".join(f"{i}\n" for i in LISTED))
        prepare(program, SWEEP, images=(N_TRAIN, N_TEST))
        program.must("sweep", "sweep.yaml", "--out", "out")
        with h5py.File(program.folder / "out" / "results.h5") as file:
            table = pandas.DataFrame(file["runs"][:])
        for column in table.columns:
            if table[column].dtype == object:
                table[column] = table[column].str.decode("utf-8")
        check_rows(program, table)
        check_comparison(program, table)
        check_eval(program, table)
        check_list(program)
    return 0


if __name__ == "__main__":
    sys.exit(main())
