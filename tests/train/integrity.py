"""What a results folder says is held against its files: changed or missing ones are found and their runs repeated to
the same bits, the table comes from the journal alone, a damaged journal is rebuilt from the runs' files, and other
threads or another arithmetic never mix unnoticed.

usage: integrity.py PRUNELORA
"""

import json
import shutil
import sys
import zlib

from cli import Program, fail
from results_folder import differences, journal, rows
from small_sweep import prepare

SWEEP = """  forget.class: 3
  train: {epochs: 1, batch_size: 32}
  eval: {batch_size: 40}
parameters:
  unlearn.method: {values: [finetune, lora]}
seeds: 2
"""
RUNS = 4


class Folder:
    """The sweep's results, and an undisturbed copy of them to compare with."""

    def __init__(self, program):
        self.program, self.path, self.whole = program, program.folder / "out", program.folder / "whole"

    def sweep(self, *more, wanted=0):
        code, out, err = self.program.run("sweep", "sweep.yaml", "--out", "out", *more)
        if code != wanted:
            fail(f"sweep {' '.join(more)}: exit {code} instead of {wanted}\n{out}{err}")
        return out + err

    def verify(self, *more, wanted=0):
        code, out, err = self.program.run("verify", "out", *more)
        if code != wanted:
            fail(f"verify {' '.join(more)}: exit {code} instead of {wanted}\n{out}{err}")
        return out + err

    def expect_same(self, what):
        wrong, n = differences(self.whole, self.path, RUNS)
        if wrong or n != RUNS:
            fail(f"{what}: {wrong or f'only {n} runs have weights'}")

    def attempt(self, i):
        row = rows(self.path).iloc[i]
        return self.path / "runs" / row.name.decode() / f"a{int(row['attempt'])}"

    def begun(self):
        return len({(event["run"], event["attempt"]) for event in journal(self.path) if event["event"] == "assigned"})


def expect(text, *wanted):
    for part in wanted:
        if part not in text:
            fail(f"'{part}' is not in:\n{text}")


def flip(path, at=0.5):
    data = bytearray(path.read_bytes())
    data[int(at * len(data))] ^= 8
    path.write_bytes(data)


def rewrite(path, change):
    """Every line of the journal as `change` makes it, with a checksum that is right again."""
    lines = []
    for line in path.read_text().splitlines():
        body = change(line[: line.index(',"crc":"')])
        lines.append(f'{body},"crc":"{zlib.crc32(body.encode()):08x}"}}\n')
    path.write_text("".join(lines))


def check_columns(folder):
    table = rows(folder.path)
    for name in ("unlearn.method", "model.arch", "forget.class", "seed", "device", "numerics", "threads"):
        if name not in table.columns:
            fail(f"results.h5 has no column {name}: {sorted(table.columns)}")
    if set(table["forget.class"]) != {3} or set(table["threads"]) != {1} or set(table["numerics"]) == {0}:
        fail("forget.class, threads or numerics are not what the sweep had")
    for event in journal(folder.path):
        if event["event"] == "done" and set(event["summary"]["files"]) < {"run.h5", "weights.h5", "weights.h5.json"}:
            fail(f"the journal lacks files of a run: {event['summary']['files']}")


def check_table_is_the_journals(folder):
    flip(folder.attempt(0) / "run.h5")
    (folder.path / "results.h5").unlink()
    (folder.path / "results.h5.4711.tmp").write_text("what a killed start was writing")
    expect(folder.sweep(), "all 4 runs were already done")
    if list(folder.path.glob("*.tmp")):
        fail("what a killed start was writing is still there")
    folder.expect_same("results.h5 made anew beside a damaged run.h5")
    expect(folder.verify(wanted=1), "run.h5' has other content", "1 damaged, 0 unreadable", "--repair")
    expect(folder.verify("--repair", wanted=1), "it is now 'run.h5.damaged'")
    expect(folder.sweep(), "run.h5' is missing: it is repeated", "4 of 4 runs done (3 before this start)")
    folder.expect_same("a run with a flipped byte in run.h5, repeated")
    expect(folder.verify(), "4 finished runs", "intact")


