"""The documents speak of what exists: every path of the sources they name is there, every function() is declared in a
header, and docs/architecture.md leaves out no folder of src/ and kernels/.

usage: documented_names.py SOURCE_FOLDER
"""

import pathlib
import re
import sys

PATH = re.compile(r"(?<![\w/])(?:src|kernels|tests|docs|slurm|sweeps)/[A-Za-z0-9_./-]*[A-Za-z0-9_/]")
FUNCTION = re.compile(r"`([a-z][a-z0-9_]+)\(\)`")
NOT_OURS = {"sweeps/x.yaml", "sweeps/my_sweep.yaml"}  # examples of what a user would write


def main():
    root = pathlib.Path(sys.argv[1])
    headers = "".join(p.read_text() for top in ("src", "kernels") for p in (root / top).rglob("*.h"))
    documents = [root / "README.md", *sorted((root / "docs").glob("*.md"))]
    n, problems = 0, []
    for document in documents:
        for number, line in enumerate(document.read_text().splitlines(), 1):
            where = f"{document.relative_to(root)}:{number}"
            for path in PATH.findall(line):
                n += 1
                if path not in NOT_OURS and not (root / path).exists():
                    problems.append(f"{where}: there is no {path}")
            for name in FUNCTION.findall(line):
                n += 1
                if not re.search(rf"\b{name}\(", headers):
                    problems.append(f"{where}: no header declares {name}()")
    page = (root / "docs" / "architecture.md").read_text()
    for folder in sorted(p for top in ("src", "kernels") for p in (root / top).iterdir() if p.is_dir()):
        if f"{folder.relative_to(root)}/" not in page:
            problems.append(f"docs/architecture.md does not speak of {folder.relative_to(root)}/")
    print("\n".join(problems))
    print(f"{len(documents)} documents, {n} names, {len(problems)} problems")
    return 1 if problems or n == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
