"""Plays the rank to one real trainer: its pipes, in the language of src/protocol/, without MPI and without a sweep."""

import os
import select
import struct
import subprocess
import time

DEADLINE = 120.0  # for what takes seconds, even under a sanitizer
ASSIGN = 1  # of src/protocol/order.h
EVENTS = ("none", "hello", "unable", "heartbeat", "ready", "progress", "rung", "paused", "done", "failed")  # event.h
N_SCORES = 4


def integer(value):
    return struct.pack("=q", value)


def text(value):
    return integer(len(value.encode())) + value.encode() + b"\0"


def assignment(run, run_number, name, attempt, folder, settings, metric="", rung_epoch=0, passed_rungs=()):
    """An order: one lane of one run, as src/protocol/assignment.c passes it."""
    words = (run, name, folder, settings, "", "", metric)  # no hashes: held to no content
    return b"".join((integer(ASSIGN), integer(1), integer(1), integer(run_number), integer(attempt), integer(rung_epoch),
                     *map(text, words), integer(len(passed_rungs)), *map(integer, passed_rungs)))


class Event:
    """An event as src/protocol/event.c passes it: kind, run, attempt, and what belongs to the kind."""

    def __init__(self, frame):
        self.frame, self.at = frame, 0

    def integer(self):
        self.at += 8
        return struct.unpack_from("=q", self.frame, self.at - 8)[0]

    def text(self):
        n = self.integer()
        self.at += n + 1
        return self.frame[self.at - n - 1:self.at - 1].decode()

    def read(self):
        event = {"kind": EVENTS[self.integer()], "run_number": self.integer(), "attempt": self.integer()}
        if event["kind"] == "hello":
            event.update(n_devices=self.integer(), build=self.text(), host=self.text())
        if event["kind"] in ("hello", "unable", "failed"):
            event.update(status=self.integer(), signal=self.integer(), message=self.text())
        elif event["kind"] == "done":
            event["scores"] = struct.unpack_from(f"={N_SCORES}d", self.frame, self.at)
            self.at += 8 * N_SCORES
            event["summary"] = self.text()
        elif event["kind"] in ("heartbeat", "progress", "rung"):
            self.at = len(self.frame)  # how far it is, which nobody here asks for
        if self.at != len(self.frame):
            raise ValueError(f"{len(self.frame) - self.at} bytes are left of {event}")
        return event


class Trainer:
    """Frames are a length of 4 bytes, least first, and an order or an event."""

    def __init__(self, program, *options, log="trainer.log", **variables):
        to_trainer, from_trainer = os.pipe(), os.pipe()
        self.log = program.folder / log
        self.to_trainer, self.from_trainer, self.bytes = to_trainer[1], from_trainer[0], b""
        with open(self.log, "w") as file:
            self.process = subprocess.Popen(
                [program.binary, "trainer", f"--in={to_trainer[0]}", f"--out={from_trainer[1]}", f"--parent={os.getpid()}",
                 "--threads=1", *options],
                pass_fds=(to_trainer[0], from_trainer[1]), cwd=program.folder,
                env=dict(program.environment, **variables), stdin=subprocess.DEVNULL, stdout=file, stderr=file)
        os.close(to_trainer[0])
        os.close(from_trainer[1])

    def assign(self, **members):
        body = assignment(**members)
        os.write(self.to_trainer, len(body).to_bytes(4, "little") + body)

    def hear(self, *kinds):
        """The next event of one of these kinds; others are passed over. None when the pipe is closed."""
        end = time.monotonic() + DEADLINE
        while True:
            n = int.from_bytes(self.bytes[:4], "little")
            if len(self.bytes) >= 4 + n > 4:
                event, self.bytes = Event(self.bytes[4:4 + n]).read(), self.bytes[4 + n:]
                if event["kind"] in kinds:
                    return event
                continue
            if not select.select([self.from_trainer], [], [], end - time.monotonic())[0]:
                raise TimeoutError(f"waited {DEADLINE:.0f} s for {kinds}")
            more = os.read(self.from_trainer, 65536)
            if not more:
                return None
            self.bytes += more

    def end(self):
        """Closes the pipes, as a rank does at its end; returns the exit code."""
        os.close(self.to_trainer)
        os.close(self.from_trainer)
        return self.process.wait(timeout=DEADLINE)
