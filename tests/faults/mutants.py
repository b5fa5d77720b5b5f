"""What keeps a sweep right when something dies is taken out again, piece by piece: each patch of mutants/ removes one
mend, and the tests it names must notice.

usage: mutants.py SOURCE_FOLDER                  every patch applies
       mutants.py SOURCE_FOLDER SCRATCH [NN...]  all of them, or these, built and tried in a copy of the sources
"""

import os
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent / "mutants"


def head_of(patch, name):
    for line in patch.read_text().splitlines():
        if line.startswith(f"{name}: "):
            return line.removeprefix(f"{name}: ")
    raise SystemExit(f"FAILED {patch.name} has no line '{name}: …'")


def apply(patch, folder, *options):
    # not of a repository above it: the patch would be taken for one of another folder
    environment = dict(os.environ, GIT_CEILING_DIRECTORIES=str(folder.resolve().parent))
    command = ["git", "apply", *options, str(patch.resolve())]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"FAILED {patch.name} does not apply: bring it up to date\n{done.stdout}{done.stderr}")


def must(command, **options):
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    if done.returncode != 0:
        raise SystemExit(f"FAILED {' '.join(map(str, command))}\n{done.stdout[-3000:]}{done.stderr[-3000:]}")


def prepare(source, scratch):
    """A fresh copy of the sources; what was built of an earlier one is used again."""
    tree = scratch / "tree"
    shutil.rmtree(tree, ignore_errors=True)
    shutil.copytree(source, tree, ignore=shutil.ignore_patterns("build", ".git"), symlinks=True)
    must(["cmake", "-S", tree, "-B", scratch / "build", "-G", "Ninja", "-DPRUNELORA_CUDA=OFF", "-DPRUNELORA_WERROR=OFF"])
    return tree


def notices(patch, build):
    """Whether its tests fail. In a session of their own: what is broken may signal its whole group."""
    must(["ninja", "-C", build, *head_of(patch, "Targets").split()])
    done = subprocess.run(["ctest", "-R", head_of(patch, "Tests")], cwd=build, start_new_session=True, timeout=900,
                          capture_output=True, text=True, check=False)
    if "No tests were found" in done.stdout + done.stderr:
        raise SystemExit(f"FAILED {patch.name} names no test")
    return done.returncode != 0


def try_all(source, scratch, wanted):
    scratch.mkdir(parents=True, exist_ok=True)
    tree, missed, n = prepare(source, scratch), [], 0
    for patch in sorted(HERE.glob("*.patch")):
        if wanted and patch.stem not in wanted:
            continue
        n += 1
        apply(patch, tree)
        is_noticed = notices(patch, scratch / "build")
        apply(patch, tree, "--reverse")
        if not is_noticed:
            missed.append(patch.stem)
        print(f"{'ok' if is_noticed else 'MISSED'} {patch.stem}: {head_of(patch, 'What goes wrong')}", flush=True)
    print(f"{n - len(missed)} of {n} mutants noticed")
    return 1 if missed or n == 0 else 0


def main():
    source = pathlib.Path(sys.argv[1]).resolve()
    if len(sys.argv) > 2:
        return try_all(source, pathlib.Path(sys.argv[2]).resolve(), sys.argv[3:])
    patches = sorted(HERE.glob("*.patch"))
    for patch in patches:
        for name in ("What goes wrong", "Targets", "Tests"):
            head_of(patch, name)
        apply(patch, source, "--check")
    print(f"{len(patches)} mutants apply")
    return 0 if patches else 1


if __name__ == "__main__":
    sys.exit(main())
