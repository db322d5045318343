"""What a person may set in `config.toml`; the app never writes it."""

import os
import re
import tomllib
from collections.abc import Collection
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from textual.keys import Keys, format_key

from explorer.app import actions
from explorer.project import alerts

THEMES = ("dark", "light", "mono")
ALLOWED_KEYS = "allowed: a key such as 'o', 'f5', 'space' or 'ctrl+t'"
KINDS = {bool: "true or false", dict: "a table"}
NAMED_KEYS = {key.value for key in Keys}
"""What Textual calls keys that write nothing."""
MODIFIERS = re.compile(r"((ctrl|shift|alt|super)\+)*")


@dataclass(frozen=True, kw_only=True)
class AppSettings:
    """How the app looks and behaves."""

    theme: str = "dark"
    """`dark`, `light` or `mono`."""
    ascii: bool = False
    """Plain characters instead of lines and marks."""
    fps: float = 2.0
    """Redraws per second at most."""
    confirm_quit: bool = True
    """Ask before leaving while work is in progress."""
    bell: bool = False
    """Ring when a run ends, and with every alert."""
    alerts: tuple[str, ...] = ()
    """What to be told of, some of `leaks`, `stalled`, `over`."""
    keymap: dict[str, str] = field(default_factory=dict)
    """Action id -> key."""


def config_file() -> Path:
    """`$XDG_CONFIG_HOME/mia-explore/config.toml`."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or "~/.config").expanduser() / "mia-explore" / "config.toml"


def load(path: Path | None = None) -> tuple[AppSettings, list[str]]:
    """The settings of the file, and one line for everything in it that was passed over."""
    path = path or config_file()
    try:
        written = path.read_text()
        given = tomllib.loads(written)
    except FileNotFoundError:
        return AppSettings(), []
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        return AppSettings(), [f"{path}: passed over: {error}"]
    taken, problems = {}, []
    for key, value in given.items():
        if problem := _problem(key, value):
            problems.append((key, problem))
        else:
            taken[key] = float(value) if key == "fps" else value
    if "keymap" in taken:
        taken["keymap"], wrong = _keymap(taken["keymap"])
        problems += wrong
    if "alerts" in taken:
        taken["alerts"], wrong = _alerts(taken["alerts"])
        problems += wrong
    return AppSettings(**taken), [f"{path}{_line(written, key)}: {problem}" for key, problem in problems]


def _line(written: str, key: str) -> str:
    """`:3` where the key stands at the beginning of the third line, empty where it does not stand so."""
    found = re.search(rf"""^\s*\[?["']?{re.escape(key)}["']?\s*[=\]]""", written, re.MULTILINE)
    return f":{written.count(chr(10), 0, found.end()) + 1}" if found else ""


def _problem(key: str, value: Any) -> str:
    """Why a setting cannot be taken; empty if it can."""
    known = {entry.name: type(getattr(AppSettings(), entry.name)) for entry in fields(AppSettings)}
    if key not in known:
        return f"{key} is not known; {_nearest(key, known) or 'allowed: ' + ', '.join(known)}"
    wanted = known[key]
    if key == "fps":
        fine = isinstance(value, (int, float)) and not isinstance(value, bool) and 0.1 <= value <= 10
        return "" if fine else f"fps is {value!r}; allowed: 0.1 to 10"
    if key == "theme":
        return "" if value in THEMES else f"theme is {value!r}; allowed: {', '.join(THEMES)}"
    if key == "alerts":
        return "" if isinstance(value, list) else f"alerts is {value!r}; allowed: a list of {', '.join(alerts.NAMES)}"
    return "" if isinstance(value, wanted) else f"{key} is {value!r}; allowed: {KINDS[wanted]}"


def _keymap(given: dict[str, Any]) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """Keys by action, and the others each with what is wrong."""
    taken, wrong = {}, []
    for action, key in given.items():
        if action not in actions.BY_ID:
            hint = _nearest(action, actions.BY_ID) or "allowed: an action such as runs.overlay"
            wrong.append((action, f"keymap: {action} is not known; {hint}"))
        elif not isinstance(key, str) or not all(map(_is_key, key.split(","))):
            wrong.append((action, f"keymap: {action} is {key!r}; {ALLOWED_KEYS}"))
        else:
            taken[action] = key
    return taken, wrong


def _alerts(given: list[Any]) -> tuple[tuple[str, ...], list[tuple[str, str]]]:
    """The alerts that there are, and the others each with what is wrong."""
    wrong = []
    for name in given:
        if name not in alerts.NAMES:
            hint = _nearest(str(name), alerts.NAMES) or f"allowed: {', '.join(alerts.NAMES)}"
            wrong.append(("alerts", f"alerts: {name} is not known; {hint}"))
    return tuple(name for name in alerts.NAMES if name in given), wrong


def _is_key(name: str) -> bool:
    """Whether a terminal can send it: one character, or Textual's name for one or for a key."""
    plain = MODIFIERS.sub("", name.strip(), count=1)
    return plain in NAMED_KEYS or (len(sign := format_key(plain)) == 1 and sign.isprintable())


def _nearest(name: str, known: Collection[str]) -> str:
    close = get_close_matches(name, known, n=1)
    return f"did you mean {close[0]}?" if close else ""
