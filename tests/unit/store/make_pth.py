"""Writes PyTorch files for the tests, and expected.json saying what is in them.

usage: make_pth.py FOLDER      exit 77 when PyTorch is not installed
"""

import collections
import io
import json
import math
import os
import pathlib
import pickle
import sys
import zipfile

try:
    import numpy
    import torch
except ImportError as reason:
    print(f"skipped: {reason}")
    sys.exit(77)

FORMATS = {"zip": "pytorch-zip", "legacy": "pytorch-legacy"}


def save(value, path, kind, protocol=2):
    torch.save(value, path, pickle_protocol=protocol, _use_new_zipfile_serialization=kind == "zip")


def spell(value):
    """Exactly, as text: hexadecimal floats, decimal integers."""
    if isinstance(value, bool):
        return str(int(value))
    return str(value) if isinstance(value, int) else value.hex() if math.isfinite(value) else str(value)


def describe(tensors):
    return [
        {
            "name": name,
            "dtype": str(tensor.dtype).removeprefix("torch."),
            "shape": list(tensor.shape),
            "values": [spell(v) for v in tensor.detach().reshape(-1).tolist()],
        }
        for name, tensor in tensors.items()
    ]


def every_dtype():
    floats = torch.tensor([[0.0, -0.0, 1.5], [-3.25, 1e-7, 65504.0]], dtype=torch.float64)
    odd = torch.tensor([float("inf"), -float("inf"), float("nan"), 6e-8, -6e-5, 1.0])
    ints = torch.tensor([[-128, 127, 0], [1, -1, 64]])
    return {
        "f64": floats,
        "f64.odd": torch.tensor([math.pi, 5e-324, 1.7e308], dtype=torch.float64),
        "f32": floats.float(),
        "f16": floats.half(),
        "f16.odd": odd.half(),
        "bf16": floats.bfloat16(),
        "bf16.odd": odd.bfloat16(),
        "i64": torch.tensor([2**63 - 1, -(2**63), 2**53 + 1]),
        "i32": torch.tensor([2**31 - 1, -(2**31)], dtype=torch.int32),
        "i16": torch.tensor([32767, -32768], dtype=torch.int16),
        "i8": ints.to(torch.int8),
        "u8": torch.tensor([0, 1, 255], dtype=torch.uint8),
        "bool": torch.tensor([True, False, True]),
    }


def every_view():
    base = torch.arange(60, dtype=torch.float32).reshape(3, 4, 5)
    return {
        "whole": base,
        "shared": base,
        "transposed": base.transpose(0, 2),
        "permuted": base.permute(1, 2, 0),
        "slice": base[1:],
        "steps": base[::2, 1::2, ::3],
        "row": base[1, 2],
        "scalar": base[2, 3, 4],
        "scalar.own": torch.tensor(2.5),
        "expanded": torch.tensor([[1.0], [2.0]]).expand(2, 6),
        "empty": torch.zeros(0, 3),
        "empty.slice": base[3:],
        "five": torch.arange(32.0).reshape(2, 2, 2, 2, 2).transpose(1, 3),
        "channels_last": torch.arange(48.0).reshape(2, 3, 2, 4).contiguous(memory_format=torch.channels_last),
    }


def small():
    return collections.OrderedDict(
        [("conv.weight", torch.arange(8.0).reshape(2, 1, 2, 2) / 8), ("bn.num_batches_tracked", torch.tensor(7))]
    )


def prefixed(prefix):
    return {prefix + name: tensor for name, tensor in small().items()}


def checkpoint(name):
    """What training scripts save: the state dict beside everything else."""
    network = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2))
    optimizer = torch.optim.Adam(network.parameters())
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, [3, 5])
    network(torch.ones(2, 1, 4, 4)).square().mean().backward()
    optimizer.step()
    state = network.state_dict()
    whole = {
        "acc": numpy.float64(93.5),
        "best": torch.tensor(91.0),
        "epoch": 7,
        "tags": {"a", "b"},
        "big": 2**70,
        "size": torch.Size([1, 2]),
        "device": torch.device("cpu"),
        "dtype": torch.float32,
        "counts": collections.defaultdict(int, {"x": 1}),
        "optimizer": optimizer.state_dict(),
        "scheduler": scheduler.state_dict(),
        name: state,
    }
    return whole, state


