"""The published ResNet-20 on real images: every count of the base model to the last image.

usage: published.py PRUNELORA SHARED_DATA
"""

import json
import pathlib
import sys

from cli import Program, skip

WANTED = {  # counts over images: what PyTorch gives for the same file and images
    "UA": (4, 448), "RA": (4204, 4212), "TA": (702, 762), "MIA": (3, 448),
    "forget_accuracy_train": (444, 448), "forget_accuracy_test": (74, 84), "test_accuracy_all": (776, 846),
}


def main():
    data = pathlib.Path(sys.argv[2])
    weights = data / "model_weights" / "resnet20-12fca82f.th"
    if not weights.exists():
        skip(f"the shared data is not at {data}")
    with Program(sys.argv[1]) as program:
        out = program.must(
            "eval", "--model", "resnet20", "--weights", weights.resolve(),
            "--data", (data / "cifar-10-batches-bin").resolve(), "--forget-class", 3,
            "--mean", "0.485,0.456,0.406", "--std", "0.229,0.224,0.225", "--json")
    found = json.loads(out)
    failed = 0
    for name, (count, n) in WANTED.items():
        is_right = abs(found[name] * n - count) < 1e-6
        failed += not is_right
        print(f"{'ok' if is_right else 'FAILED'} {name}: {found[name] * n:.6f} of {n}, wanted {count}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
