"""A network's own graph of steps, followed by torch.fx down to the layers that have a rule."""

import contextlib
import operator
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, fx, nn
from torch.nn import functional as F

from engine.bounds import rules
from engine.bounds.box import BoundError

SOFTMAX = (F.softmax, F.log_softmax, torch.softmax, torch.log_softmax, "softmax", "log_softmax")
INPLACE = (operator.iadd, operator.isub, operator.imul, operator.itruediv)


@dataclass(frozen=True)
class Graph:
    """The steps of a network in inference mode, without a last linear layer and a softmax behind it."""

    nodes: tuple[fx.Node, ...]
    constants: dict[str, Tensor]
    """Tensors that the network's code has made, by the name of their step."""
    head: str | None
    """Name of the last layer, if that is linear and so left out."""


class UnfollowedError(BoundError):
    """A network whose code cannot be followed step by step."""


_graphs: WeakKeyDictionary[nn.Module, Graph | str] = WeakKeyDictionary()


def followed(model: nn.Module) -> Graph:
    """The network's graph; `UnfollowedError`."""
    if model not in _graphs:
        with inference(model):
            _graphs[model] = _follow(model)
    found = _graphs[model]
    if isinstance(found, str):
        raise UnfollowedError(f"network: its steps cannot be followed ({found})")
    return found


@contextlib.contextmanager
def inference(model: nn.Module) -> Iterator[None]:
    """The network in inference mode, then each of its layers as it was."""
    training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True


def label(model: nn.Module, node: fx.Node) -> str:
    """What a person calls a step: `MaxPool2d (layer features.3)`, or `pad (layer 1, Padded)` within a layer."""
    if node.op == "call_module":
        return f"{type(model.get_submodule(node.target)).__name__} (layer {node.target})"
    name = re.sub(r"(_\d+)?$", "", node.name)
    stack = list((node.meta.get("nn_module_stack") or {}).values())
    layer, kind = stack[-1] if stack else ("", type(model))
    return f"{name} (layer {layer}, {kind.__name__})" if layer else name


def changes_in_place(model: nn.Module, node: fx.Node) -> bool:
    """Whether a step writes over what goes into it."""
    match node.op:
        case "call_module":
            return bool(getattr(model.get_submodule(node.target), "inplace", False))
        case "call_method":
            return node.target.endswith("_")
        case "call_function":
            return node.target in INPLACE or bool(node.kwargs.get("inplace", False))
        case _:
            return False


class _Tracer(fx.Tracer):
    """Follows a network's code down to the layers that have a rule; buffers are read anew each time."""

    proxy_buffer_attributes = True

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        """Whether the module is one step."""
        return rules.of_layer(m) is not None or super().is_leaf_module(m, module_qualified_name)


def _follow(model: nn.Module) -> Graph | str:
    """The graph, or why there is none."""
    before = set(vars(model))
    try:
        graph = _Tracer().trace(model)
    except Exception as error:  # noqa: BLE001 (code of one's own may raise anything)
        return " ".join(str(error).split())
    finally:
        # The tracer leaves tensors that the code has made on the network itself.
        constants = {name: vars(model).pop(name) for name in set(vars(model)) - before}
    if spoiled := _spoiled(model, graph):
        return f"what goes into {label(model, spoiled)} is changed in place and used again"
    head = _cut_head(model, graph)
    return Graph(tuple(graph.nodes), constants, head)


def _spoiled(model: nn.Module, graph: fx.Graph) -> fx.Node | None:
    """A step that writes over numbers that a later step reads under an earlier name."""
    order = {node: place for place, node in enumerate(graph.nodes)}
    owner: dict[fx.Node, fx.Node] = {}  # the step that has made a step's numbers
    for node in graph.nodes:
        writes = changes_in_place(model, node)
        shared = owner[node.all_input_nodes[0]] if writes or _shares_numbers(model, node) else node
        earlier = [name for name, made_by in owner.items() if made_by is shared]
        if writes and any(order[user] > order[node] for name in earlier for user in name.users):
            return node
        owner[node] = shared
    return None


def _shares_numbers(model: nn.Module, node: fx.Node) -> bool:
    """Whether what a step gives may be what goes into it, perhaps in another shape."""
    if node.op == "call_module":
        return type(model.get_submodule(node.target)) in rules.SHARING
    return node.target in rules.SHARING


def _cut_head(model: nn.Module, graph: fx.Graph) -> str | None:
    """Leave out a last softmax, whose logarithm has the logits' margins, and a linear layer before; that one's name."""
    output = next(node for node in graph.nodes if node.op == "output")
    last = output.args[0]
    if isinstance(last, fx.Node) and _is_softmax(model, last):
        output.args = (last.args[0],)
        graph.erase_node(last)
        last = output.args[0]
    if not isinstance(last, fx.Node) or last.op != "call_module" or len(last.users) > 1:
        return None
    if type(model.get_submodule(last.target)) is not nn.Linear:
        return None
    output.args = (last.args[0],)
    graph.erase_node(last)
    return last.target


def _is_softmax(model: nn.Module, node: fx.Node) -> bool:
    """Over the classes, and the network's last step; whether its logarithm is answered is tried on images."""
    if len(node.users) > 1:
        return False
    if node.op == "call_module":
        layer: Any = model.get_submodule(node.target)
        return type(layer) in (nn.LogSoftmax, nn.Softmax) and layer.dim in (1, -1)
    return node.target in SOFTMAX and (*node.args[1:], node.kwargs.get("dim"))[0] in (1, -1)
