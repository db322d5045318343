"""Pane 7: the training images that the run under the cursor exposes most, each beside its adversarial example."""

import asyncio
from collections.abc import Mapping, Sequence

from explorer.app.panes.exposed import COUNT, PictureStyle
from explorer.app.widgets.page import Page
from explorer.app.widgets.pane import Pane
from explorer.results import exposed_table, picture, run_folder, text
from explorer.results.lines import Line, beside, cut, plain, sized, wrapped
from explorer.results.picture import Picture
from explorer.results.run_words import short_name
from store.rows import ExposedExample, Run

LINES = 4, 12
"""The fewest and the most lines that a picture has."""
USUAL = 7
"""Lines for a row of pictures and their words, about."""
GAP = 2
Pictures = Mapping[str, Picture | None]


class ImagesPane(Pane):
    """Thumbnails, the most exposed first."""

    NUMBER, NAME, SCOPE = "7", "Images", "images"
    HELP = (
        "The training images that the run under the cursor exposes most, each with its class and risk, beside its "
        f"adversarial example. {exposed_table.MEANING} The run's page (enter in Runs) lists them with their numbers."
    )

    def __init__(self) -> None:
        super().__init__()
        self.pictures: dict[str, Pictures] = {}
        """The pictures in the folder of the run under the cursor, by the run's id, once they are read."""
        self.reading = ""
        """The id of the run whose pictures are being read."""

    def page(self, width: int, height: int) -> Page:
        """The pictures, or why there are none."""
        run = self.project.runs.get(self.choices.current)
        if run is None:
            return Page(wrapped("No run under the cursor.", width - 1, "dim", first=" ", hang=1))
        title = short_name(run, self.project.datasets)
        rows = self.project.rows("exposed", run_id=run.run_id, limit=COUNT) if run.state == "done" else []
        if rows and run.run_id not in (*self.pictures, self.reading):
            self.reading = run.run_id
            self.run_worker(self._read(run), group="pictures", exclusive=True)
        if words := self._why_none(run, rows):
            return Page(wrapped(words, width - 1, "dim", first=" ", hang=1), title=title)
        style = PictureStyle(self.host.settings.ascii or self.app.theme == "mono", self.app.theme == "light")
        lines = tiles(rows, self.pictures[run.run_id], width, height, style)
        return Page(lines, title=f"{title} · most exposed", note="risk % and class · image, adversarial example")

    def _why_none(self, run: Run, rows: Sequence[ExposedExample] | None) -> str:
        if run.state != "done":
            return f"The images that {run.name} exposes most are known when it is done."
        if rows is None or (rows and run.run_id not in self.pictures):
            return "reading …"
        if why := exposed_table.why_none(rows, run.state):
            return f"{why[0].upper()}{why[1:]}."
        return "" if any(self.pictures[run.run_id].values()) else "The run's folder has no pictures."

    async def _read(self, run: Run) -> None:
        folder = self.project.paths.run_folder(run.run_id) / run_folder.EXPOSED
        self.pictures, self.reading = {run.run_id: await asyncio.to_thread(run_folder.read_pictures, folder)}, ""
        self.draw()


def tiles(
    rows: Sequence[ExposedExample], pictures: Pictures, width: int, height: int, style: PictureStyle
) -> list[Line]:
    """The images that there are pictures of, as many beside each other as the width holds, in rows of one height."""
    count = max(1, round(height / USUAL))
    fewest, most = LINES
    whole = max((-(-one.height // 2) for one in pictures.values() if one), default=fewest)
    high = max(fewest, min(most, max(whole, height // count - 1), height - 1))
    drawn = [(row, _pair(row, pictures, width, high, style)) for row in rows]
    found = [(_words(row), pair) for row, pair in drawn if pair]
    if not found:
        return []
    cells = max(max(map(_width, [plain(words), *pair])) for words, pair in found)
    across = max(1, (width + GAP) // (cells + GAP))
    lines: list[Line] = []
    for start in range(0, len(found), across):
        blocks = [([plain(sized(words, cells), "dim"), *pair], cells) for words, pair in found[start : start + across]]
        lines += [cut(line, width) for line in beside(blocks, GAP)]
    return lines


def _pair(row: ExposedExample, pictures: Pictures, width: int, high: int, style: PictureStyle) -> list[Line]:
    """The image and its twin beside each other; no line where there is no picture."""
    both = [pictures.get(f"{row.example}-{kind}") for kind in ("image", "adversarial")]
    shown = [picture.drawn(one, (width - 1) // 2, high, style.plain, style.bright_paper) for one in both if one]
    return list(beside([(lines, _width(lines[0])) for lines in shown], 1)) if shown else []


def _words(row: ExposedExample) -> str:
    return f"{text.percent(row.risk)} % {exposed_table.class_of(row)} #{row.example}"


def _width(line: Line) -> int:
    return sum(len(part) for part, _ in line)
