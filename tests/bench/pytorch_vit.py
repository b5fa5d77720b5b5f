"""The vision transformer as PyTorch's own libraries write it, for speed: torchvision's layout of layers, in PyTorch's
fused operations where there are such.

Ways of attention, the faster of which counts:
  mha   torch.nn.MultiheadAttention without weights, as torchvision.models.VisionTransformer calls it; its
        projection is out of an adapter's reach
  sdpa  one projection of q, k and v, then scaled_dot_product_attention (written out before PyTorch 2)
"""

import torch
from torch import nn
from torch.nn import functional as F

PATCH, SIZE, LAYERS, HEADS, WIDTH, HIDDEN, CLASSES = 4, 32, 12, 6, 384, 1536, 10
RANK, ALPHA, DROPOUT = 16, 32, 0.1


def attend(q, k, v):
    if hasattr(F, "scaled_dot_product_attention"):
        return F.scaled_dot_product_attention(q, k, v)
    return (q * q.shape[3] ** -0.5 @ k.transpose(2, 3)).softmax(dim=3) @ v


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.in_proj, self.out_proj = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)

    def forward(self, x):
        batch, tokens, _ = x.shape
        q, k, v = self.in_proj(x).view(batch, tokens, 3, HEADS, -1).permute(2, 0, 3, 1, 4)
        return self.out_proj(attend(q, k, v).transpose(1, 2).reshape(batch, tokens, WIDTH))


class Block(nn.Module):
    def __init__(self, way):
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(WIDTH, eps=1e-6), nn.LayerNorm(WIDTH, eps=1e-6)
        self.is_mha = way == "mha"
        self.self_attention = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True) if self.is_mha else Attention()
        self.mlp = nn.Sequential(nn.Linear(WIDTH, HIDDEN), nn.GELU(), nn.Linear(HIDDEN, WIDTH))

    def forward(self, x):
        y = self.ln_1(x)
        x = x + (self.self_attention(y, y, y, need_weights=False)[0] if self.is_mha else self.self_attention(y))
        return x + self.mlp(self.ln_2(x))


class Vit(nn.Module):
    def __init__(self, way):
        super().__init__()
        self.conv_proj = nn.Conv2d(3, WIDTH, PATCH, PATCH)
        self.register_buffer("position", torch.randn((SIZE // PATCH) ** 2, WIDTH))
        self.blocks = nn.Sequential(*(Block(way) for _ in range(LAYERS)))
        self.ln, self.head = nn.LayerNorm(WIDTH, eps=1e-6), nn.Linear(WIDTH, CLASSES)

    def forward(self, x):
        x = self.conv_proj(x).flatten(2).transpose(1, 2) + self.position
        return self.head(self.ln(self.blocks(x)).mean(dim=1))


class Adapted(nn.Module):
    """base(x) + alpha / rank · B(A(dropout(x))), as peft writes it"""

    def __init__(self, base):
        super().__init__()
        self.base = base
        self.lora_A = nn.Linear(base.in_features, RANK, bias=False)
        self.lora_B = nn.Linear(RANK, base.out_features, bias=False)

    def forward(self, x):
        low = self.lora_A(F.dropout(x, DROPOUT, self.training))
        return self.base(x) + self.lora_B(low) * (ALPHA / RANK)


def build(way, has_lora):
    model = Vit(way)
    if has_lora:
        for parameter in model.parameters():
            parameter.requires_grad_(False)
        last = model.blocks[-1].self_attention
        last.out_proj, model.head = Adapted(last.out_proj), Adapted(model.head)
    return model
