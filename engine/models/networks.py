"""Networks by family and capacity: the paper's (protocol C), a small one for digits, and any `module:callable`.

A family is one function and one row of `engine.registry`. Networks take float32 pixels in [0, 1] and give logits;
where the paper's code has variants, convolutions are those padded by 1 on every side, with a bias outside the residual
network.
"""

import importlib
import inspect
import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine import registry
from engine.models import probability_outputs
from engine.models.fingerprints import code_of, require_network
from engine.validation import SpecError

LEAK = 0.1
"""Slope of the residual network's leaky ReLU for negative inputs."""
UNITS_PER_GROUP = 5

Size = tuple[int, int]


def build(
    name: str,
    *,
    in_channels: int,
    image_size: Size,
    num_classes: int,
    capacity: float,
    initialisation: str = "default",
) -> nn.Module:
    """The network on the CPU, in training mode, its parameters drawn from torch's global generator.

    name: a family, or `module:callable`, called with in_channels, image_size (height, width), num_classes and capacity
    by these names or in this order. capacity: scale of the widths, which are rounded, at least 1. initialisation:
    `default` is the family's own; `orthogonal` and `ibp` are for any network (see `initialise`).
    Raises `SpecError` for an unknown name and for a network of one's own that does not work.
    """
    require_network(name)
    settings = {
        "in_channels": in_channels,
        "image_size": image_size,
        "num_classes": num_classes,
        "capacity": capacity,
    }
    own = not registry.NETWORKS.is_own(name)
    model = _own_network(name, settings) if own else registry.NETWORKS[name].load()(**settings)
    if initialisation != "default" or not own:
        initialise(model, initialisation)
    return model


def initialise(model: nn.Module, initialisation: str = "default") -> None:
    """Draw the weights of convolutions and linear layers; their biases are zero.

    `default` (protocol C): convolutions N(0, 2/(k^2 * out)), linear layers uniform within sqrt(3/fan_in). `orthogonal`
    rows (Saxe et al. 2014). `ibp` (Shi et al., NeurIPS 2021): N(0, 2 pi/fan_in^2), so that the intervals of a box stay
    about as wide from layer to layer, where the others widen them by a factor that grows with fan_in.
    """
    for module in model.modules():
        layer = isinstance(module, nn.Conv2d | nn.Linear)
        if layer and initialisation == "orthogonal":
            nn.init.orthogonal_(module.weight)
        elif layer and initialisation == "ibp":
            nn.init.normal_(module.weight, std=math.sqrt(2 * math.pi) / module.weight[0].numel())
        elif isinstance(module, nn.Conv2d):
            nn.init.normal_(module.weight, std=math.sqrt(2 / (math.prod(module.kernel_size) * module.out_channels)))
        elif isinstance(module, nn.Linear):
            bound = math.sqrt(3 / module.in_features)
            nn.init.uniform_(module.weight, -bound, bound)
        else:
            continue
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def small_cnn(in_channels: int, image_size: Size, num_classes: int, capacity: float) -> nn.Sequential:
    """Two convolutions (8s, 16s) and 64 hidden units: enough for 8x8 digits, trained in seconds on a CPU."""
    convolutions = [(_width(8 * capacity), 1), (_width(16 * capacity), 2)]
    return _cnn(in_channels, image_size, num_classes, convolutions, hidden=64)


def yale_cnn(in_channels: int, image_size: Size, num_classes: int, capacity: float) -> nn.Sequential:
    """Eight convolutions in four widths, each width with stride 1, then 2; the paper's capacity is 8."""
    convolutions = [(_width(scale * capacity), stride) for scale in (1, 2, 4, 8) for stride in (1, 2)]
    return _cnn(in_channels, image_size, num_classes, convolutions, hidden=200)


def fashion_cnn(in_channels: int, image_size: Size, num_classes: int, capacity: float) -> nn.Sequential:
    """Six convolutions in two widths, each width with strides 1, 1, 2; the paper's capacity is 16."""
    convolutions = [(_width(scale * capacity), stride) for scale in (16, 32) for stride in (1, 1, 2)]
    return _cnn(in_channels, image_size, num_classes, convolutions, hidden=200)


def wide_resnet(in_channels: int, image_size: Size, num_classes: int, capacity: float) -> nn.Sequential:
    """Three groups of five pre-activation residual units, widths 16s, 32s, 64s; the paper's capacity is 10."""
    widths = [_width(scale * capacity) for scale in (16, 32, 64)]
    stem = min(16, widths[0])
    layers = [Standardise(in_channels * math.prod(image_size)), _convolution(in_channels, stem)]
    before, size = stem, image_size
    for group, width in enumerate(widths):
        for unit in range(UNITS_PER_GROUP):
            stride = 2 if group > 0 and unit == 0 else 1
            layers.append(Residual(before, width, stride, size, shared=group == unit == 0))
            before, size = width, _strided(size, stride)
    layers += [_norm(before), nn.LeakyReLU(LEAK), GlobalAveragePool(), nn.Linear(before, num_classes)]
    return nn.Sequential(*layers)


class Standardise(nn.Module):
    """Each image less its mean, divided by its standard deviation or, if that is smaller, by 1/sqrt(its pixel count).

    The paper standardises on the scale 0..255; in [0, 1] the same floor is 1/(255 * sqrt(count)).
    """

    def __init__(self, count: int) -> None:
        super().__init__()
        self.variance_floor = 1 / (255**2 * count)

    def forward(self, x: Tensor) -> Tensor:
        """Standardised images of the same shape."""
        centred = x - x.mean((1, 2, 3), keepdim=True)
        variance = centred.square().mean((1, 2, 3), keepdim=True)
        # Clamped before the root: its gradient at an image of one colour stays finite.
        return centred / variance.clamp(min=self.variance_floor).sqrt()


