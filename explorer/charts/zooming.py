"""Parts of an axis: closer, farther, along it, never beyond the whole. Pure functions of spans of values."""

import math

Span = tuple[float, float]

CLOSEST = 0.002
"""The share of the whole that is seen at least."""
ROUNDING = 1e-9


def zoomed(span: Span, whole: Span, middle: float, share: float, log: bool = False) -> Span:
    """That share of the span around a value; a share above 1 shows more."""
    (low, high), ends, place = _places(span, whole, log), _places(whole, whole, log), _place(middle, whole, log)
    half = max((high - low) * share, (ends[1] - ends[0]) * CLOSEST) / 2
    return _values((place - half, place + half), whole, log)


def panned(span: Span, whole: Span, share: float, log: bool = False) -> Span:
    """The span moved along by that share of itself."""
    low, high = _places(span, whole, log)
    step = (high - low) * share
    return _values((low + step, high + step), whole, log)


def showing(span: Span, whole: Span, value: float, log: bool = False) -> Span:
    """The span moved along as little as brings the value into it."""
    (low, high), place = _places(span, whole, log), _place(value, whole, log)
    step = min(0.0, place - low) + max(0.0, place - high)
    return _values((low + step, high + step), whole, log)


def _place(value: float, whole: Span, log: bool) -> float:
    """Where a value stands on the axis; what lies outside the whole stands at its end."""
    value = min(max(value, whole[0]), whole[1])
    return math.log10(value) if log else value


def _places(span: Span, whole: Span, log: bool) -> Span:
    return _place(span[0], whole, log), _place(span[1], whole, log)


def _values(span: Span, whole: Span, log: bool) -> Span:
    """The values of two places, which are moved into the whole; at its ends exactly its own values."""
    ends = _places(whole, whole, log)
    size = min(span[1] - span[0], ends[1] - ends[0])
    low = min(max(span[0], ends[0]), ends[1] - size)
    near = ROUNDING * (ends[1] - ends[0])
    first = whole[0] if low <= ends[0] + near else _value(low, log)
    return first, whole[1] if low + size >= ends[1] - near else _value(low + size, log)


def _value(place: float, log: bool) -> float:
    return 10.0**place if log else place
