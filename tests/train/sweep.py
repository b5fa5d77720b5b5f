"""Whole sweeps: the same bits alone and on 3 ranks, nothing done twice, a killed trainer's run repeated, files that
pandas reads during and after.

usage: sweep.py PRUNELORA
"""

import json
import os
import signal
import sys
import time

from cli import Program, fail
from results_folder import METRICS, Reader, differences, rows, trainers_below
from small_sweep import prepare

SWEEP = """  forget.class: 3
  train: {epochs: 2, batch_size: 32}
  base.train: {epochs: 2, batch_size: 32}
parameters:
  unlearn.method: {values: [original, retrain, finetune, prune_finetune, lora, prune_lora]}
  prune.sparsity: [0.5]
  lora.rank: [2, 4]
seeds: 2
resources: {threads: 1}
"""
RUNS = 1 + 2 * (1 + 1 + 1 + 2 + 2)


def check_same(program, one, other):
    wrong, compared = differences(program.folder / one, program.folder / other, RUNS)
    if wrong or compared != RUNS - 1:  # original trains nothing
        fail(f"{wrong}; {compared} weight files compared, wanted {RUNS - 1}")
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
    for run_id, row in rows(program.folder / folder).iterrows():
        name = run_id.decode() if isinstance(run_id, bytes) else run_id
        found = by_id[name]
        ranks = (2, 4) if "lora" in found["unlearn.method"] else (None,)  # None: not read
        if found["RA"] != row["RA"] or found["lora.rank"] not in ranks:
            fail(f"report and results.h5 disagree on {name}")
    print("ok report agrees with results.h5")


def check_adapters(program, folder):
    """A run's adapters as PEFT's folder, and merged from there again: the run's own weights to the bit."""
    for method, has_base, force in ((b"lora", False, ()), (b"prune_lora", True, ("--force",))):
        row = rows(program.folder / folder).query("`unlearn.method` == @method").iloc[0]
        run = f"{folder}/runs/{row.name.decode()}/a{int(row['attempt'])}"
        program.must("weights", "convert", run, "--out", "adapter", *force)
        config = json.loads((program.folder / "adapter" / "adapter_config.json").read_text())
        base = [] if has_base else ["base.h5"]
        program.must("weights", "merge", *base, "adapter", "--out", "merged.h5", *force)
        same = program.must("weights", "diff", "merged.h5", f"{run}/weights.h5")
        if (config["r"], len(config["target_modules"])) != (row["lora.rank"], 18) or \
                "linear" not in config["modules_to_save"]:
            fail(f"adapter_config.json of {method} is {config}")
        if (program.folder / "adapter" / "base_model.safetensors").exists() != has_base:
            fail(f"base_model.safetensors of {method}: wanted {has_base}")
        print(f"ok {method.decode()} by way of an adapter folder: {same.strip()}")
    for command, there in ((("convert", run, "--out", "adapter"), "'adapter' has 'adapter_config.json'"),
                           (("merge", "adapter", "--out", "merged.h5"), "'merged.h5' is there")):
        code, _, err = program.run("weights", *command)
        if code != 2 or f"{there} already" not in err:
            fail(f"weights {command[0]} over what is there: exit {code}\n{err}")
    code, _, err = program.run("weights", "convert", run, "--out", "other", "--base", f"{run}/weights.h5")
    if code != 2 or "does not follow from" not in err or (program.folder / "other").exists():
        fail(f"a wrong base: exit {code}\n{err}")


def check_failure(program):
    """A run that diverges is recorded with its reason, the others go on, and the exit code says so."""
    code, _, err = program.run("sweep", "sweep.yaml", "--out", "diverged", "--set", "unlearn.method=finetune",
                               "--set", "train.optimizer=sgd", "--set", "train.lr=100", "--set", "train.epochs=6",
                               "--set", "train.weight_decay=0,1000", "--set", "on_failure.retries=0")
    state = rows(program.folder / "diverged")["state"].value_counts().to_dict()
    report = program.must("report", "diverged")
    if code != 1 or state != {b"done": 2, b"diverged": 2} or report.count("loss is") != 2:
        fail(f"diverging runs: exit {code}, {state}\n{err}{report}")
    print("ok two runs diverged, two did not; the report says why")


def check_killed(program, folder, reference):
    sweep = program.start("sweep", "sweep.yaml", "--out", folder, "--set", "on_failure.crash_limit=10", ranks=2,
                          log="killed.log")
    reader = Reader(program.folder / folder)
    reader.start()
    killed = 0
    while sweep.poll() is None and killed < 4:
        time.sleep(1.1)
        for pid in trainers_below(sweep.pid)[:1]:
            os.kill(pid, signal.SIGKILL)
            killed += 1
    code = sweep.wait(timeout=300)
    problem = reader.end()
    if code != 0 or killed == 0:
        fail(f"with {killed} trainers killed: exit {code}\n" + open(program.folder / "killed.log").read())
    if problem is not None or reader.opened == 0:
        fail(f"results.h5 while the sweep ran: opened {reader.opened} times, {problem!r}")
    print(f"ok {killed} trainers killed; results.h5 opened {reader.opened} times meanwhile")
    check_same(program, folder, reference)


def main():
    with Program(sys.argv[1]) as program:
        prepare(program, SWEEP, epochs=2)
        program.must("sweep", "sweep.yaml", "--out", "alone")
        program.must("sweep", "sweep.yaml", "--out", "three", ranks=3)
        check_same(program, "alone", "three")
        check_again(program, "alone")
        check_report(program, "three")
        check_adapters(program, "alone")
        check_failure(program)
        check_killed(program, "killed", "alone")
    return 0


if __name__ == "__main__":
    sys.exit(main())