def check_sizes(folder):
    weights = folder.attempt(1) / "weights.h5"
    weights.write_bytes(weights.read_bytes()[:-100])
    (folder.attempt(2) / "run.h5").unlink()
    expect(folder.sweep(), "weights.h5' has another size than when it was written: it is repeated",
           "run.h5' is missing: it is repeated", "4 of 4 runs done (2 before this start)")
    folder.expect_same("cut weights and a missing run.h5, repeated")


def check_journal(folder):
    path, begun = folder.path / "journal.jsonl", folder.begun()
    lines = path.read_text().splitlines(keepends=True)
    done = max(i for i, line in enumerate(lines) if '"event":"done"' in line)
    event = json.loads(lines[done])
    if event["attempt"] != 2:
        fail(f"the run that was done last is not one that was repeated: {event['attempt']}")
    shutil.rmtree(folder.path / "runs" / event["run"] / "a1")  # attempts may lack a folder
    flip(path, (sum(map(len, lines[:done])) + 40) / path.stat().st_size)
    expect(folder.sweep(wanted=2), f"line {done + 1} is damaged", "verify --repair")
    expect(folder.verify(wanted=1), "1 of its lines")
    expect(folder.verify("--repair"), "1 damaged lines left out, 1 finished runs told anew", "intact")
    if not (folder.path / "journal.jsonl.damaged").exists():
        fail("the damaged journal was not kept")
    expect(folder.sweep(), "all 4 runs were already done")
    folder.expect_same("a journal rebuilt from the runs' files")
    if folder.begun() != begun:
        fail(f"{folder.begun()} attempts after the repair, {begun} before")


def check_threads(folder):
    shutil.rmtree(folder.attempt(3))
    folder.program.environment["OMP_NUM_THREADS"] = "2"
    expect(folder.sweep(), "trainers take 1 thread each, as 'out' began with, and not 2")
    folder.expect_same("a run repeated where another number of threads was asked for")
    expect(folder.program.must("status", "out"), "threads per trainer: 1")
    expect(folder.program.must("plan", "sweep.yaml", "--out", "out", "--set", "train.epochs=1,2"),
           "threads: 1 per trainer, as the folder began with")
    shutil.rmtree(folder.attempt(3))
    folder.sweep("--mix-numerics")
    if sorted(rows(folder.path)["threads"]) != [1, 1, 1, 2]:
        fail("--mix-numerics did not take the number of threads asked for, or does not say so")
    folder.program.environment["OMP_NUM_THREADS"] = "1"


def check_numerics(folder):
    path = folder.path / "journal.jsonl"
    kept = path.read_bytes()
    version = next(e["numerics"] for e in journal(folder.path) if e["event"] == "assigned")
    rewrite(path, lambda line: line.replace(f'"numerics":{version}', f'"numerics":{version + 1}')
            if json.loads(line + "}")["event"] == "assigned" else line)
    expect(folder.sweep(wanted=2), f"were computed with version {version + 1} of the arithmetic",
           f"this program has version {version}", "--mix-numerics")
    expect(folder.sweep("--mix-numerics"), "all 4 runs were already done")
    rewrite(path, lambda line: line.replace('"format":2', '"format":3'))
    expect(folder.sweep(wanted=2), "has format 3, this program reads up to 2")
    path.write_bytes(kept)


def main():
    with Program(sys.argv[1]) as program:
        prepare(program, SWEEP)
        folder = Folder(program)
        folder.sweep()
        shutil.copytree(folder.path, folder.whole)
        check_columns(folder)
        expect(folder.verify(), "4 finished runs", "intact")
        check_table_is_the_journals(folder)
        check_sizes(folder)
        check_journal(folder)
        check_threads(folder)
        check_numerics(folder)
        code, _, err = program.run("verify", "nowhere")
        if code != 3 or "not a results folder" not in err:
            fail(f"verify of no folder: exit {code}\n{err}")
    print("ok damaged files and journals are found and made good, nothing mixes unnoticed")


if __name__ == "__main__":
    main()
