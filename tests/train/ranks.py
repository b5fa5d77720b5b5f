"""Ranks and who starts them: the launcher passes a stop on, a killed rank ends the job, and the next start goes on to the
same bits; a suspended rank is given up and comes back; ranks that see other files, never start or are of another MPI's
launcher are refused.

usage: ranks.py PRUNELORA
"""

import os
import shlex
import signal
import subprocess
import sys
import time

from cli import Program, fail, mpirun
from results_folder import below, differences, journal, processes, trainers_below
from small_sweep import prepare

SWEEP = """  forget.class: 3
  train: {epochs: 8, batch_size: 20}
parameters:
  unlearn.method: {values: [finetune, prune_lora]}
seeds: 2
checkpoint: {every: 0.1s}
resources: {threads: 1}
"""
RUNS, RANKS = 4, 2
SECONDS = 120  # at most, for what should take one or two


def is_open_mpi(program):
    return any(line.startswith("Open MPI", 27) for line in program.run("doctor")[1].splitlines())


def wait_for(job, what, look):
    end = time.monotonic() + SECONDS
    while not look():
        if time.monotonic() > end or job.poll() is not None:
            fail(f"waited in vain for {what}")
        time.sleep(0.01)


def start(program, folder):
    """A sweep in mid-run: both trainers at work, and something to go on from."""
    job = program.start("sweep", "sweep.yaml", "--out", folder.name, ranks=RANKS, log=f"{folder.name}.log")
    wait_for(job, "two runs and a checkpoint", lambda: any(folder.glob("runs/*/a*/ckpt/step-*.h5")) and
             len({event["rank"] for event in journal(folder) if event["event"] == "assigned"}) == RANKS)
    return job


def check_end(program, job, folder, is_right, wanted):
    code = job.wait(timeout=SECONDS)
    n_done = sum(event["event"] == "done" for event in journal(folder))
    if not is_right(code) or n_done == RUNS:
        fail(f"exit {code}, wanted {wanted}; {n_done} runs done\n{(program.folder / f'{folder.name}.log').read_text()}")


def check_goes_on(program, folder):
    program.must("sweep", "sweep.yaml", "--out", folder.name, ranks=RANKS)
    problem, compared = differences(program.folder / "alone", folder, RUNS)
    if problem or compared != RUNS:
        fail(f"{problem}; {compared} weight files compared, wanted {RUNS}")


def check_stopped(program):
    folder = program.folder / "stopped"
    job = start(program, folder)
    os.kill(job.pid, signal.SIGUSR1)
    # MPICH's launcher forgets exit codes of ranks that end together after a signal
    codes = (75,) if is_open_mpi(program) else (0, 75)
    check_end(program, job, folder, lambda code: code in codes, " or ".join(map(str, codes)))
    code, out, err = program.run("status", folder.name, "--exit-code")
    if code != 75 or "was stopped with work left" not in out:
        fail(f"status of the stopped sweep: exit {code}, wanted 75\n{out}{err}")
    check_goes_on(program, folder)
    print("ok USR1 to the launcher: status says 75, and on to the same bits")


def rank_processes(program, job):
    """Those of the program below the launcher that are no trainers, oldest first."""
    every = processes()
    return sorted(pid for pid in below(job.pid)
                  if pid in every and every[pid][1][:2] == [program.binary.encode(), b"sweep"])


def check_warned(program):
    """As srun does: the signal goes to every process of the job step, trainers among them."""
    folder = program.folder / "warned"
    job = start(program, folder)
    for pid in rank_processes(program, job) + trainers_below(job.pid):
        os.kill(pid, signal.SIGUSR1)
    check_end(program, job, folder, lambda code: code == 75, "75")
    if any(event["event"] == "crashed" for event in journal(folder)):
        fail(f"a trainer died of the warning\n{(program.folder / 'warned.log').read_text()}")
    print("ok USR1 to ranks and trainers: exit 75, no trainer dies of it")


def check_killed(program):
    folder = program.folder / "killed"
    job = start(program, folder)
    ranks = rank_processes(program, job)
    if len(ranks) != RANKS:
        fail(f"{len(ranks)} ranks found below the launcher, wanted {RANKS}")
    started = below(job.pid)
    os.kill(ranks[1], signal.SIGKILL)
    check_end(program, job, folder, lambda code: code not in (0, 75), "one of a killed job")
    end = time.monotonic() + SECONDS
    while any(os.path.exists(f"/proc/{pid}") for pid in started):
        if time.monotonic() > end:
            fail("a rank or trainer outlived the job")
        time.sleep(0.01)
    check_goes_on(program, folder)
    print("ok a killed rank ends the job; the next start goes on to the same bits")


