"""Lists of numbers as people type them: `1, 2 4`, `2/255 8/255`, and for seeds `0-3`."""

import math
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from engine.validation import as_number, refuse, require

Number = int | float | str
"""As a sweep file writes it: a fraction stays the text that it is, such as `8/255`."""


def numbers(field: str, text: str, accept: Callable[[float], bool], allowed: str) -> list[Number] | None:
    """Distinct numbers and fractions in the order typed, or None for a blank field; `SpecError` names the field."""
    return _distinct(field, text, allowed, lambda word: iter([_number(field, word, accept, allowed)]))


def whole_numbers(field: str, text: str, most: int) -> list[int] | None:
    """Distinct whole numbers, `2-5` standing for 2, 3, 4, 5; None for a blank field. `most`: longest range."""
    allowed = "whole numbers such as 0, 1 or 0-4"
    return _distinct(field, text, allowed, lambda word: _range(field, word, most, allowed))


def count(field: str, text: str) -> int | None:
    """One whole number of 1 or more, or None for a blank field."""
    text = text.strip()
    valid = re.fullmatch(r"[0-9]{1,9}", text) is not None and int(text) >= 1
    require(valid or not text, field, text, "a whole number of 1 or more, below a billion")
    return int(text) if text else None


def typed(values: Any) -> str:
    """A value or list of a sweep's table as a person would type it; `numbers` and `whole_numbers` read it back."""
    listed: Sequence[Number] = values if isinstance(values, list) else [values]
    return ", ".join(str(value) for value in listed)


def _distinct(field: str, text: str, allowed: str, read: Callable[[str], Iterator[Any]]) -> list[Any] | None:
    if not text.strip():
        return None
    words = re.split(r"[\s,]+", re.sub(r"\s*([/-])\s*", r"\1", text).strip(" ,\t"))
    if not any(words):
        refuse(field, text, allowed)
    found: dict[Any, Any] = {}
    for word in words:
        for value in read(word):
            found.setdefault(as_number(value), value)
    return list(found.values())


def _number(field: str, word: str, accept: Callable[[float], bool], allowed: str) -> Number:
    value: Number = word
    if re.fullmatch(r"[0-9]{1,15}", word):
        value = int(word)
    elif re.fullmatch(r"([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?", word, re.IGNORECASE):
        value = float(word)
    elif not re.fullmatch(r"[0-9]{1,15}(\.[0-9]{1,15})?/[0-9]{1,15}", word):
        refuse(field, word, allowed)
    number = as_number(value)
    valid = isinstance(number, (int, float)) and math.isfinite(number) and accept(number)
    require(valid, field, word, allowed)
    return value


def _range(field: str, word: str, most: int, allowed: str) -> Iterator[int]:
    match = re.fullmatch(r"([0-9]{1,15})(?:-([0-9]{1,15}))?", word)
    if match is None:
        refuse(field, word, allowed)
    first = int(match[1])
    last = int(match[2] or first)
    require(first <= last, field, word, "ranges from the smaller to the larger number")
    require(last - first < most, field, word, f"ranges of at most {most} numbers")
    return iter(range(first, last + 1))
