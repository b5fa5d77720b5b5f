"""A sweep that is shot at gives the same bits as one left alone. Trainers die of SIGKILL at random moments, and now and
then the whole job does, launcher and all, and is started again. Afterwards: the same metrics and weights, no finished
run begun again, results.h5 readable throughout; and how long it took until a shot run went on.

usage: kills.py PRUNELORA [KILLED_TRAINERS [KILLED_JOBS [SEED]]]
"""

import os
import pathlib
import random
import signal
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "train"))

from cli import Program, fail  # noqa: E402
from results_folder import Reader, below, differences, journal, trainers_below  # noqa: E402
from small_sweep import prepare  # noqa: E402

SWEEP = """  forget.class: 3
  data.validation: 0.2
  train: {epochs: EPOCHS, batch_size: 32, select: best}
  base.train: {epochs: EPOCHS, batch_size: 32, select: best}
  eval: {batch_size: 40}
parameters:
  unlearn.method: {values: [retrain, finetune, prune_finetune, lora, prune_lora]}
seeds: 12
checkpoint: {every: 0.1s}
resources: {threads: 1}
on_failure: {crash_limit: 1000}
"""
RUNS, RANKS = 60, 2
DEADLINE = 60.0  # for anything that should take a second or two


class Job:
    """The sweep under mpirun; started again whenever it was killed."""

    def __init__(self, program, folder):
        self.program, self.folder, self.process, self.starts = program, program.folder / folder, None, 0

    def start(self):
        self.starts += 1
        self.process = self.program.start("sweep", "sweep.yaml", "--out", self.folder.name, ranks=RANKS,
                                          log=f"{self.folder.name}-{self.starts}.log")

    def is_over(self):
        return self.process.poll() is not None

    def logs(self):
        return "".join(p.read_text() for p in sorted(self.program.folder.glob(f"{self.folder.name}-*.log")))

    def kill(self):
        """Launcher and ranks at once; trainers must follow by themselves."""
        trainers = trainers_below(self.process.pid)
        for pid in [self.process.pid] + [p for p in below(self.process.pid) if p not in trainers]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait()
        end = time.monotonic() + DEADLINE
        while any(os.path.exists(f"/proc/{pid}") for pid in trainers):
            if time.monotonic() > end:
                fail("a trainer outlived its rank")
            time.sleep(0.01)


def shoot_trainer(job, dice):
    """Kills one; returns when, or None when there was none."""
    found = trainers_below(job.process.pid)
    if not found:
        return None
    moment = time.monotonic()
    try:
        os.kill(dice.choice(found), signal.SIGKILL)
    except ProcessLookupError:
        return None
    return moment


def wait_for(job, look):
    """The first true answer of look(), or None when the sweep ends without one."""
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        answer = look()
        if answer or job.is_over():
            return answer
        time.sleep(0.005)
    fail(f"waited {DEADLINE:.0f} s in vain\n{job.logs()[-2000:]}")
    return None


def crashes(job):
    return [event for event in journal(job.folder) if event["event"] == "crashed"]


def went_on(job, crash):
    """Whether the run has been further than ever before: a checkpoint or a result in a later attempt's folder."""
    for folder in (job.folder / "runs" / crash["run"]).glob("a*"):
        if int(folder.name[1:]) > crash["attempt"] and (any(folder.glob("ckpt/step-*.h5")) or
                                                         (folder / "run.h5").exists()):
            return True
    return False


def replace_trainer(job, dice):
    """Kills a trainer and waits until its run has made steps again. Seconds; None: not measured; False: no trainer."""
    wait_for(job, lambda: trainers_below(job.process.pid))  # after a start there is none at first
    n_before = len(crashes(job))
    moment = shoot_trainer(job, dice)
    if moment is None:
        return False
    wait_for(job, lambda: len(crashes(job)) > n_before or time.monotonic() - moment > 1.0)
    now = crashes(job)
    if len(now) == n_before or sum(event["run"] == now[n_before]["run"] for event in now) > 1:
        return None  # it had no run, or one that waits behind the others because it crashed before
    return time.monotonic() - moment if wait_for(job, lambda: went_on(job, now[n_before])) else None


def check_history(job):
    """No event of a run after its "done", and no run done twice."""
    done = set()
    for event in journal(job.folder):
        run = event.get("run")
        if run in done:
            fail(f"run {run} was done and then {event['event']}")
        if event["event"] == "done":
            done.add(run)
    if len(done) != RUNS:
        fail(f"{len(done)} runs done, wanted {RUNS}")


def shoot(job, n_trainers, n_jobs, dice):
    """Returns the seconds until shot runs went on, and the trainers and jobs killed."""
    plan = ["trainer"] * n_trainers + ["job"] * n_jobs
    dice.shuffle(plan)
    seconds, killed = [], {"trainer": 0, "job": 0}
    job.start()
    for what in plan:
        time.sleep(dice.uniform(0.1, 1.5))
        if job.is_over():
            break
        if what == "job":
            job.kill()
            job.start()
            killed[what] += 1
            continue
        took = replace_trainer(job, dice)
        killed[what] += took is not False
        if took:
            seconds.append(took)
    return seconds, killed


def main():
    n_trainers, n_jobs, seed = (int(a) for a in sys.argv[2:] + ["8", "2", "1"][len(sys.argv) - 2:])
    dice = random.Random(seed)
    with Program(sys.argv[1]) as program:
        # Longer runs where more is shot at, so that something is left to the end.
        prepare(program, SWEEP.replace("EPOCHS", "1" if n_trainers <= 10 else "12"), images=(40, 20))
        program.must("sweep", "sweep.yaml", "--out", "alone", ranks=RANKS, timeout=900)
        job = Job(program, "shot")
        reader = Reader(job.folder)
        reader.start()
        seconds, killed = shoot(job, n_trainers, n_jobs, dice)
        code = job.process.wait(timeout=900)
        problem = reader.end()
        if code != 0:
            fail(f"the last start ended with exit code {code}\n{job.logs()[-3000:]}")
        if killed["trainer"] < 0.8 * n_trainers or killed["job"] < 0.8 * n_jobs:
            fail(f"the sweep was over after {killed}, wanted {n_trainers} trainers and {n_jobs} jobs")
        if problem is not None or reader.opened == 0:
            fail(f"results.h5 was opened {reader.opened} times, {problem!r}")
        check_history(job)
        left = [p for p in (job.folder / "runs").rglob("*") if p.name == "ckpt" or p.suffix == ".tmp"]
        if left:
            fail(f"of finished runs there are still {left}")
        wrong, compared = differences(program.folder / "alone", job.folder, RUNS)
        if wrong or compared != RUNS:
            fail(f"{wrong}; {compared} weight files compared, wanted {RUNS}")
        print(f"ok {killed['trainer']} trainers and {killed['job']} jobs killed (seed {seed}), {job.starts} starts: "
              f"{RUNS} runs with the bits of the undisturbed sweep, none done twice")
        print(f"ok results.h5 opened {reader.opened} times meanwhile")
        print(f"{len(seconds)} shot runs went on after {statistics.median(seconds):.2f} s (median), "
              f"{max(seconds):.2f} s at most")
    return 0


if __name__ == "__main__":
    sys.exit(main())
