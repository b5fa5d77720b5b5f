"""One tag, one struct: no two files of src/ and kernels/ define a struct of the same name. What a header declares and
leaves to each backend to define is one type with several implementations: those are named here.

usage: struct_tags.py SOURCE_FOLDER
"""

import collections
import pathlib
import re
import sys

DEFINITION = re.compile(r"^struct (\w+) \{", re.MULTILINE)
IMPLEMENTATIONS = {  # by the header that declares them
    "kernels/kernels.h": ("device", "queue", "readback_slots"),  # one per backend
    "kernels/cuda/gpu.h": ("gpu_context", "gpu_event", "gpu_graph", "gpu_plan", "gpu_proposals",
                           "gpu_stream"),  # of the GPU and of its substitute
    "kernels/cpu/onednn/library.h": ("candidates",),  # of oneDNN 2 and 3, one of which is compiled
}


def definitions(root):
    """The files that define each tag."""
    found = collections.defaultdict(list)
    patterns = ("*.[ch]", "*.cu")
    for path in sorted(p for top in ("src", "kernels") for pattern in patterns for p in (root / top).rglob(pattern)):
        for tag in DEFINITION.findall(path.read_text()):
            found[tag].append(path.relative_to(root).as_posix())
    return found


def undeclared(root, found):
    """Whoever is named above must have a reason to be."""
    for header, tags in IMPLEMENTATIONS.items():
        text = (root / header).read_text() if (root / header).exists() else ""
        for tag in tags:
            if len(found.get(tag, ())) > 1 and not re.search(rf"^struct {tag};", text, re.MULTILINE):
                yield f"struct {tag}: {header} does not declare it"


def main():
    root = pathlib.Path(sys.argv[1])
    found = definitions(root)
    allowed = set().union(*IMPLEMENTATIONS.values())
    problems = [f"struct {tag} is defined in {', '.join(files)}" for tag, files in sorted(found.items())
                if len(files) > 1 and tag not in allowed]
    problems += undeclared(root, found)
    print("\n".join(problems))
    print(f"{len(found)} structs, {len(problems)} problems")
    return 1 if problems or not found else 0


if __name__ == "__main__":
    sys.exit(main())
