"""Writing a sweep's table as the TOML text that `engine.spec.sweeps` reads."""

import json
from collections.abc import Iterator, Mapping
from typing import Any


def document(comment: str, table: Mapping[str, Any]) -> str:
    """The text of a table of plain values and of sections of them; None is left out."""
    sections = {title: section for title, section in table.items() if isinstance(section, Mapping)}
    labels = {key: value for key, value in table.items() if key not in sections}
    lines = [f"# {comment}", *_pairs(labels)]
    for title, section in sections.items():
        lines += ["", f"[{title}]", *_pairs(section)]
    return "\n".join(lines) + "\n"


def _pairs(table: Mapping[str, Any]) -> Iterator[str]:
    """Lines of the table; a key with a dot in it would be a table of its own without quotation marks."""
    return (
        f"{json.dumps(key) if '.' in key else key} = {_value(value)}"
        for key, value in table.items()
        if value is not None
    )


def _value(value: Any) -> str:
    """A TOML value. JSON writes numbers, booleans, lists and text as TOML does, but for one character."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
