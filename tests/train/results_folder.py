"""What tests look at in a results folder: rows, weights, the journal, and results.h5 while a sweep runs."""

import json
import os
import threading
import time

from cli import skip

try:
    import h5py
    import numpy
    import pandas
except ImportError as missing:
    skip(f"Python module {missing.name} is not installed")

METRICS = ["UA", "RA", "TA", "MIA", "forget_accuracy_train", "forget_accuracy_test", "test_accuracy_all"]


def rows(folder):
    with h5py.File(folder / "results.h5") as file:
        return pandas.DataFrame(file["runs"][:]).set_index("id").sort_index()


def weights_of(folder, row):
    """Name → bytes of the final weights, None when the run keeps none."""
    run_id = row.name.decode() if isinstance(row.name, bytes) else row.name
    path = folder / "runs" / run_id / f"a{int(row['attempt'])}" / "weights.h5"
    if not path.exists():
        return None
    with h5py.File(path) as file:
        return {name: file[name][()].tobytes() for name in file}


def differences(one, other, n_runs):
    """What is wrong, "" when both folders hold the same n_runs runs bit for bit; and the weight files compared."""
    a, b = rows(one), rows(other)
    if len(a) != n_runs or list(a.index) != list(b.index):
        return f"{one.name} has {len(a)} runs, {other.name} {len(b)}, wanted the same {n_runs}", 0
    if set(a["state"]) | set(b["state"]) != {b"done"}:
        return f"not every run of {one.name} and {other.name} is done", 0
    for metric in METRICS:
        if not numpy.array_equal(a[metric].to_numpy(), b[metric].to_numpy(), equal_nan=True):
            return f"{metric} differs between {one.name} and {other.name}", 0
    compared = 0
    for run_id in a.index:
        x, y = weights_of(one, a.loc[run_id]), weights_of(other, b.loc[run_id])
        if x != y:
            return f"weights of {run_id} differ between {one.name} and {other.name}", compared
        compared += x is not None
    return "", compared


def journal(folder):
    """Events so far; a line under construction is left out."""
    path = folder / "journal.jsonl"
    text = path.read_text() if path.exists() else ""
    return [json.loads(line) for line in text.split("\n")[:-1] if line.endswith("}")]


class Reader(threading.Thread):
    """Opens results.h5 over and over while the sweep runs: it must be readable whenever it exists."""

    def __init__(self, folder, pause=0.02):
        super().__init__(daemon=True)
        self.path, self.pause = folder / "results.h5", pause
        self.is_over, self.opened, self.problem = False, 0, None

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
            time.sleep(self.pause)

    def end(self):
        self.is_over = True
        self.join()
        return self.problem


def processes():
    """pid → (parent, words of the command line) of every process."""
    found = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/cmdline", "rb") as file:
                    words = file.read().split(b"\0")
                with open(f"/proc/{entry}/stat", "rb") as file:
                    parent = int(file.read().rsplit(b")", 1)[1].split()[1])
            except OSError:
                continue  # it has just ended
            found[int(entry)] = (parent, words)
    return found


def below(pid):
    """Process ids of all descendants."""
    every, found, front = processes(), [], [pid]
    while front:
        front = [child for child, (parent, _) in every.items() if parent in front]
        found += front
    return found


def trainers_below(pid):
    every = processes()
    return [child for child in below(pid) if child in every and every[child][1][1:2] == [b"trainer"]]
