"""The same steps in PyTorch: images per second of one network.

Usage: pytorch.py ARCH train|eval plain|lora|prune_lora BATCH SECONDS WAY
WAY is nchw or channels_last, and of simple_vit one of those in pytorch_vit.py. The other networks are those of the golden
tests; adapters as peft writes them (base + B(A(dropout(x))) · scale).
Images are resident and already normalised floats, which the other side computes in every step."""

import pathlib
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "golden"))
import make_golden
import pytorch_vit
import torch
from torch.nn import functional as F

DROPOUT = 0.1
make_golden.relu = F.relu  # theirs keeps the smallest input


def adapted(self, x):
    low = self.lora_A(F.dropout(x, DROPOUT, self.training))
    return self.base(x) + self.lora_B(low) * (make_golden.LORA_ALPHA / make_golden.LORA_RANK)


make_golden.LoraConv.forward = adapted


def built(arch, method, way):
    if arch == "simple_vit":
        return pytorch_vit.build(way, method != "plain"), torch.contiguous_format
    layout = torch.channels_last if way == "channels_last" else torch.contiguous_format
    return make_golden.build(arch, method != "plain", dtype=torch.float32).to(memory_format=layout), layout


def main():
    arch, mode, method, batch, seconds, way = sys.argv[1:7]
    torch.manual_seed(1)
    model, layout = built(arch, method, way)
    model.train(mode == "train")
    batch, seconds = int(batch), float(seconds)
    x = torch.randn(batch, 3, 32, 32).to(memory_format=layout)
    labels = torch.arange(batch) % make_golden.CLASSES
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.Adam(trained, lr=1e-4)

    def step():
        if mode == "eval":
            with torch.inference_mode():
                return F.cross_entropy(model(x), labels, reduction="none").sum().item()
        optimizer.zero_grad(set_to_none=True)
        loss = F.cross_entropy(model(x), labels)
        loss.backward()
        optimizer.step()
        return loss.item()

    step()
    times, begin = [], time.perf_counter()
    while len(times) < 2 or time.perf_counter() - begin < seconds:
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    print(f"{arch} {mode} {method} batch {batch}: {batch / statistics.median(times):.1f} images/s")


main()
