"""A network written down once more, in the few layers that auto_LiRPA reads rightly and bounds soundly."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from engine.bounds import walk
from engine.bounds.curves import Activation
from engine.bounds.layers import Sum, View
from engine.bounds.values import Affine, NoRuleError, Value


def rewritten(model: nn.Module, image: Tensor, method: str) -> nn.Module:
    """A network of the same margins, whose layers share the model's weights.

    image: an example (channels, height, width). Raises `BoundError` for a step that auto_LiRPA does not bound, in the
    method's name.
    """
    steps: list[tuple[nn.Module, tuple[int, ...]]] = []
    with torch.no_grad():
        walk.logits(model, Written(image[None].float(), 0, steps, method))
    return Plain(steps)


class Plain(nn.Module):
    """Layers, each fed with the answers of earlier ones; the image is answer 0."""

    def __init__(self, steps: list[tuple[nn.Module, tuple[int, ...]]]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layer for layer, _ in steps)
        self.sources = [sources for _, sources in steps]

    def forward(self, x: Tensor) -> Tensor:
        """Logits of images."""
        answers = [x]
        for layer, sources in zip(self.layers, self.sources, strict=True):
            answers.append(layer(*(answers[source] for source in sources)))
        return answers[-1]


@dataclass(frozen=True)
class Written(Value):
    """An example's way through the network, and the layers it has gone through."""

    centre: Tensor
    place: int
    """Which answer this is."""
    steps: list[tuple[nn.Module, tuple[int, ...]]]
    method: str

    def affine(self, step: Affine) -> "Written":
        """A layer."""
        if step.layer is None:
            raise NoRuleError
        layer = step.layer()
        if isinstance(layer, nn.AvgPool2d):
            self._require_tiling(layer)
        return self._through(layer)

    def bend(self, curve: Activation) -> "Written":
        """A layer; of leaky ReLUs, those whose lines auto_LiRPA puts on the right sides."""
        layer = curve.layer
        if isinstance(layer, nn.GELU) or (isinstance(layer, nn.LeakyReLU) and not 0 <= layer.negative_slope <= 1):
            raise NoRuleError
        return self._through(layer)

    def max_pool(self, layer: nn.MaxPool2d) -> "Written":
        """A layer, but for alpha-crown: auto_LiRPA fails to fit its lines."""
        if self.method == "alpha-crown":
            raise NoRuleError
        self._require_tiling(layer)
        return self._through(layer)

    def reshape(self, shape: torch.Size) -> "Written":
        """A layer."""
        return self._through(nn.Flatten() if len(shape) == 2 else View(shape[1:]))

    def add(self, other: "Written") -> "Written":
        """A layer of two sources."""
        return self._through(Sum(), other)

    def _require_tiling(self, layer: nn.AvgPool2d | nn.MaxPool2d) -> None:
        """Refuse a pooling that is not over windows side by side: auto_LiRPA misreads it or fails."""
        pair = nn.modules.utils._pair
        kernel = pair(layer.kernel_size)
        if kernel != pair(layer.stride) or any(pair(layer.padding)) or layer.ceil_mode:
            raise NoRuleError("windows that overlap or reach beyond the image")
        if pair(getattr(layer, "dilation", 1)) != (1, 1) or getattr(layer, "divisor_override", None):
            raise NoRuleError("windows with gaps or a divisor of their own")
        left = [side % window for side, window in zip(self.centre.shape[-2:], kernel, strict=True)]
        if any(left) and not all(left):
            raise NoRuleError("windows that leave over pixels in one direction only")

    def _through(self, layer: nn.Module, *others: "Written") -> "Written":
        sources = (self, *others)
        self.steps.append((layer, tuple(source.place for source in sources)))
        with_each = layer(*(source.centre for source in sources))
        return Written(with_each, len(self.steps), self.steps, self.method)
