"""Dependencies point one way: reads every #include "folder/..." line and fails on an arrow that goes back."""

import pathlib
import re
import sys

BELOW_GRAPH = {"base", "config", "store", "data", "kernels"}
MAY_INCLUDE = {
    "base": set(),
    "config": {"base"},
    "data": {"base"},
    "kernels": {"base"},
    "store": {"base", "kernels"},  # kernels/tensor.h: element types
    "graph": BELOW_GRAPH,
    "model": BELOW_GRAPH | {"graph"},
    "eval": BELOW_GRAPH | {"graph"},
    "unlearn": BELOW_GRAPH | {"graph", "model", "eval"},
    "sweep": BELOW_GRAPH | {"graph", "model", "eval", "unlearn"},
    "train": BELOW_GRAPH | {"graph", "model", "eval", "unlearn"},
    "dispatch": {"base", "config", "store", "eval", "unlearn", "sweep"},
    "report": {"base", "store"},
}
ONLY_IN = {  # foreign headers and the only places that may know them
    r"<mpi\.h>": "src/dispatch/transport_mpi.c",
    r"<(cuda(?!_bf16)|cudnn|cublas|nccl|nvml)": "kernels/cuda/real/",
    r'"kernels/cuda/real/': "kernels/cuda/real/",
    r"<cuda_bf16": "kernels/cuda/kernels/bf16.h",
    r"<oneapi/|<dnnl": "kernels/cpu/",
    r"<hdf5": "src/store/",
    r"<yaml\.h>": "src/config/",
    r"<(jpeglib|png)\.h>": "src/data/",
    r"<libsvm": "src/eval/",
}


def check(root):
    problems = []
    patterns = ("*.[ch]", "*.cu")
    files = sorted(p for top in ("src", "kernels") for pattern in patterns for p in (root / top).rglob(pattern))
    for path in files:
        name = path.relative_to(root).as_posix()
        folder = "kernels" if name.startswith("kernels/") else path.parent.name
        for number, line in enumerate(path.read_text().splitlines(), 1):
            found = re.match(r'#include "([a-z_]+)/', line)
            if found and folder in MAY_INCLUDE and name != "src/main.c":
                target = found.group(1)
                if target != folder and target not in MAY_INCLUDE[folder]:
                    problems.append(f"{name}:{number}: {folder} may not include {target}: {line}")
            for pattern, place in ONLY_IN.items():
                if re.match("#include " + pattern, line) and not name.startswith(place):
                    problems.append(f"{name}:{number}: belongs in {place} only: {line}")
            if found and found.group(1) == "kernels" and folder != "kernels":
                if not re.search(r'"kernels/(kernels|tensor)\.h"', line):
                    problems.append(f"{name}:{number}: only kernels/kernels.h is public: {line}")
    return len(files), problems


def main():
    n_files, problems = check(pathlib.Path(sys.argv[1]))
    print("\n".join(problems))
    print(f"{n_files} files, {len(problems)} arrows that go back")
    return 1 if problems or n_files == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
