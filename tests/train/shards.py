"""A sweep in two shards, one of them killed and started again: the report joins them to what the sweep in one piece
gives, to the bit. And --only, --resume, --fresh and what does not go together.

usage: shards.py PRUNELORA
"""

import csv
import io
import re
import signal
import sys
import time

from cli import Program, fail
from small_sweep import prepare

SWEEP = """  train: {epochs: 1, batch_size: 32, optimizer: adam, lr: 1e-3}
  base.train: {epochs: 1, batch_size: 32}
parameters:
  unlearn.method: [retrain, finetune]
  forget.class: [3, 7]
"""
EARLY = """metric: {name: RA, goal: maximize}
early_terminate: {type: sha, min_iter: 1, eta: 2}
"""
# What no two starts share: clocks, and the attempt that a kill costs
OWN = {"host", "started", "attempt", "exit_signal", "seconds_train", "seconds_eval", "seconds_other",
       "images_per_second", "peak_memory"}


def rows_of(program, folder):
    table = csv.DictReader(io.StringIO(program.must("report", folder, "--format", "csv")))
    return table.fieldnames, [{name: value for name, value in row.items() if name not in OWN} for row in table]


def expect(program, arguments, code, *words):
    got, out, err = program.run(*arguments)
    for word in words:
        if got != code or word not in out + err:
            fail(f"{' '.join(map(str, arguments))}: exit {got}, wanted {code} and {word!r}\n{out}{err}")


def kill_in_a_run(program):
    """Shard 1 dies as soon as its first run has begun, and its trainer with it."""
    journal = program.folder / "cut" / "journal-1-of-2.jsonl"
    process = program.start("sweep", "sweep.yaml", "--out", "cut", "--shard", "1/2", log="first.log")
    end = time.time() + 60
    while not (journal.exists() and "assigned" in journal.read_text()):
        if time.time() > end or process.poll() is not None:
            fail((program.folder / "first.log").read_text())
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()


def main():
    with Program(sys.argv[1]) as program:
        prepare(program, SWEEP, images=(60, 20))
        program.must("sweep", "sweep.yaml", "--out", "whole")
        kill_in_a_run(program)
        second = program.start("sweep", "sweep.yaml", "--out", "cut", "--shard", "2/2", log="second.log")
        expect(program, ["sweep", "sweep.yaml", "--out", "cut", "--shard", "1/2", "--resume"], 0,
               "shard 1 of 2: 2 of 2 runs done")
        if second.wait(120) != 0:
            fail((program.folder / "second.log").read_text())
        if rows_of(program, "whole") != rows_of(program, "cut"):
            fail(f"{rows_of(program, 'whole')}\n{rows_of(program, 'cut')}")
        if not (program.folder / "cut" / "rank-0000-1-of-2.log").exists():
            fail("shard 1 has no log of its own")
        tables = [re.sub(r"\d+\.\d\d? *s?|\d+/s", "", program.must("report", folder)).split() for folder in ("whole", "cut")]
        if len(tables[0]) != len(tables[1]):
            fail(f"the tables differ: {tables}")
        print("ok two shards, one killed and begun again, report what the sweep in one piece does")

        expect(program, ["status", "cut", "--exit-code"], 0, "is done, exit code 0", "4 runs: 4 done")
        expect(program, ["plan", "sweep.yaml", "--out", "cut"], 0, "cut: 4 done; in 2 shards", "nothing is left to do")
        expect(program, ["stop", "cut"], 0, "no sweep works in cut")
        (program.folder / "cut" / "results-2-of-2.h5").rename(program.folder / "kept.h5")
        expect(program, ["report", "cut"], 0, "1 shard of the sweep has no results yet", "2 runs: 2 done")
        (program.folder / "kept.h5").rename(program.folder / "cut" / "results-2-of-2.h5")
        before = program.files()
        expect(program, ["sweep", "sweep.yaml", "--out", "cut"], 2, "holds a sweep in 2 shards", "use --shard I/2")
        expect(program, ["sweep", "sweep.yaml", "--out", "cut", "--shard", "1/3"], 2, "as a sweep in 3 shards")
        expect(program, ["sweep", "sweep.yaml", "--out", "whole", "--shard", "1/2"], 2, "leave out --shard")
        expect(program, ["sweep", "sweep.yaml", "--out", "cut", "--shard", "1/2", "--fresh"], 2,
               "--fresh would rename the folder under the other shards")
        expect(program, ["sweep", "sweep.yaml", "--shard", "3/2"], 2, "--shard expects I/N with 1 <= I <= N", "got '3/2'")
        expect(program, ["sweep", "sweep.yaml", "--fresh", "--resume"], 2, "give one of them")
        expect(program, ["sweep", "sweep.yaml", "--out", "new", "--resume"], 2, "nothing to resume", "'new'")
        expect(program, ["sweep", "sweep.yaml", "--out", "new", "--only", "0009"], 2, "'0009' matches no run of this sweep")
        early = program.folder / "early.yaml"
        early.write_text((program.folder / "sweep.yaml").read_text() + EARLY)
        for option, value in (("--shard", "1/2"), ("--only", "0002-")):
            expect(program, ["sweep", "early.yaml", "--out", "new", option, value], 2,
                   f"early_terminate compares the runs of a sweep with each other, and {option} leaves some of them out")
        early.unlink()
        if program.files() != before:
            fail(f"a refused start wrote {set(program.files()) ^ set(before)}")
        print("ok status, plan and report of shards, and what is refused leaves no trace")

        expect(program, ["sweep", "sweep.yaml", "--out", "some", "--only", "0002-,0002-fine"], 0,
               "1 of 4 runs done", "3 runs that --only does not name are left")
        expect(program, ["sweep", "sweep.yaml", "--out", "some", "--set", "forget.class=3"], 0, "2 of 2 runs done (1 before")
        expect(program, ["report", "some"], 0, "2 runs: 2 done")
        expect(program, ["sweep", "sweep.yaml", "--out", "some", "--fresh", "--only", "0002-"], 0, "1 of 4 runs done")
        old = [path for path in program.folder.iterdir() if re.fullmatch(r"some\.\d{8}T\d{6}", path.name)]
        if len(old) != 1 or not (old[0] / "results.h5").exists():
            fail(f"--fresh left {sorted(path.name for path in program.folder.iterdir())}")
        print("ok --only does what it names, the next start the rest, --fresh keeps the old folder")


if __name__ == "__main__":
    main()
