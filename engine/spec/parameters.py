"""How many numbers a network holds, from its family and capacity alone: no torch, so that planning can ask."""

import math

from engine import registry
from engine.validation import require

LARGEST = 4e9
"""Most numbers of a network: with gradients and Adam's two moments they fill 64 GB in float32."""


def parameters(network: str, capacity: float, pixels: float) -> float:
    """Numbers of a network of a family; one of one's own counts as the largest family."""
    quadratic, linear, head, constant = _of(network) or max(row.parameters for row in registry.NETWORKS.values())
    return quadratic * capacity**2 + linear * capacity + head * capacity * pixels + constant


def require_capacity(network: str, capacity: float, pixels: float) -> None:
    """Refuse a capacity at which a family's network fits no machine; what one's own makes of it nobody knows."""
    if not (known := _of(network)):
        require(capacity <= LARGEST, "capacity", capacity, f"up to {LARGEST:.0e}")
        return
    quadratic, linear, head, constant = known
    slope, room = linear + head * pixels, LARGEST - constant
    if quadratic:
        most = math.sqrt((slope / 2 / quadratic) ** 2 + room / quadratic) - slope / 2 / quadratic
    else:
        most = room / slope if slope else math.inf
    require(capacity <= most, "capacity", capacity, f"up to {most:.4g}, where {network} has {LARGEST:.0e} weights")


def _of(network: str) -> tuple[float, float, float, float] | None:
    return registry.NETWORKS[network].parameters if network in registry.NETWORKS else None
