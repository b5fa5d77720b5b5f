"""Files are for readers: no source longer than 500 lines (constant tables apart), main.c at most 60, no function of a
.cu longer than 60; clang-tidy, which watches the functions of .c files, does not read CUDA C."""

import pathlib
import sys

LIMIT = 500
LIMITS = {"src/main.c": 60}
KERNEL_LIMIT = 60  # between the braces, which clang-format puts at the beginning of a line


def bodies(lines):
    """(line of the opening brace, lines between the braces) of every function."""
    begin = None
    for number, line in enumerate(lines, 1):
        if line == "{":
            begin = number
        elif line == "}" and begin is not None:
            yield begin, number - begin - 1
            begin = None


def problems_of(name, lines):
    limit = LIMITS.get(name, LIMIT)
    if len(lines) > limit:
        yield f"{name}: {len(lines)} lines, at most {limit} wanted"
    if name.endswith(".cu"):
        for number, n in bodies(lines):
            if n > KERNEL_LIMIT:
                yield f"{name}:{number}: a body of {n} lines, at most {KERNEL_LIMIT} wanted"


def main():
    root = pathlib.Path(sys.argv[1])
    patterns = ("*.[ch]", "*.cu")
    files = [p for top in ("src", "kernels", "tests") for pattern in patterns for p in (root / top).rglob(pattern)]
    problems = []
    n_bodies = 0
    for path in sorted(files):
        lines = path.read_text().splitlines()
        problems += problems_of(path.relative_to(root).as_posix(), lines)
        n_bodies += len(list(bodies(lines))) if path.suffix == ".cu" else 0
    print("\n".join(problems))
    print(f"{len(files)} files, {n_bodies} functions of CUDA C, {len(problems)} too long")
    return 1 if problems or not files else 0


if __name__ == "__main__":
    sys.exit(main())
