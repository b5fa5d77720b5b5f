"""How far float32 may take a computation from its float64 truth: an estimate made before anything runs in float32.

`Rounding` watches PyTorch compute in float64, forward, backward and in optimizers, and adds to what every operation
returns the rounding that float32 would make there: a normal draw whose deviation follows from the operation's own
terms (Monte Carlo arithmetic: Parker, UCLA CSD-970002, 1997). For a sum of n terms t in any order, with u = 2^-24 and
each addition's error up to u of the partial sum, partial sums grow like k·mean plus a random walk, so

  deviation² = u² · (n · (sum² / 9 + Σt² / 6) + sum²);    n · Σt² is at least (Σ|t|)²

What comes out at the end, in several draws, is how much the result moves. It depends on neither processor nor
library, and not on how lucky one float32 run happened to be. Blocks and fused multiplications round less.

An operation without a rule is an error, never taken for exact.
"""

import os
import traceback

import torch
from torch.utils._python_dispatch import TorchDispatchMode

U = 2.0**-24
DRAWS = 4

EXACT = set("""_local_scalar_dense _reshape_alias _to_copy _unsafe_view abs alias as_strided cat clamp clone
    constant_pad_nd copy_ detach detach_ empty empty_like eq expand fill_ flip ge gt index_put index_put_ isnan item le
    lift_fresh lt masked_fill masked_fill_ masked_scatter masked_select max min ne neg new_empty new_empty_strided new_zeros nll_loss_backward nll_loss_forward ones
    ones_like permute relu roll select select_backward sign slice slice_backward split split_with_sizes squeeze stack
    t threshold_backward transpose unbind unsqueeze view where zero_ zeros zeros_like _record_function_enter
    _record_function_enter_new _record_function_exit""".split())
ELEMENTWISE = set("add add_ div div_ mul mul_ pow reciprocal rsqrt sqrt sub sub_ exp log rsub".split())
FUSED = set("addcdiv addcdiv_ addcmul addcmul_ lerp lerp_".split())


def rounded(value, deviation):
    """`deviation`: in units of u; two of its digits are enough, so this much is done in float32"""
    return value + U * deviation.float() * torch.randn(value.shape)


def summed(total, squares, n):
    """`total`, the sum of n terms whose squares add up to `squares`, rounded"""
    total_squared = total.float() ** 2
    return rounded(total, (n * (total_squared / 9 + squares.float() / 6) + total_squared).sqrt())


def squared(tensor):
    return None if tensor is None else tensor.float() ** 2


def elementwise(op, before, out):
    # what float32 holds exactly was not rounded: counters, zeros, masks
    inexact = out.float().double() != out
    size = out.abs() if before is None else out.abs() + before.abs()
    return torch.where(inexact, rounded(out, size), out)


def convolution(op, args, kwargs, out):
    x, weight, bias, *rest = args
    squares = op(squared(x), squared(weight), squared(bias), *rest)
    return summed(out, squares, weight[0].numel() + (bias is not None))


