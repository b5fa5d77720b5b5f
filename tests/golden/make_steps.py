"""Golden files of optimizer steps: what PyTorch's own optimizers make of resnet20, in float64.

  optimizer.h5  one gradient of every parameter (float32 numbers), and the parameters after a step
                with it and another with half of it: <optimizer>/step1/<name>, …/step2/<name>; the
                attribute `sensitivity` is how far the largest element moves when each gradient is
                one float32 rounding larger
  steps.h5      20 Adam steps at 1e-3 on a given batch order, from one start: <case>/losses [20],
                <case>/after5/<name> and after20/<name>, buffers among them
for the cases finetune, prune_finetune_baked, prune_finetune_held, prune_lora. Each tensor's
attribute rounding is how far float32 may take it from the truth (L2 norm, rounding.py); `moved` is
how far the truth went from the start. losses_rounding is per step.

Pruning is torch.nn.utils.prune's: held keeps its mask in the graph, baked removes it.

Usage: make_steps.py FOLDER optimizer|steps...     exits 77 when torch or h5py is missing
"""

import os
import sys

from make_golden import build, h5py, nn, normalised, np, our_name, torch, F  # exits 77

from rounding import draws
from torch.nn.utils import prune

ARCH, BATCH, SIZE, N_IMAGES, N_STEPS, EARLY = "resnet20", 16, 8, 64, 20, 5
OPTIMIZERS = {
    "sgd": lambda p: torch.optim.SGD(p, 0.1, momentum=0.9, weight_decay=5e-4),
    "sgd_plain": lambda p: torch.optim.SGD(p, 0.1, weight_decay=5e-4),
    "adam": lambda p: torch.optim.Adam(p, 1e-3, weight_decay=0.01),
    "adamw": lambda p: torch.optim.AdamW(p, 1e-3, weight_decay=0.1),
}
CASES = ("finetune", "prune_finetune_baked", "prune_finetune_held", "prune_lora")


def start_values(random):
    """As the architecture starts: He for weights, adapters as LoRA starts them, norms 1 and 0."""
    values = {}
    for name, tensor in build(ARCH, True).state_dict().items():
        shape = tuple(tensor.shape)
        if name.endswith("num_batches_tracked"):
            continue
        if name.endswith("lora_B.weight"):
            value = np.zeros(shape)
        elif name.endswith("lora_A.weight"):
            value = random.uniform(-1, 1, shape) / np.prod(shape[1:]) ** 0.5
        elif len(shape) >= 2:
            value = random.standard_normal(shape) * (2 / np.prod(shape[1:])) ** 0.5
        elif name == "linear.bias":
            value = random.uniform(-1, 1, shape) / 8
        else:
            value = np.full(shape, float(name.endswith("running_var") or name.endswith("weight")))
        values[our_name(name)] = value.astype(np.float32)
    return values


