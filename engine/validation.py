"""Checked settings: frozen dataclasses that refuse a bad value in one line naming field, value and what is allowed."""

import dataclasses
import difflib
import re
import sys
import types
import typing
from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any, TypeVar

from engine.text import one_line, shown

T = TypeVar("T")
MOST_NAMED = 16
"""Words of a closed list that are all named where another one was written."""
_PART = r"((?:\d{1,15}\.?\d{0,15}|\.\d{1,15})(?:e[+-]?\d{1,2})?)"
FRACTION = re.compile(f"([+-]?){_PART}/{_PART}", re.ASCII | re.IGNORECASE)
"""Two numbers of so few digits that no quotient of theirs is beyond a float."""
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""What no setting holds: a terminal could obey it, and halves of letters can be neither sent nor stored."""


class SpecError(ValueError):
    """A setting that cannot be used; the message is one line made for the person who wrote it."""

    def __init__(self, message: str, known: Iterable[str] = ()):
        """Whatever the message quotes from a file, a folder or another error, it is one printable line."""
        super().__init__(one_line(str(message)))
        self.known = tuple(known)
        """All that is allowed, where that is a closed list."""


def refuse(field: str, value: Any, allowed: str) -> typing.NoReturn:
    """Raise `SpecError` saying which field holds which value and what it may hold."""
    raise SpecError(f"{field}: {shown(value)} is not allowed; allowed: {allowed}")


def require(condition: bool, field: str, value: Any, allowed: str) -> None:
    """Refuse the value unless the condition holds."""
    if not condition:
        refuse(field, value, allowed)


def require_known(field: str, value: str, known: Iterable[str]) -> None:
    """Refuse a word outside a closed list, suggesting the nearest one; of a long list only the nearest are named."""
    known = list(known)
    if value not in known:
        named = ", ".join(known)
        if len(known) > MOST_NAMED:
            near = difflib.get_close_matches(shown(value).strip("'"), known, n=3, cutoff=0.0)
            named = f"{', '.join(near)} and {len(known) - len(near)} others"
        named += did_you_mean(value, known)
        raise SpecError(f"{field}: {shown(value)} is not allowed; allowed: {named}", known)


def did_you_mean(value: str, known: Iterable[str]) -> str:
    """` (did you mean 'run'?)` where a known word is near to what was written; else empty."""
    nearest = difflib.get_close_matches(shown(value).strip("'"), list(known), n=1)
    return f" (did you mean {nearest[0]!r}?)" if nearest else ""


def as_number(text: Any) -> Any:
    """Read '8/255' or '0.5/255' as the float it is; anything else passes unchanged."""
    if not isinstance(text, str) or not (parts := FRACTION.fullmatch(text.replace(" ", ""))):
        return text
    sign, above, below = parts.groups()
    return float(Fraction(sign + above) / Fraction(below)) if Fraction(below) else text


def coerce(field: str, value: Any, hint: Any) -> Any:
    """The value as the annotated type, or `SpecError`: int becomes float, -0.0 becomes 0.0 and list becomes tuple."""
    origin = typing.get_origin(hint)
    if origin in (types.UnionType, typing.Union):
        (hint,) = [arm for arm in typing.get_args(hint) if arm is not type(None)]
        return None if value is None else coerce(field, value, hint)
    if origin is tuple:
        item, *others = typing.get_args(hint)
        length = None if others == [...] else 1 + len(others)
        fits = isinstance(value, (list, tuple)) and length in (None, len(value))
        require(fits, field, value, "a list" if length is None else f"a list of {length}")
        return tuple(coerce(f"{field}[{index}]", entry, item) for index, entry in enumerate(value))
    if origin is Mapping:
        require(isinstance(value, Mapping), field, value, "a table")
        return value
    if dataclasses.is_dataclass(hint):
        return value if isinstance(value, hint) else from_mapping(hint, value, field)
    if hint is float:
        value = as_number(value)
        require(isinstance(value, (int, float)) and not isinstance(value, bool), field, value, "a number")
        require(abs(value) <= sys.float_info.max, field, value, "a finite number")  # nor does NaN pass
        return float(value) + 0.0  # -0.0 is 0.0: equal settings are written, and hashed, alike
    names = {int: "a whole number", str: "a text", bool: "true or false"}
    require(type(value) is hint, field, value, names[hint])
    if hint is int:
        require(abs(value) < 2**63, field, value, "a whole number of at most 63 bits")
    if hint is str:
        require(CONTROL.search(value) is None, field, value, "a text without control characters")
    return value


def coerce_fields(settings: Any) -> None:
    """Check and convert every field of a frozen dataclass in place; call it first in `__post_init__`."""
    hints = typing.get_type_hints(type(settings))
    for field in dataclasses.fields(settings):
        object.__setattr__(settings, field.name, coerce(field.name, getattr(settings, field.name), hints[field.name]))


def from_mapping(cls: type[T], mapping: Any, where: str = "") -> T:
    """Build a settings dataclass from a TOML or JSON table, refusing unknown and missing keys."""
    prefix = f"{where}." if where else ""
    require(isinstance(mapping, Mapping), where or cls.__name__, mapping, "a table")
    fields = {field.name: field for field in dataclasses.fields(cls) if field.init}
    for key in mapping:
        require_known(f"{prefix}{key}", key, fields)
    missing = [
        name
        for name, field in fields.items()
        if name not in mapping and field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    ]
    if missing:
        raise SpecError(f"{prefix}{missing[0]}: missing; give it a value")
    try:
        return cls(**mapping)
    except SpecError as error:
        raise SpecError(f"{prefix}{error}", error.known) from None
