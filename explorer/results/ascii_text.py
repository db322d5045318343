"""What a terminal without UTF-8 gets instead of lines and marks."""

import codecs
import os
from typing import TextIO

from rich.cells import cell_len

_PLAIN = {
    **dict.fromkeys("─━═╌┄┈▔▁‾", "-"),
    **dict.fromkeys("│┃┊╎▏▕▌▐║", "|"),
    **dict.fromkeys("╭╮╰╯┌┐└┘┏┓┗┛├┤┬┴┼┣┫┳┻╋╔╗╚╝", "+"),
    **dict.fromkeys("█▉▊▋▓▀▄▇▆▅", "#"),
    **dict.fromkeys("░▒▍▎▃▂", "-"),
    **dict(zip("●○■□◆◇▲△▼▽★☆▰▱◣◺", "OoBbDdAaVvSsPpLl", strict=True)),
    **{"✱": "%", "×": "x", "✚": "+", "·": ".", "…": "~", "—": "-", "–": "-", "±": "+", "→": ">", "←": "<", "↑": "^"},
    **{"↓": "v", "▶": ">", "▸": ">", "✔": "v", "✗": "x", "◷": ".", "◌": "?", "Δ": "d", "╳": "X", "⚠": "!", "°": " "},
    **{"≥": ">", "≤": "<", "“": '"', "”": '"', "’": "'", "▾": "v", "▴": "^", "☐": "-", "☑": "x", "•": "*", "⏸": "="},
    **{"≈": "=", "\N{REPLACEMENT CHARACTER}": "?"},
    **dict.fromkeys(map(chr, range(0x2800, 0x2900)), "."),  # braille, of which curves are made
}
_TO_ASCII = str.maketrans(_PLAIN)


def to_ascii(text: str) -> str:
    """The text in ASCII, cell for cell."""
    if text.isascii():
        return text
    return "".join(sign if sign.isascii() else "?" * cell_len(sign) for sign in text.translate(_TO_ASCII))


def speaks_unicode() -> bool:
    """Whether the locale says that the terminal reads UTF-8.

    Where nothing is said it is taken to. Python itself puts `C.UTF-8` in the place of a plain `C`, before we can look.
    """
    said = os.environ.get("LC_ALL") or os.environ.get("LC_CTYPE") or os.environ.get("LANG") or "UTF-8"
    if not os.environ.get("LC_ALL") and said == "C.UTF-8" and os.environ.get("LANG") in ("C", "POSIX"):
        return False
    return "utf-8" in said.lower().replace("utf8", "utf-8")


def speak_plainly(stream: TextIO) -> None:
    """Have a stream write what its terminal or its encoding cannot show as `to_ascii` does."""
    codecs.register_error("plain", lambda error: (to_ascii(error.object[error.start : error.end]), error.end))
    narrow = stream.isatty() and not speaks_unicode()
    stream.reconfigure(encoding="ascii" if narrow else None, errors="plain")
