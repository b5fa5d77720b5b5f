"""clang-tidy over the sources of the build: sizes of functions, and real bugs. Exits 77 where it is missing.

A clean file is remembered by what clang-tidy reads of it: its own version, .clang-tidy and the preprocessed text with its
comments. Only files that are not remembered are checked, those first that changed last, themselves or by a header, and no
more than what takes so many seconds of processor time; the output says how many were left for the next run.

usage: tidy.py SOURCE_FOLDER BUILD_FOLDER [--all]      --all, or TIDY_ALL=1: every file, whatever is remembered
"""

import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import resource
import shlex
import shutil
import subprocess
import sys

SECONDS = 120  # of processor time: some 70 of 340 files, more than a change touches
MARKER = re.compile(rb'^# \d+ "([^"]*)".*$', re.MULTILINE)


def spent():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def sources_of(root, build):
    """(path, its compile command) of every C file of src/ and kernels/."""
    for entry in json.loads((build / "compile_commands.json").read_text()):
        path = pathlib.Path(entry["file"])
        if path.suffix == ".c" and path.is_relative_to(root) and path.relative_to(root).parts[0] in ("src", "kernels"):
            yield path, entry


def preprocessed(entry):
    """What the compiler makes of a file, comments kept, for some silence clang-tidy."""
    words = shlex.split(entry["command"])
    output = words.index("-o")
    flags = [w for i, w in enumerate(words) if i not in (0, output, output + 1) and w not in ("-c", "-Werror")]
    compiler = shutil.which("clang") or words[0]
    return subprocess.run([compiler, "-E", "-C", "-w", *flags], cwd=entry["directory"], capture_output=True,
                          check=True).stdout


def key_of(root, text, constant):
    """The same in every checkout: macros spell out where a file lies."""
    text = MARKER.sub(b"", text).replace(bytes(root), b".")
    return hashlib.sha256(constant + text).hexdigest()


def last_changed(root):
    """A number per file, the smaller the later it changed; uncommitted changes are the latest. Empty without git."""
    ranks = {}
    for command in (["diff", "--name-only", "HEAD"], ["log", "--name-only", "--format=", "-n", "300"]):
        done = subprocess.run(["git", "-C", str(root), *command], capture_output=True, text=True, check=False)
        for name in done.stdout.split() if done.returncode == 0 else ():
            ranks.setdefault(str(root / name), len(ranks))
    return ranks


def look(source, constant, root, cache, ranks):
    """(rank, path, remembered file) of one source."""
    path, entry = source
    text = preprocessed(entry)
    parts = {os.path.join(entry["directory"], os.fsdecode(name)) for name in set(MARKER.findall(text))}
    own = ranks.get(str(path), sys.maxsize)
    return min([own, *(ranks.get(p, sys.maxsize) for p in parts)]), own, path, cache / key_of(root, text, constant)


def check(path, remembered, build, end):
    """What clang-tidy says of a file: None when there was no time for it."""
    if spent() > end:
        return None
    done = subprocess.run(["clang-tidy", "-quiet", "-p", str(build), str(path)], capture_output=True, text=True,
                          check=False)
    if done.returncode != 0:
        return done.stdout or done.stderr
    remembered.touch()
    return ""


def main():
    if shutil.which("clang-tidy") is None:
        print("skipped: clang-tidy is not installed")
        return 77
    root, build = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
    is_all = "--all" in sys.argv[3:] or os.environ.get("TIDY_ALL") == "1"
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "prunelora" / "tidy"
    cache.mkdir(parents=True, exist_ok=True)
    constant = subprocess.run(["clang-tidy", "--version"], capture_output=True, check=True).stdout
    constant += (root / ".clang-tidy").read_bytes()
    sources, ranks = list(sources_of(root, build)), last_changed(root)
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        looked = sorted(pool.map(lambda source: look(source, constant, root, cache, ranks), sources))
        due = [(path, remembered) for _, _, path, remembered in looked if is_all or not remembered.exists()]
        end = float("inf") if is_all else spent() + SECONDS
        said = list(pool.map(lambda item: check(*item, build, end), due))
    lines = {line for text in said if text for line in text.splitlines() if "error:" in line or "warning:" in line}
    failed = [str(path.relative_to(root)) for (path, _), text in zip(due, said) if text]
    print("\n".join(sorted(lines)))
    print(f"clang-tidy: {len(sources)} files: {len(sources) - len(due)} clean before, "
          f"{sum(text is not None for text in said)} checked, {said.count(None)} left out, for want of time "
          f"(TIDY_ALL=1 checks all); {len(failed)} with something to say: {' '.join(failed) or 'none'}")
    return 1 if failed or not sources else 0


if __name__ == "__main__":
    sys.exit(main())
