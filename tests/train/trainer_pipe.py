"""Plays the rank to one real trainer: its pipes, its records, without MPI and without a sweep."""

import json
import os
import select
import subprocess
import time

DEADLINE = 120.0  # for what takes seconds, even under a sanitizer


class Trainer:
    """Records are a length of 4 bytes, least first, and JSON."""

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

    def say(self, kind, **members):
        body = json.dumps(dict(members, kind=kind)).encode()
        os.write(self.to_trainer, len(body).to_bytes(4, "little") + body)

    def hear(self, *kinds):
        """The next record of one of these kinds; others are passed over. None when the pipe is closed."""
        end = time.monotonic() + DEADLINE
        while True:
            n = int.from_bytes(self.bytes[:4], "little")
            if len(self.bytes) >= 4 + n > 4:
                record, self.bytes = json.loads(self.bytes[4:4 + n]), self.bytes[4 + n:]
                if record["kind"] in kinds:
                    return record
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
