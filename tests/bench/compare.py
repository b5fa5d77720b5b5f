"""Ours and PyTorch by turns, on the same cores in the same call; a table of medians, spreads and ratios.

Usage: compare.py BUILD_FOLDER OUTPUT PYTHON... [--quick] [--only=ARCH]
Every PYTHON has a PyTorch of its own. Its fastest way (a memory layout; of simple_vit those of pytorch_vit.py) is
found in the first round; the other rounds measure that one. Every measurement is one line of OUTPUT (JSON); what is
there already is not measured again, so a call that was cut short goes on where it was."""

import json
import os
import pathlib
import re
import statistics
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
CASES = (("train", "plain"), ("train", "lora"), ("train", "prune_lora"), ("eval", "plain"), ("eval", "lora"))
VIT_CASES = (("train", "plain"), ("train", "lora"), ("eval", "plain"))  # adapters and pruning touch one layer of 50
BATCHES = {"resnet20": 128, "resnet50": 128, "simple_vit": 32}
QUICK_BATCHES = {"resnet20": 128, "resnet50": 8, "simple_vit": 8}  # a busy machine takes a minute for 64
ROUNDS = {"resnet20": 3, "resnet50": 2, "simple_vit": 3}
LAYOUTS = ("nchw", "channels_last")


def cases_of(arch):
    return VIT_CASES if arch == "simple_vit" else CASES


def ways(case):
    if case[0] != "simple_vit":
        return LAYOUTS
    return ("sdpa",) if case[2] == "lora" else ("sdpa", "mha")


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


class Peer:
    """One PyTorch: its rates, round by round, in its fastest way."""

    def __init__(self, python):
        self.python = python
        self.version = run([python, "-c", "import torch; print(torch.__version__)"]).strip()

    def measure(self, measurements, case, i, seconds):
        if i == 0:
            self.rates = {way: self.rate(measurements, case, i, seconds, way) for way in ways(case)}
            self.way = max(self.rates, key=self.rates.get)
            self.rates = [self.rates[self.way]]
        else:
            self.rates.append(self.rate(measurements, case, i, seconds, self.way))

    def rate(self, measurements, case, i, seconds, way):
        key = " ".join(map(str, case)) + f" round {i} PyTorch {self.version} {way}"
        return rate(measurements.get(key, [self.python, HERE / "pytorch.py", *case, seconds, way]))


def spread(values, digits):
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f}–{max(values):.{digits}f})"


def compare(measurements, build, peers, case, rounds, seconds):
    ours, ceilings = [], []
    for i in range(rounds):
        key = " ".join(map(str, case)) + f" round {i}"
        text = measurements.get(key + " ours", [build / "bench_steps", *case, seconds])
        gflop = number(r"([\d.]+) GFLOP/image", text)
        ours.append(rate(text))
        for peer in peers:
            peer.measure(measurements, case, i, seconds)
        ceilings.append(number(r"product ([\d.]+)", measurements.get(key + " ceiling", [build / "bench_ceiling", 0.5])))
    share = statistics.median(ours) * gflop / statistics.median(ceilings)
    columns = [" ".join(case[:3]), str(case[3]), spread(ours, 1)]
    for peer in peers:
        ratios = [a / b for a, b in zip(ours, peer.rates)]
        columns += [f"{spread(peer.rates, 1)} {peer.way}", spread(ratios, 2)]
    print("| " + " | ".join(columns + [f"{100 * share:.0f} %", spread(ceilings, 0)]) + " |", flush=True)


def main():
    arguments = [a for a in sys.argv[1:] if not a.startswith("--")]
    build, output = pathlib.Path(arguments[0]).resolve(), pathlib.Path(arguments[1])
    is_quick = "--quick" in sys.argv
    seconds = 1 if is_quick else 4
    only = [a.removeprefix("--only=") for a in sys.argv[1:] if a.startswith("--only=")]
    batches = QUICK_BATCHES if is_quick else BATCHES
    networks = [(arch, batch) for arch, batch in batches.items() if not only or arch in only]
    if not networks:
        sys.exit(f"compare.py: no network {', '.join(only)}; there are {', '.join(batches)}")
    measurements = Measurements(output)
    peers = [Peer(python) for python in arguments[2:]]
    titles = [f"PyTorch {peer.version} | ours / it" for peer in peers]
    print("| network | batch | ours, images/s | " + " | ".join(titles) + " | share of ceiling | ceiling, GFLOP/s |")
    print("|---" * (5 + 2 * len(peers)) + "|", flush=True)
    for arch, batch in networks:
        for mode, method in cases_of(arch):
            compare(measurements, build, peers, (arch, mode, method, batch),
                    2 if is_quick else ROUNDS[arch], seconds)
    for arch, batch in networks:
        os.environ["BENCH_KINDS"] = "1"
        for method in (method for mode, method in cases_of(arch) if mode == "train"):
            print(measurements.get(f"{arch} {method} kinds", [
                build / "bench_steps", arch, "train", method, batch, seconds]), end="")
    loads = [row["load"] for row in measurements.found.values()]
    print(f"load while measuring: median {statistics.median(loads):.1f}, most {max(loads):.1f}; "
          "above the number of threads the machine was shared")


main()
