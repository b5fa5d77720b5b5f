"""A sweep with early_terminate: the same runs are stopped on one rank, and after a kill on two; those that go on, and the
values they went on by, are bit for bit what the same runs give without it.

usage: early.py PRUNELORA
"""

import json
import signal
import sys
import time

from cli import Program, fail, skip
from small_sweep import prepare

try:
    import h5py
    import numpy
except ImportError as missing:
    skip(f"Python module {missing.name} is not installed")

SWEEP = """  train: {epochs: 3, batch_size: 20}
  eval.batch_size: 20
  forget.class: 3
parameters:
  train.lr: [1e-2, 1e-4]
  unlearn.method: [finetune, lora, original]
resources: {threads: 1}
"""
EARLY = """metric: {name: TA, goal: maximize}
early_terminate: {type: sha, min_iter: 1, eta: 2}
"""
SCORES = ["UA", "RA", "TA", "MIA"]


def table(program, folder):
    """name → row of results.h5"""
    with h5py.File(program.folder / folder / "results.h5") as file:
        rows = file["runs"][:]
    return {row["name"].decode(): row for row in rows}


def events(program, folder):
    path = program.folder / folder / "journal.jsonl"
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text().splitlines() if line.endswith("}")]


def attempt(program, folder, row):
    return program.folder / folder / "runs" / row["id"].decode() / f"a{row['attempt']}"


def run_file(program, folder, row):
    with h5py.File(attempt(program, folder, row) / "run.h5") as file:
        return {**{name: file["result"].attrs[name] for name in SCORES},
                **{f"history {name}": file["history"][name][:] for name in ("epoch", "loss")},
                "TA by epoch": file["history"]["TA"][:] if "TA" in file["history"] else None,
                "losses": file["samples/train/loss"][:]}


def weights(program, folder, row):
    with h5py.File(attempt(program, folder, row) / "weights.h5") as file:
        found = {}
        file.visititems(lambda name, item: found.update({name: item[()].tobytes()}) if hasattr(item, "shape") else None)
    return found


def kill_in_the_middle(program):
    process = program.start("sweep", "early.yaml", "--out", "killed", log="killed.log")
    while sum(event["event"] == "reached" for event in events(program, "killed")) < 2 and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    seen = [event["event"] for event in events(program, "killed")]
    if "promoted" in seen or "end" in seen:
        fail("the sweep was to be killed before its first rung was complete")


def check_same_bits(program, folder, whole):
    early = table(program, folder)
    n_done = 0
    for name, row in early.items():
        mine, other = run_file(program, folder, row), run_file(program, "whole", whole[name])
        n = len(mine["history loss"])
        if not numpy.array_equal(mine["history loss"], other["history loss"][:n]):
            fail(f"{folder}: losses of {name} differ from those without early_terminate")
        if row["state"] == b"stopped_early":
            check_stopped(program, folder, row, mine)
            continue
        n_done += "original" not in name
        if "original" not in name and numpy.isnan(mine["TA by epoch"]).tolist() != [False, False, True]:
            fail(f"{folder}: TA of {name} by epoch is {mine['TA by epoch']}, wanted at its two rungs")
        for key in SCORES + ["losses"]:
            if not numpy.array_equal(mine[key], other[key]):
                fail(f"{folder}: {key} of {name} differs from the run without early_terminate")
        if "original" not in name and weights(program, folder, row) != weights(program, "whole", whole[name]):
            fail(f"{folder}: weights of {name} differ")
    states = sorted(row["state"].decode() for row in early.values())
    if states != ["done"] * 2 + ["stopped_early"] * 3 or n_done != 1:
        fail(f"{folder}: states are {states}")
    print(f"ok {folder}: what went on is the same, bit for bit")
    return {name for name, row in early.items() if row["state"] == b"stopped_early"}


def check_stopped(program, folder, row, mine):
    """Its numbers are those of the epoch it was stopped at, and the ones it was stopped by."""
    said = [event for event in events(program, folder)
            if event["event"] == "stopped_early" and event["run"] == row["id"].decode()]
    if len(said) != 1 or said[0]["epoch"] != mine["history epoch"][-1] or said[0]["value"] != row["TA"]:
        fail(f"{folder}: {row['name']} says {said}, results.h5 has TA {row['TA']}")
    if mine["TA"] != row["TA"] or mine["TA by epoch"][-1] != row["TA"]:
        fail(f"{folder}: TA of {row['name']} differs between its files")
    if f"is number" not in row["error"].decode() or not said[0]["value"] <= said[0]["threshold"]:
        fail(f"{folder}: {row['name']} was stopped because {row['error']}, threshold {said[0]['threshold']}")
    if (attempt(program, folder, row) / "ckpt").exists():
        fail(f"{folder}: {row['name']} still has checkpoints")


def check_words(program):
    code, out, _ = program.run("sweep", "early.yaml", "--out", "one")
    if code != 0 or "all 5 runs were already done or stopped" not in out:
        fail(f"a second start: exit {code}, {out}")
    if "3 stopped early" not in program.must("status", "one"):
        fail("status does not count the stopped runs")
    out = program.must("report", "one", "--runs")
    if "5 runs: 2 done, 3 stopped early, 0 failed, 0 not finished" not in out or out.count("stopped_early") != 3:
        fail(f"report: {out}")
    print("ok a restart repeats nothing; status and report count what was stopped")


def main():
    with Program(sys.argv[1]) as program:
        prepare(program, SWEEP, images=(60, 20), batch_size=20)
        text = (program.folder / "sweep.yaml").read_text()
        (program.folder / "early.yaml").write_text(text + EARLY)
        program.must("sweep", "sweep.yaml", "--out", "whole")
        program.must("sweep", "early.yaml", "--out", "one")
        kill_in_the_middle(program)
        program.must("sweep", "early.yaml", "--out", "killed", ranks=2)
        whole = table(program, "whole")
        one, killed = (check_same_bits(program, folder, whole) for folder in ("one", "killed"))
        if one != killed:
            fail(f"one rank stopped {one}, two after a kill {killed}")
        check_words(program)


main()
