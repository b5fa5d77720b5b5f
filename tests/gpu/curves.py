"""Loss curves on a GPU against those recorded from the CPU, kept in curves.json.

usage: curves.py GPU_STEPS CURVES [--backend NAME]       compares; exits 1 when a curve leaves its band
       curves.py GPU_STEPS CURVES --record CPU_STEPS     writes CURVES: cpu, and ref for the first steps

Adam turns the rounding of a gradient near zero into a step of the learning rate. For the first steps the
yardstick is therefore the largest error that cpu, float32 too, makes of float64's losses, times eight, plus 16
roundings; after them, when ReLUs cross zero at different steps, curves only follow: to 5 % of the first loss.
"""

import json
import subprocess
import sys

RUNS = [(arch, method, batch, steps, exact)
        for arch, batch, steps, exact in [("resnet20", 32, 200, 3), ("resnet50", 4, 40, 1)]
        for method in ("finetune", "prune_finetune", "lora", "prune_lora")]
ROUNDING = 2.0 ** -24


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


def compare(program, path, backend):
    wrong = 0
    for curve in json.load(open(path)):
        wanted, ref = curve["losses"], curve["ref"]
        found = losses(program, backend, curve["arch"], curve["method"], curve["batch"], len(wanted))
        early = 8 * curve["error"] + 16 * ROUNDING * wanted[0]
        shares = [abs(f - r) / early for f, r in zip(found, ref)]
        shares += [abs(f - w) / (0.05 * wanted[0]) for f, w in zip(found[len(ref):], wanted[len(ref):])]
        worst = max(shares, key=lambda share: share if share == share else float("inf"))
        is_wrong = not worst <= 1
        wrong += is_wrong
        print(f"{'FAILED' if is_wrong else 'ok'} {curve['arch']} {curve['method']}: worst error {worst:.2g} of its "
              f"tolerance", flush=True)
    return 1 if wrong else 0


def main():
    program, path, *rest = sys.argv[1:]
    if rest[:1] == ["--record"]:
        return record(rest[1], path)
    return compare(program, path, rest[1] if rest[:1] == ["--backend"] else "cuda")


if __name__ == "__main__":
    sys.exit(main())
