"""Whole sweeps: the same bits alone and on 3 ranks, nothing done twice, a killed trainer's run repeated, files that
pandas reads during and after.

usage: sweep.py PRUNELORA
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time

from cli import Program, skip

try:
    import h5py
    import numpy
    import pandas
except ImportError as missing:
    skip(f"Python module {missing.name} is not installed")

BASE = """name: base
config:
  model: {arch: resnet20}
  data: {dataset: cifar10, path: data, mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25]}
  base.train: {epochs: 2, batch_size: 32}
"""
SWEEP = """name: small
config:
  model: {arch: resnet20, weights: base.h5}
  data: {dataset: cifar10, path: data}
  train: {epochs: 2, batch_size: 32}
  base.train: {epochs: 2, batch_size: 32}
  forget.class: 3
parameters:
  unlearn.method: {values: [original, retrain, finetune, prune_finetune, lora, prune_lora]}
  prune.sparsity: [0.3, 0.5]
  lora.rank: [2, 4]
seeds: 2
resources: {threads: 1}
"""
RUNS = 1 + 2 * (1 + 1 + 2 + 2 + 4)
METRICS = ["UA", "RA", "TA", "MIA", "forget_accuracy_train", "forget_accuracy_test", "test_accuracy_all"]


def fail(text):
    print(f"FAILED {text}")
    sys.exit(1)


def rows(program, folder):
    with h5py.File(program.folder / folder / "results.h5") as file:
        return pandas.DataFrame(file["runs"][:]).set_index("id").sort_index()


def weights_of(program, folder, row):
    run_id = row.name.decode() if isinstance(row.name, bytes) else row.name
    path = program.folder / folder / "runs" / run_id / f"a{int(row['attempt'])}" / "weights.h5"
    if not path.exists():
        return None
    with h5py.File(path) as file:
        return {name: file[name][()].tobytes() for name in file}


def check_same(program, one, other):
    a, b = rows(program, one), rows(program, other)
    if len(a) != RUNS or list(a.index) != list(b.index):
        fail(f"{one} has {len(a)} runs, {other} {len(b)}, wanted the same {RUNS}")
    for metric in METRICS:
        if not numpy.array_equal(a[metric].to_numpy(), b[metric].to_numpy(), equal_nan=True):
            fail(f"{metric} differs between {one} and {other}")
    compared = 0
    for run_id in a.index:
        x, y = weights_of(program, one, a.loc[run_id]), weights_of(program, other, b.loc[run_id])
        if x != y:
            fail(f"weights of {run_id} differ between {one} and {other}")
        compared += x is not None
    if compared != RUNS - 1:  # original trains nothing
        fail(f"{compared} weight files compared, wanted {RUNS - 1}")
    print(f"ok {one} and {other}: {RUNS} runs with the same bits")


def check_again(program, folder):
    before = {p: p.stat().st_mtime_ns for p in (program.folder / folder).rglob("run.h5")}
    code, out, err = program.run("sweep", "sweep.yaml", "--out", folder)
    after = {p: p.stat().st_mtime_ns for p in (program.folder / folder).rglob("run.h5")}
    if code != 0 or before != after or "already done" not in out + err:
        fail(f"second start: exit {code}\n{out}{err}")
    print("ok second start: nothing done twice")


def check_report(program, folder):
    table = json.loads(program.must("report", folder, "--format", "json"))
    if len(table) != RUNS or not all(set(METRICS) <= set(row) for row in table):
        fail("report --format json lacks rows or metrics")
    by_id = {row["id"]: row for row in table}
    for run_id, row in rows(program, folder).iterrows():
        name = run_id.decode() if isinstance(run_id, bytes) else run_id
        found = by_id[name]
        ranks = (2, 4) if "lora" in found["unlearn.method"] else (None,)  # None: not read
        if found["RA"] != row["RA"] or found["lora.rank"] not in ranks:
            fail(f"report and results.h5 disagree on {name}")
    print("ok report agrees with results.h5")


def check_failure(program):
    """A run that diverges is recorded with its reason, the others go on, and the exit code says so."""
    code, _, err = program.run("sweep", "sweep.yaml", "--out", "diverged", "--set", "unlearn.method=finetune",
                               "--set", "train.optimizer=sgd", "--set", "train.lr=100", "--set", "train.epochs=6",
                               "--set", "train.weight_decay=0,1000", "--set", "on_failure.retries=0")
    state = rows(program, "diverged")["state"].value_counts().to_dict()
    report = program.must("report", "diverged")
    if code != 1 or state != {b"done": 2, b"diverged": 2} or report.count("loss is") != 2:
        fail(f"diverging runs: exit {code}, {state}\n{err}{report}")
    print("ok two runs diverged, two did not; the report says why")


class Reader(threading.Thread):
    """Opens results.h5 over and over while the sweep runs: it must be readable whenever it exists."""

    def __init__(self, path):
        super().__init__()
        self.path, self.is_over, self.opened, self.problem = path, False, 0, None

    def run(self):
        while not self.is_over:
            try:
                with h5py.File(self.path) as file:
                    pandas.DataFrame(file["runs"][:])
                self.opened += 1
            except FileNotFoundError:
                pass
            except Exception as problem:  # noqa: BLE001: any failure to read is the finding
                self.problem = problem
            time.sleep(0.02)


def trainers(program):
    """Process ids of the trainers of this program's sweeps."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                words = open(f"/proc/{entry}/cmdline", "rb").read().split(b"\0")
                if words[:2] == [program.binary.encode(), b"trainer"]:
                    found.append(int(entry))
            except OSError:
                pass
    return found


def check_killed(program, folder, reference):
    command = ["mpirun", "-n", "2", "--oversubscribe", "--bind-to", "none", "--allow-run-as-root",
               program.binary, "sweep", "sweep.yaml", "--out", folder,
               "--set", "on_failure.crash_limit=10"]
    reader = Reader(program.folder / folder / "results.h5")
    with open(program.folder / "killed.log", "w") as log:
        sweep = subprocess.Popen(command, cwd=program.folder, env=program.environment, stdout=log,
                                 stderr=log, stdin=subprocess.DEVNULL)
        reader.start()
        killed = 0
        while sweep.poll() is None and killed < 4:
            time.sleep(1.1)
            for pid in trainers(program)[:1]:
                os.kill(pid, signal.SIGKILL)
                killed += 1
        code = sweep.wait(timeout=300)
        reader.is_over = True
        reader.join()
    if code != 0 or killed == 0:
        fail(f"with {killed} trainers killed: exit {code}\n" + open(program.folder / "killed.log").read())
    if reader.problem is not None or reader.opened == 0:
        fail(f"results.h5 while the sweep ran: opened {reader.opened} times, {reader.problem!r}")
    print(f"ok {killed} trainers killed; results.h5 opened {reader.opened} times meanwhile")
    check_same(program, folder, reference)


def main():
    with Program(sys.argv[1]) as program:
        program.must("data", "synth", "--out", "data", "--train", 120, "--test", 40)
        (program.folder / "base.yaml").write_text(BASE)
        (program.folder / "sweep.yaml").write_text(SWEEP)
        program.must("train", "base.yaml", "--out", "base.h5")
        program.must("sweep", "sweep.yaml", "--out", "alone")
        program.must("sweep", "sweep.yaml", "--out", "three", ranks=3)
        check_same(program, "alone", "three")
        check_again(program, "alone")
        check_report(program, "three")
        check_failure(program)
        check_killed(program, "killed", "alone")
    return 0


if __name__ == "__main__":
    sys.exit(main())
