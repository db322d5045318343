"""The last gate before a terminal: whatever is printed, nothing that it would obey instead of showing it."""

import io
from typing import Any, TextIO

from engine import text


class PrintableStream(io.TextIOBase):
    """A text stream on which every line is printable, be it a path, an error or a stranger's name."""

    def __init__(self, within: TextIO):
        self.within = within
        """The stream itself, for those who draw."""

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """The stream's own."""
        return self.within.encoding

    @property
    def errors(self) -> str:  # type: ignore[override]
        """How letters that the encoding lacks are written."""
        return self.within.errors

    def write(self, words: str) -> int:
        """Write the words without what a terminal would obey."""
        self.within.write(text.page(words))
        return len(words)

    def writable(self) -> bool:
        """It is for writing."""
        return True

    def flush(self) -> None:
        """Write what waits."""
        self.within.flush()

    def isatty(self) -> bool:
        """Whether a person reads it."""
        return self.within.isatty()

    def fileno(self) -> int:
        """The file below."""
        return self.within.fileno()


def within(stream: Any) -> Any:
    """The stream below the gate, if there is one: for bytes, and for what draws on the terminal by itself."""
    return stream.within if isinstance(stream, PrintableStream) else stream
