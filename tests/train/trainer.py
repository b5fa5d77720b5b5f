"""One trainer process, driven as a rank drives it: over 60 runs it comes to hold no more memory and files, and
when its rank is gone it ends without a word. Under AddressSanitizer nothing may have leaked at its end; MPI, whose leaks
are not ours, is never started in a trainer.

usage: trainer.py PRUNELORA
"""

import json
import os
import sys

from cli import Program, fail, skip
from small_sweep import prepare
from trainer_pipe import Trainer

try:
    import h5py
except ImportError as missing:
    skip(f"Python module {missing.name} is not installed")

SWEEP = """  forget.class: 3
  train: {epochs: 1, batch_size: 40}
  base.train: {epochs: 1, batch_size: 40}
  eval: {batch_size: 20}
parameters:
  unlearn.method: {values: [original, retrain, finetune, prune_finetune, lora, prune_lora]}
"""
RUNS, WARM = 60, 20
STORAGE = 10  # src/base/status.h
# What an allocator scatters over 20 runs. One activation of the network kept in each of them, at 40 images 32 x 32 x 16
# in float32, would be 50 MiB; one copy of its 270 000 weights, 21 MiB.
GROWTH_BYTES = 8 << 20


def check_lonely(program):
    """Its answer finds nobody; why is of no interest to whoever looks at the terminal."""
    trainer = Trainer(program)
    if trainer.hear("hello") is None:
        fail(f"no hello\n{trainer.log.read_text()}")
    os.close(trainer.from_trainer)
    trainer.from_trainer = os.open(os.devnull, os.O_RDONLY)
    trainer.assign(run="none", run_number=0, name="none", attempt=1, folder="none/a1", settings="{")
    code, text = trainer.process.wait(timeout=60), trainer.log.read_text()
    trainer.end()
    if code != 3 or "Broken pipe" in text:
        fail(f"trainer without a rank: exit {code}, wanted 3, said\n{text}")
    print("ok a trainer without a rank ends silently")


def held(trainer):
    """Open files and resident bytes."""
    folder = f"/proc/{trainer.process.pid}"
    with open(f"{folder}/statm") as file:
        pages = int(file.read().split()[1])
    return len(os.listdir(f"{folder}/fd")), pages * os.sysconf("SC_PAGE_SIZE")


def try_run(trainer, number, run, folder):
    trainer.assign(run=run["id"], run_number=number, name=run["name"], attempt=1, folder=folder,
                   settings=json.dumps(run["settings"]))
    return trainer.hear("done", "failed")


def execute(trainer, number, run):
    answer = try_run(trainer, number, run, f"many/{number}/a1")
    if answer is None or answer["kind"] != "done" or trainer.hear("ready") is None:
        fail(f"run {number}, {run['name']}: {answer}\n{trainer.log.read_text()}")


def check_many_runs(program):
    runs = json.loads(program.must("plan", "sweep.yaml", "--format", "json"))["runs"]
    trainer = Trainer(program, ASAN_OPTIONS="detect_leaks=1:quarantine_size_mb=1:thread_local_quarantine_size_kb=64")
    if trainer.hear("hello") is None:
        fail(f"no hello\n{trainer.log.read_text()}")
    seen = []
    for number in range(RUNS):
        execute(trainer, number, runs[number % len(runs)])
        seen.append(held(trainer))
    code = trainer.end()
    files = {n for n, _ in seen[WARM:]}
    middle = (WARM + RUNS) // 2  # peaks: an allocator gives memory back now and then, and takes it again
    peaks = [max(n for _, n in part) for part in (seen[WARM:middle], seen[middle:])]
    grown = peaks[1] - peaks[0]
    print(f"{RUNS} runs of {len(runs)} methods: open files {sorted(files)}, resident {seen[0][1] >> 20} MiB after the "
          f"first, at most {peaks[0] >> 20} after {WARM} to {middle}, {peaks[1] >> 20} from there on")
    if len(files) != 1:
        fail(f"open files after each run: {[n for n, _ in seen]}")
    if grown > GROWTH_BYTES:
        fail(f"{grown} bytes more from run {middle} on than before: {[b >> 10 for _, b in seen]} KiB")
    if code != 0 or "ERROR" in trainer.log.read_text():
        fail(f"the trainer ended with exit {code}, wanted 0\n{trainer.log.read_text()[-6000:]}")
    print("ok nothing is held from run to run")


