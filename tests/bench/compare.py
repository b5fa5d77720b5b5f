"""Ours and PyTorch by turns, on the same cores in the same call; a table of medians, spreads and ratios.

Usage: compare.py BUILD_FOLDER OUTPUT [--quick]
Every measurement is one line of OUTPUT (JSON); what is there already is not measured again, so a call
that was cut short goes on where it was."""

import json
import os
import pathlib
import re
import statistics
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
METHODS = ("plain", "lora", "prune_lora")
BATCHES = {"resnet20": 128, "resnet50": 64}
QUICK_BATCHES = {"resnet20": 128, "resnet50": 8}  # a busy machine takes a minute for 64


def run(command):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}: {done.stderr.strip()}")
    return done.stdout


class Measurements:
    def __init__(self, path):
        self.path = path
        self.found = {}
        if path.exists():
            for line in path.read_text().splitlines():
                row = json.loads(line)
                self.found[row["key"]] = row

    def get(self, key, command):
        if key not in self.found:
            load = os.getloadavg()[0]
            row = {"key": key, "load": round(load, 2), "text": run(command)}
            with self.path.open("a") as file:
                file.write(json.dumps(row) + "\n")
            self.found[key] = row
        return self.found[key]["text"]


def number(pattern, text):
    return float(re.search(pattern, text)[1])


def rate(text):
    return number(r": ([\d.]+) images/s", text)


def compare(measurements, build, case, rounds, seconds):
    arch, mode, method, batch = case
    ours, theirs, ceilings = [], {"nchw": [], "channels_last": []}, []
    for i in range(rounds):
        key = f"{arch} {mode} {method} {batch} round {i}"
        ceiling = measurements.get(key + " ceiling", [build / "bench_ceiling", 0.3])
        ceilings.append(number(r"product ([\d.]+)", ceiling))
        text = measurements.get(key + " ours",
                                [build / "bench_steps", arch, mode, method, batch, seconds])
        gflop = number(r"([\d.]+) GFLOP/image", text)
        ours.append(rate(text))
        for layout, rates in theirs.items():
            rates.append(rate(measurements.get(f"{key} {layout}", [
                sys.executable, HERE / "pytorch.py", arch, mode, method, batch, seconds, layout])))
    best = max(theirs, key=lambda layout: statistics.median(theirs[layout]))
    ratios = [a / b for a, b in zip(ours, theirs[best])]
    share = statistics.median(o * gflop / c for o, c in zip(ours, ceilings))
    middle = statistics.median
    print(f"{arch:9} {mode:5} {method:10} {batch:4} {middle(ours):8.1f} "
          f"{min(ours):7.1f}-{max(ours):<7.1f} {middle(theirs[best]):8.1f} "
          f"{min(theirs[best]):7.1f}-{max(theirs[best]):<7.1f} {best:13} {middle(ratios):5.2f} "
          f"{min(ratios):5.2f}-{max(ratios):<5.2f} {100 * share:5.1f} % {middle(ceilings):6.0f}",
          flush=True)


def main():
    build, output = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2])
    is_quick = "--quick" in sys.argv[3:]
    rounds, seconds = (3, 1) if is_quick else (5, 5)
    networks = (QUICK_BATCHES if is_quick else BATCHES).items()
    measurements = Measurements(output)
    print("                                     ours            |  PyTorch, its better layout      "
          "       | ours / PyTorch | share of | GFLOP/s")
    print("network   mode  method     batch images/s  least-most | images/s  least-most  layout    "
          "     median spread      products   products", flush=True)
    for arch, batch in networks:
        for mode in ("train", "eval"):
            for method in METHODS if mode == "train" else METHODS[:2]:
                compare(measurements, build, (arch, mode, method, batch), rounds, seconds)
    for arch, batch in networks:
        os.environ["BENCH_KINDS"] = "1"
        for method in METHODS[:2]:
            print(measurements.get(f"{arch} {method} kinds", [
                build / "bench_steps", arch, "train", method, batch, seconds]), end="")
    loads = [row["load"] for row in measurements.found.values()]
    print(f"load while measuring: median {statistics.median(loads):.1f}, most {max(loads):.1f}; "
          "above the number of threads the machine was shared")


main()
