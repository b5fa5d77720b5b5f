"""Do a sweep's means agree with reference runs made with PyTorch? Takes minutes of training, so it is run by hand.

usage: agreement.py RESULTS_FOLDER REFERENCE.jsonl

Over n seeds here and m there: |mean - reference| <= 4 s sqrt(1/n + 1/m) + 2/N, s the pooled standard deviation, N the
images behind the metric.
"""

import json
import math
import sys

import h5py
import numpy
import pandas

IMAGES = {"UA": 448, "RA": 4212, "TA": 762, "MIA": 448}
METHODS = ["original", "finetune", "prune_finetune", "lora", "prune_lora"]


def pooled(a, b):
    freedom = len(a) + len(b) - 2
    if freedom < 1:
        return 0.0
    return math.sqrt((((a - a.mean()) ** 2).sum() + ((b - b.mean()) ** 2).sum()) / freedom)


def main():
    with h5py.File(sys.argv[1] + "/results.h5") as file:
        runs = pandas.DataFrame(file["runs"][:])
    runs["method"] = runs["unlearn.method"].str.decode("utf-8")
    reference = pandas.DataFrame([json.loads(line) for line in open(sys.argv[2])])
    print("| method | n | metric | here, mean ± sd | reference | difference | allowed | |")
    print("|---|---|---|---|---|---|---|---|")
    failed = 0
    for method in METHODS:
        ours, theirs = runs[runs["method"] == method], reference[reference["method"] == method]
        for metric, images in IMAGES.items():
            a, b = ours[metric].to_numpy(float), theirs[metric].to_numpy(float)
            difference = abs(a.mean() - b.mean())
            allowed = 4 * pooled(a, b) * math.sqrt(1 / len(a) + 1 / len(b)) + 2 / images
            is_near = bool(difference <= allowed) and not numpy.isnan(a).any()
            failed += not is_near
            spread = a.std(ddof=1) if len(a) > 1 else 0
            print(f"| {method} | {len(a)} | {metric} | {a.mean():.4f} ± {spread:.4f} | {b.mean():.4f} "
                  f"| {difference:.4f} | {allowed:.4f} | {'agrees' if is_near else 'DIFFERS'} |")
    print(f"\n{len(METHODS) * len(IMAGES) - failed} agree, {failed} differ")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
