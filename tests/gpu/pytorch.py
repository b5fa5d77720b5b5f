"""The other side of the benchmark: the same steps in PyTorch on the same GPU, images per second.

usage: pytorch.py ARCH BATCH
As published: float32, channels first, the loss read in every step. Tuned: bf16 autocast, channels last, compiled,
data resident, the loss read at the end. Networks are those of the golden tests; adapters as peft writes them.
"""

import pathlib
import sys
import time
import types

sys.modules.setdefault("h5py", types.ModuleType("h5py"))  # files are not written here
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "golden"))
import make_golden
import torch
from torch.nn import functional as F

STEPS, WARM = 200, 20
make_golden.relu = F.relu  # theirs keeps the smallest input


def adapted(self, x):
    low = self.lora_A(F.dropout(x, 0.1, self.training))
    return self.base(x) + self.lora_B(low) * (make_golden.LORA_ALPHA / make_golden.LORA_RANK)


make_golden.LoraConv.forward = adapted


def measure(arch, has_adapters, batch, is_tuned):
    torch.manual_seed(1)
    layout = torch.channels_last if is_tuned else torch.contiguous_format
    model = make_golden.build(arch, has_adapters, dtype=torch.float32).cuda().to(memory_format=layout).train()
    x = torch.randn(batch, 3, 32, 32, device="cuda").to(memory_format=layout)
    labels = torch.arange(batch, device="cuda") % make_golden.CLASSES
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=1e-3, fused=is_tuned)
    forward = torch.compile(model) if is_tuned else model

    def step():
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cuda", torch.bfloat16, enabled=is_tuned):
            loss = F.cross_entropy(forward(x), labels)
        loss.backward()
        optimizer.step()
        return loss if is_tuned else loss.item()

    for _ in range(WARM):
        step()
    torch.cuda.synchronize()
    start = time.perf_counter()
    for _ in range(STEPS):
        step()
    torch.cuda.synchronize()
    return batch * STEPS / (time.perf_counter() - start)


def main():
    arch, batch = sys.argv[1], int(sys.argv[2])
    torch.backends.cudnn.benchmark = True
    for has_adapters in (False, True):
        for is_tuned in (False, True):
            speed = measure(arch, has_adapters, batch, is_tuned)
            print(f"PyTorch {torch.__version__}, {torch.cuda.get_device_name()}: {arch} "
                  f"{'lora' if has_adapters else 'finetune'} batch {batch}, {'tuned' if is_tuned else 'as published'}: "
                  f"{speed:.0f} images/s", flush=True)


main()
