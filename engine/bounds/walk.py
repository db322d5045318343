"""Sending a set of images through a network, layer by layer; what a set is (`Value`) is the bounding method's affair.

The network's own graph is followed, so residual sums and networks of one's own are bounded too, as long as every step
has a rule here. BatchNorm counts with its running statistics, in training as well.
"""

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, Self
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, fx, nn
from torch.nn import functional as F

from engine.bounds.box import BoundError
from engine.networks import GlobalAveragePool, Shortcut, Standardise


@dataclass(frozen=True)
class Affine:
    """A step x -> A x + b on batches of images or of features."""

    apply: Callable[[Tensor], Tensor]
    """x -> A x."""
    absolute: Callable[[Tensor], Tensor]
    """x -> |A| x."""
    bias: Tensor | None = None
    """b, in a shape that can be added to an answer."""


class Value(Protocol):
    """A set of images, or of what a layer makes of them, for each of a batch."""

    @property
    def centre(self) -> Tensor:
        """A point of each set (batch, ...)."""

    def affine(self, step: Affine) -> Self:
        """The set behind an affine step."""

    def leaky_relu(self, slope: float) -> Self:
        """A set that holds every point behind a leaky ReLU; slope 0 is the ReLU."""

    def standardise(self, layer: Standardise) -> Self:
        """A set that holds every image after its own standardisation."""

    def reshape(self, shape: torch.Size) -> Self:
        """The same numbers in another shape (batch first)."""

    def add(self, other: Self | Tensor | float) -> Self:
        """All sums of a point of this set and a point of the other, or a constant."""


def features(model: nn.Module, value: Value) -> tuple[Value, Tensor, Tensor | None]:
    """The set that goes into the last linear layer, with that layer's weight and bias.

    Differences of logits are taken of that layer's rows. A network that ends otherwise is followed to its end, with the
    identity for a last layer.
    """
    graph, head = _traced(model)
    found = _run(model, graph, value)
    if head is None:
        return found, torch.eye(found.centre.shape[1], device=found.centre.device), None
    layer = model.get_submodule(head)
    return found, layer.weight, layer.bias


def logits(model: nn.Module, value: Value) -> Value:
    """The set of logits, before any difference is taken."""
    found, weight, bias = features(model, value)
    return found.affine(_linear(weight, bias))


def _conv2d(layer: nn.Conv2d) -> Affine:
    if layer.padding_mode != "zeros":
        raise BoundError(f"network: padding_mode {layer.padding_mode!r} of a convolution cannot be bounded")

    def convolve(x: Tensor, weight: Tensor) -> Tensor:
        return F.conv2d(x, weight, None, layer.stride, layer.padding, layer.dilation, layer.groups)

    bias = None if layer.bias is None else layer.bias[:, None, None]
    return Affine(lambda x: convolve(x, layer.weight), lambda x: convolve(x, layer.weight.abs()), bias)


def _linear(weight: Tensor, bias: Tensor | None) -> Affine:
    return Affine(lambda x: F.linear(x, weight), lambda x: F.linear(x, weight.abs()), bias)


def _batchnorm(layer: nn.BatchNorm2d) -> Affine:
    if layer.running_var is None:
        raise BoundError("network: a BatchNorm without running statistics cannot be bounded")
    scale = torch.rsqrt(layer.running_var + layer.eps)
    scale = scale if layer.weight is None else scale * layer.weight
    bias = -layer.running_mean * scale
    bias = bias if layer.bias is None else bias + layer.bias
    scale, bias = scale[:, None, None], bias[:, None, None]
    return Affine(lambda x: x * scale, lambda x: x * scale.abs(), bias)


def _positive(step: Callable[[Tensor], Tensor]) -> Affine:
    """A step none of whose weights is negative, such as a mean."""
    return Affine(step, step)


def _flatten(value: Value, start: int = 0, end: int = -1) -> Value:
    return value.reshape(value.centre.flatten(start, end).shape)


def _view(value: Value, *shape: Any) -> Value:
    return value.reshape(value.centre.reshape(*shape).shape)


def _mean(value: Value, dim: Any, keepdim: bool = False) -> Value:
    axes = tuple(axis % value.centre.ndim for axis in ((dim,) if isinstance(dim, int) else dim))
    return value.affine(_positive(lambda x: x.mean(axes, keepdim)))


def _add(first: Any, second: Any) -> Value:
    return first.add(second) if not isinstance(first, Tensor | float | int) else second.add(first)