def good_cases():
    """name → (value, tensors expected, nesting, prefix)"""
    cases = {
        "dtypes": (every_dtype(), every_dtype(), "", ""),
        "views": (every_view(), every_view(), "", ""),
        "parameters": ({n: torch.nn.Parameter(t) for n, t in small().items() if t.is_floating_point()},
                       {n: t for n, t in small().items() if t.is_floating_point()}, "", ""),
        "deep": ({"model": {"state_dict": small()}}, small(), "model/state_dict", ""),
        "named_net": ({"net": torch.ones(2), "model": torch.zeros(1)},
                      {"net": torch.ones(2), "model": torch.zeros(1)}, "", ""),
    }
    for name in ("net", "state_dict", "model"):
        whole, state = checkpoint(name)
        cases[f"nested_{name}"] = (whole, state, name, "")
    for prefix in ("module.", "base_model.model.", "module.base_model.model."):
        state = prefixed(prefix)
        cases[f"prefix_{len(prefix)}"] = ({"state_dict": state}, state, "state_dict", prefix)
    return cases


def write_good(folder):
    expected = []
    for name, (value, tensors, nested, prefix) in good_cases().items():
        for kind, label in FORMATS.items():
            for protocol in (2, 4, 5) if name.startswith("nested") or name == "dtypes" else (2,):
                path = folder / f"{name}_{protocol}_{kind}.pth"
                save(value, path, kind, protocol)
                expected.append({"file": path.name, "format": label, "nested": nested, "prefix": prefix,
                                 "tensors": describe(tensors)})
    for kind in FORMATS:
        save(small(), folder / f"small_{kind}.pth", kind)
    return expected


class Evil:
    def __init__(self, witness):
        self.command = f"touch {witness}"

    def __reduce__(self):
        return os.system, (self.command,)


def rewrite_zip(source, target, changes, method=zipfile.ZIP_STORED):
    """Copies an archive; changes: entry's base name → function of its bytes (None drops it)."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", method) as new:
        for entry in old.namelist():
            change = changes.get(entry.split("/", 1)[1], lambda content: content)
            if change is not None:
                new.writestr(entry, change(old.read(entry)))


def write_evil(folder, bad):
    for kind in FORMATS:
        path = folder / f"evil_{kind}.pth"
        value = {"state_dict": small(), "callback": Evil(folder / "executed")}
        save(value, path, kind)
        bad.append((path.name, "pickle asks for 'posix.system', which no state dict needs; refused"))
    rewrite_zip(folder / "evil_zip.pth", folder / "evil_os.pth",
                {"data.pkl": lambda content: content.replace(b"cposix\nsystem\n", b"cos\nsystem\n")})
    bad.append(("evil_os.pth", "pickle asks for 'os.system', which no state dict needs; refused"))
    rewrite_zip(folder / "evil_zip.pth", folder / "evil_control.pth",
                {"data.pkl": lambda content: content.replace(b"cposix\n", b"c\x1b[2J\n")})
    bad.append(("evil_control.pth", "pickle asks for '?[2J.system'"))


class Marked:
    """A tensor as PyTorch 2 saves the view of a conjugate's imaginary part."""

    def __reduce__(self):
        storage, hooks = torch.ones(2).storage(), collections.OrderedDict()
        return torch._utils._rebuild_tensor_v2, (storage, 0, (2,), (1,), False, hooks, {"neg": True})


