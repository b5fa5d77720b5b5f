"""The disk of the results folder is full, over quota, read-only or broken for a while, for ranks, trainers or all."""

import errno
import mmap
import struct

from case import Skipped
from disturbed import Broken

WHO = {"ranks": 1, "trainers": 2, "all": 3}
NOBODY = struct.pack("iiii", 0, 0, 0, 0)


class FailingDisk:
    """What failing_disk.c, preloaded into every process of the sweep, looks at."""

    def __init__(self, case):
        self.preload = case.bench.preloads / "libfailing_disk.so"
        if not self.preload.exists():
            raise Skipped(f"{self.preload.name} is not built")
        path = case.bench.root / "wish"
        path.write_bytes(NOBODY)
        self.file = open(path, "r+b")
        self.map = mmap.mmap(self.file.fileno(), len(NOBODY))
        self.environment = {"LD_PRELOAD": str(self.preload), "FAILING_DISK": str(path),
                            "FAILING_DISK_FOLDER": str(case.bench.root / "cases" / case.name / "out")}

    def fail(self, who, error, after):
        self.map[:] = struct.pack("iiii", WHO[who], error, after, 0)

    def work(self):
        """How many calls failed meanwhile."""
        n = struct.unpack("iiii", self.map[:])[3]
        self.map[:] = NOBODY
        return n


def fail_with(error):
    def play(case):
        disk = FailingDisk(case)
        sweep = case.begin(environment=disk.environment)
        for _ in range(case.dice.randint(2, 4)):
            who, after = case.dice.choice(sorted(WHO)), case.dice.choice((0, 0, 1, 2, 3, 5, 8))
            sweep.start()
            sweep.pause(case.dice, 0.7)
            disk.fail(who, error, after)
            code = sweep.wait()
            n_failed = disk.work()
            if n_failed:
                case.caused(error=errno.errorcode[error], who=who, calls=n_failed, exit_code=code)
            else:
                case.late()
            if code not in ((0, 3) if n_failed else (0,)):
                raise Broken(f"exit code {code} after {n_failed} failed calls of {who}: {sweep.said()[-600:]}")
            if code == 3 and "cannot" not in sweep.said():
                raise Broken(f"it is not said what cannot be written: {sweep.said()[-600:]}")
            if code == 0:
                break
        sweep.finish()
        sweep.check_uncharged()
        sweep.check()

    return play
