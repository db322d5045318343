"""How many numbers a network holds, from its family and capacity alone: no torch, so that planning can ask."""

import math

from engine.validation import require

PARAMETERS = {
    "small-cnn": (1152, 160, 256, 640),
    "yale-cnn": (1143, 50, 6.25, 7600),
    "fashion-cnn": (27648, 300, 400, 2000),
    "wide-resnet": (463_000, 3_000, 0, 0),
}
"""Numbers of a trained network: a c^2 + b c + d c pixels + e at capacity c; counted in `engine.models.networks`."""
LARGEST = 4e9
"""Most numbers of a network: with gradients and Adam's two moments they fill 64 GB in float32."""


def parameters(network: str, capacity: float, pixels: float) -> float:
    """Numbers of a network of a family; one of one's own counts as the largest family."""
    quadratic, linear, head, constant = PARAMETERS.get(network, PARAMETERS["wide-resnet"])
    return quadratic * capacity**2 + linear * capacity + head * capacity * pixels + constant


def require_capacity(network: str, capacity: float, pixels: float) -> None:
    """Refuse a capacity at which a family's network fits no machine; what one's own makes of it nobody knows."""
    if network not in PARAMETERS:
        require(capacity <= LARGEST, "capacity", capacity, f"up to {LARGEST:.0e}")
        return
    quadratic, linear, head, constant = PARAMETERS[network]
    half = (linear + head * pixels) / 2 / quadratic
    most = math.sqrt(half**2 + (LARGEST - constant) / quadratic) - half
    require(capacity <= most, "capacity", capacity, f"up to {most:.4g}, where {network} has {LARGEST:.0e} weights")
