"""Golden files: what PyTorch computes for the CIFAR ResNets, plain and with LoRA, in float64.

The networks are written here a second time, from the papers (He et al., arXiv:1512.03385; Hu et al.,
arXiv:2106.09685) and in plain PyTorch, so that they share no line with the program under test.

Each architecture gets one HDF5 file:
  /images u8 [N, 3, H, W], /labels
  /parameters/<name>      values that float32 holds exactly, adapters among them
  /<case>/logits, loss, gradients/<name>, running/<name>     float64 truth; the attribute
      rounding of each is how far float32 may take its elements: see rounding.py
for the cases plain_train, plain_eval, lora_train, lora_eval.

A gradient jumps where a ReLU's input crosses zero, and float32 cannot tell on which side of zero an
input of 1e-7 lies. The values are made so that no input lies near zero: relu() keeps the smallest.

Usage: make_golden.py FOLDER ARCH...      exits 77 when torch or h5py is missing
"""

import os
import sys

try:
    import h5py
    import numpy as np
    import torch
    from torch import nn
    from torch.nn import functional as F
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)
from rounding import deviations

MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2471, 0.2435, 0.2616)
LORA_RANK, LORA_ALPHA = 8, 16
CLASSES = 10


def relu(x):
    relu.margin = min(relu.margin, float(x.detach().abs().min()))
    return F.relu(x)


relu.margin = np.inf


class LoraConv(nn.Module):
    """y = W*x + alpha/rank · B*(A*x); B is a 1 × 1 convolution."""

    def __init__(self, base):
        super().__init__()
        self.base = base
        self.lora_A = nn.Conv2d(base.in_channels, LORA_RANK, base.kernel_size, base.stride,
                                base.padding, bias=False)
        self.lora_B = nn.Conv2d(LORA_RANK, base.out_channels, 1, bias=False)

    def forward(self, x):
        return self.base(x) + LORA_ALPHA / LORA_RANK * self.lora_B(self.lora_A(x))


def conv(n_in, n_out, kernel, stride=1):
    return nn.Conv2d(n_in, n_out, kernel, stride, kernel // 2, bias=False)


class OptionA(nn.Module):
    """Every second pixel, zero channels on both sides."""

    def __init__(self, n_pad):
        super().__init__()
        self.n_pad = n_pad

    def forward(self, x):
        return F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.n_pad, self.n_pad))


