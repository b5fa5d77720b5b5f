"""What curves.py takes for the same curve, and what not, on the recorded ones.

usage: curves_test.py CURVES
"""

import json
import sys

import curves

ALL = json.load(open(sys.argv[1]))
ERRORS = curves.errors_of(ALL)
failed = 0


def expect(what, curve, found, is_same):
    global failed
    share = curves.worst_share(curve, found, ERRORS[curve["arch"]])
    if (share <= 1) != is_same:
        failed += 1
        print(f"FAILED {what}: {curve['arch']} {curve['method']} is {share:.2g} of its tolerance")


def exchanged(losses):
    return [losses[i ^ 1] if i ^ 1 < len(losses) else losses[i] for i in range(len(losses))]


for curve in ALL:
    recorded, n_exact = curve["losses"], len(curve["ref"])
    expect("itself", curve, recorded, True)
    expect("another cpu's rounding", curve, [curve["ref"][i] + ERRORS[curve["arch"]] * (-1) ** i for i in range(n_exact)]
           + recorded[n_exact:], True)
    expect("later steps exchanged in pairs", curve, recorded[:n_exact] + exchanged(recorded[n_exact:]), True)
    expect("a first loss off by 1e-3", curve, [recorded[0] * 1.001] + recorded[1:], False)
    expect("one that stays where it began", curve, recorded[:n_exact] + [recorded[0]] * (len(recorded) - n_exact), False)
    expect("a NaN", curve, recorded[:-1] + [float("nan")], False)
print(f"{len(ALL)} curves, {failed} expectations failed")
sys.exit(failed > 0)
