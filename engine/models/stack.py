"""Networks of one make stacked: their weights lie side by side, and one pass answers the questions of all of them."""

import contextvars
import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class _Standpoint:
    """Where code that is mapped over a stack finds itself."""

    model: Tensor
    """int64 (): which of the networks it speaks for."""
    generators: Sequence[torch.Generator]
    """Of each network, for what is drawn by lot."""


_standpoint: contextvars.ContextVar[_Standpoint | None] = contextvars.ContextVar("standpoint", default=None)


class Stack:
    """Networks that differ in their weights alone.

    What is mapped over them is written as for one network. It cannot branch on numbers, and draws by `drawn`; where it
    does not keep to that torch refuses it (`RuntimeError`).
    """

    def __init__(self, models: Sequence[nn.Module]):
        self.module = copy.deepcopy(models[0])
        """A network of that make, without weights that mean anything."""
        self._blank = copy.deepcopy(models[0])
        self._batches: dict[str, int] = {}
        self._batches_before: dict[str, Tensor] = {}
        self.parameters, self.buffers = torch.func.stack_module_state(list(models))
        for name, layer in self.module.named_modules():
            if isinstance(layer, nn.modules.batchnorm._BatchNorm) and layer.momentum is not None:
                self._count_apart(f"{name}.num_batches_tracked", layer)

    def __len__(self) -> int:
        return len(next(iter(self.parameters.values())))

    def _count_apart(self, name: str, layer: nn.Module) -> None:
        """Count a BatchNorm layer's batches here: its own counter changes in place, where no gradient may be taken."""

        def count(layer: nn.Module, _: object) -> None:
            self._batches[name] += int(layer.training)

        if layer.num_batches_tracked is not None:
            layer.num_batches_tracked = None
            layer.register_forward_pre_hook(count)
            self._batches[name], self._batches_before[name] = 0, self.buffers.pop(name)

    def map(
        self,
        function: Callable[..., Tensor],
        *arguments: Tensor,
        axes: Sequence[int | None],
        generators: Sequence[torch.Generator] = (),
    ) -> Tensor:
        """`function(model, *own)` of each network with its own part of the arguments: (networks, ...).

        axes: of each argument that of the networks; None where all get the same.
        """
        asked = _Asked(self.module, function)

        def of_one(place: Tensor, parameters: dict, buffers: dict, *own: Tensor) -> Tensor:
            weights = {f"module.{name}": value for name, value in (parameters | buffers).items()}
            with _standing(_Standpoint(place, generators)):
                return torch.func.functional_call(asked, weights, own)

        places = torch.arange(len(self), device=next(iter(self.parameters.values())).device)
        return torch.vmap(of_one, (0, 0, 0, *axes))(places, self.parameters, self.buffers, *arguments)

    def state(self, place: int) -> dict[str, Tensor]:
        """The weights of one network by name, as its `state_dict` has them."""
        counted = {name: self._batches_before[name] + count for name, count in self._batches.items()}
        return {name: value[place].detach() for name, value in (self.parameters | self.buffers | counted).items()}

    def take(self, place: int, state: dict[str, Tensor]) -> None:
        """Give one network the weights of a `state_dict`; RuntimeError if they are another network's."""
        if missing := set(self.state(place)) ^ set(state):
            raise RuntimeError(f"{min(missing)} is in one of the two only")
        with torch.no_grad():
            for name, value in (self.parameters | self.buffers).items():
                value[place] = state[name].reshape(value.shape[1:])
            for name, count in self._batches.items():
                self._batches_before[name][place] = state[name] - count

    def model(self, place: int) -> nn.Module:
        """One network by itself: a copy, in the mode of the stack's."""
        model = copy.deepcopy(self._blank).train(self.module.training)
        model.load_state_dict(self.state(place))
        return model


class _Asked(nn.Module):
    """A function of a network as a module, whose weights may be given with the call."""

    def __init__(self, module: nn.Module, function: Callable[..., Tensor]):
        super().__init__()
        self.module, self.function = module, function

    def forward(self, *own: Tensor) -> Tensor:
        return self.function(self.module, *own)


@contextmanager
def _standing(standpoint: _Standpoint) -> Iterator[None]:
    token = _standpoint.set(standpoint)
    try:
        yield
    finally:
        _standpoint.reset(token)


def in_stack() -> bool:
    """Whether this code is being mapped over a stack."""
    return _standpoint.get() is not None


def drawn(shape: Sequence[int], like: Tensor, fill: Callable[..., Tensor]) -> Tensor:
    """Numbers drawn by lot: a tensor of the shape on the device and of the type of `like`.

    fill: draws in place, such as `Tensor.normal_`, and takes the `generator`: torch's own for one network, in a stack
    that of each.
    """
    standpoint = _standpoint.get()

    def draw(**lot: torch.Generator) -> Tensor:
        return fill(torch.empty(tuple(shape), dtype=like.dtype, device=like.device), **lot)

    return draw() if standpoint is None else _DrawnByEach.apply(standpoint.model, draw, standpoint.generators)


class _DrawnByEach(torch.autograd.Function):
    """Lets every network of a stack draw with its own generator, which a mapped function cannot."""

    @staticmethod
    def forward(_: Tensor, draw: Callable[..., Tensor], generators: Sequence[torch.Generator]) -> Tensor:
        """Never called: places are always mapped over."""
        raise NotImplementedError

    @staticmethod
    def setup_context(ctx, inputs: tuple, output: Tensor) -> None:
        """Nothing is kept: what is drawn has no gradient."""

    @staticmethod
    def vmap(info, in_dims: tuple, _: Tensor, draw: Callable, generators: Sequence) -> tuple[Tensor, int]:  # noqa: ARG004
        """The draws of all: (networks, ...)."""
        return torch.stack([draw(generator=each) for each in generators]), 0
