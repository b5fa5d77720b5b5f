"""What final weights still hold: zero_head keeps every feature, so the probe sees no difference and relearning is quick;
distance and sparsity are what NumPy computes from the weights files; and looking changes nothing of a run.

usage: erased.py PRUNELORA
"""

import sys

from cli import Program, fail, skip
from small_sweep import prepare

try:
    import h5py
    import numpy
    import pandas
except ImportError as missing:
    skip(f"Python module {missing.name} is not installed")

MAX_STEPS, EVERY = 24, 4
SWEEP = """  train: {epochs: 1, batch_size: 40}
  base.train: {epochs: 2, batch_size: 20}
  forget.class: 3
parameters:
  unlearn.method: {values: [original, zero_head, prune_lora, retrain]}
seeds: 1
resources: {threads: 1}
"""
ASKED = ["--set=eval.probe=true", f"--set=eval.relearn.max_steps={MAX_STEPS}", f"--set=eval.relearn.every={EVERY}",
         "--set=eval.relearn.batch_size=32"]
KNOWS = [f"--set=base.train.{text}" for text in ("epochs=20", "optimizer=adam", "lr=2e-3", "schedule=cosine",
                                                 "augment=false", "weight_decay=0")]
SEEN_BEHIND = ["probe_forget_accuracy", "probe_retain_accuracy", "relearn_steps", "relearn_reached"]


def rows(program, folder):
    with h5py.File(program.folder / folder / "results.h5") as file:
        table = pandas.DataFrame(file["runs"][:])
    table["path"] = [program.folder / folder / "runs" / row["id"].decode() / f"a{row['attempt']}" for _, row in table.iterrows()]
    table["method"] = table["name"].str.decode("utf-8").str.split("-").str[1]
    return table.set_index("method")


def weights(path):
    with h5py.File(path) as file:
        return {name: file[name][()].astype(numpy.float64) for name in file}


def check_weights(program, row):
    """distance_original and sparsity_merged from the two files, each straight from its definition."""
    base, final = weights(program.folder / "base.h5"), weights(row["path"] / "weights.h5")
    names = [name for name in base if "running_" not in name]
    moved = sum(((final[name] - base[name]) ** 2).sum() for name in names)
    distance = numpy.sqrt(moved / sum((base[name] ** 2).sum() for name in names))
    convolutions = [values for values in final.values() if values.ndim == 4]
    zeros = sum((values == 0).sum() for values in convolutions) / sum(values.size for values in convolutions)
    if abs(row["distance_original"] - distance) > 1e-12 or abs(row["sparsity_merged"] - zeros) > 1e-12:
        fail(f"{row.name}: distance {row['distance_original']}, {distance} by NumPy; sparsity {row['sparsity_merged']}, {zeros}")
    return distance


def check_asked(program):
    program.must("sweep", "sweep.yaml", "--out", "asked", *ASKED)
    table = rows(program, "asked")
    original, control, adapted, retrained = (table.loc[m] for m in ("original", "zero_head", "prune_lora", "retrain"))
    if original["distance_original"] != 0 or original["relearn_steps"] != 0 or original["relearn_reached"] != 1:
        fail(f"the base model is not where it is: {original[['distance_original', 'relearn_steps']]}")
    if any(abs(control[name] - original[name]) > 1e-12 for name in SEEN_BEHIND[:2]) or control["UA"] <= original["UA"]:
        fail(f"zero_head: UA {control['UA']} after {original['UA']}, or the probe sees what is not there")
    if not 0 < control["relearn_steps"] < MAX_STEPS or control["relearn_reached"] != 1:
        fail(f"zero_head relearns in {control['relearn_steps']} steps of {MAX_STEPS}")
    if not abs(adapted["sparsity"] - 0.5) < 0.02 or adapted["sparsity_merged"] >= adapted["sparsity"]:
        fail(f"half of the channels are pruned, and adapters refill some: {adapted[['sparsity', 'sparsity_merged']]}")
    if not retrained["distance_original"] > control["distance_original"]:
        fail(f"retrain is far from the base model, not {retrained['distance_original']}")
    for row in (control, adapted, retrained):
        check_weights(program, row)
    for method, steps in table["relearn_steps"].items():
        if steps > MAX_STEPS or steps % EVERY != 0:
            fail(f"{method}: looked at after every {EVERY} steps, relearned after {steps}")
    print(table[["UA", "distance_original", "sparsity", "sparsity_merged", "relearn_base_accuracy", *SEEN_BEHIND]].to_string())
    return table


def check_unasked(program, asked):
    """Without probe and relearning the same weights and the same figures come out."""
    program.must("sweep", "sweep.yaml", "--out", "unasked", "--set=unlearn.method=retrain,prune_lora")
    table = rows(program, "unasked")
    for method, row in table.iterrows():
        before = asked.loc[method]
        for name in ("UA", "RA", "TA", "MIA", "distance_original"):
            is_unknown = method == "retrain" and name == "distance_original"  # it reads no base model
            if row[name] != before[name] and not (is_unknown and numpy.isnan(row[name])):
                fail(f"{method}: {name} is {row[name]}, and {before[name]} when looked at closely")
        if any((value != weights(before["path"] / "weights.h5")[name]).any()
                for name, value in weights(row["path"] / "weights.h5").items()):
            fail(f"{method}: other weights when looked at closely")
        if row["id"] == before["id"]:
            fail(f"{method}: the same id with and without the probe")
    if set(SEEN_BEHIND) & set(table.columns):
        fail("columns for what was not asked")


def check_never(program):
    """A learning rate of 0 brings nothing back: the limit, and not reached."""
    program.must("sweep", "sweep.yaml", "--out", "never", "--set=unlearn.method=zero_head",
                 "--set=eval.relearn.lr=0", *ASKED[1:])
    row = rows(program, "never").loc["zero_head"]
    if row["relearn_steps"] != MAX_STEPS or row["relearn_reached"] != 0:
        fail(f"nothing is learned, yet {row['relearn_steps']} steps, reached {row['relearn_reached']}")


def main():
    with Program(sys.argv[1]) as program:
        prepare(program, SWEEP)
        program.must("train", "base.yaml", "--out", "base.h5", "--force", *KNOWS)
        asked = check_asked(program)
        check_unasked(program, asked)
        check_never(program)


if __name__ == "__main__":
    main()
