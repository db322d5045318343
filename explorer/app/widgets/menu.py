"""A short list of answers inside a dialog: each has a letter, and the one under the cursor is given by enter."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.text import Text
from textual import events
from textual.geometry import Size
from textual.message import Message
from textual.widget import Widget

from explorer.app.widgets.box import rich_text
from explorer.results.lines import Line, sized


@dataclass(frozen=True)
class Answer:
    """One line of a menu."""

    key: str
    """Textual's name of the key that gives it."""
    label: str
    detail: str = ""
    careful: bool = False
    """Its key only moves the cursor here; the same key again, or enter, gives the answer."""


class Menu(Widget, can_focus=True):
    """Letters of the answers come before j and k, which move the cursor as the arrows do."""

    @dataclass
    class Chosen(Message):
        """An answer was given."""

        answer: Answer

    def __init__(self, answers: Sequence[Answer], cursor: int = 0) -> None:
        super().__init__()
        self.answers = list(answers)
        self.cursor = cursor

    def render(self) -> Text:
        """Pointer, key, label and detail of each answer."""
        return rich_text([self._line(index, answer) for index, answer in enumerate(self.answers)], self.app.theme)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002
        """One line each."""
        return len(self.answers)

    def _line(self, index: int, answer: Answer) -> Line:
        under = index == self.cursor
        key = sized(shown(answer.key), max(cell_len(shown(each.key)) for each in self.answers))
        label = sized(answer.label, max(cell_len(each.label) for each in self.answers))
        return (
            (" ▸ " if under else "   ", "accent"),
            (f"{key}  ", "accent"),
            (label, "accent" if under else "bold"),
            (f"  {answer.detail}" if answer.detail else "", "dim"),
        )

    def on_key(self, event: events.Key) -> None:
        """An answer's own key, or a move of the cursor."""
        keys = [answer.key for answer in self.answers]
        if event.key in keys:
            self._press(keys.index(event.key))
        elif event.key == "enter":
            self._give(self.cursor)
        elif event.key in ("down", "j", "right", "l", "tab"):
            self._move(1)
        elif event.key in ("up", "k", "left", "h", "shift+tab"):
            self._move(-1)
        else:
            return
        event.stop()
        event.prevent_default()

    def on_click(self, event: events.Click) -> None:
        """The first click moves the cursor, one on the cursor's line gives the answer."""
        offset = event.get_content_offset(self)
        if offset is not None and offset.y < len(self.answers):
            self._give(offset.y) if offset.y == self.cursor else self._move(offset.y - self.cursor)

    def _press(self, index: int) -> None:
        if self.answers[index].careful and self.cursor != index:
            self._move(index - self.cursor)
        else:
            self._give(index)

    def _move(self, step: int) -> None:
        self.cursor = (self.cursor + step) % len(self.answers)
        self.refresh()

    def _give(self, index: int) -> None:
        self.post_message(self.Chosen(self.answers[index]))


def shown(key: str) -> str:
    """The key as people write it."""
    return "esc" if key == "escape" else key
