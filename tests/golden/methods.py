"""Methods through the program against PyTorch: some optimizer steps of each, alone, pruned, adapted and both.

A resnet20 of PyTorch's, 12 images in CIFAR-10's file format, one class to forget; every stream fits into one batch, so
that the order of its images does not matter. What PyTorch makes of it in float64 is compared with the weights that
`prunelora sweep` leaves, adapters merged: on ref to 1e-6 of the way that a tensor went; methods that are not composed
also on cpu, to eight times what rounding may do to any tensor of the case (rounding.py). Random labels are drawn here a
second time.

usage: methods.py PRUNELORA FOLDER      exits 77 when torch or h5py is missing
"""

import json
import pathlib
import shutil
import subprocess
import sys

import make_steps
from make_steps import F, build, h5py, np, prune_convolutions, start_values, torch, weights  # exits 77
from make_golden import LORA_ALPHA, LORA_RANK, normalised, our_name
from rounding import draws

FORGET, SEED, N_CLASSES, N_IMAGES = 3, 5, 10, 12
PURPOSE_RELABEL = 12
EPOCHS = {"gradient_ascent": 3, "random_label": 2}
RATES = {"gradient_ascent": 1e-4, "random_label": 0.013}  # as published: the methods' defaults
COMPOSITIONS = {"": (False, False), "+prune": (True, False), "+lora": (False, True), "+prune+lora": (True, True)}