def make_data(random):
    images = random.randint(0, 256, (N_IMAGES, 3, SIZE, SIZE)).astype(np.uint8)
    labels = random.randint(0, 10, N_IMAGES)
    order = np.concatenate([random.permutation(N_IMAGES)
                            for _ in range(-(-N_STEPS * BATCH // N_IMAGES))])
    return images, labels, order[:N_STEPS * BATCH].reshape(N_STEPS, BATCH)


def write_optimizer(file):
    random = np.random.RandomState(7)
    values = start_values(random)
    images, labels, _ = make_data(random)
    model = build(ARCH, False, values)
    F.cross_entropy(model(normalised(images, torch.float64)), torch.from_numpy(labels)).backward()
    gradients = {n: p.grad.float().double() for n, p in model.named_parameters()}
    for name, gradient in gradients.items():
        file["gradients/" + name] = gradient.numpy()
    for name, value in values.items():
        file["parameters/" + name] = value
    file["images"], file["labels"] = images, labels.astype(np.int32)
    for kind, make in OPTIMIZERS.items():
        truth = two_steps(make, values, gradients, 1)
        nearby = two_steps(make, values, gradients, 1 + 2**-23)
        for name, value in truth.items():
            dataset = file.create_dataset(f"{kind}/{name}", data=value)
            dataset.attrs["sensitivity"] = np.abs(nearby[name] - value).max()


def two_steps(make, values, gradients, factor):
    model, results = build(ARCH, False, values), {}
    optimizer = make(list(model.parameters()))
    for step in (1, 2):
        for name, parameter in model.named_parameters():
            parameter.grad = factor * gradients[name] / step
        optimizer.step()
        for name, parameter in model.named_parameters():
            results[f"step{step}/{name}"] = parameter.detach().numpy().copy()
    return results


def prune_convolutions(model, is_held):
    for module in [m for m in model.modules() if isinstance(m, nn.Conv2d)]:
        prune.ln_structured(module, "weight", amount=0.5, n=2, dim=0)
        if not is_held:
            prune.remove(module, "weight")


def build_case(case, values):
    if case == "prune_lora":  # prune, then adapt
        pruned = build(ARCH, False, values)
        prune_convolutions(pruned, is_held=False)
        values = dict(values, **{n: t.numpy() for n, t in pruned.state_dict().items()})
        return build(ARCH, True, values).train()
    model = build(ARCH, False, values).train()
    if case.startswith("prune"):
        prune_convolutions(model, is_held=case.endswith("held"))
    return model


def weights(model):
    """Parameters and buffers by our names; a held weight is its original times its mask."""
    result = {}
    for name, module in model.named_modules():
        for kind in ("weight", "bias", "running_mean", "running_var"):
            tensor = getattr(module, kind, None)
            if isinstance(tensor, torch.Tensor):
                if hasattr(module, kind + "_orig"):
                    tensor = module.weight_orig * module.weight_mask
                result[our_name(f"{name}.{kind}")] = tensor.detach().double().numpy().copy()
    return result


def train(model, data):
    images, labels, order = data
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], 1e-3)
    losses, snapshots = [], {0: weights(model)}
    for step, batch in enumerate(order, 1):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(normalised(images[batch], torch.float64)),
                               torch.from_numpy(labels[batch]))
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        if step in (EARLY, N_STEPS):
            snapshots[step] = weights(model)
    return np.array(losses), snapshots


def write_steps(file):
    # Of seeds 8 to 13 the one at which changing the start by a float32 rounding moves no ReLU's
    # input across zero within EARLY steps: across it, gradients jump.
    random = np.random.RandomState(13)
    values = start_values(random)
    data = make_data(random)
    for name, value in values.items():
        file["parameters/" + name] = value
    file["images"], file["labels"] = data[0], data[1].astype(np.int32)
    file["order"] = data[2].astype(np.int32)
    for case in CASES:
        losses, truth = train(build_case(case, values), data)
        file[case + "/losses"] = losses
        for step in (EARLY, N_STEPS):
            for name, value in truth[step].items():
                dataset = file.create_dataset(f"{case}/after{step}/{name}", data=value)
                dataset.attrs["moved"] = np.linalg.norm(value - truth[0][name])
        write_rounding(file, case, values, data)


def write_rounding(file, case, values, data):
    """Of the first EARLY steps, the largest of some draws."""
    truth, most = file[case + f"/after{EARLY}"], {}
    losses = np.zeros(EARLY)
    early = (data[0], data[1], data[2][:EARLY])
    for rounded_losses, rounded in draws(lambda: build_case(case, values), lambda model: train(model, early)):
        losses = np.maximum(losses, abs(rounded_losses - file[case + "/losses"][:EARLY]))
        for name, dataset in truth.items():
            error = np.linalg.norm(rounded[EARLY][name] - dataset[()])
            most[name] = max(most.get(name, 0.0), error)
    file[case + "/losses_rounding"] = losses
    for name, error in most.items():
        truth[name].attrs["rounding"] = error


WRITERS = {"optimizer": write_optimizer, "steps": write_steps}


def main():
    folder, names = sys.argv[1], sys.argv[2:]
    torch.set_num_threads(1)  # small tensors: two threads wait more than they win
    os.makedirs(folder, exist_ok=True)
    for name in names:
        path = os.path.join(folder, name + ".h5")
        with h5py.File(path + ".part", "w") as file:
            WRITERS[name](file)
        os.replace(path + ".part", path)
        print(path)


if __name__ == "__main__":
    main()
