"""`prunelora doctor`: every finding is there; what is broken is named, with what to do, and decides the exit code.

usage: doctor.py PRUNELORA
"""

import os
import re
import sys

from cli import Program, fail

FINDINGS = ["program", "processor", "ranks and threads", "memory", "results folder", "MPI", "MPI launcher",
            "numeric library", "HDF5", "YAML, zip", "matrix product", "memory copy", "GPU driver", "CUDA", "GPUs",
            "GPU product", "GPU product, bf16", "GPU memory copy", "Slurm"]
FINDING = re.compile(r"^(ok|absent|note|BROKEN) +(" + "|".join(FINDINGS) + r")  +(\S.*)$")


def examine(program, wanted_code, *arguments, path=None):
    """Returns finding → (verdict, all its lines)."""
    before = program.environment["PATH"]
    program.environment["PATH"] = path or before
    code, out, err = program.run("doctor", *arguments, timeout=60)
    program.environment["PATH"] = before
    if code != wanted_code or err:
        fail(f"doctor: exit {code}, wanted {wanted_code}\n{out}{err}")
    findings, name = {}, None
    for line in out.splitlines():
        match = FINDING.match(line)
        if match:
            name = match[2]
            findings[name] = (match[1], match[3])
        elif line.startswith(" ") and name:
            findings[name] = (findings[name][0], findings[name][1] + "\n" + line.strip())
    if list(findings) != FINDINGS:
        fail(f"findings are {list(findings)}\n{out}")
    n_broken = sum(verdict == "BROKEN" for verdict, _ in findings.values())
    end = "sweeps will not run here" if wanted_code == 3 else "sweeps can run here"
    if not out.splitlines()[-1].startswith(f"{n_broken} broken, ") or not out.endswith(f": {end}\n"):
        fail(f"{n_broken} broken, and at the end:\n{out}")
    return findings


def expect(findings, name, verdict, *words):
    found = findings[name]
    missing = [word for word in words if word not in found[1]]
    if verdict not in (found[0], None) or missing:
        fail(f"{name} is {found}, wanted {verdict}; not said: {missing}")


def fake(program, folder, name, script):
    """PATH with a program of that name before all others."""
    path = program.folder / folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return f"{path.parent}:{os.environ['PATH']}"


def check_healthy(program):
    findings = examine(program, 0)
    # None: whether it is worth a note depends on the machine
    expect(findings, "processor", None, "cores for this program")
    expect(findings, "results folder", None, "GiB free", "1 MiB on disk in")
    expect(findings, "matrix product", None, "GFLOP/s on 1 thread", "ceiling of training speed")
    expect(findings, "memory copy", "ok", "GB/s on 1 thread")
    expect(findings, "numeric library", None, "oneDNN")
    for name, (_, text) in findings.items():
        if name != "program" and "\n" not in text:
            fail(f"{name} does not say what it means: {text}")
    rows = dict(re.split(r"  +", line, maxsplit=1) for line in program.must("--version", "--verbose").splitlines())
    if set(rows) != {"program", "MPI", "numeric library", "HDF5", "CUDA"}:
        fail(f"--version --verbose has {rows}")
    for name, text in rows.items():
        expect(findings, name, None, *text.split(": ")[:1])
    if not re.fullmatch(r"prunelora \S+ \(\S*\), compiled with (gcc|clang) \d+\..*", rows["program"]):
        fail(f"--version --verbose says {rows['program']}")
    if program.files():
        fail(f"doctor left {program.files()}")
    print("ok every finding, with its meaning")


def check_folder(program):
    """A file where the folder should be: root may write everywhere, so permissions prove nothing."""
    (program.folder / "taken").write_text("a file")
    expect(examine(program, 3, "taken/results"), "results folder", "BROKEN", "taken",
           "→ cannot", "give sweeps --out a folder you can write into")
    if (program.folder / "taken").read_text() != "a file":
        fail("the file was changed")
    print("ok a results folder that cannot be written: exit 3")


def check_launcher(program):
    findings = examine(program, 3, path=fake(program, "other", "mpirun", "echo 'mpirun (Open MPI) 9.8.7'"))
    expect(findings, "MPI launcher", "BROKEN", "9.8.7", "every rank would take itself for the only one",
           "put the bin folder of the MPI above first in PATH")
    findings = examine(program, 0, path=fake(program, "failing", "mpirun", "echo 'no libopen-rte.so' >&2; exit 9"))
    expect(findings, "MPI launcher", "note", "mpirun does not work, exit code 9: no libopen-rte.so", "one rank")
    findings = examine(program, 0, path="/nonexistent")
    expect(findings, "MPI launcher", "note", "no mpirun in PATH", "→ without it a sweep runs with one rank")
    expect(findings, "Slurm", "absent", "no sbatch in PATH", "start sweeps with mpirun")
    print("ok a launcher of another MPI: exit 3; none: a note")


def check_slurm(program):
    found = examine(program, 0, path=fake(program, "hanging", "sbatch", "exec sleep 600"))
    expect(found, "Slurm", "absent", "sbatch does not work, exit code 124", "ask whoever runs the cluster for slurm.conf")
    found = examine(program, 0, path=fake(program, "working", "sbatch", "echo slurm 22.05.8"))
    expect(found, "Slurm", "ok", "slurm 22.05.8; outside of a job")
    print("ok a Slurm that does not answer holds nothing up")


def main():
    with Program(sys.argv[1]) as program:
        for name in ("SLURM_JOB_ID", "SLURM_JOB_NUM_NODES", "OMP_NUM_THREADS"):
            program.environment.pop(name, None)
        check_healthy(program)
        check_folder(program)
        check_launcher(program)
        check_slurm(program)
    return 0


if __name__ == "__main__":
    sys.exit(main())
