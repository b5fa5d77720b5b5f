"""Dispatch speed: a sweep of runs that train nothing on many more ranks than cores.

usage: dispatch.py BUILD_FOLDER [RUNS [RANKS]]        2000 runs and 64 ranks if not given

Three sweeps: runs that end at once, with and without a history of 50 epochs, and runs of a fixed length. Times are the
journal's: from the first run dealt to the last one done. Idle: the part of the trainers' time between one run's end and the
next one's beginning; overhead: everything but the seconds the runs take by themselves, so with the writing of results.
"""

import datetime
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import h5py

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "train"))

from cli import mpirun  # noqa: E402: found by the line above


def moment(event):
    return datetime.datetime.fromisoformat(event["time"].replace("Z", "+00:00")).timestamp()


def sweep(build, n_ranks, n_runs, seconds, epochs):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="prunelora-bench-"))
    environment = dict(os.environ, FAKE_TRAINER_SECONDS=str(seconds), FAKE_TRAINER_STEPS="1",
                       FAKE_TRAINER_EPOCHS=str(epochs), OMP_NUM_THREADS="1")
    command = [*mpirun(n_ranks), build / "tests/mpi/dispatch_driver", folder / "results", str(n_runs),
               build / "tests/mpi/fake_trainer", "quiet"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"exit {done.returncode}: {done.stdout}{done.stderr}")
    with open(folder / "results/journal.jsonl") as file:
        events = [json.loads(line) for line in file]
    with h5py.File(folder / "results/results.h5") as file:
        n_rows = len(file["history/run"]) if "history/run" in file else 0
        states = list(file["runs"]["state"])
    shutil.rmtree(folder)
    if states != [b"done"] * n_runs or n_rows != n_runs * epochs:
        sys.exit(f"results.h5 has {len(states)} runs and {n_rows} rows")
    cpu, memory = re.search(r"rank 0: ([\d.]+) s of processor time, ([\d.]+) MB", done.stdout).groups()
    return events, n_rows, float(cpu), float(memory)


def idle_and_overhead(events, seconds):
    """Shares of each rank's time from its first run dealt to its last one done."""
    first, last, waited, n_done = {}, {}, 0, 0
    for event in events:
        rank = event.get("rank")
        if event["event"] == "assigned":
            waited += moment(event) - last.get(rank, moment(event))
            first.setdefault(rank, moment(event))
        elif event["event"] == "done":
            last[rank] = moment(event)
            n_done += 1
    span = sum(last[rank] - first[rank] for rank in last)
    return waited / span, 1 - seconds * n_done / span


def line(build, n_ranks, n_runs, seconds, epochs):
    events, n_rows, cpu, memory = sweep(build, n_ranks, n_runs, seconds, epochs)
    start = min(moment(event) for event in events if event["event"] == "assigned")
    end = max(moment(event) for event in events if event["event"] == "done")
    closed = max(moment(event) for event in events if event["event"] == "end")
    idle, overhead = (f"{100 * share:.1f} %" for share in idle_and_overhead(events, seconds))
    overhead = overhead if seconds > 0 else ""
    rows = f"{n_rows / (closed - start):.0f}" if n_rows > 0 else ""
    print(f"| {seconds} s, {epochs} epochs | {n_runs} | {n_ranks} | {end - start:.1f} | {n_runs / (end - start):.1f} | {idle} | {overhead} "
          f"| {rows} | {cpu:.2f} | {memory:.0f} |", flush=True)


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    n_runs, n_ranks = [int(text) for text in sys.argv[2:4]] + [2000, 64][len(sys.argv) - 2:]
    print("| a run takes | runs | ranks | s | runs/s | idle | overhead | history rows/s | rank 0: s of processor | MB |\n"
          "|---|---|---|---|---|---|---|---|---|---|")
    line(build, n_ranks, n_runs, 0, 0)
    line(build, n_ranks, n_runs, 0, 50)
    line(build, n_ranks, n_runs, 1, 0)


main()
