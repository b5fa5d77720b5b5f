"""Golden files: what PyTorch computes for the vision transformer, plain, pruned and with LoRA, in float64.

The network is written here a second time, from the papers (Dosovitskiy et al., arXiv:2010.11929; Beyer et al.,
arXiv:2205.01580) and in plain PyTorch, so that it shares no line with the program under test; its attention is
checked against torch.nn.MultiheadAttention.

Files as make_golden.py writes them, with
  /vit [5]             patch, layers, heads, width, mlp
  /lora [2]            rank, alpha
  /lora_targets, /prune_targets   regular expressions over module names
  /<case>/n_gradients  how many gradients are there: of the published size not all of them
  /<case>/after_sgd/<name>, after_adam/<name>   trained parameters after a step of SGD (0.1, momentum 0.9, decay
                       5e-4) and then one of Adam (1e-3) with the same gradients
for the cases plain_train, pruned_train, lora_train, and logits and loss alone for plain_eval.

Usage: make_vit.py FOLDER simple_vit|small_vit...      exits 77 when torch or h5py is missing
"""

import os
import re
import sys

from make_golden import CLASSES, F, h5py, nn, normalised, np, our_name, torch  # exits 77
from make_golden import deviations, write_case

from torch.nn.utils import prune

# shape: patch, layers, heads, width, mlp; images are [batch, 3, height, width]
LAST = r"encoder\.layers\.encoder_layer_%d\.self_attention\.out_proj"
MODELS = {
    "simple_vit": dict(shape=(4, 12, 6, 384, 1536), images=(2, 3, 32, 32), lora=(16, 32.0), sparsity=0.5, draws=2,
                       lora_targets=LAST % 11 + r"|heads\.head", prune_targets=LAST % 11,
                       kept=r"conv_proj.*|.*_0\.(ln_1|self_attention).*|.*_11\.self_attention.*|encoder\.ln.*|heads.*"),
    "small_vit": dict(shape=(3, 2, 3, 36, 47), images=(3, 3, 9, 15), lora=(3, 5.0), sparsity=0.5, draws=4,
                      lora_targets=r"conv_proj|.*_0\.self_attention\.in_proj_[qkv]|.*_1\.self_attention\.in_proj_v|"
                                   r".*\.out_proj|.*_0\.mlp\.[03]|heads\.head",
                      prune_targets=r"conv_proj|.*\.self_attention|.*\.out_proj|.*_1\.mlp\.3|heads\.head", kept=".*"),
}


def adapter(base, rank):
    pair = nn.Module()
    if isinstance(base, nn.Conv2d):
        pair.lora_A = nn.Conv2d(base.in_channels, rank, base.kernel_size, base.stride, base.padding, bias=False)
        pair.lora_B = nn.Conv2d(rank, base.out_channels, 1, bias=False)
    else:
        pair.lora_A = nn.Linear(base[0], rank, bias=False)
        pair.lora_B = nn.Linear(rank, base[1], bias=False)
    return pair


class Adapted(nn.Module):
    """y = W x + alpha/rank · B A x"""

    def __init__(self, base, rank, factor):
        super().__init__()
        sizes = base if isinstance(base, nn.Conv2d) else (base.in_features, base.out_features)
        pair = adapter(sizes, rank)
        self.base, self.lora_A, self.lora_B, self.factor = base, pair.lora_A, pair.lora_B, factor

    def forward(self, x):
        return self.base(x) + self.factor * self.lora_B(self.lora_A(x))


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads, self.factor = heads, 0.0
        self.in_proj_weight = nn.Parameter(torch.empty(3 * width, width))
        self.in_proj_bias = nn.Parameter(torch.empty(3 * width))
        self.out_proj = nn.Linear(width, width)

    def forward(self, x):
        batch, tokens, width = x.shape
        parts = list(F.linear(x, self.in_proj_weight, self.in_proj_bias).split(width, dim=2))
        for i, name in enumerate(("in_proj_q", "in_proj_k", "in_proj_v")):
            if hasattr(self, name):
                pair = getattr(self, name)
                parts[i] = parts[i] + self.factor * pair.lora_B(pair.lora_A(x))
        q, k, v = (p.view(batch, tokens, self.heads, -1).transpose(1, 2) for p in parts)
        weights = (q @ k.transpose(2, 3) / q.shape[3] ** 0.5).softmax(dim=3)
        return self.out_proj((weights @ v).transpose(1, 2).reshape(batch, tokens, width))


