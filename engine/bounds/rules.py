"""What each step of a network does to a set of images: layers, functions, and methods of a tensor.

BatchNorm counts with its running statistics and Dropout as nothing, in training as well. Sets may be shifted and scaled
by constants of any sign, but not be divided by or multiplied with each other.
"""

import operator
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.bounds import curves
from engine.bounds.layers import Mean, Scaled
from engine.bounds.values import Affine, NoRuleError, Value
from engine.models.networks import GlobalAveragePool, Shortcut, Standardise

Rule = Callable[..., Any]


def _linear(layer: nn.Linear, value: Value) -> Value:
    step = Affine(
        lambda x: F.linear(x, layer.weight), lambda x: F.linear(x, layer.weight.abs()), layer.bias, lambda: layer
    )
    return value.affine(step)


def _conv2d(layer: nn.Conv2d, value: Value) -> Value:
    if layer.padding_mode != "zeros":
        raise NoRuleError(f"padding_mode {layer.padding_mode!r}")

    def convolve(x: Tensor, weight: Tensor) -> Tensor:
        return F.conv2d(x, weight, None, layer.stride, layer.padding, layer.dilation, layer.groups)

    bias = None if layer.bias is None else layer.bias[:, None, None]
    step = Affine(lambda x: convolve(x, layer.weight), lambda x: convolve(x, layer.weight.abs()), bias, lambda: layer)
    return value.affine(step)


def _batchnorm(layer: nn.BatchNorm1d | nn.BatchNorm2d, value: Value) -> Value:
    if layer.running_var is None:
        raise NoRuleError("no running statistics")
    scale = torch.rsqrt(layer.running_var + layer.eps)
    scale = scale if layer.weight is None else scale * layer.weight
    bias = -layer.running_mean * scale
    bias = bias if layer.bias is None else bias + layer.bias
    scale, bias = (each.reshape(-1, *[1] * (value.centre.ndim - 2)) for each in (scale, bias))
    return _scaled(value, scale, bias, (lambda: layer) if layer.affine else None)


def _normalise(layer: Any, value: Value) -> Value:
    """torchvision's, whose code is not for following."""
    mean, std = (_constant(value, torch.as_tensor(each).reshape(-1, 1, 1)) for each in (layer.mean, layer.std))
    return _quotient(_difference(value, mean), std)


def _scaled(value: Value, scale: Tensor, shift: Tensor, layer: Callable[[], nn.Module] | None = None) -> Value:
    """Every number times one of the scale's, plus one of the shift's; both fit the batch."""
    shape = torch.broadcast_shapes(value.centre.shape, scale.shape, shift.shape)[1:]
    if shape != value.centre.shape[1:]:
        raise NoRuleError("a constant of another shape")
    layer = layer or (lambda: Scaled(scale, shift, shape))
    return value.affine(Affine(lambda x: x * scale, lambda x: x * scale.abs(), shift, layer))


def _constant(value: Value, number: Any) -> Tensor:
    """A constant that is to be used on every image of a batch alike."""
    found = torch.as_tensor(number, dtype=value.centre.dtype, device=value.centre.device)
    if found.ndim > value.centre.ndim or (found.ndim == value.centre.ndim and len(found) > 1):
        raise NoRuleError("a constant of another shape")
    return found


def _sum(first: Any, second: Any, *, alpha: float = 1) -> Value:
    if not isinstance(first, Value):
        first = _constant(second, first)
        return _scaled(second, first.new_tensor(alpha), first)
    if not isinstance(second, Value):
        second = _constant(first, second)
        return _scaled(first, second.new_ones(()), second * alpha)
    return first.add(second if alpha == 1 else _product(second, alpha))


def _difference(first: Any, second: Any, *, alpha: float = 1) -> Value:
    return _sum(first, second, alpha=-alpha)


def _product(first: Any, second: Any) -> Value:
    if isinstance(first, Value) and isinstance(second, Value):
        raise NoRuleError("both factors depend on the image")
    value, factor = (first, second) if isinstance(first, Value) else (second, first)
    factor = _constant(value, factor)
    return _scaled(value, factor, factor.new_zeros(()))


