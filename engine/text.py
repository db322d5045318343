"""Text from outside, made fit to be shown: names of files and classes, a stranger's file, the words of any error.

Such text may have any bytes, and a terminal obeys some of them: `ESC ] 0 ; ...` sets its title.
"""

import os
import unicodedata

SHOWN = 200
"""Letters of a value that an error shows."""


def printable(text: str) -> str:
    """The text with `�` for what cannot be printed, line ends among them."""
    return text if text.isprintable() else "".join(map(_printable, text))


def is_printable(text: str) -> bool:
    """Whether it can be shown as it is."""
    return printable(text) == text


def one_line(text: str) -> str:
    """The text printable and on one line, with a blank for each line end."""
    return printable(" ".join(line.strip() for line in text.expandtabs(1).splitlines()))


def page(text: str) -> str:
    """The text with its line ends, each of its lines printable."""
    return text if text.isprintable() else "\n".join(map(printable, text.expandtabs().split("\n")))


def said_of_file(error: OSError) -> str:
    """What the system says of a file, after the file's name where it has one, without the number of the error."""
    if not error.strerror:
        return str(error)
    return f"{printable(os.fsdecode(error.filename))}: {error.strerror}" if error.filename else error.strerror


def csv_text(text: str) -> str:
    """A text as a cell of a CSV file: printable, with `'` before a sign by which a spreadsheet would compute it."""
    return f"'{printable(text)}" if text.startswith(("=", "+", "-", "@")) else printable(text)


def shown(value: object) -> str:
    """A value as an error shows it: on one line, and cut where it is long."""
    try:
        text = printable(repr(value))
    except ValueError:  # Python writes no whole number of more than 4300 digits
        return "a number too long to show"
    except RecursionError:
        return "a list too deep to show"
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def _printable(letter: str) -> str:
    """Blanks of another width than ours are as harmless as ours."""
    harmless = letter.isprintable() or unicodedata.category(letter) == "Zs"
    return letter if harmless else "\N{REPLACEMENT CHARACTER}"
