"""Golden file of learning rates: what PyTorch's own schedulers give, step by step.

  schedules.h5  <case> [steps], float64; the cases are those of schedules.c

Usage: make_schedules.py FOLDER schedules     exits 77 when torch or h5py is missing
"""

import os
import sys

from make_golden import h5py, np, torch  # exits 77

from torch.optim import lr_scheduler as schedulers

PER_EPOCH, EPOCHS = 7, 12
STEPS = PER_EPOCH * EPOCHS


def rates(lr, make, per_epoch=1, n=STEPS):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr, momentum=0.9)
    scheduler, out = make(optimizer), []
    for step in range(n):
        out.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if (step + 1) % per_epoch == 0 and step + 1 < n:
            scheduler.step()
    return out


def one_cycle(total, **more):
    return lambda o: schedulers.OneCycleLR(o, max_lr=0.1, total_steps=total, **more)


def warmed(optimizer):
    """The published vision transformer's: a line from 0, then cosine over what is left."""
    def factor(step):
        rest = (step - 20) / (STEPS - 20)
        return step / 20 if step < 20 else 0.5 * (1 + np.cos(np.pi * rest))
    return schedulers.LambdaLR(optimizer, factor)


CASES = {
    "cosine": lambda: rates(0.1, lambda o: schedulers.CosineAnnealingLR(o, EPOCHS), PER_EPOCH),
    "cosine_by_step": lambda: rates(0.1, lambda o: schedulers.CosineAnnealingLR(o, STEPS)),
    "step": lambda: rates(0.1, lambda o: schedulers.MultiStepLR(o, [4, 9], 0.3), PER_EPOCH),
    "warmup": lambda: rates(1e-3, warmed),
    "one_cycle": lambda: rates(0.1, one_cycle(EPOCHS), PER_EPOCH),
    "one_cycle_by_step": lambda: rates(0.1, one_cycle(STEPS)),
    "one_cycle_steep": lambda: rates(0.1, one_cycle(STEPS, pct_start=0.15, div_factor=10,
                                                    final_div_factor=100)),
    "one_cycle_falling": lambda: rates(0.1, one_cycle(3), n=3),  # pct_start of 3 is no step
}


def main():
    os.makedirs(sys.argv[1], exist_ok=True)
    path = os.path.join(sys.argv[1], "schedules.h5")
    with h5py.File(path + ".part", "w") as file:
        for name, make in CASES.items():
            file[name] = np.asarray(make(), dtype=np.float64)
    os.rename(path + ".part", path)


if __name__ == "__main__":
    main()
