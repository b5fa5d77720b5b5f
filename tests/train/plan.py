"""`plan` on a folder with results, read by json and pandas: what is done, what an edit changes, what is orphaned, how
long it takes and on what that rests; and it writes nothing.

usage: plan.py PRUNELORA
"""

import io
import json
import sys

import pandas

from cli import Program, fail
from small_sweep import prepare

SWEEP = """  train: {epochs: 1, batch_size: 32, optimizer: adam, lr: 1e-3}
  forget.class: 3
parameters:
  unlearn.method: [finetune, lora]
  lora.rank: [2, 4]
"""


def plan(program, *options):
    """The plan as JSON and as CSV, which must agree run by run."""
    tree = json.loads(program.must("plan", "sweep.yaml", "--format", "json", *options))
    table = pandas.read_csv(io.StringIO(program.must("plan", "sweep.yaml", "--format", "csv", *options)),
                            dtype={"id": str})
    ids = program.must("plan", "sweep.yaml", "--format", "ids", *options).split()
    if list(table["id"]) != ids or [run["id"] for run in tree["runs"]] != ids:
        fail("JSON, CSV and ids do not list the same runs")
    for run, (_, row) in zip(tree["runs"], table.iterrows()):
        same = all(run[name] == row[name] for name in ("name", "state", "basis"))
        same = same and run["settings"]["unlearn.method"] == row["unlearn.method"]
        same = same and abs(run["seconds"] - row["seconds"]) <= 1e-9 * run["seconds"]
        if not same:
            fail(f"JSON says {run}, CSV {row}")
    return tree, table


def expect(what, got, wanted):
    if got != wanted:
        fail(f"{what}: {got}, wanted {wanted}")


def main():
    with Program(sys.argv[1]) as program:
        prepare(program, SWEEP, images=(60, 20))
        tree, table = plan(program)
        expect("states before", list(table["state"]), ["new"] * 3)
        expect("basis before", list(table["basis"]), ["assumed"] * 3)
        expect("rank that finetune does not read", pandas.isna(table["lora.rank"][0]), True)
        expect("merged", tree["merged"][0], {"method": "finetune", "points": 2, "runs": 1, "unread": ["lora.rank"]})
        print("ok a plan without results: JSON, CSV and ids agree")

        program.must("sweep", "sweep.yaml")
        before = program.files()
        tree, table = plan(program, "--set", "lora.rank=2,8")
        expect("states", list(table["state"]), ["done", "done", "new"])
        expect("basis", list(table["basis"]), ["method"] * 3)
        expect("orphans", [(run["name"], run["state"]) for run in tree["orphaned"]], [("0002-lora-c3-r4-seed0", "done")])
        # The measured run itself is the example: within what the machine's noise makes of two runs
        new = table[table["state"] == "new"].iloc[0]
        if not 0 < new["seconds"] < 60:
            fail(f"the new run is to take {new['seconds']} s")
        expect("time", (tree["time"]["runs"], tree["time"]["measured_runs"]), (1, 3))
        if not tree["time"]["measured_on"].startswith("cpu, "):
            fail(f"measured on {tree['time']['measured_on']!r}")

        tree, table = plan(program, "--set", "train.epochs=2", "--time", "0.001", "--trainers", 2)
        expect("states after an edit", list(table["state"]), ["changed"] * 3)
        expect("what changed", tree["changed"], [{"setting": "train.epochs", "before": 1, "after": 2, "runs": 3}])
        expect("fits", (tree["time"]["fits"], tree["time"]["trainers_needed"]), (False, 0))
        tree, _ = plan(program, "--set", "train.epochs=2", "--time", "1-00:00:00", "--trainers", 3)
        expect("fits", tree["time"]["fits"], True)
        if tree["time"]["makespan_seconds"] >= tree["time"]["seconds"]:
            fail("three trainers are not faster than one")
        expect("files", program.files(), before)
        print("ok done, new, changed and orphaned runs, measured time, and nothing was written")

        text = program.must("plan", "sweep.yaml", "--set", "train.epochs=2", "--time", "1-00:00:00")
        for words in ("results/small: 3 changed", "changed: train.epochs 1 -> 2 (3 runs)",
                      "3 orphaned, no longer asked for and left alone", "measured on: cpu, ", "fits in 24 h"):
            if words not in text:
                fail(f"the table does not say {words!r}:\n{text}")
        for options, words in (("--time soon", "--time expects seconds"), ("--gpus 2 --trainers 2", "give one of the two"),
                               ("--format xml", "must be table, json, csv or ids, got 'xml'"),
                               ("--rate -1", "--rate must be above 0"), ("--device gpu", "'gpu'")):
            code, _, err = program.run("plan", "sweep.yaml", *options.split())
            if code != 2 or words not in err:
                fail(f"plan {options}: exit {code}, {err}")
        print("ok the table, and what it refuses")


if __name__ == "__main__":
    main()
