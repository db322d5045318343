"""Pane 1: every run of the project with its state, its leakage and how far it is."""

from collections.abc import Callable, Sequence

from engine.registry import NATURAL
from engine.run_states import FAILED, WAITING
from explorer.app import actions
from explorer.app.panes import run_cells
from explorer.app.panes.run_summary import summary
from explorer.app.widgets.page import LazyLines, Page
from explorer.app.widgets.pane import Pane
from explorer.charts import series
from explorer.charts.legend import LIKE_GUESS
from explorer.project import metrics, run_filter
from explorer.project.choices import SAVED_FILTERS, expression
from explorer.project.run_tracking import MARKS as MARKS_OF_STATE
from explorer.project.selection import CHOSEN, Selection
from explorer.results import marks, natural_twin, text
from explorer.results.lines import Line, Segment, bar, line_text, plain, sized, wrapped
from explorer.results.marks import NOT_TOLD_APART
from explorer.results.run_words import fitted_name
from explorer.results.table import Column, fit, header, name_at, row
from store.rows import Run

TONES = {"running": "busy", "done": "good", "failed": "bad", "diverged": "bad", "queued": "dim", "cancelled": "dim"}
KEYS = "{panes.filter} filter · {runs.overlay} on chart · {runs.open} open · {list.sort-next} sort"
ROOMY = 64
"""Columns from which the settings stand in columns of their own; below, names tell them."""
NAME_CELLS = (12, 18)
"""Cells that a name has at least, and those that it has before another column takes them."""
TALL = 9
"""Lines from which the natural twin stands above the others."""


def _by_selection(change: Callable[..., None]) -> Callable[..., None]:
    """An action that is nothing but a change of the selection."""
    return lambda pane, *arguments: change(pane.selection, *arguments)