# ---- random labels: Philox 4 × 32-10 (Salmon et al., SC 2011) at the place of an image ----
def philox(counter, key):
    for _ in range(10):
        a, b = 0xD2511F53 * counter[0], 0xCD9E8D57 * counter[2]
        counter = [b >> 32 ^ counter[1] ^ key[0], b & 0xFFFFFFFF, a >> 32 ^ counter[3] ^ key[1], a & 0xFFFFFFFF]
        key = [(key[0] + 0x9E3779B9) & 0xFFFFFFFF, (key[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return counter


def random_label(image, own, epoch, draws_any):
    n = N_CLASSES if draws_any else N_CLASSES - 1
    words = philox([0, image, epoch, PURPOSE_RELABEL << 24], [SEED, 0])
    label = next(w * n >> 32 for w in words if w * n & 0xFFFFFFFF >= 2**32 % n)
    return label + (not draws_any and label >= own)


# ---- PyTorch ----
def batches(method, labels, epoch, draws_any):
    """(images, targets, weight) of an epoch's steps"""
    forget, retain = np.flatnonzero(labels == FORGET), np.flatnonzero(labels != FORGET)
    if method == "gradient_ascent":
        return [(forget, labels[forget], -1.0)]
    drawn = np.array([random_label(int(i), FORGET, epoch, draws_any) for i in forget])
    return [(forget, drawn, 1.0), (retain, labels[retain], 1.0)]


def network(composition, values):
    prunes, adapts = COMPOSITIONS[composition]
    if adapts:
        if prunes:
            pruned = build(make_steps.ARCH, False, values)
            prune_convolutions(pruned, is_held=False)
            values = dict(values, **{n: t.numpy() for n, t in pruned.state_dict().items()})
        return build(make_steps.ARCH, True, values).train()
    model = build(make_steps.ARCH, False, values).train()
    if prunes:
        prune_convolutions(model, is_held=True)
    return model


def merged(model):
    found = weights(model)
    for name in [n for n in found if n.endswith(".lora_B.weight")]:
        module = name.removesuffix(".lora_B.weight")
        b, a = found.pop(name), found.pop(module + ".lora_A.weight")
        found[module + ".weight"] = found[module + ".weight"] + LORA_ALPHA / LORA_RANK * np.einsum(
            "kr,rcij->kcij", b[:, :, 0, 0], a)
    return found


def train(model, case, images, labels):
    method, draws_any = case
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], RATES[method], momentum=0.9,
                                weight_decay=5e-4)
    for epoch in range(EPOCHS[method]):
        for rows, targets, weight in batches(method, labels, epoch, draws_any):
            optimizer.zero_grad()
            logits = model(normalised(images[rows], torch.float64))
            (weight * F.cross_entropy(logits, torch.from_numpy(targets))).backward()
            optimizer.step()
    return merged(model)


# ---- the program ----
def write_data(folder, images, labels):
    folder.mkdir(parents=True)
    records = np.concatenate([labels[:, None].astype(np.uint8), images.reshape(len(images), -1)], axis=1)
    for i, part in enumerate(np.array_split(records, 5), 1):
        (folder / f"data_batch_{i}.bin").write_bytes(part.tobytes())
    (folder / "test_batch.bin").write_bytes(records.tobytes())


def sweep(prunelora, folder, device, name, settings):
    config = {"model.arch": make_steps.ARCH, "model.weights": str(folder / "base.pth"), "data.dataset": "cifar10",
              "data.path": str(folder / "data"), "data.mean": [0.4914, 0.4822, 0.4465],
              "data.std": [0.2471, 0.2435, 0.2616], "forget.class": FORGET, "train.augment": "none",
              "lora.dropout": 0, "lora.rank": LORA_RANK, "lora.alpha": LORA_ALPHA, "prune.mask": "held", **settings}
    path, out = folder / f"{name}.yaml", folder / f"{device}-{name}"
    path.write_text(json.dumps({"name": name, "config": config, "seeds": [SEED]}))
    done = subprocess.run([prunelora, "sweep", path, "--out", out, "--device", device], capture_output=True, text=True,
                          check=False)
    if done.returncode != 0:
        sys.exit(f"{name} on {device}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return next(out.glob("runs/*/a1"))


def read(path):
    found = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, item: found.update({name.replace("/", "."): item[()].astype(np.float64)})
                        if isinstance(item, h5py.Dataset) and item.dtype.kind == "f" else None)
    return found



def compare(what, found, truth, before, tolerance):
    """The largest error as a share of its tolerance."""
    (share, rounding), worst = tolerance, 0.0
    for name, value in truth.items():
        key = next((k for k in (name, "parameters." + name) if k in found), None)
        if key is None:
            sys.exit(f"{what}: no '{name}' among {sorted(found)[:4]} …")
        moved = np.linalg.norm(value - before[name])
        limit = share * moved + rounding * np.linalg.norm(value)
        error = np.linalg.norm(found[key] - value)
        if not error <= limit:
            sys.exit(f"{what}, {name}: error {error:.3g}, tolerance {limit:.3g}")
        worst = max(worst, error / limit if error > 0 else 0.0)
    print(f"{what}: worst error {worst:.2g} of its tolerance")


def check(prunelora, folder, case, composition, values, data):
    method, draws_any = case
    prunes, adapts = COMPOSITIONS[composition]
    name = f"{method}{'-any' if draws_any else ''}{composition}"
    settings = {"unlearn.method": method, "unlearn.prune": prunes, "unlearn.adapt": "lora" if adapts else "none",
                "train.epochs": EPOCHS[method]}
    if draws_any:
        settings["unlearn.relabel"] = "any"
    if adapts:  # the adapters that our seed starts from
        untrained = sweep(prunelora, folder, "ref", name + "-0", {**settings, "train.epochs": 0})
        values = {**values, **read(untrained / "adapters.h5")}
    before = merged(network(composition, values))
    truth = train(network(composition, values), case, *data)
    run = sweep(prunelora, folder, "ref", name, settings)
    compare(f"{name} on ref", read(run / "weights.h5"), truth, before, (1e-6, 1e-15))
    if composition != "" or draws_any:  # what they are composed of is compared on cpu elsewhere
        return
    rounded = draws(lambda: network(composition, values), lambda model: train(model, case, *data))
    most = max(np.linalg.norm(after[n] - v) / np.linalg.norm(v - before[n]) for after in rounded
               for n, v in truth.items() if np.linalg.norm(v - before[n]) > 0)
    run = sweep(prunelora, folder, "cpu", name, settings)
    compare(f"{name} on cpu", read(run / "weights.h5"), truth, before, (8 * most, 4 * 2.0**-24))


def main():
    prunelora, folder = sys.argv[1], pathlib.Path(sys.argv[2]).absolute()
    torch.set_num_threads(1)
    shutil.rmtree(folder, ignore_errors=True)
    random = np.random.RandomState(17)
    values = start_values(random)
    images = random.randint(0, 256, (N_IMAGES, 3, 32, 32)).astype(np.uint8)
    labels = np.arange(N_IMAGES) % N_CLASSES
    labels[:4] = FORGET
    write_data(folder / "data", images, labels)
    torch.save({our_name(n): t for n, t in build(make_steps.ARCH, False, values, torch.float32).state_dict().items()},
               folder / "base.pth")
    for composition in COMPOSITIONS:
        for case in (("gradient_ascent", False), ("random_label", False)):
            check(prunelora, folder, case, composition, values, (images, labels))
    check(prunelora, folder, ("random_label", True), "", values, (images, labels))
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