Rule = Callable[..., Value]

LAYERS: dict[type[nn.Module], Rule] = {
    nn.Conv2d: lambda layer, value: value.affine(_conv2d(layer)),
    nn.Linear: lambda layer, value: value.affine(_linear(layer.weight, layer.bias)),
    nn.BatchNorm2d: lambda layer, value: value.affine(_batchnorm(layer)),
    nn.AvgPool2d: lambda layer, value: value.affine(_positive(layer)),
    nn.AdaptiveAvgPool2d: lambda layer, value: value.affine(_positive(layer)),
    GlobalAveragePool: lambda layer, value: value.affine(_positive(layer)),
    Shortcut: lambda layer, value: value.affine(_positive(layer)),
    nn.ReLU: lambda _, value: value.leaky_relu(0.0),
    nn.LeakyReLU: lambda layer, value: value.leaky_relu(layer.negative_slope),
    Standardise: lambda layer, value: value.standardise(layer),
    nn.Flatten: lambda layer, value: _flatten(value, layer.start_dim, layer.end_dim),
    nn.Identity: lambda _, value: value,
}
"""What a layer does to a set."""

FUNCTIONS: dict[Any, Rule] = {
    **dict.fromkeys((operator.add, torch.add, operator.iadd), _add),
    **dict.fromkeys((torch.relu, F.relu), lambda value, **_: value.leaky_relu(0.0)),
    F.leaky_relu: lambda value, negative_slope=0.01, **_: value.leaky_relu(negative_slope),
    torch.flatten: _flatten,
    torch.mean: _mean,
}
METHODS: dict[str, Rule] = {
    "flatten": _flatten,
    "view": _view,
    "reshape": _view,
    "mean": _mean,
    "relu": lambda value: value.leaky_relu(0.0),
    "size": lambda value, *dim: value.centre.size(*dim),
}
"""The same for what a network's code calls: functions, and methods of a tensor."""


class _Tracer(fx.Tracer):
    """Follows a network's code down to the layers that have a rule."""

    def is_leaf_module(self, module: nn.Module, name: str) -> bool:
        """Whether the module is one step."""
        return type(module) in LAYERS or super().is_leaf_module(module, name)


_graphs: WeakKeyDictionary[nn.Module, tuple[fx.Graph, str | None]] = WeakKeyDictionary()


def _traced(model: nn.Module) -> tuple[fx.Graph, str | None]:
    """The network's steps without its last one, where that is a linear layer, whose name then stands beside."""
    if model not in _graphs:
        try:
            graph = _Tracer().trace(model)
        except Exception as error:
            raise BoundError(f"network: its steps cannot be followed ({' '.join(str(error).split())})") from error
        _graphs[model] = (graph, _cut_head(model, graph))
    return _graphs[model]


def _cut_head(model: nn.Module, graph: fx.Graph) -> str | None:
    output = next(node for node in graph.nodes if node.op == "output")
    last = output.args[0]
    if not isinstance(last, fx.Node) or last.op != "call_module" or len(last.users) > 1:
        return None
    if type(model.get_submodule(last.target)) is not nn.Linear:
        return None
    output.args = (last.args[0],)
    graph.erase_node(last)
    return last.target


def _run(model: nn.Module, graph: fx.Graph, value: Value) -> Value:
    """The set behind all steps of the graph."""
    found: dict[fx.Node, Any] = {}
    for node in graph.nodes:
        args = fx.node.map_arg(node.args, found.__getitem__)
        kwargs = fx.node.map_arg(node.kwargs, found.__getitem__)
        match node.op:
            case "placeholder":
                found[node] = value
            case "get_attr":
                found[node] = operator.attrgetter(node.target)(model)
            case "output":
                return args[0]
            case _:
                found[node] = _step(model, node, args, kwargs)
    raise BoundError("network: gives no answer")


def _step(model: nn.Module, node: fx.Node, args: tuple, kwargs: dict) -> Any:
    if node.op == "call_module":
        layer = model.get_submodule(node.target)
        rule, name = LAYERS.get(type(layer)), type(layer).__name__
        args = (layer, *args)
    else:
        rules = FUNCTIONS if node.op == "call_function" else METHODS
        rule, name = rules.get(node.target), getattr(node.target, "__name__", str(node.target))
    if rule is None:
        raise BoundError(f"network: no rule bounds its step {name}")
    return rule(*args, **kwargs)
