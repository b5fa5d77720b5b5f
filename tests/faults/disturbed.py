"""A sweep that is disturbed: its starts, what they said, and what must be true in the end."""

import json
import os
import signal
import subprocess
import time

from bits import bits_of, difference
from cli import mpirun
from results_folder import Reader, below, journal, processes, trainers_below

DEADLINE = 120.0  # for what should take a second or two, and for what takes a deadline of 30 s
MOST_STARTS = 6   # until a sweep that is no longer disturbed is over


class Broken(Exception):
    """Something that must hold does not."""


class Late(Exception):
    """The sweep was over before the fault."""


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def send(pid, number):
    """Whether it was there to get the signal."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


class Disturbed:
    """The sweep of a case's folder, with its results in `out`. ranks 0: without mpirun. sweep: its file; prefix: words
    before the command; out: where the results are seen from here, if not in the folder."""

    def __init__(self, bench, folder, ranks, sweep="sweep", environment=None, prefix=(), out=None):
        self.sweep = sweep
        self.bench, self.folder, self.ranks, self.prefix = bench, folder, ranks, list(prefix)
        self.out = out or folder / "out"
        self.environment = dict(bench.program.environment, **(environment or {}))
        self.process, self.codes, self.seen, self.log = None, [], set(), None
        self.n_earlier = 0  # events of earlier starts
        self.reader = Reader(self.out, pause=0.05)
        self.reader.start()

    # ---- starts ----

    def command(self, options=(), recovery=False, out="out"):
        command = [self.bench.program.binary, "sweep", f"{self.sweep}.yaml", "--out", out, *options]
        if not self.ranks:
            return command
        return mpirun(self.ranks) + (["--enable-recovery"] if recovery else []) + command

    def start(self, options=(), recovery=False):
        path = self.out / "journal.jsonl"
        self.n_earlier = path.read_bytes().count(b"}\n") if path.exists() else 0
        self.log = self.folder / f"start-{len(self.codes) + 1}.log"
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(self.prefix + self.command(options, recovery), cwd=self.folder, env=self.environment,
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)

    def said(self):
        """By the newest start."""
        return self.log.read_text()

    def is_over(self):
        return self.process.poll() is not None

    def wait(self, seconds=DEADLINE):
        """The exit code; all that was started must be gone by then."""
        self.look()
        try:
            self.codes.append(self.process.wait(timeout=seconds))
        except subprocess.TimeoutExpired:
            self.end_all()
            raise Broken(f"start {len(self.codes) + 1} did not end within {seconds:.0f} s") from None
        end = time.monotonic() + DEADLINE
        while left := [pid for pid in self.seen if is_alive(pid)]:
            if time.monotonic() > end:
                self.end_all()
                raise Broken(f"processes {left} outlived start {len(self.codes)}")
            time.sleep(0.01)
        self.seen.clear()
        return self.codes[-1]

    def look(self):
        self.seen.update(below(self.process.pid))

    def end_all(self):
        """Of what this case started, whatever it does."""
        if self.process is not None:
            self.look()
            for pid in [*self.seen, self.process.pid]:
                send(pid, signal.SIGCONT)
                send(pid, signal.SIGKILL)
            self.process.wait()
        self.reader.end()

    def run(self, options=()):
        self.start(options)
        return self.wait()

    def finish(self, allowed=(0,)):
        """Starts the sweep, as a user would, until it says that it is done; every exit code must be allowed."""
        for _ in range(MOST_STARTS):
            code = self.run()
            if code not in allowed:
                raise Broken(f"start {len(self.codes)} ended with {code}: {self.said()[-600:]}")
            if code == 0:
                return
        raise Broken(f"not done after {len(self.codes)} starts, exit codes {self.codes}: {self.said()[-600:]}")

    # ---- what is seen from outside ----

    def trainers(self):
        return trainers_below(self.process.pid)

    def rank_processes(self):
        """Process ids by rank number; without mpirun the one process is rank 0."""
        if not self.ranks:
            return {0: self.process.pid}
        found = {}
        every = processes()
        for pid in below(self.process.pid):
            if pid in every and every[pid][1][1:2] == [b"sweep"]:
                try:
                    with open(f"/proc/{pid}/environ", "rb") as file:
                        pairs = dict(e.split(b"=", 1) for e in file.read().split(b"\0") if b"=" in e)
                except OSError:
                    continue
                if b"OMPI_COMM_WORLD_RANK" in pairs or b"PMI_RANK" in pairs:
                    found[int(pairs.get(b"OMPI_COMM_WORLD_RANK", pairs.get(b"PMI_RANK")))] = pid
        return found

    def pause(self, dice, share=1.0):
        """Some time of the sweep passes; it may be over then."""
        end = time.monotonic() + dice.uniform(0.0, share * self.bench.seconds)
        while time.monotonic() < end and not self.is_over():
            time.sleep(0.005)

    def wait_for(self, look, seconds=DEADLINE):
        """The first true answer of look(); Late when the sweep ends without one."""
        end = time.monotonic() + seconds
        while not (answer := look()):
            if self.is_over():
                raise Late
            if time.monotonic() > end:
                raise Broken(f"waited {seconds:.0f} s in vain: {self.said()[-600:]}")
            time.sleep(0.01)
        return answer

    def events(self, *kinds):
        return [event for event in journal(self.out) if event["event"] in kinds]

    def new_events(self, *kinds):
        """Of this start."""
        return [event for event in journal(self.out)[self.n_earlier:] if event["event"] in kinds]

    def status(self):
        return json.loads((self.out / "status.json").read_text())

    # ---- what must be true ----

    def check_history(self, repeated):
        """No event of a run after its "done", but of those that had to be repeated."""
        done, wanted = {}, {event["run"] for event in journal(self.bench.done(self.sweep)) if event["event"] == "done"}
        for event in journal(self.out):
            run = event.get("run")
            if run in done and run not in repeated:
                raise Broken(f"run {run} was done, then {event['event']}")
            if event["event"] == "done":
                done[run] = done.get(run, 0) + 1
        if done.keys() != wanted:
            raise Broken(f"{sorted(done)} are done, wanted {sorted(wanted)}")
        if missed := [run for run in repeated if done[run] != 2]:
            raise Broken(f"runs {missed} should have been repeated: done {done}")

    def check(self, repeated=(), is_clean=True):
        if self.reader.end() is not None:
            raise Broken(f"results.h5 could not be opened while the sweep ran: {self.reader.problem!r}")
        self.check_history(set(repeated))
        left = [p for p in (self.out / "runs").rglob("*") if p.name == "ckpt" or p.suffix == ".tmp"]
        if left and is_clean and self.sweep == "sweep":  # a run that was stopped paused may keep a checkpoint
            raise Broken(f"of finished runs there is still {left[0].relative_to(self.folder)}")
        if differs := difference(bits_of(self.out), self.bench.wanted[self.sweep]):
            raise Broken(f"{differs} from the undisturbed sweep")

    def check_uncharged(self):
        """What was no run's own fault is held against none."""
        if charged := self.events("failed", "retried", "crashed"):
            raise Broken(f"a run was charged: {charged[0]}")