class Block(nn.Module):
    """Two 3 × 3 convolutions, or 1 × 1, 3 × 3 (with the stride), 1 × 1; plus a shortcut."""

    def __init__(self, n_in, planes, stride, kind):
        super().__init__()
        n_out = planes * (4 if kind == "bottleneck" else 1)
        self.kind = kind
        if kind == "bottleneck":
            self.conv1, self.bn1 = conv(n_in, planes, 1), nn.BatchNorm2d(planes)
            self.conv2, self.bn2 = conv(planes, planes, 3, stride), nn.BatchNorm2d(planes)
            self.conv3, self.bn3 = conv(planes, n_out, 1), nn.BatchNorm2d(n_out)
        else:
            self.conv1, self.bn1 = conv(n_in, planes, 3, stride), nn.BatchNorm2d(planes)
            self.conv2, self.bn2 = conv(planes, planes, 3), nn.BatchNorm2d(planes)
        self.shortcut = nn.Sequential()
        if stride != 1 or n_in != n_out:
            if kind == "option_a":
                self.shortcut = OptionA((n_out - n_in) // 2)
            else:
                self.shortcut = nn.Sequential(conv(n_in, n_out, 1, stride), nn.BatchNorm2d(n_out))

    def forward(self, x):
        y = self.bn2(self.conv2(relu(self.bn1(self.conv1(x)))))
        if self.kind == "bottleneck":
            y = self.bn3(self.conv3(relu(y)))
        return relu(y + self.shortcut(x))


class ResNet(nn.Module):
    def __init__(self, kind, width, depths):
        super().__init__()
        expansion = 4 if kind == "bottleneck" else 1
        self.conv1, self.bn1 = conv(3, width, 3), nn.BatchNorm2d(width)
        n_in = width
        for stage, depth in enumerate(depths):
            blocks = []
            for i in range(depth):
                planes = width << stage
                blocks.append(Block(n_in, planes, 2 if stage > 0 and i == 0 else 1, kind))
                n_in = planes * expansion
            setattr(self, f"layer{stage + 1}", nn.Sequential(*blocks))
        self.n_stages = len(depths)
        self.linear = nn.Linear(n_in, CLASSES)

    def forward(self, x):
        x = relu(self.bn1(self.conv1(x)))
        for stage in range(self.n_stages):
            x = getattr(self, f"layer{stage + 1}")(x)
        return self.linear(x.mean(dim=(2, 3)))


ARCHITECTURES = {
    "resnet20": ("option_a", 16, (3, 3, 3)),
    "resnet18": ("basic", 64, (2, 2, 2, 2)),
    "resnet50": ("bottleneck", 64, (3, 4, 6, 3)),
}
# seed, batch, image size, smallest ReLU input allowed
INPUTS = {
    "resnet20": (1, 4, 16, 4e-6),
    "resnet18": (2, 4, 12, 1e-4),
    "resnet50": (4, 3, 10, 1e-4),
}


def inject_lora(model):
    """Adapters on conv1, conv2 and conv3 of every block; everything but them and the head frozen."""
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    for block in [m for m in model.modules() if isinstance(m, Block)]:
        for name in ("conv1", "conv2", "conv3"):
            if hasattr(block, name):
                setattr(block, name, LoraConv(getattr(block, name)))
    for parameter in model.linear.parameters():
        parameter.requires_grad_(True)
    return model


def our_name(name):
    return name.replace(".base.", ".")


def build(arch, has_lora, values=None, dtype=torch.float64):
    model = ResNet(*ARCHITECTURES[arch])
    if has_lora:
        inject_lora(model)
    if values is not None:
        state = model.state_dict()
        for name, tensor in state.items():
            if not name.endswith("num_batches_tracked"):
                tensor.copy_(torch.from_numpy(values[our_name(name)]))
    return model.to(dtype)


def random_values(arch, random):
    """Parameters of the network with adapters, as float32 numbers."""
    values = {}
    for name, tensor in build(arch, True).state_dict().items():
        if name.endswith("num_batches_tracked"):
            continue
        noise = random.standard_normal(tuple(tensor.shape))
        if name.endswith("lora_B.weight"):
            noise *= 0.02
        elif tensor.dim() == 4:
            noise *= (2.0 / tensor[0].numel()) ** 0.5
        elif name == "linear.weight":
            noise *= tensor.shape[1] ** -0.5
        elif name.endswith(".weight") or name.endswith("running_var"):
            noise = 1 + 0.1 * np.tanh(noise)
        else:
            noise *= 0.1
        values[our_name(name)] = noise.astype(np.float32)
    if arch != "resnet20":
        keep_clear_of_zero(arch, values, random)
    return values


def keep_clear_of_zero(arch, values, random):
    """Moves each channel some four deviations to one side of its ReLU's kink, through biases.

    In networks of this size a random input comes within 1e-6 of zero somewhere, always. A sum with
    an identity shortcut is kept where the shortcut is; resnet20 is small enough for a lucky seed.
    """
    def shift(name, size):
        values[name + ".bias"] = (values[name + ".bias"] + size).astype(np.float32)

    def sides(name):
        return np.where(random.uniform(size=values[name + ".bias"].shape) < 0.5, -1.0, 1.0)

    side = sides("bn1")
    shift("bn1", 4.5 * side)
    for name, block in build(arch, False).named_modules():
        if not isinstance(block, Block):
            continue
        last = "bn3" if block.kind == "bottleneck" else "bn2"
        for inner in ("bn1", "bn2")[:int(last[2]) - 1]:
            shift(f"{name}.{inner}", 4.5 * sides(f"{name}.{inner}"))
        if len(block.shortcut) > 0:
            side = sides(f"{name}.{last}")
            shift(f"{name}.{last}", 3.5 * side)
            shift(f"{name}.shortcut.1", 3.5 * side)
        else:
            new_side = np.where(side > 0, 1.0, sides(f"{name}.{last}"))
            shift(f"{name}.{last}", np.where(side > 0, 2.5, 4.5 * new_side))
            side = new_side


def settle_statistics(arch, values, images):
    """Running values near the batch's own: an evaluation far from them would explode with depth."""
    model = build(arch, True, values)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0
    model.train()
    with torch.no_grad():
        model(normalised(images, torch.float64))
    for name, tensor in model.state_dict().items():
        name = our_name(name)
        if name.endswith("running_mean"):
            values[name] = (tensor.numpy() + values[name]).astype(np.float32)
        elif name.endswith("running_var"):
            values[name] = (tensor.numpy() * values[name]).astype(np.float32)


def normalised(images, dtype):
    x = torch.from_numpy(images).to(dtype) / 255
    mean, std = (torch.tensor(v, dtype=dtype).view(1, 3, 1, 1) for v in (MEAN, STD))
    return (x - mean) / std


def compute(model, is_train, images, labels):
    """{"logits": …, "loss": …, "gradients/<name>": …, "running/<name>": …} as float64 arrays"""
    model.train(is_train)
    model.zero_grad()
    dtype = next(model.parameters()).dtype
    logits = model(normalised(images, dtype))
    loss = F.cross_entropy(logits, torch.from_numpy(labels))
    loss.backward()
    results = {"logits": logits, "loss": loss.reshape(1)}
    for name, parameter in model.named_parameters():
        if parameter.grad is not None:
            results["gradients/" + our_name(name)] = parameter.grad
    for name, buffer in model.named_buffers():
        if is_train and name.split(".")[-1].startswith("running_"):
            results["running/" + name] = buffer
    return {name: t.detach().double().contiguous().numpy() for name, t in results.items()}


def write_case(file, case, truth, rounding):
    for name, value in truth.items():
        dataset = file.create_dataset(f"{case}/{name}", data=value)
        dataset.attrs["rounding"] = rounding[name]


def write_golden(file, arch):
    seed, batch, size, wanted_margin = INPUTS[arch]
    random = np.random.RandomState(seed)
    images = random.randint(0, 256, (batch, 3, size, size)).astype(np.uint8)
    labels = random.randint(0, CLASSES, batch)
    values = random_values(arch, random)
    settle_statistics(arch, values, images)
    file["images"], file["labels"] = images, labels.astype(np.int32)
    for name, value in values.items():
        file["parameters/" + name] = value
    for has_lora in (False, True):
        for is_train in (True, False):
            relu.margin = np.inf
            truth = compute(build(arch, has_lora, values), is_train, images, labels)
            if relu.margin < wanted_margin:
                sys.exit(f"{arch}: a ReLU's input is {relu.margin:.1e}, want another seed")
            rounding = deviations(lambda: build(arch, has_lora, values),
                                  lambda model: compute(model, is_train, images, labels), truth)
            write_case(file, f"{'lora' if has_lora else 'plain'}_{'train' if is_train else 'eval'}",
                       truth, rounding)


def main():
    folder, names = sys.argv[1], sys.argv[2:]
    torch.set_num_threads(1)  # small tensors: two threads wait more than they win
    os.makedirs(folder, exist_ok=True)
    for arch in names:
        path = os.path.join(folder, arch + ".h5")
        with h5py.File(path + ".part", "w") as file:
            write_golden(file, arch)
        os.replace(path + ".part", path)
        print(path)


if __name__ == "__main__":
    main()