def check_suspended(program):
    """A rank that is suspended loses its run to another one, and takes part again when it goes on."""
    folder = program.folder / "suspended"
    log = program.folder / "suspended.log"
    job = start(program, folder)
    rank = rank_processes(program, job)[1]
    os.kill(rank, signal.SIGSTOP)
    wait_for(job, "rank 1 to be given up", lambda: "is silent and given up" in log.read_text())
    os.kill(rank, signal.SIGCONT)
    if job.wait(timeout=SECONDS) != 0 or "is heard again" not in log.read_text():
        fail(f"exit {job.returncode} with a rank that was suspended\n{log.read_text()}")
    problem, compared = differences(program.folder / "alone", folder, RUNS)
    if problem or compared != RUNS:
        fail(f"{problem}; {compared} weight files compared, wanted {RUNS}")
    print("ok a suspended rank is given up, comes back and disturbs nothing")


def launch_two(program, first, second, folder="."):
    """Two ranks with a command each, the second in a folder of its own; exit code and all output. A shell tells them
    apart: mpirun of Open MPI 5.0.7 on Debian 13 dies of SIGSEGV where a ":" stands between two commands."""
    script = f"""if [ "${{OMPI_COMM_WORLD_RANK:-$PMI_RANK}}" = 0 ]; then exec {shlex.join(map(str, first))}; fi
cd {shlex.quote(str(folder))} && exec {shlex.join(map(str, second))}"""
    done = subprocess.run([*mpirun(2), "sh", "-c", script], cwd=program.folder, env=program.environment,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=SECONDS)
    return done.returncode, done.stdout + done.stderr


def check_late_rank(program):
    program.environment["PRUNELORA_START_SECONDS"] = "3"
    code, said = launch_two(program, program.command(["sweep", "sweep.yaml", "--out", "late"]), ["sleep", "600"])
    del program.environment["PRUNELORA_START_SECONDS"]
    if code in (0, 75) or "the other ranks of this job did not start in time" not in said:
        fail(f"a rank that never starts: exit {code}\n{said}")
    print("ok a rank that never starts is not waited for for ever")


def check_other_files(program):
    """The second rank sees another file under the same name, a damaged one, and none."""
    there = program.folder / "there"
    there.mkdir()
    (there / "data").symlink_to(program.folder / "data")
    program.must("train", "base.yaml", "--out", "there/base.h5", "--set", "base.train.epochs=2")
    command = [program.binary, "sweep", str(program.folder / "sweep.yaml"), "--out", str(program.folder / "other")]
    for wanted, exit_code in (("hold something else than on rank 0", 3), ("cannot read the sweep as rank 0 does", 2),
                              ("'base.h5' cannot be read from here", 3)):
        if exit_code == 2:
            data = bytearray((there / "base.h5").read_bytes())
            data[-1] ^= 1
            (there / "base.h5").write_bytes(data)
        elif "cannot" in wanted:
            (there / "base.h5").unlink()
        code, said = launch_two(program, command, command, there)
        if code != exit_code or wanted not in said or "started" in said:
            fail(f"another rank's files: exit {code}, wanted {exit_code} and '{wanted}'\n{said}")
    print("ok ranks that see other files are refused before the first run")


def check_other_launcher(program):
    """What Open MPI's and MPICH's launchers say to a rank, but no launcher to talk to: MPI itself then knows one rank."""
    hydra, open_mpi = {"PMI_RANK": "0", "PMI_SIZE": "2"}, {"OMPI_COMM_WORLD_SIZE": "2", "PMIX_RANK": "0"}
    words = hydra if is_open_mpi(program) else open_mpi
    program.environment.update(words)
    code, out, err = program.run("sweep", "sweep.yaml", "--out", "other")
    for name in words:
        del program.environment[name]
    if code != 3 or "2 ranks were started, and not by the launcher of this program's MPI" not in err or \
            (program.folder / "other").exists():
        fail(f"a rank of another MPI's launcher: exit {code}\n{out}{err}")
    print("ok a rank of another MPI's launcher is refused")


def main():
    with Program(sys.argv[1]) as program:
        prepare(program, SWEEP, images=(60, 20))
        check_other_launcher(program)
        program.must("sweep", "sweep.yaml", "--out", "alone")
        check_stopped(program)
        check_warned(program)
        check_killed(program)
        check_suspended(program)
        if is_open_mpi(program):
            check_late_rank(program)
            check_other_files(program)
    return 0


if __name__ == "__main__":
    sys.exit(main())