def _quotient(first: Any, second: Any, *, rounding_mode: str | None = None) -> Value:
    if isinstance(second, Value):
        raise NoRuleError("the divisor depends on the image")
    if rounding_mode is not None:
        raise NoRuleError(f"rounding_mode {rounding_mode!r}")
    divisor = _constant(first, second)
    if (divisor == 0).any():
        raise NoRuleError("a divisor is 0")
    return _product(first, 1 / divisor)


def _positive(step: nn.Module) -> Callable[[Value], Value]:
    """A step none of whose weights is negative, such as a mean."""
    return lambda value: value.affine(Affine(step, step, layer=lambda: step))


def _average(layer: nn.Module, value: Value) -> Value:
    if (getattr(layer, "divisor_override", None) or 1) < 0:
        raise NoRuleError("a divisor below 0")
    return _positive(layer)(value)


def _mean(value: Value, dim: Any, keepdim: bool = False) -> Value:
    axes = tuple(axis % value.centre.ndim for axis in ((dim,) if isinstance(dim, int) else dim))
    if 0 in axes:
        raise NoRuleError("over a batch")
    return _positive(Mean(axes, keepdim))(value)


def _max_pool(layer: nn.MaxPool2d, value: Value) -> Value:
    if layer.return_indices:
        raise NoRuleError("return_indices")
    return value.max_pool(layer)


def _reshaped(value: Value, shape: torch.Size) -> Value:
    if not shape or shape[0] != len(value.centre):
        raise NoRuleError("images of a batch are mixed")
    return value.reshape(shape)


def _flatten(value: Value, start_dim: int = 0, end_dim: int = -1) -> Value:
    return _reshaped(value, value.centre.flatten(start_dim, end_dim).shape)


def _view(value: Value, *shape: Any) -> Value:
    return _reshaped(value, value.centre.reshape(*shape).shape)


def _squeeze(value: Value, dim: Any) -> Value:
    return _reshaped(value, value.centre.squeeze(dim).shape)


def _unsqueeze(value: Value, dim: int) -> Value:
    return _reshaped(value, value.centre.unsqueeze(dim).shape)


def _dropout(value: Value, p: float = 0.5, training: bool = True, inplace: bool = False) -> Value:  # noqa: ARG001
    if training and p:
        raise NoRuleError("active in inference too")
    return value


def _gelu(value: Value, *, approximate: str = "none") -> Value:
    return value.bend(curves.GELU if approximate == "none" else curves.GELU_BY_TANH)


def _leaky_relu(value: Value, negative_slope: float = 0.01, inplace: bool = False) -> Value:  # noqa: ARG001
    return value.bend(curves.leaky(negative_slope))


def _bent(curve: curves.Activation) -> Rule:
    return lambda value, **_: value.bend(curve)


def _same(*layer_and_value: Any, **_: Any) -> Value:
    return layer_and_value[-1]


def _attribute(value: Value, name: str) -> Any:
    if name not in ("shape", "ndim", "dtype", "device"):
        raise NoRuleError(name)
    return getattr(value.centre, name)


DROPOUT = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.FeatureAlphaDropout)
RELU, SIGMOID, TANH = (_bent(curve) for curve in (curves.leaky(0.0), curves.SIGMOID, curves.TANH))

LAYERS: dict[type[nn.Module], Rule] = {
    nn.Conv2d: _conv2d,
    nn.Linear: _linear,
    **dict.fromkeys((nn.BatchNorm1d, nn.BatchNorm2d), _batchnorm),
    **dict.fromkeys((nn.AvgPool2d, nn.AdaptiveAvgPool2d, GlobalAveragePool, Shortcut), _average),
    nn.MaxPool2d: _max_pool,
    nn.ReLU: lambda _, value: RELU(value),
    nn.LeakyReLU: lambda layer, value: _leaky_relu(value, layer.negative_slope),
    nn.Sigmoid: lambda _, value: SIGMOID(value),
    nn.Tanh: lambda _, value: TANH(value),
    nn.GELU: lambda layer, value: _gelu(value, approximate=layer.approximate),
    Standardise: lambda layer, value: value.standardise(layer),
    nn.Flatten: lambda layer, value: _flatten(value, layer.start_dim, layer.end_dim),
    **dict.fromkeys((nn.Identity, *DROPOUT), _same),
}
"""What a layer does to a set."""