class Shortcut(nn.Module):
    """Average pooling over the stride, then channels of zeros, half of them before and half behind."""

    def __init__(self, before: int, width: int, stride: int, size: Size) -> None:
        super().__init__()
        self.stride = stride
        self.channels = ((width - before) // 2, (width - before + 1) // 2)
        # An odd side ends with a smaller window, so that the sum fits what the convolution beside it gives.
        self.odd = any(side % stride for side in size)

    def forward(self, x: Tensor) -> Tensor:
        """(n, before, h, w) -> (n, width, h/stride, w/stride)."""
        if self.stride > 1:
            x = functional.avg_pool2d(x, self.stride, ceil_mode=self.odd)
        return functional.pad(x, (0, 0, 0, 0, *self.channels))


class Residual(nn.Module):
    """A pre-activation residual unit of two 3x3 convolutions.

    shared: the first normalisation and activation serve the shortcut too (the network's first unit only).
    """

    def __init__(self, before: int, width: int, stride: int, size: Size, *, shared: bool) -> None:
        super().__init__()
        self.shared = shared
        self.activation = nn.Sequential(_norm(before), nn.LeakyReLU(LEAK))
        self.branch = nn.Sequential(
            _convolution(before, width, stride), _norm(width), nn.LeakyReLU(LEAK), _convolution(width, width)
        )
        changes = stride > 1 or before != width
        self.shortcut = Shortcut(before, width, stride, size) if changes else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """(n, before, h, w) -> (n, width, h/stride, w/stride)."""
        activated = self.activation(x)
        return self.shortcut(activated if self.shared else x) + self.branch(activated)


class GlobalAveragePool(nn.Module):
    """Mean of every channel."""

    def forward(self, x: Tensor) -> Tensor:
        """(n, channels, h, w) -> (n, channels)."""
        return x.mean((2, 3))


def _cnn(
    in_channels: int, image_size: Size, num_classes: int, convolutions: list[tuple[int, int]], hidden: int
) -> nn.Sequential:
    """3x3 convolutions (width, stride), each with a ReLU, one hidden linear layer, logits."""
    layers: list[nn.Module] = []
    before, size = in_channels, image_size
    for width, stride in convolutions:
        layers += [nn.Conv2d(before, width, 3, stride, padding=1), nn.ReLU()]
        before, size = width, _strided(size, stride)
    features = before * math.prod(size)
    head = (nn.Flatten(), nn.Linear(features, hidden), nn.ReLU(), nn.Linear(hidden, num_classes))
    return nn.Sequential(*layers, *head)


def _width(channels: float) -> int:
    return max(1, round(channels))


def _strided(size: Size, stride: int) -> Size:
    """(height, width) behind a 3x3 convolution padded by 1."""
    return -(-size[0] // stride), -(-size[1] // stride)


def _convolution(before: int, width: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(before, width, 3, stride, padding=1, bias=False)


def _norm(width: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(width, eps=0.001, momentum=0.1)


def _own_network(name: str, settings: dict[str, Any]) -> nn.Module:
    """The network that code which is not ours makes, after it has answered one black image, with logits for answers."""
    try:
        model = _call(name, _imported(name), settings)
        if not isinstance(model, nn.Module):
            raise SpecError(f"network {name}: gives a {type(model).__name__}, not a torch.nn.Module")
        _check_answer(name, model, settings)
        probability_outputs.make_logits(model, (settings["in_channels"], *settings["image_size"]))
    except SpecError:
        raise
    except (Exception, SystemExit) as error:  # code of one's own may raise anything
        reason = " ".join(str(error).split())
        raise SpecError(f"network {name}: {type(error).__name__}: {reason}") from error
    return model


def _imported(name: str) -> Callable[..., Any]:
    module, path = code_of(name).split(":", 1)
    target = importlib.import_module(module)
    for part in path.split("."):
        target = getattr(target, part, None)
    if not callable(target):
        raise SpecError(f"network {name}: the module {module} has no callable {path}")
    return target


def _call(name: str, target: Callable[..., Any], settings: dict[str, Any]) -> Any:
    """Call by keyword if the names fit, else by position."""
    signature = inspect.signature(target)
    for positional, keywords in (((), settings), (tuple(settings.values()), {})):
        try:
            signature.bind(*positional, **keywords)
        except TypeError:
            continue
        return target(*positional, **keywords)
    raise SpecError(f"network {name}: takes {signature}; it has to take ({', '.join(settings)})")


def _check_answer(name: str, model: nn.Module, settings: dict[str, Any]) -> None:
    """Refuse a network whose answer to one image is not a row of logits."""
    image = torch.zeros(1, settings["in_channels"], *settings["image_size"])
    model.eval()
    with torch.no_grad():
        logits = model(image)
    model.train()
    wanted = (1, settings["num_classes"])
    if not isinstance(logits, Tensor) or tuple(logits.shape) != wanted or not logits.is_floating_point():
        given = (
            f"{logits.dtype} of shape {tuple(logits.shape)}" if isinstance(logits, Tensor) else type(logits).__name__
        )
        raise SpecError(f"network {name}: answers {tuple(image.shape)} with {given}; expected logits of shape {wanted}")