def convolution_backward(op, args, kwargs, out):
    gradient, x, weight, *rest = args
    squares = op(squared(gradient), squared(x), squared(weight), *rest)
    n_batch = gradient.numel() // gradient.shape[1]
    counts = (weight.numel() // weight.shape[1], n_batch, n_batch)
    return tuple(None if o is None else summed(o, s, n) for o, s, n in zip(out, squares, counts))


def product(op, args, kwargs, out):
    has_addend = len(args) == 3
    return summed(out, op(*map(squared, args), **kwargs), args[-1].shape[-2] + has_addend)


def total(op, args, kwargs, out):
    n = args[0].numel() // out.numel()
    squares = op(args[0] ** 2, *args[1:], **kwargs) * (1 / n if "mean" in str(op) else 1)
    return summed(out, squares, n)


def norm(op, args, kwargs, out):
    n = args[0].numel() // max(out.numel(), 1)
    return rounded(out, (n / 9 + 1) ** 0.5 * out.abs())


def softmax(op, args, kwargs, out):
    x, dim = args[0], args[1]
    n = x.shape[dim]
    return rounded(out, out * (4 + n**0.5 + (x - x.amax(dim, keepdim=True)).abs()))


def softmax_backward(op, args, kwargs, out):
    gradient, y, dim = args[:3]
    terms = (gradient * y).abs()
    return rounded(out, 2 * terms + y * (2 + y.shape[dim] ** 0.5) * terms.sum(dim, keepdim=True))


def log_softmax(op, args, kwargs, out):
    x, dim = args[0], args[1]
    return rounded(out, x.abs() + x.amax(dim, keepdim=True).abs() + out.abs() + 4 + x.shape[dim] ** 0.5)


def log_softmax_backward(op, args, kwargs, out):
    gradient, y, dim = args[:3]
    total_gradient = gradient.abs().sum(dim, keepdim=True)
    return rounded(out, 2 * gradient.abs() + y.exp() * (4 + y.shape[dim] ** 0.5) * total_gradient)


def gelu(op, args, kwargs, out):
    return rounded(out, 4 * args[0].abs())


def gelu_backward(op, args, kwargs, out):
    return rounded(out, 4 * args[0].abs())


class Axes:
    """What is summed (over `dims`, n elements) and how a per-channel or per-element vector lies over x."""

    def __init__(self, x, dims, vector_shape):
        self.dims, self.vector_shape = dims, vector_shape
        self.n = 1
        for dim in dims:
            self.n *= x.shape[dim]

    def sum(self, x):
        return x.sum(self.dims, keepdim=True)

    def wide(self, vector):
        return vector.reshape(self.vector_shape)


def scale_and_shift(axes, x, mean, inverse, weight, bias):
    """(x - mean) · inverse · weight + bias, rounded"""
    weight = axes.wide(weight)
    out = (x - mean) * inverse * weight + axes.wide(bias)
    size = (x.abs() + mean.abs()) * (inverse * weight).abs() + axes.wide(bias).abs() + out.abs()
    return rounded(out, size)


def rounded_statistics(axes, x):
    mean = axes.sum(x) / axes.n
    near = summed(mean, axes.sum(x**2) / axes.n**2, axes.n)
    square = (x - mean) ** 2
    variance = axes.sum(square) / axes.n
    return near, summed(variance, axes.sum(square**2) / axes.n**2, axes.n), near - mean, variance


def batch_norm(op, args, kwargs, out):
    x, weight, bias, running_mean, running_variance, is_training, momentum, eps = args
    shape = (1, -1) + (1,) * (x.dim() - 2)
    axes = Axes(x, [d for d in range(x.dim()) if d != 1], shape)
    if not is_training:
        mean, variance = axes.wide(running_mean), axes.wide(running_variance)
        return (scale_and_shift(axes, x, mean, (variance + eps).rsqrt(), weight, bias), *out[1:])
    mean, variance, moved, exact = rounded_statistics(axes, x)
    inverse = (variance + eps).rsqrt()
    if running_mean is not None:
        moved_variance = (variance - exact).flatten() * axes.n / (axes.n - 1)
        running_mean.copy_(rounded(running_mean + momentum * moved.flatten(), running_mean.abs()))
        running_variance.copy_(rounded(running_variance + momentum * moved_variance, running_variance))
    y = scale_and_shift(axes, x, mean, inverse, weight, bias)
    return (y, mean.flatten(), inverse.flatten(), *out[3:])


def layer_norm(op, args, kwargs, out):
    x, shape, weight, bias, eps = args
    axes = Axes(x, list(range(x.dim() - len(shape), x.dim())), tuple(shape))
    mean, variance, _, _ = rounded_statistics(axes, x)
    inverse = (variance + eps).rsqrt()
    return scale_and_shift(axes, x, mean, inverse, weight, bias), mean, inverse


def normalisation_backward(axes, terms, x, mean, inverse):
    """Of Σ terms and Σ terms · x^, rounded: inverse · (terms - means of both), rounded."""
    unit = (x - mean) * inverse
    sums = [axes.sum(terms), axes.sum(terms * unit)]
    near = [summed(s, axes.sum(t**2), axes.n) / axes.n for s, t in zip(sums, (terms, terms * unit))]
    out = inverse * (terms - near[0] - unit * near[1])
    unit_error = (x.abs() + mean.abs()) * inverse * near[1].abs()
    size = terms.abs() + near[0].abs() + (unit * near[1]).abs() + unit_error
    return rounded(out, 2 * inverse * size)


def vector_gradients(gradient, unit, dims, out):
    """Those of weight and bias that are asked for, rounded."""
    n = 1
    for dim in dims:
        n *= gradient.shape[dim]
    for value, terms in zip(out[1:], (gradient * unit, gradient)):
        yield None if value is None else summed(value, (terms**2).sum(dims).reshape(value.shape), n)


def batch_norm_backward(op, args, kwargs, out):
    gradient, x, weight, running_mean, running_variance, mean, inverse, is_training, eps, _ = args
    axes = Axes(x, [d for d in range(x.dim()) if d != 1], (1, -1) + (1,) * (x.dim() - 2))
    if not is_training:
        mean, inverse = running_mean, (running_variance + eps).rsqrt()
    mean, inverse = axes.wide(mean), axes.wide(inverse)
    scaled = gradient * axes.wide(weight)
    if is_training:
        x_gradient = normalisation_backward(axes, scaled, x, mean, inverse)
    else:
        x_gradient = rounded(scaled * inverse, 2 * (scaled * inverse).abs())
    unit = (x - mean) * inverse
    return (x_gradient, *vector_gradients(gradient, unit, axes.dims, out))


def layer_norm_backward(op, args, kwargs, out):
    gradient, x, shape, mean, inverse, weight = args[:6]
    axes = Axes(x, list(range(x.dim() - len(shape), x.dim())), tuple(shape))
    unit = (x - mean) * inverse
    x_gradient = normalisation_backward(axes, gradient * weight, x, mean, inverse)
    rows = list(range(x.dim() - len(shape)))
    return (x_gradient, *vector_gradients(gradient, unit, rows, out))


RULES = {
    "convolution": convolution, "convolution_backward": convolution_backward,
    "mm": product, "bmm": product, "addmm": product, "baddbmm": product,
    "sum": total, "mean": total, "norm": norm, "linalg_vector_norm": norm,
    "_softmax": softmax, "_softmax_backward_data": softmax_backward,
    "_log_softmax": log_softmax, "_log_softmax_backward_data": log_softmax_backward,
    "gelu": gelu, "gelu_backward": gelu_backward,
    "native_batch_norm": batch_norm, "_native_batch_norm_legit": batch_norm,
    "native_batch_norm_backward": batch_norm_backward,
    "native_layer_norm": layer_norm, "native_layer_norm_backward": layer_norm_backward,
}


def foreach(op, name, args, out):
    """Newer PyTorch does some operations on a list of tensors at once."""
    if name == "norm":
        return [norm(op, (x,), {}, value) for x, value in zip(args[0], out)]
    if name not in ELEMENTWISE:
        raise NotImplementedError(f"no rule for the rounding of {op}")
    if not name.endswith("_"):
        return [elementwise(op, None, value) for value in out]
    for value in args[0]:
        value.copy_(elementwise(op, None, value))
    return out


class Rounding(TorchDispatchMode):
    """with Rounding(): what PyTorch computes in float64 here is rounded as float32 would round it"""

    def __torch_dispatch__(self, op, types, args=(), kwargs=None):
        kwargs, name = kwargs or {}, str(op).split(".")[1]
        before = args[0].clone() if name in FUSED else None
        out = op(*args, **kwargs)
        if name.startswith("_foreach_"):
            return foreach(op, name[len("_foreach_"):], args, out)
        if name in EXACT or not is_real(out):
            return out
        if name in RULES:
            return RULES[name](op, args, kwargs, out)
        if name not in ELEMENTWISE | FUSED:
            raise NotImplementedError(f"no rule for the rounding of {op}")
        near = elementwise(op, before, out)
        return args[0].copy_(near) if name.endswith("_") else near


def is_real(out):
    first = out[0] if isinstance(out, (tuple, list)) and len(out) > 0 else out
    first = next((o for o in out if o is not None), None) if isinstance(out, (tuple, list)) else first
    return isinstance(first, torch.Tensor) and first.dtype == torch.float64


def draws(build, run, n_draws=DRAWS):
    """What run(build()) returns, n_draws times, the same every time; what build() computes is not rounded."""
    for seed in range(n_draws):
        model = build()
        torch.manual_seed(seed)
        try:
            with Rounding():
                result = run(model)
        except Exception:  # PyTorch 1.13 may wait for itself at the end, after an error inside
            traceback.print_exc()
            os._exit(1)
        yield result


def deviations(build, run, truth, n_draws=DRAWS):
    """How far the elements of each of the arrays that run(build()) returns by name go from the truth, at most."""
    most = {name: 0.0 for name in truth}
    for results in draws(build, run, n_draws):
        for name, value in results.items():
            most[name] = max(most[name], float(abs(value - truth[name]).max()))
    return most