NAMED_LAYERS: dict[str, Rule] = {
    "torchvision.transforms.transforms.Normalize": _normalise,
    "torchvision.transforms.v2._misc.Normalize": _normalise,
}
"""The same for layers of libraries that need not be installed."""

FUNCTIONS: dict[Any, Rule] = {
    **dict.fromkeys((operator.add, torch.add, operator.iadd), _sum),
    **dict.fromkeys((operator.sub, torch.sub, torch.subtract, operator.isub), _difference),
    **dict.fromkeys((operator.mul, torch.mul, torch.multiply, operator.imul), _product),
    **dict.fromkeys((operator.truediv, torch.div, torch.divide, torch.true_divide, operator.itruediv), _quotient),
    **dict.fromkeys((operator.neg, torch.neg, torch.negative), lambda value: _product(value, -1)),
    operator.pos: _same,
    **dict.fromkeys((torch.relu, F.relu), RELU),
    F.leaky_relu: _leaky_relu,
    **dict.fromkeys((torch.sigmoid, F.sigmoid), SIGMOID),
    **dict.fromkeys((torch.tanh, F.tanh), TANH),
    F.gelu: _gelu,
    **dict.fromkeys((F.dropout, F.dropout1d, F.dropout2d, F.dropout3d, F.alpha_dropout), _dropout),
    F.avg_pool2d: lambda value, *args, **how: _average(nn.AvgPool2d(*args, **how), value),
    F.adaptive_avg_pool2d: lambda value, output_size: _average(nn.AdaptiveAvgPool2d(output_size), value),
    F.max_pool2d: lambda value, *args, **how: _max_pool(nn.MaxPool2d(*args, **how), value),
    torch.flatten: _flatten,
    torch.reshape: _view,
    torch.squeeze: _squeeze,
    torch.unsqueeze: _unsqueeze,
    torch.mean: _mean,
    getattr: _attribute,
}
METHODS: dict[str, Rule] = {
    **dict.fromkeys(("add", "add_"), _sum),
    **dict.fromkeys(("sub", "sub_"), _difference),
    **dict.fromkeys(("mul", "mul_"), _product),
    **dict.fromkeys(("div", "div_"), _quotient),
    "neg": lambda value: _product(value, -1),
    **dict.fromkeys(("relu", "relu_"), RELU),
    "sigmoid": SIGMOID,
    "tanh": TANH,
    "flatten": _flatten,
    **dict.fromkeys(("view", "reshape"), _view),
    "squeeze": _squeeze,
    "unsqueeze": _unsqueeze,
    **dict.fromkeys(("clone", "contiguous"), _same),
    "mean": _mean,
    "size": lambda value, *dim: value.centre.size(*dim),
    "dim": lambda value: value.centre.dim(),
}
"""The same for what a network's code calls: functions, and methods of a tensor."""


SHARING = frozenset(
    (
        *(nn.Flatten, nn.Identity, *DROPOUT, F.dropout, F.dropout1d, F.dropout2d, F.dropout3d, F.alpha_dropout),
        *(torch.flatten, torch.reshape, torch.squeeze, torch.unsqueeze, operator.pos),
        *("flatten", "view", "reshape", "squeeze", "unsqueeze", "contiguous"),
    )
)
"""Steps whose answers may lie where the numbers that go into them lie: who writes over one writes over both."""


def of_layer(layer: nn.Module) -> Rule | None:
    """The rule of a layer, called with the layer and what goes in; None where there is none."""
    kind = type(layer)
    return LAYERS.get(kind) or NAMED_LAYERS.get(f"{kind.__module__}.{kind.__qualname__}")