class RunsPane(Pane):
    """The list every other pane follows: its cursor chooses the run they speak of."""

    NUMBER, NAME, SCOPE = "1", "Runs", "runs"
    HELP = (
        "One line for each setting: its mark on the chart, name, state, leakage and progress. Its seeds share the line "
        "until it is opened: their mean, ± their standard deviation, × their number, 6/16 how many are done. Above the "
        "list, where there is room, stands the natural twin of the run under the cursor. The leakage is "
        f"the number that the chart shows; ≈ behind it: {marks.LIKE_GUESS}; !: the run has a warning; {marks.FLOOR}. "
        "The other panes follow the run under the cursor."
    )
    BINDINGS = actions.bindings("runs")

    def __init__(self) -> None:
        super().__init__()
        self.order: list[str] = []
        """Run ids as shown."""
        self.columns: list[Column] = []
        """The columns as shown."""

    # Drawing

    def page(self, width: int, height: int) -> Page:
        """The list, or why it is empty."""
        rows, choices = self.selection.rows(), self.choices
        runs = [run for models in rows for run in models]
        self.order = [self._named(models) for models in rows]
        if not runs:
            return Page(self._empty(width), title=f"0 of {len(self.project.runs)}" if self.project.runs else "")
        self.selection.settle(self.order, getattr(self.screen.focused, "order", ()))
        datasets = self.project.datasets
        self.columns = fit(self._columns(rows, datasets, width >= ROOMY), width)
        line_of = self._lines(self.columns, rows, datasets)
        cursor = self.order.index(choices.current) if choices.current in self.order else None
        head = [header(self.columns, self._sorted_by(), choices.reverse)]
        if height >= TALL and cursor is not None and any(own[0].defense == NATURAL for own in rows):
            head.append(self._twin(rows[cursor], line_of, width))
        foot = self._foot(width, height - 1 - len(head) - len(rows))
        return Page(
            LazyLines(len(rows), lambda index: line_of(rows[index])),
            head=head,
            cursor=cursor,
            foot=foot,
            title=self.fitting_title(self._titles(len(runs))),
            note=self.keyed(" · ".join(self._notes(runs, cursor, foot))),
        )

    def _twin(self, own: Sequence[Run], line_of: Callable[..., Line], width: int) -> Line:
        """The natural twin of the run under the cursor; of several seeds all that they are held against."""
        run, runs = own[0], list(self.project.runs.values())
        twin = natural_twin.natural_twin(run, runs)
        twins = natural_twin.naturals(run, runs) if len(own) > 1 else [twin] if twin else []
        if twins:
            return tuple((part, tone or "dim") for part, tone in line_of(twins, ("its twin", "dim")))
        words = "natural: others are held against it" if run.defense == NATURAL else "it has no natural twin"
        return plain(sized(f"    {words}", width), "dim")

    def _named(self, models: Sequence[Run]) -> str:
        """The run that a line stands for: the one under the cursor if it is one of its models."""
        ids = [run.run_id for run in models]
        return self.choices.current if self.choices.current in ids else ids[0]

    def _notes(self, runs: list[Run], cursor: int | None, foot: list[Line]) -> list[str]:
        """Where the cursor is, what the mark behind a number means where there is one, and keys."""
        number_of = metrics.of_runs(self.project, self.choices)
        marked = any(number_of(run).leaks is False for run in runs) or NOT_TOLD_APART in "".join(map(line_text, foot))
        notes = [f"{cursor + 1}/{len(self.order)}"] if cursor is not None else []
        choices = self.choices
        notes += ["{runs.seeds} seeds"] if len(self.project.runs) > len(self.order) or choices.opened else []
        told = any(run.warnings for run in runs)
        return [*notes, *[LIKE_GUESS] * marked, *[f"{marks.WARNED} may mislead"] * told, KEYS]

    def _foot(self, width: int, room: int) -> list[Line]:
        """The run under the cursor in a few lines, where there are rows to spare."""
        run = self.selection.current
        if run is None:
            return []
        lines = summary(run, self.project.tracker.runs[run.run_id].took, width)
        return lines if len(lines) <= room else []

    def _sorted_by(self) -> str:
        """The header of the column sorted by."""
        return metrics.of(self.choices).short if self.choices.sort == CHOSEN else self.choices.sort

    def _titles(self, count: int) -> list[str]:
        """How many runs there are, how they are chosen and sorted, and what the numbers are; then in fewer cells."""
        choices = self.choices
        words = [f"{count} of {len(self.project.runs)}" if count < len(self.project.runs) else f"{count}"]
        words += [f"filter {choices.filter!r}"] if choices.filter else []
        words += [choices.saved_filter] if choices.saved_filter != "all" else []
        words += [f"sort {self._sorted_by().lower()} {'▼' if choices.reverse else '▲'}"] if choices.sort else []
        told = [title.split(" · ")[1:] for title in metrics.titles(choices)[1:]]
        numbers = [joint.join(parts) for parts in told for joint in (" · ", " ")]
        titles = [" · ".join(filter(None, [*words, number])) for number in numbers]
        alone = numbers[-1:] if len(words) == 1 else []  # rather what the numbers are than how many
        return [*titles, *alone, titles[-2]]

    def _columns(self, rows: list[list[Run]], datasets: int, roomy: bool) -> list[Column]:
        chosen = self.choices.columns
        longest = max(map(len, run_cells.names(rows, datasets)))
        least, most = (min(cells, longest) for cells in NAME_CELLS)
        state = Column("STATE", max(8, *(len(self._state(own)[0]) for own in rows)))
        return [
            Column("", 3),
            Column("RUN", most, stretch=True, narrowest=least, cut=1),
            *([state] if not chosen or "STATE" in chosen else []),
            *run_cells.columns(rows, chosen, metrics.of(self.choices).short, roomy),
        ]

    def _lines(self, columns: list[Column], rows: list[list[Run]], datasets: int) -> Callable[..., Line]:
        """What makes the line of a run or of a setting's seeds, whose state may be given in other words."""
        names = {
            (own[0].run_id, len(own)): name for own, name in zip(rows, run_cells.names(rows, datasets), strict=True)
        }
        choices, styles = self.choices, series.looks(self.project.runs.values())
        chosen, number_of = metrics.of(choices).short, metrics.of_runs(self.project, choices)
        room = next((column.width for column in columns if column.name == "RUN"), 0)
        told = any(run.warnings for run in self.project.runs.values())
        beside = run_cells.beside(chosen)

        def line(models: Sequence[Run], state: Segment | None = None) -> Line:
            run, numbers = models[0], [number_of(each) for each in models]
            name = names.get((run.run_id, len(models))) or run_cells.name(models, datasets)
            cells: dict[str, Segment] = {
                "": run_cells.signs(models, styles[series.key(run)], choices),
                "RUN": (
                    fitted_name(name, run, room),
                    "",
                ),
                "STATE": state or self._state(models),
                "SEED": (str(run.seed) if len(models) == 1 else f"×{len(models)}", ""),
                chosen: run_cells.number(metrics.of_models(numbers)),
                run_cells.SPREAD: run_cells.spread(numbers),
                beside: run_cells.accuracy(models, beside, told),
                "PROGRESS": self._progress(models),
                "DEVICE": (", ".join({self.project.where(each): None for each in models}), ""),
            }
            return row({name: (of(run), "") for name, of in run_cells.SETTINGS.items()} | cells, columns)

        return line

    def _state(self, models: Sequence[Run]) -> Segment:
        """Of several models that of the one that most asks for attention, and how many are done."""
        states = [self._state_of(run) for run in models]
        if len(models) == 1 or len(set(states)) == 1:
            return states[0]
        first = min(zip(models, states, strict=True), key=lambda pair: run_cells.URGENT.index(pair[0].state))[1]
        return (f"{first[0][0]} {sum(run.state == 'done' for run in models)}/{len(models)}", first[1])

    def _state_of(self, run: Run) -> Segment:
        state = run.state
        if state == "running":
            if self.project.link != "engine":
                return ("◌ no engine", "warn")
            if self.project.waits(run.run_id):
                return (f"{MARKS_OF_STATE['queued']} again", TONES["queued"])
            silence = self.project.silence(run.run_id)
            if silence is not None:
                return (f"◌ quiet {text.duration(silence)}", "warn")
            return (f"▶ {self.project.tracker.runs[run.run_id].phase or 'start'}", "busy")
        if state == "failed" and run.error and "memory" in run.error:
            return ("✗ OOM", "bad")
        return (f"{MARKS_OF_STATE[state]} {state}", TONES[state])

    def _progress(self, models: Sequence[Run]) -> Segment:
        if len(models) > 1:
            share = sum(self.project.tracker.runs[run.run_id].fraction for run in models) / len(models)
            waits = any(run.state in WAITING for run in models)
            return (f"{bar(share, 6)} {share:4.0%}", "busy") if waits else (f"{len(models)} seeds", "dim")
        (run,) = models
        tracked = self.project.tracker.runs[run.run_id]
        if waits := self.project.waits(run.run_id):
            return (waits, "dim")
        if run.state == "running":
            left = text.duration(self.project.tracker.time_left(tracked)) if self.project.link == "engine" else ""
            return (f"{bar(tracked.fraction, 6)} {tracked.fraction:4.0%} {left:>5s}", "busy")
        if run.state in FAILED:
            return (self.keyed("{runs.open}: see why"), "dim")
        took = tracked.took
        return (f"took {text.duration(took)}" if run.state == "done" and took else "", "dim")

    def _empty(self, width: int) -> list[Line]:
        hidden, choices = len(self.project.runs), self.choices
        wanted = repr(choices.filter) if choices.filter else choices.saved_filter
        words = f"No run matches {wanted}. {hidden} hidden. {{panes.back}} clears the filter."
        if choices.regex and choices.filter and expression(choices.filter) is None:
            words = f"{wanted} is no regular expression yet. tab in the filter goes back to plain text."
        elif not choices.regex and (trouble := run_filter.trouble(choices.filter)):
            words = f"No run matches {wanted}: {trouble}. {{panes.back}} clears the filter."
        if not hidden and self.project.link == "files" and self.project.trouble:
            words = f"The results cannot be read: {self.project.trouble}"
        elif not hidden:
            words = "No runs yet." if self.project.read_only else "No runs yet. {engine.new} plans a sweep."
            words = "opening …" if self.project.link == "opening" else words
        return wrapped(self.keyed(words), width - 1, "dim", first=" ", hang=1)

    # Acting

    def cursor_moved(self, index: int) -> None:
        """Another run is the one that all panes speak of."""
        self.choices.current = self.order[index]

    def head_clicked(self, x: int) -> None:
        """Sort by the column of that cell; a second click turns the order round."""
        name = name_at(self.columns, x)
        self.selection.sort_by(CHOSEN if name == metrics.of(self.choices).short else name)

    action_sort_next = _by_selection(Selection.sort_next)
    action_sort_reverse = _by_selection(Selection.sort_reverse)
    action_overlay = _by_selection(Selection.toggle_on_chart)
    action_overlay_all = _by_selection(Selection.toggle_all_on_chart)
    action_all_seeds = _by_selection(Selection.toggle_all_seeds)
    action_mark = _by_selection(Selection.toggle_marked)
    action_saved_filter = _by_selection(Selection.filter_next)

    def choices_saved_filter(self) -> list[tuple[str, str]]:
        """Saved filters for the palette."""
        return [(name, name) for name in SAVED_FILTERS]

    def action_seeds(self) -> None:
        """A line for each seed of the setting, or one for all."""
        if not self.selection.toggle_seeds():
            self.notify("one seed only: nothing to open", severity="warning")

    def action_log(self) -> None:
        """What the run's process printed."""
        self.host.page_log(self.choices.current)

    def line_to_copy(self) -> str:
        """The run's whole id, then what its line says."""
        return f"{self.choices.current}  {super().line_to_copy()}"
