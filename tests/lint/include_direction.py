"""Dependencies point one way: reads every #include "folder/..." line and fails on an arrow that goes back."""

import pathlib
import re
import sys

BELOW_GRAPH = {"base", "config", "store", "data", "kernels"}
BELOW_NETWORKS = BELOW_GRAPH - {"config"}  # a network is built of its spec, whoever wants it
MAY_INCLUDE = {
    "base": set(),
    "config": {"base"},
    "data": {"base"},
    "kernels": {"base"},
    "store": {"base", "kernels"},  # kernels/tensor.h: element types
    "graph": BELOW_NETWORKS,
    "model": BELOW_NETWORKS | {"graph"},
    "eval": BELOW_GRAPH | {"graph"},
    "unlearn": BELOW_GRAPH | {"graph", "model", "eval"},
    "sweep": BELOW_GRAPH | {"graph", "model", "eval", "unlearn"},
    "train": BELOW_GRAPH | {"graph", "model", "eval", "unlearn"},
    "trainer": BELOW_GRAPH | {"graph", "model", "eval", "unlearn", "sweep", "train", "protocol"},
    "protocol": {"base", "eval"},
    "dispatch": {"base", "config", "store", "eval", "unlearn", "sweep", "protocol"},
    "report": {"base", "store", "eval"},  # the catalogue of measures
}
# Rooms of a folder, each of which may include those before it; "" is what lies in the folder itself: headers that are the
# ground of its words first, everything else last.
ROOMS = {
    "dispatch": ("talk", "journal", "rungs", "folder", "results", "supervise", "view", "lead", ""),
    "sweep": ("ground", "spec", "points", "plan", ""),
    "store": ("ground", "pickle", "weights", "results", ""),
    "train": ("ground", "step", "measure", "keep", ""),
    "cli": ("ground", "options", "doctor", "plan", "status", "weights", "data", ""),
}
GROUND = {"cli/cli.h", "cli/foreground.h", "cli/overwrite.h", "sweep/sweep.h", "sweep/early_terminate.h", "store/element.h",
          "store/hdf5_file.h", "store/json_file.h", "store/json_members.h", "store/libraries.h", "store/weights/weights.h",
          "train/train.h", "train/trainer.h"}
ONLY_IN = {  # foreign headers and the only places that may know them
    r"<mpi\.h>": "src/dispatch/talk/transport_mpi.c",
    r"<(cuda(?!_bf16)|cudnn|cublas|nccl|nvml)": "kernels/cuda/real/",
    r'"kernels/cuda/real/': "kernels/cuda/real/",
    r"<cuda_bf16": "kernels/cuda/kernels/bf16.h",
    r"<oneapi/|<dnnl": "kernels/cpu/",
    r"<hdf5": "src/store/",
    r"<yaml\.h>": "src/config/",
    r"<(jpeglib|png)\.h>": "src/data/",
    r"<libsvm": "src/eval/",
}


def room_of(name):
    """Of "dispatch/lead/rank_0.h", "lead"."""
    parts = name.split("/")
    return "ground" if name in GROUND else parts[1] if len(parts) > 2 else ""


def goes_back(name, target):
    """Whether an include within a folder that has rooms goes from a room to a later one."""
    rooms = ROOMS[name.split("/")[0]]
    return rooms.index(room_of(target)) > rooms.index(room_of(name))


def check(root):
    problems = []
    patterns = ("*.[ch]", "*.cu")
    files = sorted(p for top in ("src", "kernels") for pattern in patterns for p in (root / top).rglob(pattern))
    for path in files:
        name = path.relative_to(root).as_posix()
        folder = "kernels" if name.startswith("kernels/") else name.split("/")[1]
        for number, line in enumerate(path.read_text().splitlines(), 1):
            found = re.match(r'#include "([a-z_]+)/', line)
            if found and folder in MAY_INCLUDE and name != "src/main.c":
                target = found.group(1)
                if target != folder and target not in MAY_INCLUDE[folder]:
                    problems.append(f"{name}:{number}: {folder} may not include {target}: {line}")
            whole = re.match(r'#include "([a-z0-9_/]+\.h)"', line)
            if found and folder in ROOMS and found.group(1) == folder and goes_back(name[len("src/"):], whole.group(1)):
                problems.append(f"{name}:{number}: an arrow back between the rooms of {folder}: {line}")
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
