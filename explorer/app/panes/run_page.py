"""Everything about one run on one page that is scrolled."""

from engine.run_states import FAILED, WAITING
from explorer.app.panes import exposed, leakage_section, run_sections
from explorer.app.panes.runs import TONES
from explorer.app.widgets.page import Page
from explorer.app.widgets.sheet import Sheet
from explorer.charts import chart_lines
from explorer.charts.run_curves import HISTORY_AGE
from explorer.project.run_tracking import MARKS, TrackedRun
from explorer.results import accuracy_table, attack_table, betrayed_table, marks, run_words, text
from explorer.results.lines import Line, bar, beside, cut, heading, line_text, plain, wrapped
from explorer.results.run_folder import RunFolder
from store.rows import HistoryPoint, InferenceState, Run

TWO_COLUMNS = 150
"""Cells from which numbers and pictures stand side by side."""


class RunPage(Sheet):
    """State, leakage, accuracies, history, settings and files of a run; its screen tells which."""

    SCOPE = "detail"

    def __init__(self, run_id: str) -> None:
        super().__init__()
        self.run_id = run_id
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
        age = HISTORY_AGE if self.run.state == "running" else None
        return self.project.rows("history", max_age=age, run_id=self.run_id)

    def metrics(self) -> list[str]:
        """What of the history can be drawn."""
        return list(run_sections.metric_groups(self.history() or []))

    def next_image(self) -> None:
        """Bring the most exposed training images into sight; where they are, choose the next one."""
        lines = self.shown.lines
        first = next((index for index, line in enumerate(lines) if exposed.TITLE in line_text(line)), None)
        if first is None:
            return
        height, top = self.size.height, round(self.scroll_y)
        in_sight = top <= first and first + exposed.picture_rows(height) + 2 <= top + height
        if in_sight or top == min(first, self.max_scroll_y):
            self.image += 1
        else:
            self.show_from(first)

    # Drawing

    def page(self, width: int, height: int) -> Page:
        """The page, in two columns where there is room."""
        if self.run_id not in self.project.runs:
            return Page([plain(" This run is no longer in the project.", "dim")], title=self.run_id, note="esc back")
        lines = self._head(width)
        if width >= TWO_COLUMNS:
            left = (width - 3) * 54 // 100
            right = width - 3 - left
            numbers = _stacked([*self._numbers(left), self._settings(left)])
            chart = self._history(right, max(10, min(20, height // 2)))
            pictures = _stacked([chart, self._exposed(right, height), *self._files(right)])
            lines += beside([(numbers, left), (pictures, right)], gap=3)
        else:
            chart = self._history(width, max(8, min(16, height * 2 // 5)))
            blocks = [*self._numbers(width), chart, self._exposed(width, height), self._settings(width)]
            lines += _stacked([*blocks, *self._files(width)])
        state = f"{MARKS[self.run.state]} {self.run.state}"
        return Page(lines, title=f"{self.run.name}  {state}", note=self.keys(width))

    def _head(self, width: int) -> list[Line]:
        run, whole = self.run, self.whole
        times = [f"started {run_words.moment(run.started)}"] if run.started else []
        times += [f"ended {run_words.moment(run.ended)}"] if run.ended and run.state not in WAITING else []
        sweeps = ", ".join(whole.sweeps if whole else ()) or run.sweep
        places = [f"on {run.device}"] if run.device else []
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

    def _numbers(self, width: int) -> list[list[Line]]:
        attacks, accuracies = (self.project.rows(name, run_id=self.run_id) for name in ("leakage", "accuracies"))
        running = self.run.state in WAITING
        return [
            leakage_section.section(None if attacks is None else attack_table.attacks(attacks), width, running),
            run_sections.accuracies(
                None if accuracies is None else accuracy_table.of_run(accuracies, self.run_id), width
            ),
        ]

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
        attack, view = betrayed_table.attack(self.choices.attack), self.choices.leak_view
        rows = self.project.rows("image_risks", run_id=self.run_id, attack=attack, view=view, limit=exposed.COUNT)
        return exposed.betrayed(rows, width, betrayed_table.why_none(self._inferences(), attack))

    def _inferences(self) -> list[InferenceState]:
        return self.project.rows("inferences", run_id=self.run_id) or []

    def _settings(self, width: int) -> list[Line]:
        whole = self.whole
        return run_sections.settings(run_words.settings(whole.spec) if whole else None, width)

    def _files(self, width: int) -> list[list[Line]]:
        return [run_sections.files(self.folder, width), run_sections.log(self.folder, width)]


def _stacked(blocks: list[list[Line]]) -> list[Line]:
    """Blocks one under the other with a blank line between."""
    return [line for block in blocks for line in (*block, ())][:-1]
