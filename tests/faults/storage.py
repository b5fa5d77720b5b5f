"""The disk of the results folder is full, over quota, read-only or broken for a while, for ranks, trainers or all."""

import errno
import mmap
import pathlib
import shutil
import struct
import subprocess

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


class SmallDisk:
    """A file system of a few pages, mounted on the case's `out` in a namespace of its own; gone with its holder."""

    def __init__(self, case, n_bytes):
        (case.folder / "out").mkdir()
        if shutil.which("unshare") is None or shutil.which("nsenter") is None:
            raise Skipped("unshare or nsenter is not installed")
        script = 'mount -t tmpfs -o size="$1" tmpfs "$2" && echo ready && exec sleep 3600'
        self.holder = subprocess.Popen(["unshare", "-rm", "sh", "-c", script, "sh", str(n_bytes), case.folder / "out"],
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if self.holder.stdout.readline() != b"ready\n":
            self.holder.wait()
            raise Skipped(f"nothing can be mounted: {self.holder.stderr.read().decode().strip()}")
        self.enter = ["nsenter", "-t", str(self.holder.pid), "-m", "-U", "--preserve-credentials", "sh", "-c",
                      'cd "$0" && exec "$@"', str(case.folder)]
        self.out = pathlib.Path(f"/proc/{self.holder.pid}/root{case.folder}/out")

    def grow(self, n_bytes):
        subprocess.run([*self.enter, "mount", "-o", f"remount,size={n_bytes}", "out"], check=True)

    def end(self):
        self.holder.kill()
        self.holder.wait()


def fill_disk(case):
    """A file system that is too small, and grows when the sweep has ended for want of room."""
    case.make_folder()
    results = sum(path.stat().st_size for path in case.bench.done().rglob("*"))
    size, enough = case.dice.randint(16 << 10, results), 64 << 20  # each attempt may leave two checkpoints
    disk = SmallDisk(case, size)
    try:
        sweep = case.begin(prefix=disk.enter, out=disk.out)
        while size < enough and sweep.run() != 0:
            if sweep.codes[-1] != 3 or "No space left on device" not in sweep.said():
                raise Broken(f"exit code {sweep.codes[-1]} on {size} bytes: {sweep.said()[-600:]}")
            case.caused(bytes=size)
            size = int(size * case.dice.uniform(1.2, 2.0))
            disk.grow(size)
        if not case.faults:
            case.late()
        sweep.finish()
        sweep.check_uncharged()
        sweep.check()
    finally:
        if case.sweep is not None:
            case.sweep.end_all()
        disk.end()
