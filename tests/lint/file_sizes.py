"""Files are for readers: no source longer than 500 lines (constant tables apart), main.c at most 60."""

import pathlib
import sys

LIMIT = 500
LIMITS = {"src/main.c": 60}


def main():
    root = pathlib.Path(sys.argv[1])
    files = [p for top in ("src", "kernels", "tests") for p in (root / top).rglob("*.[ch]")]
    problems = 0
    for path in sorted(files):
        name = path.relative_to(root).as_posix()
        n = len(path.read_text().splitlines())
        if n > LIMITS.get(name, LIMIT):
            problems += 1
            print(f"{name}: {n} lines, at most {LIMITS.get(name, LIMIT)} wanted")
    print(f"{len(files)} files, {problems} too long")
    return 1 if problems or not files else 0


if __name__ == "__main__":
    sys.exit(main())
