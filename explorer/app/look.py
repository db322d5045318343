"""How things look: colours by tone for each theme, and a screen without anything but ASCII."""

import re
from functools import lru_cache

from rich.segment import Segment as RichSegment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter
from textual.theme import Theme

from explorer.results.ascii_text import to_ascii

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""What a terminal would obey instead of showing it."""

# Series colours stand on the xterm-256 cube and greys have equal parts, so that every terminal shows them as meant.
_DARK = {
    **{"1": "#5fafff", "2": "#ffaf5f", "3": "#5fd787", "4": "#ff87af", "5": "#af87ff", "6": "#d7d75f", "7": "#5fd7d7"},
    **{"8": "#ff8787", "dim": "#8a8a8a", "level": "#6c6c6c", "good": "#5fd787", "bad": "#ff5f5f", "warn": "#ffd75f"},
    **{"accent": "#5fafff", "overlap": "#ffffff", "busy": "#5fafff"},
    **{"cursor": "#303030", "heat1": "#3a3a3a", "heat2": "#5f0000", "heat3": "#870000", "heat4": "#af0000"},
}
_LIGHT = {
    **{"1": "#005faf", "2": "#af5f00", "3": "#00875f", "4": "#af005f", "5": "#5f00af", "6": "#5f5f00", "7": "#008787"},
    **{"8": "#af0000", "dim": "#6c6c6c", "level": "#8a8a8a", "good": "#00875f", "bad": "#af0000", "warn": "#875f00"},
    **{"accent": "#005faf", "overlap": "#000000", "busy": "#005faf"},
    **{"cursor": "#d0d0d0", "heat1": "#ffffd7", "heat2": "#ffd7d7", "heat3": "#ffafaf", "heat4": "#ff8787"},
}
_SHADES = {"cursor", "heat1", "heat2", "heat3", "heat4"}
"""Tones that colour what is behind the words."""
_BOLD = {"good", "bad", "warn", "accent", "overlap", *_SHADES - {"cursor"}}
_MONO = {"busy": "#d0d0d0", "accent": "#ffffff", "good": "#d0d0d0", "warn": "#ffffff", "bad": "#ffffff"}


def _theme(name: str, tones: dict[str, str], foreground: str, background: str, surface: str, panel: str) -> Theme:
    """What Textual draws by itself, in our tones."""
    own = {"primary": "busy", "accent": "accent", "success": "good", "warning": "warn", "error": "bad"}
    grounds = {"foreground": foreground, "background": background, "surface": surface, "panel": panel}
    return Theme(name, **{part: tones[tone] for part, tone in own.items()}, **grounds, dark=name != "light")


THEMES = {
    "dark": _theme("dark", _DARK, "#d0d0d0", "#121212", "#1c1c1c", "#303030"),
    "light": _theme("light", _LIGHT, "#1c1c1c", "#ffffff", "#eeeeee", "#d0d0d0"),
    "mono": _theme("mono", _MONO, "#d0d0d0", "#000000", "#000000", "#303030"),
}


@lru_cache(256)
def style(theme: str, tone: str) -> Style:
    """The rich style of a tone under a theme; `a b` adds the tones up, `cursor` marks the row under the cursor.

    Pixels of a picture bring their own colours: `#rrggbb` or `#rrggbb on #rrggbb`.
    """
    if tone.startswith("#"):
        return Style() if theme == "mono" else Style.parse(tone)
    if " " in tone:
        return Style.combine([style(theme, part) for part in tone.split()])
    if tone == "bold":
        return Style(bold=True)
    if theme == "mono":
        marked = {"bold": tone in _BOLD or None, "dim": tone in ("dim", "level") or None}
        return Style(reverse=tone == "cursor" or None, **marked)
    colour = (_LIGHT if theme == "light" else _DARK).get(tone)
    if tone in _SHADES:
        return Style(bgcolor=colour)
    return Style(color=colour, bold=tone in ("bad", "warn") or None) if colour else Style()


class Printable(LineFilter):
    """Nothing on the screen commands the terminal but the app: the last gate for names, paths and errors."""

    def apply(self, segments: list[RichSegment], background: Color) -> list[RichSegment]:  # noqa: ARG002
        """The same segments without control characters, which have no width."""
        if all(text.isprintable() or control for text, _, control in segments):
            return segments
        return [
            RichSegment(text if control else CONTROL.sub("", text), style, control) for text, style, control in segments
        ]


class Ascii(LineFilter):
    """Everything on the screen in ASCII, borders included."""

    def apply(self, segments: list[RichSegment], background: Color) -> list[RichSegment]:  # noqa: ARG002
        """The same segments with plain characters."""
        return [RichSegment(to_ascii(text), style, control) for text, style, control in segments]
