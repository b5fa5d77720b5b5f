"""Golden file of batch norm by other than each batch: what PyTorch makes of resnet20, in float64.

  images, labels, parameters/<name>       adapters among them
  <case>/losses [3], <case>/after/<name>  three steps of SGD (0.02, momentum 0.9) on the batches `order`, every batch norm
                                          in eval mode; running values stay, its affine trains where nothing is adapted
  <case>/recalibrated/<name>              running values by torch.optim.swa_utils.update_bn over `passes`, in batches of
                                          24, the last of 16
for the cases plain and adapted. The attribute rounding is how far float32 may take it from the truth (rounding.py): the L2
norm of a tensor after steps, else the largest element; `moved` is how far the truth went from the start.

Usage: make_batch_norm.py FOLDER batch_norm     exits 77 when torch or h5py is missing
"""

import os
import sys

from make_golden import F, build, h5py, nn, normalised, np, our_name, random_values, settle_statistics, torch  # exits 77

from rounding import deviations, draws
from torch.optim.swa_utils import update_bn

ARCH, SEED, SIZE, N_IMAGES, BATCH, N_STEPS, PASS_BATCH = "resnet20", 3, 8, 64, 16, 3, 24


def state(model, wants_all=True):
    return {our_name(name): tensor.detach().double().numpy().copy() for name, tensor in model.state_dict().items()
            if not name.endswith("num_batches_tracked") and (wants_all or ".running_" in "." + name)}


def frozen(model):
    """In training, but for its batch norms."""
    model.train()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()
    return model


def train(model, images, labels, order):
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], 0.02, momentum=0.9)
    losses = []
    for batch in order:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(normalised(images[batch], torch.float64)), torch.from_numpy(labels[batch]))
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return np.array(losses), state(model)


def recalibrated(model, images, passes):
    batches = [normalised(images[passes[i:i + PASS_BATCH]], torch.float64) for i in range(0, N_IMAGES, PASS_BATCH)]
    update_bn(batches, model)
    return state(model, wants_all=False)


def write_steps(file, case, make, data):
    start = state(make())
    losses, after = train(frozen(make()), *data)
    errors, losses_error = {name: 0.0 for name in after}, 0.0
    for rounded_losses, rounded in draws(lambda: frozen(make()), lambda model: train(model, *data)):
        losses_error = max(losses_error, abs(rounded_losses - losses).max())
        for name, value in after.items():
            errors[name] = max(errors[name], np.linalg.norm(rounded[name] - value))
    file[case + "/losses"] = losses
    file[case + "/losses"].attrs["rounding"] = losses_error
    for name, value in after.items():
        dataset = file.create_dataset(f"{case}/after/{name}", data=value)
        dataset.attrs["moved"] = np.linalg.norm(value - start[name])
        dataset.attrs["rounding"] = errors[name]


def write(file):
    random = np.random.RandomState(SEED)
    images = random.randint(0, 256, (N_IMAGES, 3, SIZE, SIZE)).astype(np.uint8)
    labels = random.randint(0, 10, N_IMAGES)
    values = random_values(ARCH, random)
    settle_statistics(ARCH, values, images)
    order, passes = random.permutation(N_IMAGES)[:N_STEPS * BATCH].reshape(N_STEPS, BATCH), random.permutation(N_IMAGES)
    file["images"], file["labels"] = images, labels.astype(np.int32)
    file["order"], file["passes"] = order.astype(np.int32), passes.astype(np.int32)
    for name, value in values.items():
        file["parameters/" + name] = value
    for case in ("plain", "adapted"):
        def make():
            return build(ARCH, case == "adapted", values)
        write_steps(file, case, make, (images, labels, order))
        truth = recalibrated(make(), images, passes)
        rounding = deviations(make, lambda model: recalibrated(model, images, passes), truth)
        for name, value in truth.items():
            file.create_dataset(f"{case}/recalibrated/{name}", data=value).attrs["rounding"] = rounding[name]


def main():
    folder, name = sys.argv[1:]
    torch.set_num_threads(1)  # small tensors: two threads wait more than they win
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, name + ".h5")
    with h5py.File(path + ".part", "w") as file:
        write(file)
    os.replace(path + ".part", path)
    print(path)


if __name__ == "__main__":
    main()
