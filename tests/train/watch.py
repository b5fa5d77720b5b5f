"""`status --watch` in a terminal and in a pipe: frames, resizing, every way out, and the terminal as it was before.

usage: watch.py PRUNELORA
"""

import fcntl
import json
import os
import pathlib
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time

from cli import Program, fail

ENTER, LEAVE = "\x1b[?1049h", "\x1b[?1049l"
SIZES = ((24, 80), (10, 40))


def status(state="running", done=1, code=None, ranks=2):
    progress = {"run": "0" * 16, "name": "0001-lora-c3", "attempt": 1, "since": "", "phase": "train", "epoch": 0,
                "n_epochs": 5, "step": 30, "n_steps": 100, "loss": 0.25, "images_per_second": 930.0, "cores": 0.9,
                "n_cores": 1, "losses": [2.0, 1.0, 0.5]}
    busy = [{"rank": i, "host": "elsewhere", "busy": True, **progress} for i in range(ranks)]
    return {"state": state, "runs": 7 + ranks, "done": done, "failed": 0, "left": 7 + ranks - done, "done_before": 0,
            "exit_code": code, "seconds_left": 61.0, "host": "elsewhere", "pid": 1,
            "started": "2026-01-01T00:00:00.000Z", "updated": "2026-01-01T00:00:10.000Z", "name": "made",
            "command": "prunelora sweep made.yaml", "message": "", "ranks": busy, "running": ranks}


def put(folder, what):
    """As rank 0 does it: the file is replaced whole."""
    (folder / "new").write_text(json.dumps(what))
    os.rename(folder / "new", folder / "status.json")


class Terminal:
    """The program on a terminal of its own, as the leader of its session."""

    def __init__(self, program, arguments, size, **environment):
        self.ours, theirs = pty.openpty()
        self.name = os.ttyname(theirs)
        self.size = size
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))
        self.before = termios.tcgetattr(theirs)
        self.theirs = theirs
        self.out = ""
        variables = dict(program.environment, TERM="xterm", LC_ALL="C.UTF-8", **environment)
        self.child = subprocess.Popen(program.command(arguments), cwd=program.folder, env=variables, stdin=theirs,
                                      stdout=theirs, stderr=theirs, start_new_session=True,
                                      preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))

    def read(self, seconds):
        if select.select([self.ours], [], [], seconds)[0]:
            self.out += os.read(self.ours, 65536).decode(errors="replace")
            return True
        return False

    def wait_for(self, *words, since=0, seconds=20):
        end = time.monotonic() + seconds
        while not all(word in self.out[since:] for word in words):
            if time.monotonic() > end:
                fail(f"never shown: {[w for w in words if w not in self.out[since:]]}\n{self.out[since:]!r}")
            self.read(0.1)

    def key(self, keys):
        os.write(self.ours, keys.encode())

    def resize(self, size):
        self.size = size
        fcntl.ioctl(self.ours, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))

    def screen(self, since=0):
        """The rows a terminal would show: what follows the last placing of each row."""
        rows = {}
        for row, text in re.findall(r"\x1b\[(\d+);1H((?:(?!\x1b\[\d+;1H|\x1b\[\?).)*)", self.out[since:], re.S):
            rows[int(row)] = re.sub(r"\x1b\[[\d;]*[mK]", "", text)
        return rows

    def end(self, wanted):
        """Waits for the end; the modes and the screen must be back."""
        end = time.monotonic() + 20
        while self.child.poll() is None and time.monotonic() < end:
            self.read(0.05)
        while self.read(0.05):
            pass
        if self.child.returncode != wanted:
            fail(f"exit {self.child.returncode}, wanted {wanted}\n{self.out!r}")
        if termios.tcgetattr(self.theirs) != self.before:
            fail("the modes of the terminal are not as before")
        if self.out.count(ENTER) != self.out.count(LEAVE) or "\x1b[?25h" not in self.out[self.out.rindex("\x1b[?25l"):]:
            fail(f"the screen or the cursor is not back: {self.out!r}")
        os.close(self.theirs)
        os.close(self.ours)


def check_ways_out(program):
    ways = {"q": (lambda t: t.key("q"), 0), "Ctrl-C": (lambda t: t.key("\x03"), 0),
            "SIGTERM": (lambda t: t.child.send_signal(signal.SIGTERM), 128 + signal.SIGTERM),
            "SIGHUP": (lambda t: t.child.send_signal(signal.SIGHUP), 128 + signal.SIGHUP)}
    for name, (way, code) in ways.items():
        terminal = Terminal(program, ["status", "made", "--watch"], (24, 80))
        terminal.wait_for(ENTER, "q quit", "0001-lora-c3")
        if termios.tcgetattr(terminal.theirs)[3] & (termios.ECHO | termios.ICANON):
            fail("keys are echoed, or wait for a line's end")
        way(terminal)
        terminal.end(code)
        print(f"ok {name}")


