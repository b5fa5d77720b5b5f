"""What this program computes, as lines to compare: the ids of every example sweep, and for every method on three small
networks and both backends of the processor, with one thread, SHA-256 of the final weights and of all measures that do not
measure time or memory. Run it before and after a change that must not change a result:

  fingerprint.py PRUNELORA [WITHOUT...] > before.txt      WITHOUT: ids, ref, resnet18: leave that out

Same bits are promised on the same processor with the same libraries only. Takes minutes, most of them `ref`.
"""

import hashlib
import pathlib
import sys

from cli import Program
from results_folder import rows, weights_of

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
NETWORKS = {
    "resnet20": "{arch: resnet20WEIGHTS}",
    "resnet18": "{arch: resnet18WEIGHTS}",
    "simple_vit": "{arch: simple_vit, vit: {patch: 8, layers: 1, heads: 2, width: 16, mlp: 24}WEIGHTS}",
}
BASE = """name: base
config:
  model: MODEL
  data: {dataset: cifar10, path: data, mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25]}
  base.train: {epochs: 1, batch_size: 6, warmup: 0}
"""
SWEEP = """name: small
config:
  model: MODEL
  data: {dataset: cifar10, path: data}
  forget.class: 3
  train: {epochs: 1, batch_size: 6}
  base.train: {epochs: 1, batch_size: 6, warmup: 0}
  eval: {batch_size: 6}
parameters:
  unlearn.method: {values: [METHODS]}
resources: {threads: 1}
"""
ABOUT_TIME = ("seconds_", "images_per_second", "peak_memory", "time")


def digest(parts):
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:24]


def print_ids(program):
    for path in sorted((ROOT / "sweeps").glob("*.yaml")):
        _, out, _ = program.run("plan", path, "--format", "ids")
        print(f"ids {path.name} {len(out.split())} {digest([out.encode()])}", flush=True)


def measures(row):
    names = sorted(name for name, value in row.items() if isinstance(value, float) and not name.startswith(ABOUT_TIME))
    return digest(f"{name}={row[name]!r}".encode() for name in names)


def print_runs(program, network, device):
    methods = [line.partition("=")[2] for line in program.must("complete", "unlearn.method=").split()]
    for name, text, weights in (("base", BASE, ""), ("sweep", SWEEP, ", weights: base.h5")):
        model = NETWORKS[network].replace("WEIGHTS", weights)
        (program.folder / f"{name}.yaml").write_text(text.replace("MODEL", model).replace("METHODS", ", ".join(methods)))
    program.must("train", "base.yaml", "--out", "base.h5", "--force", "--device", device, timeout=3000)
    folder = program.folder / f"{network}-{device}"
    program.must("sweep", "sweep.yaml", "--out", folder.name, "--device", device, timeout=3000)
    table = rows(folder)
    for _, row in table.sort_values("unlearn.method").iterrows():
        tensors = weights_of(folder, row) or {}
        weights = digest(part for name in sorted(tensors) for part in (name.encode(), tensors[name]))
        print(f"{network} {device} {row['unlearn.method'].decode()} weights {weights} "
              f"measures {measures(row)}", flush=True)


def main():
    without = sys.argv[2:]
    with Program(sys.argv[1]) as program:
        if "ids" not in without:
            print_ids(program)
        program.must("data", "synth", "--out", "data", "--train", "24", "--test", "12")
        for device in ("cpu", "ref"):
            for network in NETWORKS:
                if device not in without and network not in without:
                    print_runs(program, network, device)


if __name__ == "__main__":
    main()
