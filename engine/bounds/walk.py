"""Sending a set of images through a network, step by step; what a set is (`Value`) is the bounding method's affair.

The network's own graph is followed, so residual sums and networks of one's own are bounded too, as long as every step
has a rule in `engine.bounds.rules`. That the steps give what the network gives is tried once on the first images.
"""

import operator
from functools import partial
from typing import Any
from weakref import WeakSet

import torch
from torch import Tensor, fx, nn

from engine.bounds import graphs, rules
from engine.bounds.box import BoundError
from engine.bounds.graphs import Graph
from engine.bounds.values import NoRuleError, SinglePoint, Value

MISREAD = 1e-3
"""Part of the largest logit by which the steps followed may miss what the network gives."""

_tried: WeakSet[nn.Module] = WeakSet()


def features(model: nn.Module, value: Value) -> tuple[Value, Tensor, Tensor | None]:
    """The set that goes into the last linear layer, with that layer's weight and bias.

    Differences of logits are taken of that layer's rows. A network that ends otherwise is followed to its end, with the
    identity for a last layer.
    """
    graph = _graph(model, value)
    found = _run(model, graph, value)
    if graph.head is None:
        return found, torch.eye(found.centre.shape[1], dtype=found.centre.dtype, device=found.centre.device), None
    layer = model.get_submodule(graph.head)
    return found, layer.weight, layer.bias


def logits(model: nn.Module, value: Value) -> Value:
    """The set of logits, before any difference is taken."""
    return _logits(model, _graph(model, value), value)


def _logits(model: nn.Module, graph: Graph, value: Value) -> Value:
    found = _run(model, graph, value)
    if graph.head is None:
        return found
    layer = model.get_submodule(graph.head)
    return rules.LAYERS[type(layer)](layer, found)


def _graph(model: nn.Module, value: Value) -> Graph:
    """The steps that the network takes, tried on images the first time."""
    graph = graphs.followed(model)
    if model not in _tried:
        _try(model, graph, value.centre[:2].detach())
        _tried.add(model)
    return graph


@torch.no_grad()
def _try(model: nn.Module, graph: Graph, x: Tensor) -> None:
    """Refuse a network whose steps were followed wrongly: they do not give the margins that it gives."""
    with torch.autocast(x.device.type, enabled=False), graphs.inference(model):
        found = _logits(model, graph, SinglePoint(x)).centre
        error = found - model(x.clone())
    error = (error - error.mean(dim=1, keepdim=True)).abs().max()
    if error > MISREAD * found.abs().max():
        raise BoundError(f"network: its steps cannot be followed (they give logits that are {error:.2g} off)")


def _run(model: nn.Module, graph: Graph, value: Value) -> Value:
    """The set behind all steps of the graph."""
    found: dict[fx.Node, Any] = {}
    for node in graph.nodes:
        args = fx.node.map_arg(node.args, found.__getitem__)
        kwargs = fx.node.map_arg(node.kwargs, found.__getitem__)
        match node.op:
            case "placeholder":
                found[node] = value
            case "get_attr":
                constant = graph.constants.get(node.target)
                found[node] = operator.attrgetter(node.target)(model) if constant is None else constant
            case "output":
                return args[0]
            case _:
                found[node] = _step(model, node, args, kwargs, value.method)
    raise BoundError("network: gives no answer")


def _step(model: nn.Module, node: fx.Node, args: tuple, kwargs: dict, method: str) -> Any:
    """What a step makes of sets, or of constants alone."""
    try:
        if _holds_sets((args, kwargs)):
            return _rule(model, node)(*args, **kwargs)
        return _constant(model, node, args, kwargs)
    except NoRuleError as gap:
        reason = f": {gap}" if str(gap) else ""
    except (TypeError, ValueError, IndexError) as error:
        reason = f" as it is called: {' '.join(str(error).split())}"
    raise BoundError(f"network: {graphs.label(model, node)} has no bound by {method}{reason}")


def _holds_sets(arguments: Any) -> bool:
    found: list[Any] = []
    fx.node.map_aggregate(arguments, found.append)
    return any(isinstance(one, Value) for one in found)


def _rule(model: nn.Module, node: fx.Node) -> rules.Rule:
    """The rule of a step; `NoRuleError` where there is none."""
    if node.op == "call_module":
        layer = model.get_submodule(node.target)
        rule = rules.of_layer(layer)
        rule = rule and partial(rule, layer)
    else:
        rule = (rules.FUNCTIONS if node.op == "call_function" else rules.METHODS).get(node.target)
    if rule is None:
        raise NoRuleError
    return rule


def _constant(model: nn.Module, node: fx.Node, args: tuple, kwargs: dict) -> Any:
    """A step that no image goes into."""
    if graphs.changes_in_place(model, node):
        raise NoRuleError("a constant changed in place")
    match node.op:
        case "call_module":
            return model.get_submodule(node.target)(*args, **kwargs)
        case "call_method":
            return getattr(args[0], node.target)(*args[1:], **kwargs)
        case _:
            return node.target(*args, **kwargs)
