"""Whatever trainers print is kept in the results folder and found from there, and none of it disturbs the terminal.

usage: logs.py PRUNELORA
"""

import os
import re
import signal
import sys
import time

from cli import Program, fail
from results_folder import journal, trainers_below
from small_sweep import prepare

SWEEP = """  forget.class: 3
  train: {epochs: 5000, batch_size: 32}
parameters:
  unlearn.method: {values: [finetune, lora]}
resources: {threads: 1}
"""


def wait_for(what, look):
    """The first true answer of look()."""
    end = time.monotonic() + 60
    while not (answer := look()):
        if time.monotonic() > end:
            fail(f"waited in vain for {what}")
        time.sleep(0.1)
    return answer


def rank_logs(program, folder):
    return {path.name: path.read_text() for path in (program.folder / folder).glob("rank-*")}


def starts(program, folder):
    return len(re.findall(r"trainer info: process \d+, device auto, 1 threads on cores",
                          "".join(rank_logs(program, folder).values())))


def kill_in_mid_run(program, folder):
    """Starts the sweep on two ranks, kills the trainer of a run and stops the sweep; returns the crash."""
    job = program.start("sweep", "sweep.yaml", "--out", folder, ranks=2, log="terminal.log")
    wait_for("two runs", lambda: "2 running" in program.run("status", folder)[1])
    os.kill(trainers_below(job.pid)[0], signal.SIGKILL)
    crashes = wait_for("a crash in the journal",
                       lambda: [e for e in journal(program.folder / folder) if e["event"] == "crashed"])
    wait_for("a third trainer", lambda: starts(program, folder) == 3)
    program.must("stop", folder)
    if job.wait(timeout=60) != 75:
        fail(f"stopped sweep: exit {job.returncode}")
    return crashes[0]


def check_run_log(program, folder, crash):
    wanted = f"its output: runs/{crash['run']}/a1/log.txt"
    for where, text in (("terminal", (program.folder / "terminal.log").read_text()),
                        ("status", program.must("status", folder))):
        if wanted not in text:
            fail(f"'{wanted}' is not what {where} says:\n{text}")
    path = program.folder / folder / "runs" / crash["run"] / "a1" / "log.txt"
    if " attempt 1" not in path.read_text():
        fail(f"{path}:\n{path.read_text()}")
    print("ok a crash names the log of its run")


def check_rank_logs(program, folder):
    logs = rank_logs(program, folder)
    if sorted(logs) != ["rank-0000.log", "rank-0001.log"]:
        fail(f"logs of ranks: {sorted(logs)}")
    text = "".join(logs.values())
    begun = set(re.findall(rf"begins; its output: {folder}/runs/(\S+)/a\d+/log.txt", text))
    if len(begun) != 2 or "ends: " not in text:
        fail(f"runs begun: {begun}\n{text}")
    terminal = (program.folder / "terminal.log").read_text()
    if "trainer info" in terminal or "Broken pipe" in terminal:
        fail(f"the terminal shows what belongs into logs:\n{terminal}")
    print("ok each rank's trainers have a log in the results folder, and the terminal is the sweep's")


def check_no_start(program):
    """Where trainers cannot even open their log, the sweep says so and ends."""
    folder = program.folder / "blocked"
    (folder / "rank-0000.log").mkdir(parents=True)
    code, out, err = program.run("sweep", "sweep.yaml", "--out", "blocked")
    text = out + err
    if code != 3 or "cannot write 'blocked/rank-0000.log'" not in text or "their output: rank-0000.log" not in text:
        fail(f"log that cannot be written: exit {code}\n{text}")
    print("ok a log that cannot be written is named")


def main():
    with Program(sys.argv[1]) as program:
        prepare(program, SWEEP, images=(40, 20))
        crash = kill_in_mid_run(program, "shot")
        check_run_log(program, "shot", crash)
        check_rank_logs(program, "shot")
        check_no_start(program)
    return 0


if __name__ == "__main__":
    sys.exit(main())
