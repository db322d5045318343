"""What the charts of single runs share: their names, looks and dense curves."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from explorer.charts.chart import Chart, Series
from explorer.charts.drawing import Drawing, asking
from explorer.charts.series import USUAL, Look, key, label, looks, looks_apart
from explorer.project.open_project import OpenProject
from explorer.results import text
from store.rows import Run

MOST = 8
"""Curves in one chart; more could not be told apart."""


def dense(label: str, own: Look, xs: Sequence[float], ys: Sequence[float | None], **more: Any) -> Series:
    """A curve of many points."""
    return Series(label, *own, tuple(xs), tuple(ys), kind="line", **more)


def looks_of(project: OpenProject, runs: Sequence[Run]) -> list[Look]:
    """The looks of runs whose curves stand together: those of their settings."""
    given = looks(project.runs.values())
    return looks_apart([given[key(run)] for run in runs])


def answered(drawing: Drawing, chart: Chart, project: OpenProject, waits: bool, empty: str) -> Drawing:
    """The drawing with its chart, or what is said where nothing is known, which may be on its way."""
    if not chart.series:
        drawing = replace(drawing, empty=(empty,))
        return asking(drawing, project) if waits else drawing
    return replace(drawing, chart=chart, asking=waits)


def names(runs: Sequence[Run]) -> list[str]:
    """Runs in as few words as tell them apart: `pgd eps 0.1`, followed by capacity, seed and hash where need be."""
    keys = {key(run) for run in runs}
    hints = [
        (f"c{run.capacity:g}", text.image_size(run.size), run.setting or USUAL, f"s{run.seed}", f"#{_hash(run)}")
        for run in runs
    ]
    return text.told_apart([label(key(run), keys) for run in runs], hints)


def _hash(run: Run) -> str:
    return run.run_id.rpartition("-")[2][:4]
