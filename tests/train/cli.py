"""Runs the program as a user does; shared by the tests that do so."""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

SKIP = 77
LAUNCH = pathlib.Path(__file__).resolve().parent.parent / "mpi/launch.sh"


def mpirun(ranks):
    """How a command on so many ranks begins. CTest names the launcher of the MPI the program was built with."""
    return [str(LAUNCH), os.environ.get("MPIEXEC", "mpirun"), "-n", str(ranks)]


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit(SKIP)


def fail(text):
    print(f"FAILED {text}")
    sys.exit(1)


class Program:
    """The program under test, in a temporary folder that is removed at the end."""

    def __init__(self, binary):
        self.binary = str(pathlib.Path(binary).resolve())
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="prunelora-"))
        self.environment = dict(os.environ, OMP_NUM_THREADS="1", NO_COLOR="1")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.folder, ignore_errors=True)

    def command(self, arguments, ranks=None):
        command = [self.binary, *map(str, arguments)]
        return command if ranks is None else mpirun(ranks) + command

    def run(self, *arguments, ranks=None, timeout=300):
        """Returns (exit code, standard output, standard error)."""
        done = subprocess.run(self.command(arguments, ranks), cwd=self.folder, env=self.environment, timeout=timeout,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout, done.stderr

    def start(self, *arguments, log, ranks=None):
        """Returns the running process, whose output goes to the file `log` in the folder."""
        with open(self.folder / log, "w") as file:
            return subprocess.Popen(self.command(arguments, ranks), cwd=self.folder, env=self.environment,
                                    stdin=subprocess.DEVNULL, stdout=file, stderr=file)

    def must(self, *arguments, **options):
        code, out, err = self.run(*arguments, **options)
        if code != 0:
            raise SystemExit(f"{' '.join(map(str, arguments))}: exit {code}\n{out}{err}")
        return out

    def files(self):
        """Every file below the folder, to see that nothing was written."""
        return sorted(str(p.relative_to(self.folder)) for p in self.folder.rglob("*"))