class Block(nn.Module):
    def __init__(self, width, heads, hidden):
        super().__init__()
        self.ln_1 = nn.LayerNorm(width, eps=1e-6)
        self.self_attention = Attention(width, heads)
        self.ln_2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Identity(), nn.Linear(hidden, width))

    def forward(self, x):
        x = x + self.self_attention(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class Vit(nn.Module):
    def __init__(self, shape, n_tokens):
        super().__init__()
        patch, layers, heads, width, hidden = shape
        self.conv_proj = nn.Conv2d(3, width, patch, patch)
        self.register_buffer("pos_embedding", torch.zeros(n_tokens, width))
        self.encoder = nn.Module()
        self.encoder.layers = nn.Module()
        for i in range(layers):
            self.encoder.layers.add_module(f"encoder_layer_{i}", Block(width, heads, hidden))
        self.encoder.ln = nn.LayerNorm(width, eps=1e-6)
        self.heads = nn.Module()
        self.heads.head = nn.Linear(width, CLASSES)

    def forward(self, x):
        x = self.conv_proj(x).flatten(2).transpose(1, 2) + self.pos_embedding
        for block in self.encoder.layers.children():
            x = block(x)
        return self.heads.head(self.encoder.ln(x).mean(dim=1))


def positions(rows, columns, width):
    """[sin x·w, cos x·w, sin y·w, cos y·w] of row y, column x"""
    y, x = np.mgrid[:rows, :columns].reshape(2, -1, 1).astype(np.float64)
    frequencies = 10000.0 ** (-np.arange(width // 4) / (width // 4 - 1))
    return np.concatenate([f(v * frequencies) for v in (x, y) for f in (np.sin, np.cos)], axis=1)


def inject_lora(model, name):
    rank, alpha = MODELS[name]["lora"]
    targets = re.compile(MODELS[name]["lora_targets"])
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    for path, module in list(model.named_modules()):
        if isinstance(module, Attention):
            module.factor = alpha / rank
            for part in ("in_proj_q", "in_proj_k", "in_proj_v"):
                if targets.fullmatch(f"{path}.{part}"):
                    width = module.in_proj_weight.shape[1]
                    module.add_module(part, adapter((width, width), rank))
        elif isinstance(module, (nn.Linear, nn.Conv2d)) and targets.fullmatch(path):
            owner, _, last = path.rpartition(".")
            owner = model.get_submodule(owner)
            setattr(owner, last, Adapted(module, rank, alpha / rank))
    return model


def build(name, has_lora, values=None, dtype=torch.float64):
    patch, _, _, _, _ = MODELS[name]["shape"]
    _, _, height, width = MODELS[name]["images"]
    model = Vit(MODELS[name]["shape"], height // patch * (width // patch))
    if has_lora:
        inject_lora(model, name)
    model = model.to(dtype)
    if values is not None:
        for key, tensor in model.state_dict().items():
            tensor.copy_(torch.from_numpy(values[our_name(key)]))
    return model


def random_values(name, random):
    patch, _, _, width, _ = MODELS[name]["shape"]
    rows, columns = (n // patch for n in MODELS[name]["images"][2:])
    values = {}
    for key, tensor in build(name, True, dtype=torch.float32).state_dict().items():
        noise = random.standard_normal(tuple(tensor.shape))
        if key == "pos_embedding":
            noise = positions(rows, columns, width)
        elif tensor.dim() >= 2:
            noise *= tensor[0].numel() ** -0.5
        elif ".ln" in key and key.endswith("weight"):
            noise = 1 + 0.1 * np.tanh(noise)
        else:
            noise *= 0.1
        values[our_name(key)] = noise.astype(np.float32)
    return values


def pruned(name, values):
    """torch's own structured pruning, for good; attention's projection by the same function"""
    model, result = build(name, False, values, torch.float32), dict(values)
    for path, module in model.named_modules():
        tensor = "in_proj_weight" if isinstance(module, Attention) else "weight"
        if isinstance(module, (nn.Linear, nn.Conv2d, Attention)) and re.fullmatch(MODELS[name]["prune_targets"], path):
            prune.ln_structured(module, tensor, amount=MODELS[name]["sparsity"], n=2, dim=0)
            result[f"{path}.{tensor}"] = getattr(module, tensor).detach().numpy().copy()
    return result


def compute(name, model, images, labels):
    kept = re.compile(MODELS[name]["kept"])
    dtype = next(model.parameters()).dtype
    logits = model(normalised(images, dtype))
    loss = F.cross_entropy(logits, torch.from_numpy(labels))
    results = {"logits": logits, "loss": loss.reshape(1)}
    loss.backward()
    trained = {our_name(n): p for n, p in model.named_parameters() if p.grad is not None}
    trained = {n: p for n, p in trained.items() if kept.fullmatch(n)}
    results.update({"gradients/" + n: p.grad for n, p in trained.items()})
    for kind, make in (("sgd", lambda p: torch.optim.SGD(p, 0.1, momentum=0.9, weight_decay=5e-4)),
                       ("adam", lambda p: torch.optim.Adam(p, 1e-3))):
        make(list(trained.values())).step()
        results.update({f"after_{kind}/{n}": p.detach().clone() for n, p in trained.items()})
    return {key: t.detach().double().contiguous().numpy() for key, t in results.items()}


def write_vit(file, name):
    random = np.random.RandomState(5)
    images = random.randint(0, 256, MODELS[name]["images"]).astype(np.uint8)
    labels = random.randint(0, CLASSES, len(images))
    values = random_values(name, random)
    file["images"], file["labels"] = images, labels.astype(np.int32)
    file["vit"], file["lora"] = np.array(MODELS[name]["shape"]), np.array(MODELS[name]["lora"])
    file["sparsity"] = np.array([MODELS[name]["sparsity"]])
    for key in ("lora_targets", "prune_targets"):
        file[key] = np.frombuffer(MODELS[name][key].encode() + b"\0", np.uint8)
    for key, value in values.items():
        file["parameters/" + key] = value
    for case in ("plain_train", "pruned_train", "lora_train"):
        has_lora = case.startswith("lora")
        start = pruned(name, values) if case.startswith("pruned") else values
        truth = compute(name, build(name, has_lora, start), images, labels)
        rounding = deviations(lambda: build(name, has_lora, start), lambda model: compute(name, model, images, labels),
                              truth, MODELS[name]["draws"])
        write_case(file, case, truth, rounding)
        file[case + "/n_gradients"] = np.array([sum(key.startswith("gradients/") for key in truth)])
        if case == "plain_train":  # without dropout an evaluation computes the same
            ends = {key: truth[key] for key in ("logits", "loss")}
            write_case(file, "plain_eval", ends, rounding)
            file["plain_eval/n_gradients"] = np.array([0])


def check_attention():
    torch.manual_seed(3)
    theirs = nn.MultiheadAttention(12, 3, batch_first=True).double()
    ours, x = Attention(12, 3).double(), torch.randn(2, 5, 12).double()
    ours.load_state_dict(theirs.state_dict())
    if not torch.allclose(ours(x), theirs(x, x, x)[0], rtol=1e-12, atol=1e-13):
        sys.exit("attention differs from torch.nn.MultiheadAttention")


def main():
    folder, names = sys.argv[1], sys.argv[2:]
    torch.set_num_threads(1)
    check_attention()
    nn.init.kaiming_uniform_ = lambda tensor, **_: tensor  # every value is overwritten
    os.makedirs(folder, exist_ok=True)
    for name in names:
        path = os.path.join(folder, name + ".h5")
        with h5py.File(path + ".part", "w") as file:
            write_vit(file, name)
        os.replace(path + ".part", path)
        print(path)


if __name__ == "__main__":
    main()
