"""Cells of the list of runs, for one run or for the models of a population, which share a line. Pure functions."""

from collections.abc import Sequence
from statistics import fmean

from explorer.charts.chart import MARKS
from explorer.charts.series import Look
from explorer.project.choices import Choices
from explorer.project.metrics import ChosenNumber
from explorer.results import marks, text
from explorer.results.lines import Segment
from explorer.results.run_words import short_name
from store.rows import Run

URGENT = ("failed", "diverged", "running", "queued", "cancelled", "done")
"""States, the one first that a line of several models shows."""
BESIDE = {"ADV TEST": ("adversarial", "test"), "TEST": ("benign", "test")}
"""The accuracy of a column."""


def name(models: Sequence[Run], datasets: int) -> str:
    """A run's short name; of several models what they share, and their number."""
    own = short_name(models[0], datasets)
    return own if len(models) == 1 else f" ×{len(models)}".join(own.rsplit(f"-s{models[0].seed}", 1))


def signs(models: Sequence[Run], look: Look, choices: Choices) -> Segment:
    """The mark on the chart, hollow while not all are done; the cursor; and whether one is marked for a comparison."""
    ids, (mark, tone) = {run.run_id for run in models}, look
    shape = " " if ids <= choices.off else MARKS[mark][any(run.state != "done" for run in models)]
    return f"{shape}{'▸' if choices.current in ids else ' '}{'•' if ids & set(choices.marked) else ' '}", tone


def capacity(run: Run) -> str:
    """The scale of its width."""
    return f"{run.capacity:g}"


def epsilon(run: Run) -> str:
    """The budget trained with."""
    return text.epsilon(run.epsilon) if run.epsilon else "—"


def number(chosen: ChosenNumber) -> Segment:
    """In percent, with a blank where others have a mark, so that digits are aligned; `!` goes before `≈`."""
    shown, tone = _share(chosen.value)
    return shown + (marks.mark(None, chosen.warned) or marks.mark(chosen.leaks) or " "), tone


def accuracy(models: Sequence[Run], column: str, told: bool) -> Segment:
    """The column's accuracy, of models their mean, with a mark where it may mislead, or a blank where others have one.

    told: whether others have one.
    """
    view, split = BESIDE[column]
    shares = [share for run in models if (share := run.accuracy(view, split)) is not None]
    shown, tone = _share(fmean(shares) if shares else None)
    is_warned = bool(shares) and any(view in run.warned_views for run in models)
    return shown + (marks.mark(None, is_warned) or " " * told), tone


def beside(chosen: str) -> str:
    """The accuracy that stands beside the chosen number: the adversarial one, or the other where that is chosen."""
    return next(name for name in BESIDE if name != chosen)


def _share(value: float | None) -> Segment:
    return ("—", "dim") if value is None else (text.percent(value), "")
