"""Files that change at their path while a sweep runs: never other bits under the same id. The sweep ends with 3, nothing
is charged, and with the right file back it goes on to the results of a sweep left alone.

usage: contents.py PRUNELORA
"""

import os
import shutil
import signal
import sys
import time

from cli import Program, fail
from results_folder import differences, journal, trainers_below
from small_sweep import prepare

SWEEP = """  train: {epochs: 1, batch_size: 32}
  eval: {batch_size: 40}
  forget.indices: list.txt
parameters:
  unlearn.method: {values: [finetune, prune_finetune]}
seeds: 10
resources: {threads: 1}
on_failure: {crash_limit: 100}
"""
RUNS = 20


def done(folder):
    return [event["run"] for event in journal(folder) if event["event"] == "done"]


def flip_data(path):
    """Another colour of one picture's first pixel; size and name stay."""
    data = bytearray(path.read_bytes())
    data[1] ^= 0x40
    path.write_bytes(data)


def start_and_wait(program, folder):
    sweep = program.start("sweep", "sweep.yaml", "--out", folder, log=f"{folder}.log")
    end = time.monotonic() + 120
    while len(done(program.folder / folder)) < 3:
        if sweep.poll() is not None or time.monotonic() > end:
            fail(f"no three runs done: {(program.folder / f'{folder}.log').read_text()}")
        time.sleep(0.02)
    return sweep


def check(program, folder, changed, change, words):
    """`change` replaces the file; a trainer that holds the old one in memory is killed."""
    path, kept = program.folder / changed, program.folder / "kept"
    sweep = start_and_wait(program, folder)
    shutil.copy2(path, kept)
    change(path)
    for pid in trainers_below(sweep.pid):
        os.kill(pid, signal.SIGKILL)
    code = sweep.wait(timeout=120)
    said = (program.folder / f"{folder}.log").read_text()
    before = done(program.folder / folder)
    events = [event["event"] for event in journal(program.folder / folder)]
    if code != 3 or words not in said or not 3 <= len(before) < RUNS or "failed" in events or "retried" in events:
        fail(f"{changed} changed: exit {code}, {len(before)} done, {events[-5:]}\n{said}")
    os.replace(kept, path)
    program.must("sweep", "sweep.yaml", "--out", folder)
    wrong, _ = differences(program.folder / "alone", program.folder / folder, RUNS)
    after = done(program.folder / folder)
    if wrong or sorted(after) != sorted(set(after)) or after[:len(before)] != before:
        fail(f"{changed} put back: {wrong}; done {after}")
    print(f"ok {changed} changed after {len(before)} of {RUNS} runs: exit 3; put back: the same bits, none done twice")


def main():
    with Program(sys.argv[1]) as program:
        (program.folder / "list.txt").write_text("".join(f"{i}\n" for i in range(10)))
        prepare(program, SWEEP, images=(60, 20))
        base = (program.folder / "base.yaml").read_text()  # trained whatever the file says of a method
        (program.folder / "other.yaml").write_text(base.replace("config:\n", "config:\n  unlearn.prune: true\n"))
        program.must("train", "other.yaml", "--out", "other.h5", "--set", "base.train.lr=0.05")
        program.must("sweep", "sweep.yaml", "--out", "alone")
        words = " is not what the sweep was planned with"
        check(program, "weights", "base.h5", lambda path: shutil.copy(program.folder / "other.h5", path), words)
        check(program, "list", "list.txt", lambda path: path.write_text("1\n2\n3\n"), words)
        check(program, "pixels", "data/data_batch_1.bin", flip_data, words)
    return 0


if __name__ == "__main__":
    sys.exit(main())