def check_passed_rungs(program):
    """Where an earlier attempt said its metric, this one's history has it as well."""
    run = json.loads(program.must("plan", "sweep.yaml", "--format", "json"))["runs"][2]
    trainer = Trainer(program)
    trainer.hear("hello")
    trainer.assign(run=run["id"], run_number=0, name=run["name"], attempt=2, folder="climbed/0/a2", metric="TA",
                   rung_epoch=0, passed_rungs=[1, 2], settings=json.dumps(dict(run["settings"], **{"train.epochs": 4})))
    answer = trainer.hear("done", "failed")
    trainer.end()
    if answer["kind"] != "done":
        fail(f"run with passed rungs: {answer}")
    with h5py.File(program.folder / "climbed" / "0" / "a2" / "run.h5") as file:
        said = file["history"]["TA"][:] if "TA" in file["history"] else []
    if [value >= 0 for value in said] != [True, True, False, False]:
        fail(f"TA after epochs 1 and 2 is wanted in the history, got {said}")
    print("ok what an earlier attempt said at its rungs is in the history")


def check_replaced(program):
    """Another folder takes the place of the results: no further run begins there."""
    run = json.loads(program.must("plan", "sweep.yaml", "--format", "json"))["runs"][0]
    trainer = Trainer(program)
    results = program.folder / "results"
    results.mkdir()
    if trainer.hear("hello") is None or try_run(trainer, 0, run, "results/runs/0/a1")["kind"] != "done":
        fail(f"first run\n{trainer.log.read_text()}")
    results.rename(program.folder / "moved")
    results.mkdir()
    answer = try_run(trainer, 1, run, "results/runs/1/a1")
    trainer.end()
    if answer["kind"] != "failed" or "'results' was replaced by another one" not in answer["message"]:
        fail(f"run in a replaced folder: {answer}")
    if list(results.iterdir()):
        fail(f"written there: {list(results.iterdir())}")
    print("ok no run begins in a folder that has taken the place of the results")


def check_taken_away(program):
    """The results folder is moved in mid-run: the next checkpoint does not make it anew, and the run is not charged."""
    run = json.loads(program.must("plan", "sweep.yaml", "--format", "json"))["runs"][1]
    settings = dict(run["settings"], **{"base.train.epochs": 100000, "checkpoint.every": 0.3})
    trainer = Trainer(program)
    results = program.folder / "taken"
    results.mkdir()
    trainer.hear("hello")
    trainer.assign(run=run["id"], run_number=0, name=run["name"], attempt=1, folder="taken/runs/0/a1",
                   settings=json.dumps(settings))
    while not list(results.glob("runs/0/a1/ckpt/step-*.h5")):
        if trainer.hear("progress", "failed", "done")["kind"] != "progress":
            fail(f"no checkpoint\n{trainer.log.read_text()}")
    results.rename(program.folder / "away")
    while (answer := trainer.hear("progress", "failed", "done"))["kind"] == "progress":
        if results.exists():
            fail("the results folder was made anew")
    trainer.end()
    if answer["kind"] != "failed" or answer["status"] != STORAGE or results.exists():
        fail(f"results taken away: {answer}")
    print("ok no checkpoint makes a results folder anew")


def main():
    with Program(sys.argv[1]) as program:
        prepare(program, SWEEP, images=(40, 20))
        check_lonely(program)
        check_many_runs(program)
        check_passed_rungs(program)
        check_replaced(program)
        check_taken_away(program)
    return 0


if __name__ == "__main__":
    sys.exit(main())
