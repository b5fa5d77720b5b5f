"""A sweep seen and stopped from outside: `status` and `stop`, --stop-before, exit codes, a killed job.

usage: operate.py PRUNELORA
"""

import os
import signal
import sys
import time

from cli import Program, fail
from results_folder import below

SWEEP = """name: long
config:
  model: {arch: resnet20}
  data: {dataset: cifar10, path: data, mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25]}
  forget.class: 3
  base.train: {epochs: EPOCHS, batch_size: 32}
  eval: {batch_size: 40}
parameters:
  unlearn.method: [retrain]
seeds: 4
resources: {threads: 1}
"""


def expect(program, arguments, code, *words):
    found, out, err = program.run(*arguments)
    missing = [word for word in words if word not in out + err]
    if found != code or missing:
        fail(f"{' '.join(arguments)}: exit {found}, wanted {code}; not said: {missing}\n{out}{err}")


def start(program):
    return program.start("sweep", "long.yaml", "--out", "long", ranks=2, log="long.log")


def wait_for_word(program, *words):
    end = time.monotonic() + 60
    while time.monotonic() < end:
        _, out, err = program.run("status", "long")
        if all(word in out for word in words):
            return
        time.sleep(0.2)
    fail(f"status never said {words}, last\n{out}{err}")


def check_running(program, job):
    wait_for_word(program, "is running on", "rank 0", "rank 1", "epoch", "images/s", "to go", "2 running, 2 left")
    expect(program, ["status", "long", "--exit-code"], 75, "as of")
    expect(program, ["status", "long"], 0)
    if job.poll() is not None:
        fail("the sweep ended while it was looked at")
    print("ok status of a running sweep")


def check_stop(program, job):
    expect(program, ["stop", "long"], 0, "is stopping")
    code = job.wait(timeout=60)
    if code != 75:
        fail(f"stopped sweep: exit {code}")
    expect(program, ["status", "long", "--exit-code"], 75, "was stopped with work left", "prunelora stop on host",
           "0 running, 4 left", "to continue: prunelora sweep")
    expect(program, ["stop", "long"], 0, "no sweep works in long")
    if list((program.folder / "long").glob("stop")):
        fail("a request to stop was left behind")
    print("ok stop, from outside")


def check_killed(program):
    job = start(program)
    wait_for_word(program, "is running on", "epoch")
    for pid in [job.pid] + below(job.pid):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    job.wait()
    old = time.time() - 100
    os.utime(program.folder / "long" / "status.json", (old, old))
    expect(program, ["status", "long", "--exit-code"], 75, "was killed: no sign of life", "to continue")
    expect(program, ["stop", "long"], 0, "no sweep works in long")
    print("ok status of a killed sweep")


def main():
    with Program(sys.argv[1]) as program:
        program.must("data", "synth", "--out", "data", "--train", 40, "--test", 20)
        (program.folder / "long.yaml").write_text(SWEEP.replace("EPOCHS", "5000"))
        expect(program, ["status", "long"], 2, "it has no status.json")
        expect(program, ["stop", "long"], 2, "it has no status.json")
        expect(program, ["sweep", "long.yaml", "--out", "long", "--stop-before", "soon"], 2,
               "--stop-before expects seconds, MM:SS or [DAYS-]HH:MM:SS, got 'soon'")
        job = start(program)
        check_running(program, job)
        check_stop(program, job)
        expect(program, ["sweep", "long.yaml", "--out", "long", "--stop-before", "0:02"], 75,
               "the time of --stop-before has come")
        print("ok --stop-before")
        check_killed(program)
        (program.folder / "short.yaml").write_text(SWEEP.replace("EPOCHS", "1"))
        expect(program, ["sweep", "short.yaml", "--out", "short"], 0)
        expect(program, ["status", "short", "--exit-code"], 0, "is done, exit code 0", "4 done")
        expect(program, ["sweep", "short.yaml", "--out", "bad", "--set", "base.train.lr=100", "--set",
                         "base.train.weight_decay=1000", "--set", "base.train.epochs=10"], 1)
        expect(program, ["status", "bad", "--exit-code"], 1, "some runs failed", "what went wrong last", "retrain",
               "--retry-failed")
        print("ok status of ended sweeps")
    return 0


if __name__ == "__main__":
    sys.exit(main())
