"""slurm/one_node.sbatch under a real Slurm: with mpirun and with srun, stopped by the warning that comes before a time
limit and requeued, wrong input, cancelled by hand. Whatever happened to a job, the results are those of an undisturbed sweep.
With "walltime", only this: a time limit that is too short, and slurmctld itself gives the warning; takes some minutes.
With "array", SCRIPT is slurm/array.sbatch: two shards, one of them submitted again on its own.

usage: slurm.py PRUNELORA SCRIPT [walltime | array]
"""

import os
import pathlib
import re
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "train"))

from cli import Program, fail, skip  # noqa: E402: found by the line above
from results_folder import differences, rows  # noqa: E402
from slurm_cluster import CannotStart, Cluster, is_over, missing  # noqa: E402
from small_sweep import prepare  # noqa: E402

SWEEP = """  train: {epochs: 3, batch_size: 32}
  forget.class: 3
parameters:
  unlearn.method: {values: [finetune, lora, prune_lora]}
seeds: 2
resources: {threads: 1}
"""
RUNS = 6


class Jobs:
    """Submits the script and waits for what becomes of it."""

    def __init__(self, cluster, program, script):
        self.cluster, self.program, self.script = cluster, program, script

    def submit(self, *arguments, options=(), **variables):
        """Returns the job's number."""
        code, out, err = self.cluster.run(
            "sbatch", "--parsable", "--ntasks-per-node=2", "--cpus-per-task=1", "--time=10", *options,
            f"--chdir={self.program.folder}", self.script, *arguments, PRUNELORA=self.program.binary,
            OMP_NUM_THREADS="1", OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1", **variables)
        if code != 0:
            fail(f"sbatch: exit {code}\n{out}{err}")
        return out.strip()

    def log(self, number):
        path = self.program.folder / f"slurm-prunelora-{number}.out"
        return path.read_text() if path.exists() else ""

    def wait_for_text(self, number, text):
        deadline = time.monotonic() + 400
        while text not in self.log(number):
            if time.monotonic() > deadline or is_over(self.cluster.job(number)):
                self.fail(number, f"'{text}' never came")
            time.sleep(0.1)

    def end(self, number, state, exit_code, *texts, restarts=range(1)):
        """Waits for the end, which must be as given; returns the job."""
        job = self.cluster.wait_job(number, is_over)
        if job is None:
            self.fail(number, "did not end")
        if (job["JobState"], job["ExitCode"]) != (state, exit_code):
            self.fail(number, f"ended as {job['JobState']} {job['ExitCode']}, wanted {state} {exit_code}")
        if int(job["Restarts"]) not in restarts:
            self.fail(number, f"{job['Restarts']} restarts, wanted {restarts}")
        for text in texts:
            if text not in self.log(number):
                self.fail(number, f"'{text}' is not in the log")
        return job

    def fail(self, number, text):
        fail(f"job {number}: {text}\n{self.cluster.job(number)}\n{self.log(number)}\n{self.cluster.logs()}")


def check_same(program, folder, alone="alone"):
    problem, _ = differences(program.folder / alone, program.folder / folder, RUNS)
    if problem:
        fail(problem)


def check_mpirun(jobs):
    job = jobs.submit("sweep.yaml", "--out", "mpirun")
    jobs.end(job, "COMPLETED", "0:0", "all runs are done", "rank 1")
    check_same(jobs.program, "mpirun")
    print("ok mpirun: the same bits as without Slurm")


def check_srun(jobs):
    """The warning once more than restarts are allowed; then the same command continues."""
    if not re.search(r"^\s*pmix$", jobs.cluster.ask("srun", "--mpi=list"), re.MULTILINE):
        print("skipped srun: this Slurm has no plugin for pmix")
        return
    job = jobs.submit("sweep.yaml", "--out", "srun", LAUNCHER="srun", MAX_RESTARTS="0")
    jobs.wait_for_text(job, "[1/6] done")
    jobs.cluster.run("scancel", "--signal=USR1", "--batch", job)
    jobs.end(job, "FAILED", "75:0", "received SIGUSR1; runs save their state", "stopped: received SIGUSR1", "rank 1",
             "after 0 restarts, which is the most allowed")
    job = jobs.submit("sweep.yaml", "--out", "srun", LAUNCHER="srun")
    jobs.end(job, "COMPLETED", "0:0", "all runs are done", "before this start)")
    check_same(jobs.program, "srun")
    print("ok srun --mpi=pmix: stopped by USR1 with exit 75, continued, the same bits")


def check_srun_without_mpi(jobs):
    code, _, err = jobs.cluster.run("srun", "-n2", "--mpi=none", f"--chdir={jobs.program.folder}",
                                    jobs.program.binary, "sweep", "sweep.yaml", "--out", "none")
    if code != 3 or "use `srun --mpi=pmix`" not in err or (jobs.program.folder / "none").exists():
        fail(f"srun without MPI: exit {code}\n{err}")
    print("ok srun without MPI is refused")


def check_wrong_input(jobs):
    job = jobs.submit("sweep.yaml", "--set", "train.epoch=1", "--out", "wrong")
    jobs.end(job, "FAILED", "2:0", "did you mean 'train.epochs'?", "the input is wrong", "Not requeued")
    job = jobs.submit()
    jobs.end(job, "FAILED", "2:0", "no sweep given; submit like this")
    job = jobs.submit("sweep.yaml", LAUNCHER="prun")
    jobs.end(job, "FAILED", "2:0", "LAUNCHER must be mpirun or srun, got 'prun'")
    print("ok wrong input: exit 2, the message kept, not requeued")


def check_no_start(jobs):
    """A launcher that cannot start the ranks says 1, which of the sweep means another thing."""
    fake = jobs.program.folder / "fake"
    fake.mkdir()
    (fake / "mpirun").write_text("#!/bin/sh\necho no allocation >&2\nexit 1\n")
    (fake / "mpirun").chmod(0o755)
    job = jobs.submit("sweep.yaml", "--out", "none", PATH=f"{fake}:{os.environ['PATH']}")
    jobs.end(job, "FAILED", "1:0", "no allocation", "mpirun ended with exit code 1, and the sweep did not say how it ended")
    if "some runs failed" in jobs.log(job):
        jobs.fail(job, "says that runs failed, and none began")
    print("ok a launcher that cannot start is not a sweep with failed runs")


def check_cancelled(jobs):
    """What the user cancels stays cancelled, although the sweep may have stopped in order."""
    for launcher in ("mpirun", "srun"):
        job = jobs.submit("sweep.yaml", "--out", "cancelled", LAUNCHER=launcher)
        jobs.wait_for_text(job, "[0/6] started")
        jobs.cluster.run("scancel", job)
        jobs.cluster.wait_job(job, is_over)
        time.sleep(1)
        state = jobs.cluster.job(job)
        if state["JobState"] != "CANCELLED" or state["Restarts"] != "0":
            jobs.fail(job, f"cancelled under {launcher}, is {state['JobState']}")
        if "some runs failed" in jobs.log(job):
            jobs.fail(job, "says that runs failed, and was cancelled")
    print("ok scancel: not requeued")


def check_requeue(jobs):
    """The warning that comes before a time limit, in mid-sweep: saved, requeued, finished."""
    job = jobs.submit("sweep.yaml", "--out", "requeue")
    jobs.wait_for_text(job, "[1/6] done")
    jobs.cluster.run("scancel", "--signal=USR1", "--batch", job)
    job = jobs.end(job, "COMPLETED", "0:0", "received SIGUSR1; runs save their state", "stopped with work left; requeued",
                   "start 2 on", "all runs are done", restarts=range(1, 2))
    check_same(jobs.program, "requeue")
    print("ok warned by USR1: requeued once, then done, the same bits")


def epochs_for(program, seconds):
    """How many epochs make the sweep last that long on two ranks."""
    program.must("sweep", "sweep.yaml", "--out", "measured", "--set", "train.epochs=10", ranks=2)
    per_epoch = rows(program.folder / "measured")["seconds_train"].sum() / 2 / 10
    return max(3, round(seconds / per_epoch))


def check_walltime(jobs):
    """One minute, warned 20 s before. slurmctld looks every 30 s and warns when it would be late the next time: 10 to 40 s
    after a start. The sweep takes longer than that, whatever else runs on the machine, so it needs another start."""
    epochs = f"train.epochs={epochs_for(jobs.program, 45)}"
    jobs.program.must("sweep", "sweep.yaml", "--out", "long", "--set", epochs, ranks=2)
    job = jobs.submit("sweep.yaml", "--out", "walltime", "--set", epochs, options=("--time=1", "--signal=B:USR1@20"))
    job = jobs.end(job, "COMPLETED", "0:0", "received SIGUSR1; runs save their state", "stopped with work left; requeued",
                   "start 2 on", "all runs are done", restarts=range(1, 10))
    said = (jobs.cluster.folder / "slurmctld.log").read_text()
    if f"warning signal 10 to JobId={job['JobId']}" not in said:
        fail(f"slurmctld sent no warning\n{said[-3000:]}")
    check_same(jobs.program, "walltime", alone="long")
    print(f"ok --time=1 with {epochs}: warned by slurmctld, requeued {job['Restarts']} times, then done, the same bits")


def submit_array(jobs, tasks, *arguments, **variables):
    """Returns the number of the array."""
    return jobs.submit("sweep.yaml", "--out", "array", *arguments, options=(f"--array={tasks}", "--ntasks-per-node=1"),
                       **variables)


def check_array(jobs):
    """Each task does its shard, whichever comes first; the report joins them."""
    program = jobs.program
    slurm = program.folder / "slurm"
    slurm.mkdir()
    (slurm / "one_node.sbatch").write_text((jobs.script.parent / "one_node.sbatch").read_text())
    array = submit_array(jobs, "2")
    jobs.end(f"{array}_2", "FAILED", "2:0", "this array has tasks 2 to 2. Use --array=1-N")
    array = submit_array(jobs, "1-2")
    jobs.end(f"{array}_1", "COMPLETED", "0:0", "shard 1 of 2: 3 of 3 runs done", "all runs are done")
    jobs.end(f"{array}_2", "COMPLETED", "0:0", "shard 2 of 2: 3 of 3 runs done")
    array = submit_array(jobs, "2", SHARDS="2")
    jobs.end(f"{array}_2", "COMPLETED", "0:0", "shard 2 of 2: all 3 runs were already done")
    array = submit_array(jobs, "2", SHARDS="3")
    jobs.end(f"{array}_2", "FAILED", "2:0", "holds a sweep in 2 shards", "the input is wrong", "Not requeued")
    if "6 runs: 6 done" not in program.must("report", "array"):
        fail(program.must("report", "array"))
    print("ok an array of shards, in one report; a task submitted again; wrong numbers are refused")


def check_array_requeue(jobs):
    """The task whose id is the array's own requeues itself alone: a task that was cancelled before stays so."""
    array = jobs.submit("sweep.yaml", "--out", "requeued", options=("--array=1-2", "--ntasks-per-node=1"))
    tasks = [f"{array}_1", f"{array}_2"]
    for task in tasks:
        jobs.wait_for_text(task, "started")
    last = next(task for task in tasks if jobs.cluster.job(task)["JobId"] == array)
    first = next(task for task in tasks if task != last)
    jobs.cluster.run("scancel", first)
    jobs.cluster.wait_job(first, is_over)
    jobs.cluster.run("scancel", "--signal=USR1", "--batch", last)
    jobs.end(last, "COMPLETED", "0:0", "stopped with work left; requeued", "start 2 on", restarts=range(1, 2))
    state = jobs.cluster.job(first)
    if (state["JobState"], state["Restarts"]) != ("CANCELLED", "0"):
        jobs.fail(first, f"was requeued with {last}, is {state['JobState']}")
    print("ok a task of an array requeues itself alone")


CASES = {"": (check_wrong_input, check_srun_without_mpi, check_no_start, check_mpirun, check_srun, check_cancelled, check_requeue),
         "array": (check_array, check_array_requeue), "walltime": (check_walltime,)}


def is_hydra(launcher):
    return "HYDRA" in subprocess.run([launcher, "--version"], capture_output=True, text=True, check=False).stdout


def missing_launcher():
    """The scripts start mpirun; where two MPIs are installed it may be the one the program was not built with."""
    ours = os.environ.get("MPIEXEC", "mpirun")
    return f"mpirun is not of the MPI of {ours}" if is_hydra("mpirun") != is_hydra(ours) else None


def main():
    case = "".join(sys.argv[3:])
    reason = missing() or missing_launcher()
    if reason is not None:
        skip(reason)
    with Program(sys.argv[1]) as program:
        try:
            with Cluster() as cluster:
                jobs = Jobs(cluster, program, pathlib.Path(sys.argv[2]).resolve())
                prepare(program, SWEEP)
                if case == "":
                    program.must("sweep", "sweep.yaml", "--out", "alone", ranks=2)
                for check in CASES[case]:
                    check(jobs)
        except CannotStart as problem:
            skip(f"Slurm does not start here: {problem}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
