"""Everything about one run, in tabs that are scrolled."""

from collections.abc import Callable

from engine.run_states import FAILED, WAITING
from explorer.app.actions import RUN_TABS
from explorer.app.panes import exposed, leakage_section, run_sections
from explorer.app.panes.runs import TONES
from explorer.app.widgets.page import Page
from explorer.app.widgets.sheet import Sheet
from explorer.charts import chart_lines
from explorer.charts.history import AGE
from explorer.project.run_tracking import MARKS, TrackedRun
from explorer.results import (
    accuracy_table,
    attack_table,
    betrayed_table,
    marks,
    population_risk,
    run_words,
    text,
)
from explorer.results.lines import Line, bar, beside, cut, heading, line_text, plain, wrapped
from explorer.results.run_folder import RunFolder
from store.rows import HistoryPoint, InferenceState, Run

TWO_COLUMNS = 150
"""Cells from which the summary has numbers and pictures side by side."""
SUMMARY, LEAKAGE, CLASSES, HISTORY, IMAGES, FILES, LOG = RUN_TABS
LOG_LINES = 1000
"""Lines of the log in its own tab: all that were read."""


class RunPage(Sheet):
    """State, leakage, accuracies, history, settings and files of a run; its screen tells which."""

    SCOPE = "detail"

    def __init__(self, run_id: str) -> None:
        super().__init__()
        self.run_id = run_id
        self.tab = SUMMARY
        self.metric = "loss"
        self.log_y = False
        self.image = 0
        """Which of the most exposed training images is shown."""
        self.folder: RunFolder | None = None
        """The run's folder as last read; None before."""

    # What is known

    @property
    def run(self) -> Run:
        """The run's row of the list."""
        return self.project.runs[self.run_id]

    @property
    def whole(self) -> Run | None:
        """The run with its experiment; None before the answer."""
        rows = self.project.rows("run", run_id=self.run_id)
        return rows[0] if rows else None

    def history(self) -> list[HistoryPoint] | None:
        """The training's history, asked for again while it grows."""
        age = AGE if self.run.state == "running" else None
        return self.project.rows("history", max_age=age, run_id=self.run_id)

    def metrics(self) -> list[str]:
        """What of the history can be drawn."""
        return list(run_sections.metric_groups(self.history() or []))

    def show(self, tab: str) -> None:
        """Another tab, from its beginning."""
        self.tab = tab
        self.show_from(0)

    def next_image(self) -> None:
        """The most exposed training images; where they are shown, the next one."""
        if self.tab == IMAGES:
            self.image += 1
        else:
            self.show(IMAGES)

    @property
    def has_history(self) -> bool:
        """Whether the history is shown."""
        return self.tab == HISTORY or (self.tab == SUMMARY and self.size.width >= TWO_COLUMNS)

    # Drawing

    def page(self, width: int, height: int) -> Page:
        """The tab chosen, below the names of all."""
        if self.run_id not in self.project.runs:
            return Page([plain(" This run is no longer in the project.", "dim")], title=self.run_id, note="esc back")
        lines = self._lines(self.tab, width, height - 1)
        top, last = round(self.scroll_y), len(lines)
        words = [f"{self.run.name}  {MARKS[self.run.state]} {self.run.state}"]
        if last > height - 1:
            words.append(f"lines {min(top + 1, last)} to {min(top + height - 1, last)} of {last}")
        return Page(lines, head=[self._tabs(width)], title=" · ".join(words), note=self.keys(width))

    def _tabs(self, width: int) -> Line:
        return cut(tuple(part for name in self._tab_names(width) for part in self._tab(*name)), width)

    def _tab(self, name: str, said: str) -> tuple[tuple[str, str], ...]:
        return (("▸" if name == self.tab else " ", "accent"), (said + " ", "bold" if name == self.tab else "dim"))

    def _tab_names(self, width: int) -> list[tuple[str, str]]:
        """Each tab and how it is written; in little room only the chosen one has its name."""
        whole = sum(len(name) + len("▸1  ") for name in RUN_TABS)
        return [
            (name, f"{place} {name}" if whole <= width or name == self.tab else f"{place}")
            for place, name in enumerate(RUN_TABS, 1)
        ]

    def head_clicked(self, x: int) -> None:
        """The tab of that cell."""
        end = 0
        for name, said in self._tab_names(self.size.width):
            end += len(said) + 2
            if x < end:
                self.show(name)
                return

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """The wheel changes the position in the title, as keys do."""
        super().watch_scroll_y(old_value, new_value)
        self.draw()

    def text(self) -> str:
        """All tabs one below the other, in the width of the window."""
        width, height = self.size
        return "\n".join(
            line_text(line).rstrip() for tab in RUN_TABS for line in (*self._lines(tab, width, height), ())
        )

    def _lines(self, tab: str, width: int, height: int) -> list[Line]:
        """What a tab says in a window of that size."""
        if tab == SUMMARY:
            return [*self._head(width), *self._summary(width, height)]
        blocks = {
            LEAKAGE: self._leakage,
            CLASSES: self._by_class,
            HISTORY: lambda width: self._history(width, max(8, height - 1)),
            IMAGES: lambda width: self._exposed(width, height),
            FILES: lambda width: run_sections.files(self.folder, width),
            LOG: lambda width: run_sections.log(self.folder, width, LOG_LINES),
        }
        return blocks[tab](width)

    def _summary(self, width: int, height: int) -> list[Line]:
        """Leakage in short, accuracies and settings; where there is room, in two columns, all but the classes."""
        if width < TWO_COLUMNS:
            headline = self._leakage(width, leakage_section.headline)
            return _stacked([headline, self._accuracies(width), self._settings(width)])
        left = (width - 3) * 54 // 100
        right = width - 3 - left
        numbers = [self._leakage(left), self._accuracies(left), self._settings(left)]
        chart = self._history(right, max(10, min(20, height // 2)))
        files = [run_sections.files(self.folder, right), run_sections.log(self.folder, right)]
        pictures = [chart, self._exposed(right, height), *files]
        return beside([(_stacked(numbers), left), (_stacked(pictures), right)], gap=3)

    def _head(self, width: int) -> list[Line]:
        run, whole = self.run, self.whole
        times = [f"started {run_words.moment(run.started)}"] if run.started else []
        times += [f"ended {run_words.moment(run.ended)}"] if run.ended and run.state not in WAITING else []
        sweeps = ", ".join(whole.sweeps if whole else ()) or run.sweep
        queued = run.state == "queued" or self.project.waits(self.run_id)
        place = self.project.where(run) if queued else run.device
        places = [f"on {place}"] if place else []
        places += [f"sweep {sweeps}" if sweeps else "came in by import", *times]
        lines = [plain(f" {self.run_id}", "bold"), *self._state(width)]
        for message in marks.messages([run]):
            lines += wrapped(message, width, "warn", first=f" {marks.WARNED}", hang=3)
        for own in self._inferences():
            if own.error:
                lines += wrapped(f"{own.attack}: {own.error}", width, "bad", first=f" {MARKS['failed']}", hang=3)
        lines += wrapped(" · ".join(places), width, "dim", hang=1)
        if whole and whole.versions:
            lines += wrapped(run_words.versions(whole), width, "dim", hang=1)
        return [*lines, ()]

    def _state(self, width: int) -> list[Line]:
        run, tracked = self.run, self.project.tracker.runs.get(self.run_id)
        state = run.state
        words = f" {MARKS[state]} {state}"
        if why := self.project.waits(self.run_id):
            return [plain(f" {MARKS['queued']} waits: {why}", "dim")]
        if state == "running" and tracked is not None:
            return [self._progress(tracked, width)]
        if state in FAILED:
            return wrapped(run.error or "no reason is known", width, "bad", first=words + ":", hang=len(words) + 2)
        if state == "queued":
            before = sum(other.state == "queued" for other in self.project.runs.values()) - 1
            return [plain(f"{words} with {before} others" if before else words, "dim")]
        took = run_words.took(run)
        if took is not None:
            words += f", took {text.duration(took)}" + (f", in a stack of {run.together}" if run.together > 1 else "")
        return [plain(words, TONES[state])]

    def _progress(self, run: TrackedRun, width: int) -> Line:
        """How far a run at work is; one that says nothing must not look alive."""
        silence = self.project.silence(self.run_id)
        if silence is not None:
            return plain(f" ◌ quiet for {text.duration(silence)}: nothing was heard of it", "warn")
        left = self.project.tracker.time_left(run)
        behind = f" {run.fraction:.0%}" + (f"  {text.duration(left)} left" if left is not None else "")
        behind += f"  {run.rate:,.0f} img/s" if run.rate else ""
        words = f" ▶ {run.phase or 'starting'}  {run.label}  "
        return cut(((words, "busy"), (bar(run.fraction, 20), "busy"), (behind, "")), width)

    def _leakage(self, width: int, drawn: Callable[..., list[Line]] = leakage_section.section) -> list[Line]:
        attacks = self.project.rows("leakage", run_id=self.run_id)
        running = self.run.state in WAITING
        return drawn(None if attacks is None else attack_table.attacks(attacks), width, running)

    def _accuracies(self, width: int) -> list[Line]:
        found = self.project.rows("accuracies", run_id=self.run_id)
        return run_sections.accuracies(None if found is None else accuracy_table.of_run(found, self.run_id), width)

    def _by_class(self, width: int) -> list[Line]:
        facts = self.project.rows("leakage", run_id=[self.run_id], metric="inference_accuracy")
        asked = population_risk.asked_by(self.run, self.project.runs.values())
        risks = self.project.rows("class_risks", run_id=asked) if self.run.population else []
        return run_sections.classes(facts, risks, self.choices.class_rule, width)

    def _history(self, width: int, height: int) -> list[Line]:
        rows = self.history()
        if not rows:
            words = "asking …" if rows is None else "No history yet: it begins with training."
            return [heading("History", width), plain(f" {words}", "dim")]
        groups = run_sections.metric_groups(rows)
        name = self.metric if self.metric in groups else next(iter(groups))
        chart = run_sections.history_chart(rows, groups[name], self.choices.smooth, self.log_y)
        unit = " %" if chart.y_percent else ""
        chosen = [f"smoothed {self.choices.smooth:g}"] if self.choices.smooth else []
        chosen += ["log y"] if self.log_y else []
        title = " · ".join([f"{name.replace('_', ' ')}{unit}", *chosen, f"m: {len(groups)} metrics"])
        drawn = chart_lines.draw(chart, width - 1, height, self.host.settings.ascii)
        return [heading("History", width, title), *(((" ", ""), *line) for line in drawn)]

    def _exposed(self, width: int, height: int) -> list[Line]:
        rows = self.project.rows("exposed", run_id=self.run_id, limit=exposed.COUNT)
        look = exposed.PictureStyle(self.host.settings.ascii or self.app.theme == "mono", self.app.theme == "light")
        lines = exposed.section(rows, self.run.state, self.folder, self.image, (width, height), look)
        return [*lines, (), *self._betrayed(width)] if self.run.population else lines

    def _betrayed(self, width: int) -> list[Line]:
        asked = population_risk.asked_by(self.run, self.project.runs.values())
        risks = self.project.rows("class_risks", run_id=asked)
        by = population_risk.strongest(risks or [], self.choices.attack, self.choices.leak_view)
        rows = self.project.rows("image_risks", run_id=asked, **population_risk.images_of(by)) if by else risks
        return exposed.betrayed(rows, by, width, betrayed_table.why_none(self._inferences()))

    def _inferences(self) -> list[InferenceState]:
        return self.project.rows("inferences", run_id=self.run_id) or []

    def _settings(self, width: int) -> list[Line]:
        whole = self.whole
        return run_sections.settings(run_words.settings(whole.spec) if whole else None, width)


def _stacked(blocks: list[list[Line]]) -> list[Line]:
    """Blocks one under the other with a blank line between."""
    return [line for block in blocks for line in (*block, ())][:-1]
