"""Do the demo's tables of two systems agree? Other libraries round sums otherwise, and a run of some hundred steps carries
a last bit into single images, so the same run may end elsewhere; what must agree is what no rounding should shift: the
mean of the differences over all runs, |mean| <= 4 s / sqrt(n) + 2 / N, with s the standard deviation of the n differences
and N the images behind the metric.

usage: agree.py ONE.csv OTHER.csv     (prunelora report --format csv)
"""

import csv
import math
import statistics
import sys

IMAGES = {"UA": 60, "RA": 540, "TA": 540, "MIA": 300}  # at least, in the demo


def read(path):
    with open(path, newline="") as file:
        return {row["name"]: row for row in csv.DictReader(file)}


def main():
    one, other = read(sys.argv[1]), read(sys.argv[2])
    if one.keys() != other.keys() or not one:
        sys.exit(f"{sys.argv[1]} and {sys.argv[2]} are not of the same runs")
    print("| metric | runs | mean | mean there | mean difference | allowed | largest difference of one run | |")
    print("|---|---|---|---|---|---|---|---|")
    failed = 0
    for metric, images in IMAGES.items():
        here = [float(one[name][metric]) for name in sorted(one)]
        there = [float(other[name][metric]) for name in sorted(one)]
        differences = [a - b for a, b in zip(here, there)]
        mean = statistics.fmean(differences)
        allowed = 4 * statistics.stdev(differences) / math.sqrt(len(differences)) + 2 / images
        is_near = abs(mean) <= allowed
        failed += not is_near
        print(f"| {metric} | {len(here)} | {statistics.fmean(here):.4f} | {statistics.fmean(there):.4f} | {mean:+.4f} "
              f"| {allowed:.4f} | {max(map(abs, differences)):.4f} | {'agrees' if is_near else 'DIFFERS'} |")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
