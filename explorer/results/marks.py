"""Marks behind numbers, what they mean, and the words of a run's warnings below a table."""

import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

from explorer.results import text
from explorer.results.table import Cell

NOT_TOLD_APART = "≈"
"""Behind a number that is not told apart from a guess."""
LIKE_GUESS = "not told apart from a guess by this attack"
"""What that mark means; it is no proof that nothing leaks."""
AMONG_CLASSES = "a class must stand out as one of all classes (Holm)"
"""What it means besides behind the number of one class: an interval that leaves out a guess is not enough."""
FLOOR = "leakage is a floor: a stronger attack may find more"
"""Said wherever a number of leakage stands."""
OF_LEAKAGE = (
    *("runs", "capacity", "epsilon", "classes", "views", "leakage"),
    *("scores", "exposed", "image_risks", "class_risks", "roc"),
)
"""Exported tables with such numbers."""
WARNED = "!"
"""Behind a number that a warning of its run speaks of."""
LEGEND = f"{WARNED}: may mislead, see the warnings"
LINE = 100
"""Cells of a line of words below a table."""
HEATS = (0.0, 3.0, 5.0, 8.0)
"""Standard errors from which a number that is told apart from a guess has the next shade."""
MOST = 10
"""So many messages stand below a table; all of them are in the table `warnings`."""


def mark(leaks: bool | None, is_warned: bool = False) -> str:
    """`≈` behind a number that is not told apart from a guess, `!` behind one that a warning speaks of."""
    return (NOT_TOLD_APART if leaks is False else "") + (WARNED if is_warned else "")


def share(value: float, spread: float | None, leaks: bool | None, warned: bool, tone: str = "") -> Cell:
    """A share in percent with its spread and its marks: `62.5 ±10.9≈`."""
    behind = "" if spread is None else f" ±{100 * spread:.1f}"
    return Cell(text.percent(value), (behind, mark(leaks, warned)), tone)


def heat(value: float, guess: float, half: float | None, leaks: bool | None) -> str:
    """The tone of a number's shade, by how many standard errors it is above a guess; none where it may be luck.

    half: of its 95 % interval.
    """
    if not leaks or not half:
        return ""
    errors = 1.96 * (value - guess) / half
    return f"heat{sum(errors >= least for least in HEATS)}"


def messages(rows: Iterable[Any]) -> list[str]:
    """What the rows' warnings say, each message once."""
    return list(dict.fromkeys(message for row in rows for message in row.warnings))


def lines(said: Sequence[str], width: int) -> list[str]:
    """The messages, each behind the mark, on lines of a width; of many the first, and where the others are."""
    shown = [f"{WARNED} {message}" for message in said[:MOST]]
    if len(said) > MOST:
        shown.append(f"{WARNED} and {len(said) - MOST} more: mia-explore export warnings")
    whole = {"break_on_hyphens": False, "break_long_words": False}
    return [line for message in shown for line in textwrap.wrap(message, width, subsequent_indent="  ", **whole)]
