"""PyTorch → prunelora → PyTorch: the bytes of every tensor of every model, of every type and of strided views, through
.safetensors, .h5 and .pth, and through a network; safetensors read by a reader of its own; PEFT's names.

usage: round_trip.py PRUNELORA PASS_THROUGH FOLDER [ARCH...]      exits 77 when torch or h5py is missing
"""

import collections
import json
import pathlib
import subprocess
import sys

import make_golden
import torch
from make_golden import np

DEPTHS = {f"resnet{6 * n + 2}": ("option_a", 16, (n, n, n)) for n in (3, 5, 7, 9, 18)}
DEPTHS |= {"resnet18": ("basic", 64, (2, 2, 2, 2)), "resnet34": ("basic", 64, (3, 4, 6, 3)),
           "resnet50": ("bottleneck", 64, (3, 4, 6, 3)), "resnet101": ("bottleneck", 64, (3, 4, 23, 3)),
           "resnet152": ("bottleneck", 64, (3, 8, 36, 3))}
USUAL = ("resnet20", "resnet32", "resnet44", "resnet56", "resnet110", "resnet18")  # the others: by hand, 400 MB
STORED = {torch.float64: "F64", torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.int64: "I64",
          torch.int32: "I32", torch.int16: "I16", torch.int8: "I8", torch.uint8: "U8", torch.bool: "BOOL"}


def spell(tensor):
    """dtype, shape and bytes"""
    plain = tensor.detach().contiguous()
    if plain.dtype == torch.bfloat16:  # which NumPy does not know
        plain = plain.view(torch.int16)
    return tensor.dtype, tuple(tensor.shape), plain.numpy().tobytes()


def must(*command):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def compare(what, found, wanted):
    if list(found) != list(wanted):
        sys.exit(f"{what}: names {list(found)[:5]} … wanted {list(wanted)[:5]} …")
    wrong = [name for name in wanted if spell(found[name]) != spell(wanted[name])]
    if wrong:
        sys.exit(f"{what}: {len(wrong)} tensors differ, {wrong[:5]}")


def read_safetensors(path):
    """name → (code, shape, bytes), from the format's description alone; nothing of the file is left over"""
    content = path.read_bytes()
    n = int.from_bytes(content[:8], "little")
    header, data, read = json.loads(content[8:8 + n]), content[8 + n:], 0
    assert header.pop("__metadata__") == {"format": "pt"} and n % 8 == 0
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        tensors[name] = (entry["dtype"], tuple(entry["shape"]), data[begin:end])
        read += end - begin
    assert read == len(data)
    return tensors


def check_files(prunelora, folder, name, state):
    files = [folder / f"{name}{suffix}" for suffix in (".torch.pth", ".safetensors", ".h5", ".pth")]
    torch.save(state, files[0])
    for source, target in zip(files, files[1:]):
        must(prunelora, "weights", "convert", source, "--out", target, "--force")
    compare(f"{name}.pth", torch.load(files[3], weights_only=True), state)
    found = read_safetensors(files[1])
    wanted = {n: (STORED[t.dtype], *spell(t)[1:]) for n, t in state.items()}
    if found != wanted:
        sys.exit(f"{name}.safetensors: tensors differ")
    if "0 different, 0 in one file only" not in must(prunelora, "weights", "diff", files[0], files[2]):
        sys.exit(f"{name}: weights diff finds differences")
    return files


def check_network(pass_through, arch, model, files):
    """load_state_dict takes what left a network; only the count of batches, which it does not read, stays behind."""
    state = model.state_dict()
    for suffix in (".safetensors", ".pth"):
        target = files[0].with_name(f"{arch}.network{suffix}")
        must(pass_through, arch, files[0], target)
        if suffix == ".pth":
            model.load_state_dict(torch.load(target, weights_only=True))
            compare(f"{arch} through a network", model.state_dict(), state)
        target.unlink()


def check_models(prunelora, pass_through, folder, archs):
    for arch in archs:
        model = make_golden.ResNet(*DEPTHS[arch])
        with torch.no_grad():
            for tensor in model.state_dict().values():
                tensor.copy_(torch.randn(tensor.shape)) if tensor.is_floating_point() else tensor.fill_(391)
        files = check_files(prunelora, folder, arch, model.state_dict())
        check_network(pass_through, arch, model, files)
        for file in files:
            file.unlink()
        print(f"ok {arch}: {len(model.state_dict())} tensors")


