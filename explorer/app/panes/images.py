"""Pane 7: the images that the run under the cursor, or its population, exposes most, as pictures."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

from explorer.app.panes.exposed import COUNT, PictureStyle
from explorer.app.widgets.page import Page, saying
from explorer.app.widgets.pane import Pane
from explorer.project import dataset_pictures
from explorer.results import betrayed_table, exposed_table, picture, population_risk, run_folder, text
from explorer.results.lines import Line, beside, cut, line_text, plain, sized
from explorer.results.picture import Picture
from explorer.results.rendering import screen
from explorer.results.run_words import short_name
from store.rows import ExposedExample, ImageRisk, Run
from store.summaries import ClassRisk

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
        f"adversarial example. {exposed_table.MEANING} Of a run in a population: the images that the attack with "
        "references that finds most, or the chosen one, finds in more of the models trained on them than luck would. "
        "The run's page (enter in Runs) lists them with their numbers."
    )

    def __init__(self) -> None:
        super().__init__()
        self.pictures: dict[str, Pictures] = {}
        """The pictures last read, by what they are of: the run under the cursor, or an attack on its population."""
        self.reading = ""
        """What pictures are being read of."""

    def page(self, width: int, height: int) -> Page:
        """The pictures, or why there are none."""
        run = self.project.runs.get(self.choices.current)
        if run is None:
            return saying("No run under the cursor.", width)
        title = short_name(run, self.project.datasets)
        if run.state != "done":
            return saying(f"The images that {run.name} exposes most are known when it is done.", width, title)
        asked = population_risk.asked_by(run, self.project.runs.values())
        risks = self.project.rows("class_risks", run_id=asked) if run.population else []
        if risks is None:
            return saying("reading …", width, title)
        strongest = population_risk.strongest(risks, self.choices.attack, self.choices.leak_view)
        if strongest:
            return self._betrayed(asked, title, strongest, width, height)
        return self._exposed(run, title, width, height)

    def _exposed(self, run: Run, title: str, width: int, height: int) -> Page:
        """By the run's own answers alone."""
        rows = self.project.rows("exposed", run_id=run.run_id, limit=COUNT)
        if rows is None:
            return saying("reading …", width, title)
        if why := exposed_table.why_none(rows, run.state):
            return saying(f"{why[0].upper()}{why[1:]}.", width, title)
        folder = self.project.paths.run_folder(run.run_id) / run_folder.EXPOSED
        pictures = self._read(run.run_id, lambda: asyncio.to_thread(run_folder.read_pictures, folder))
        if pictures is None:
            return saying("reading …", width, title)
        if not any(pictures.values()):
            return saying("The run's folder has no pictures.", width, title)
        named = [(row.example, _exposure(row)) for row in rows]
        titles = [f"{title} · most exposed by its own answers"] if run.population else []
        titles.append(f"{title} · most exposed")
        note = "risk % and class · image, adversarial example"
        return Page(tiles(named, pictures, width, height, self._style), title=self.fitting_title(titles), note=note)

    def _betrayed(self, run_id: str, title: str, strongest: ClassRisk, width: int, height: int) -> Page:
        """By an attack with references on its whole population; a list until there are pictures."""
        rows = self.project.rows("image_risks", run_id=run_id, **population_risk.images_of(strongest))
        whole = self.project.rows("run", run_id=run_id)
        if rows is None or not whole:
            return saying("reading …", width, title)
        found = population_risk.singled_out(rows, strongest)[:COUNT]
        said = population_risk.said(strongest)
        titles = (f"{title} · found by {said}", f"found by {said}", said, population_risk.short(strongest))
        title = self.fitting_title(titles)
        if not found:
            return saying(population_risk.nothing_found(strongest), width, title)
        key = " ".join([strongest.population, strongest.attack, strongest.view])
        pictures = self._read(key, lambda: dataset_pictures.read(whole[0], [row.example for row in found]))
        note = "found in · class #image"
        lines = tiles([(row.example, _betrayal(row)) for row in found], pictures or {}, width, height, self._style)
        if not lines:
            head, lines = screen(betrayed_table.table(found), width)
            note = "reading pictures …" if pictures is None else "the data set's pictures cannot be read here"
            return Page(lines, head=head, title=title, note=note)
        return Page(lines, title=title, note=note)

    @property
    def _style(self) -> PictureStyle:
        return PictureStyle(self.host.settings.ascii or self.app.theme == "mono", self.app.theme == "light")

    def _read(self, key: str, read: Callable[[], Awaitable[Pictures]]) -> Pictures | None:
        """The pictures of the key; None while they are being read, which is begun where it is not yet."""

        async def work() -> None:
            self.pictures, self.reading = {key: await read()}, ""
            self.draw()

        if key not in (*self.pictures, self.reading):
            self.reading = key
            self.run_worker(work(), group="pictures", exclusive=True)
        return self.pictures.get(key)


def tiles(
    named: Sequence[tuple[int, str]], pictures: Pictures, width: int, height: int, style: PictureStyle
) -> list[Line]:
    """The images that there are pictures of, as many beside each other as the width holds, in rows of one height.

    named: images, each with the words above it.
    """
    count = max(1, round(height / USUAL))
    fewest, most = LINES
    whole = max((-(-one.height // 2) for one in pictures.values() if one), default=fewest)
    high = max(fewest, min(most, max(whole, height // count - 1), height - 1))
    drawn = [(words, _pair(example, pictures, width, high, style)) for example, words in named]
    found = [(words, pair) for words, pair in drawn if pair]
    if not found:
        return []
    cells = max(max(len(line_text(line)) for line in [plain(words), *pair]) for words, pair in found)
    across = max(1, (width + GAP) // (cells + GAP))
    lines: list[Line] = []
    for start in range(0, len(found), across):
        blocks = [([plain(sized(words, cells), "dim"), *pair], cells) for words, pair in found[start : start + across]]
        lines += [cut(line, width) for line in beside(blocks, GAP)]
    return lines


def _pair(example: int, pictures: Pictures, width: int, high: int, style: PictureStyle) -> list[Line]:
    """The image and its twin beside each other; no line where there is no picture."""
    both = [pictures.get(f"{example}-{kind}") for kind in ("image", "adversarial")]
    shown = [picture.drawn(one, (width - 1) // 2, high, style.plain, style.bright_paper) for one in both if one]
    return list(beside([(lines, len(line_text(lines[0]))) for lines in shown], 1)) if shown else []


def _exposure(row: ExposedExample) -> str:
    return f"{text.percent(row.risk)} % {exposed_table.class_of(row)} #{row.example}"


def _betrayal(row: ImageRisk) -> str:
    return f"{row.n_found} of {row.n_models} · {betrayed_table.class_of(row)} #{row.example}"
