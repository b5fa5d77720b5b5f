"""Loss curves on a GPU against those recorded from the CPU, kept in curves.json.

usage: curves.py GPU_STEPS CURVES [--backend NAME] [--only ARCH METHOD] [--steps MOST]
                                                         compares; exits 1 when a curve leaves its band
       curves.py GPU_STEPS CURVES --record CPU_STEPS     writes CURVES: cpu, and ref for the first steps

Adam turns the rounding of a gradient near zero into a step of the learning rate. For the first steps the
yardstick is therefore the largest error that cpu, float32 too, makes of float64's losses with any method of the
network, since with one it may be small by chance; times eight, plus 16 roundings. After them, when ReLUs cross
zero at different steps, curves only follow: their means over ten steps, to 5 % of the first loss.
"""

import argparse
import json
import subprocess
import sys

RUNS = [(arch, method, batch, steps, exact)
        for arch, batch, steps, exact in [("resnet20", 32, 200, 3), ("resnet50", 4, 40, 1)]
        for method in ("finetune", "prune_finetune", "lora", "prune_lora")]
ROUNDING = 2.0 ** -24
WINDOW = 10


def losses(program, backend, arch, method, batch, steps):
    out = subprocess.run([program, backend, arch, method, str(batch), str(steps)], check=True, stdout=subprocess.PIPE)
    return json.loads(out.stdout)["losses"]


def record(program, path):
    curves = []
    for arch, method, batch, steps, exact in RUNS:
        ref = losses(program, "ref", arch, method, batch, exact)
        cpu = losses(program, "cpu", arch, method, batch, steps)
        curves.append({"arch": arch, "method": method, "batch": batch, "ref": ref, "losses": cpu,
                       "error": max(abs(a - b) for a, b in zip(ref, cpu))})
        print(f"{arch} {method}: {cpu[0]:.4f} to {cpu[-1]:.4f}, error {curves[-1]['error']:.2g}", flush=True)
    with open(path, "w") as file:
        file.write("[\n" + ",\n".join(json.dumps(curve) for curve in curves) + "\n]\n")


def means(losses):
    """Of whole windows, the last of which may be shorter."""
    windows = [losses[i:i + WINDOW] for i in range(0, len(losses), WINDOW)]
    return [sum(window) / len(window) for window in windows]


def worst_share(curve, found, error):
    """The largest error of the losses found as a share of what is allowed; a NaN is infinite."""
    ref, wanted = curve["ref"][:len(found)], curve["losses"][:len(found)]
    early = 8 * error + 16 * ROUNDING * wanted[0]
    shares = [abs(f - r) / early for f, r in zip(found, ref)]
    later = zip(means(found[len(ref):]), means(wanted[len(ref):]))
    shares += [abs(f - w) / (0.05 * wanted[0]) for f, w in later]
    return max(share if share == share else float("inf") for share in shares)


def errors_of(curves):
    """By network: the largest of its methods."""
    errors = {}
    for curve in curves:
        errors[curve["arch"]] = max(errors.get(curve["arch"], 0), curve["error"])
    return errors


def compare(program, path, options):
    curves = json.load(open(path))
    errors = errors_of(curves)
    wrong = 0
    for curve in curves:
        if options.only and options.only != [curve["arch"], curve["method"]]:
            continue
        n_steps = min(len(curve["losses"]), options.steps)
        found = losses(program, options.backend, curve["arch"], curve["method"], curve["batch"], n_steps)
        worst = worst_share(curve, found, errors[curve["arch"]])
        is_wrong = not worst <= 1
        wrong += is_wrong
        print(f"{'FAILED' if is_wrong else 'ok'} {curve['arch']} {curve['method']}: worst error {worst:.2g} of its "
              f"tolerance", flush=True)
    return 1 if wrong else 0


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("program")
    parser.add_argument("curves")
    parser.add_argument("--record")
    parser.add_argument("--backend", default="cuda")
    parser.add_argument("--only", nargs=2)
    parser.add_argument("--steps", type=int, default=sys.maxsize)
    options = parser.parse_args()
    if options.record:
        return record(options.record, options.curves)
    return compare(options.program, options.curves, options)


if __name__ == "__main__":
    sys.exit(main())
