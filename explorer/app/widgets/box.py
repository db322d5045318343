"""The box of a dialog: a sheet with its title in the upper border and its keys in the lower one."""

from collections.abc import Iterable, Sequence

from rich.text import Text
from textual.containers import Vertical
from textual.widget import Widget
from textual.widgets import Static

from explorer.app.look import style
from explorer.results.lines import Line


class Box(Vertical):
    """A bordered box in the middle of the dimmed screen; `dialogs.tcss` says how it looks."""

    def __init__(self, title: str, keys: str, *children: Widget, id: str | None = None) -> None:
        super().__init__(*children, id=id)
        self.entitle(title, keys)

    def entitle(self, title: str, keys: str) -> None:
        """Put other words into the borders; nothing in them is markup."""
        self.border_title, self.border_subtitle = Text(title), Text(keys)


class Toned(Static):
    """Lines with their tones, painted again where they are others."""

    def __init__(self, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.lines: Sequence[Line] = ()
        self._painted: tuple[Sequence[Line], str] = ((), "")

    def show(self, lines: Sequence[Line], layout: bool = False) -> None:
        """Put these lines there; `layout` where the widget is as high as they are."""
        self.lines, wanted = lines, (lines, self.app.theme)
        if wanted != self._painted:
            self._painted = wanted
            self.update(rich_text(lines, self.app.theme), layout=layout)


def rich_text(lines: Iterable[Line], theme: str) -> Text:
    """Lines with their tones, as a Static shows them."""
    text = Text(no_wrap=False, end="")
    for index, line in enumerate(lines):
        text.append("\n" if index else "")
        for part, tone in line:
            text.append(part, style(theme, tone))
    return text