def write_refused(folder, bad):
    def add(name, value, message, kind="zip"):
        save(value, folder / name, kind)
        bad.append((name, message))

    add("model.pth", torch.nn.Linear(2, 2), "pickle asks for 'torch.nn.modules.linear.Linear'")
    add("complex.pth", {"a": torch.zeros(2, dtype=torch.complex64)}, "pickle asks for 'torch.ComplexFloatStorage'")
    module = numpy.zeros(3).__reduce__()[0].__module__  # numpy.core.multiarray, from NumPy 2 on numpy._core.multiarray
    add("array.pth", {"a": numpy.zeros(3)}, f"pickle asks for '{module}._reconstruct'")
    add("nothing.pth", {"epoch": 3, "acc": 1.0}, "holds no tensors, expected a state dict at top level or under "
        "'state_dict', 'net' or 'model'; top level holds 'epoch', 'acc'")
    add("tensor.pth", torch.zeros(2), "holds no dict at top level")
    add("unnamed.pth", {3: torch.zeros(2)}, "holds a tensor whose name is not text")
    add("control.pth", {"a\x1b": torch.zeros(2)}, "holds a tensor whose name has control characters")
    add("negative.pth", {"a": Marked()}, "pickle holds a tensor marked 'neg', whose values are not the stored ones; "
        "save tensor.resolve_neg()")
    add("nine.pth", {"a": torch.zeros([1] * 9)}, "a tensor of 9 dimensions, expected at most 8")


def write_damaged(folder, bad):
    source = folder / "small_zip.pth"

    def add(name, changes, message, method=zipfile.ZIP_STORED):
        rewrite_zip(source, folder / name, changes, method)
        bad.append((name, message))

    add("big_endian.pth", {"byteorder": None}, "is big-endian, but only little-endian files can be read")
    with zipfile.ZipFile(folder / "big_endian.pth", "a") as archive:
        archive.writestr("small_zip/byteorder", "big")
    add("short_storage.pth", {"data/0": lambda content: content[:-4]},
        "'conv.weight': storage 'small_zip/data/0' has 28 bytes, expected 8 float32")
    add("no_storage.pth", {"data/0": None}, "'conv.weight': storage 'small_zip/data/0' is missing from the archive")
    add("no_pickle.pth", {"data.pkl": None}, "zip archive has no data.pkl, so torch.save did not write it")
    add("compressed.pth", {}, "is compressed, but PyTorch stores entries as they are", zipfile.ZIP_DEFLATED)
    add("reaching.pth", {"data.pkl": lambda content: content.replace(b"K\x00(K\x02K\x01K\x02K\x02t", b"K\x04(K\x02K\x01K\x02K\x02t")},
        "'conv.weight' reaches beyond its storage of 8 elements")
    add("greedy.pth", {"data.pkl": lambda content: content.replace(b"K\x08t", b"J\xff\xff\xff\x7ft")},
        "'conv.weight' needs a storage of 2147483647 float32, but the file has")

    legacy = (folder / "small_legacy.pth").read_bytes()
    (folder / "big_endian_legacy.pth").write_bytes(legacy.replace(b"little_endianq\x02\x88", b"little_endianq\x02\x89"))
    bad.append(("big_endian_legacy.pth", "is big-endian, but only little-endian files can be read"))
    (folder / "count_legacy.pth").write_bytes(legacy.replace(b"K\x08N", b"K\x09N"))
    bad.append(("count_legacy.pth", "has 8 elements, but the pickle says 9"))
    (folder / "plain.pkl").write_bytes(pickle.dumps({"a": [1, 2]}, 2))
    bad.append(("plain.pkl", "does not begin as PyTorch's files do"))


def main():
    folder = pathlib.Path(sys.argv[1])
    torch.manual_seed(1)
    bad = []
    good = write_good(folder)
    write_evil(folder, bad)
    write_refused(folder, bad)
    write_damaged(folder, bad)
    bad = [{"file": name, "message": message} for name, message in bad]
    (folder / "expected.json").write_text(json.dumps({"good": good, "bad": bad}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