def check_types(prunelora, folder):
    odd = torch.tensor([np.nan, np.inf, -np.inf, -0.0, 6e-8, 65504.0, 1e-45])
    base = torch.arange(24.0).reshape(2, 3, 4)
    state = collections.OrderedDict(
        f16=odd.half(), f32=odd, f64=odd.double(), bf16=odd.bfloat16(), i64=torch.tensor([2**63 - 1, -(2**63)]),
        i32=torch.tensor([-(2**31)], dtype=torch.int32), i16=torch.tensor([-32768], dtype=torch.int16),
        i8=torch.tensor([-128, 127], dtype=torch.int8), u8=torch.tensor([0, 255], dtype=torch.uint8),
        bool=torch.tensor([True, False]), scalar=torch.tensor(7), empty=torch.zeros(0, 3), turned=base.transpose(0, 2),
        every_second=base[:, ::2], Ω=torch.ones(1))
    every_half = torch.arange(-(2**15), 2**15, dtype=torch.int16)
    state["all_halves"], state["all_bfloats"] = every_half.clone().view(torch.float16), \
        every_half.clone().view(torch.bfloat16)
    check_files(prunelora, folder, "types", state)
    print(f"ok {len(state)} tensors of every type, among them every float16 and bfloat16 there is")


def lora_wrapped(prefix, kind):
    """What PEFT's wrapped models save: (state dict, merged in float64)"""
    def values(*shape):
        return torch.randn(shape)
    weight, a, b = values(6, 4, 3, 3), values(2, 4, 3, 3), values(6, 2, 1, 1)
    linear, la, lb, old, new = values(5, 7), values(2, 7), values(5, 2), values(3, 5), values(3, 5)
    state = {f"{prefix}conv.base_layer.weight": weight, f"{prefix}conv.lora_A{kind}.weight": a,
             f"{prefix}conv.lora_B{kind}.weight": b, f"{prefix}fc.base_layer.weight": linear,
             f"{prefix}fc.base_layer.bias": values(5), f"{prefix}fc.lora_A{kind}.weight": la,
             f"{prefix}fc.lora_B{kind}.weight": lb, f"{prefix}head.original_module.weight": old,
             f"{prefix}head.modules_to_save{kind}.weight": new}
    delta = torch.einsum("kr,rcij->kcij", b[:, :, 0, 0].double(), a.double())
    merged = {"conv.weight": (weight + 4 * delta).float(), "fc.weight": (linear + 4 * lb.double() @ la.double()).float(),
              "fc.bias": state[f"{prefix}fc.base_layer.bias"], "head.weight": new}
    return state, merged


def check_wrapped(prunelora, folder):
    for prefix in ("", "base_model.model.", "module.base_model.model."):
        for kind in ("", ".default"):
            state, wanted = lora_wrapped(prefix, kind)
            torch.save(state, folder / "wrapped.pth")
            must(prunelora, "weights", "merge", folder / "wrapped.pth", "--alpha", 8, "--out", folder / "merged.pth",
                 "--force")
            found = torch.load(folder / "merged.pth")
            if set(found) != set(wanted):
                sys.exit(f"merged names are {sorted(found)}, wanted {sorted(wanted)}")
            for name, tensor in wanted.items():
                exact = name in ("fc.bias", "head.weight")
                if not torch.allclose(found[name], tensor, rtol=0 if exact else 1e-6, atol=0 if exact else 1e-6):
                    sys.exit(f"merged '{name}' is {(found[name] - tensor).abs().max()} off")
            must(prunelora, "weights", "convert", folder / "wrapped.pth", "--bare", "--out", folder / "bare.pth", "--force")
            kept = {"conv.weight", "conv.lora_A.weight", "conv.lora_B.weight", "fc.weight", "fc.bias",
                    "fc.lora_A.weight", "fc.lora_B.weight", "head.weight"}
            if set(torch.load(folder / "bare.pth")) != kept:
                sys.exit(f"--bare names: {sorted(torch.load(folder / 'bare.pth'))}")
    print("ok state dicts of PEFT-wrapped models, merged and kept")


def main():
    prunelora, pass_through, folder, archs = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3]), sys.argv[4:]
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(5)
    torch.set_num_threads(1)
    check_types(prunelora, folder)
    check_wrapped(prunelora, folder)
    check_models(prunelora, pass_through, folder, archs or USUAL)


if __name__ == "__main__":
    main()