def check_resize(program):
    terminal = Terminal(program, ["status", "made", "--watch"], SIZES[0])
    terminal.wait_for("q quit")
    rows = terminal.screen()
    if not rows[7].endswith("930     0.25 █▁"):
        fail(f"the trainer's row: {rows[7]}")
    if len(rows) != 24 or not rows[24].startswith("q quit") or max(map(len, rows.values())) > 80:
        fail(f"no screen of 24 x 80: {rows}")
    before = len(terminal.out)
    terminal.resize(SIZES[1])
    terminal.wait_for("\x1b[10;1H", since=before)
    terminal.read(0.3)
    rows = terminal.screen(before)
    if sorted(rows) != list(range(1, 11)) or max(map(len, rows.values())) > 40:
        fail(f"no screen of 10 x 40: {rows}")
    terminal.key("q")
    terminal.end(0)
    print("ok resizing")


def check_changes_only(program):
    terminal = Terminal(program, ["status", "made", "--watch", "--exit-code"], (24, 80))
    terminal.wait_for("q quit")
    if re.search(r"\x1b\[[\d;]*m", terminal.out):
        fail(f"NO_COLOR is not honoured: {terminal.out!r}")
    before = len(terminal.out)
    put(program.folder / "made", status(done=2))
    terminal.wait_for("2 of 9 runs done", since=before)
    if "0001-lora-c3" in terminal.out[before:]:
        fail(f"rows that did not change were written again: {terminal.out[before:]!r}")
    put(program.folder / "made", status(state="failed", done=7, code=1, ranks=0))
    terminal.wait_for(LEAVE, "is over, some runs failed, exit code 1", since=before)
    terminal.end(1)
    put(program.folder / "made", status())
    print("ok changes, and the end of the sweep")


def check_colour(program):
    terminal = Terminal(program, ["status", "made", "--watch"], (24, 80), NO_COLOR="")
    terminal.wait_for("q quit", "\x1b[32m██")
    terminal.key("q")
    terminal.end(0)
    print("ok colours unless NO_COLOR is set")


def check_suspended(program):
    terminal = Terminal(program, ["status", "made", "--watch"], (24, 80))
    terminal.wait_for("q quit")
    terminal.child.send_signal(signal.SIGTSTP)
    terminal.wait_for(LEAVE)
    if os.waitpid(terminal.child.pid, os.WUNTRACED)[0] and termios.tcgetattr(terminal.theirs) != terminal.before:
        fail("suspended, the terminal is not as before")
    before = len(terminal.out)
    terminal.child.send_signal(signal.SIGCONT)
    terminal.wait_for(ENTER, "q quit", since=before)
    terminal.key("q")
    terminal.end(0)
    print("ok suspended and continued")


def check_scrolling(program):
    put(program.folder / "made", status(ranks=40))
    terminal = Terminal(program, ["status", "made", "--watch"], (24, 80))
    terminal.wait_for("trainers 0 to 16 of 40")
    for key, words in (("\x1b[B", "trainers 1 to 17"), ("\x1b[6~", "trainers 18 to 34"), ("G", "trainers 23 to 39"),
                       ("j", "trainers 23 to 39"), ("k", "trainers 22 to 38"), ("g", "trainers 0 to 16")):
        terminal.key(key)
        if key != "j":
            terminal.wait_for(words)
    terminal.key("jjj\x1b[B\x1b[Bxyzq")  # all at once, some that mean nothing, and then the end
    terminal.wait_for("trainers 5 to 21")
    terminal.end(0)
    put(program.folder / "made", status())
    print("ok scrolling")


def check_damaged(program):
    """A folder that goes away: the terminal is left in order, and the reason is said."""
    terminal = Terminal(program, ["status", "made", "--watch"], (24, 80))
    terminal.wait_for("q quit")
    os.rename(program.folder / "made", program.folder / "gone")
    terminal.wait_for(LEAVE, "it has no status.json", seconds=40)
    terminal.end(2)
    os.rename(program.folder / "gone", program.folder / "made")
    print("ok an error on the way")


def check_pipe(program):
    child = program.start("status", "made", "--watch", "--exit-code", log="pipe.log")
    log = program.folder / "pipe.log"
    end = time.monotonic() + 20
    while "1 done" not in log.read_text() and time.monotonic() < end:
        time.sleep(0.05)
    put(program.folder / "made", status(done=3))
    while "3 done" not in log.read_text() and time.monotonic() < end:
        time.sleep(0.05)
    put(program.folder / "made", status(state="done", done=7, code=0, ranks=0))
    if child.wait(timeout=20) != 0:
        fail(f"piped: exit {child.returncode}")
    lines = log.read_text().splitlines()
    wanted = ["1 done", "3 done", "sweep made is done, exit code 0", "7 runs: 7 done"]
    if len(lines) != 4 or any(word not in line for word, line in zip(wanted, lines)) or "\x1b" in log.read_text():
        fail(f"piped, not one line per change: {lines}")
    print("ok piped")


def main():
    with Program(sys.argv[1]) as program:
        made = pathlib.Path(program.folder) / "made"
        made.mkdir()
        put(made, status())
        before = program.files()
        check_ways_out(program)
        check_resize(program)
        check_changes_only(program)
        check_colour(program)
        check_suspended(program)
        check_scrolling(program)
        check_damaged(program)
        if program.files() != before:
            fail(f"watching left files: {program.files()}")
        check_pipe(program)
    return 0


if __name__ == "__main__":
    sys.exit(main())
