"""Training histories: every metric over steps, the seeds of a setting folded to their mean and band."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from engine.registry import NATURAL
from explorer.charts.chart import Chart, Series, is_number
from explorer.charts.drawing import Drawing, scaled
from explorer.charts.run_curves import MOST, answered, dense, looks_of, names
from explorer.project.choices import Choices
from explorer.project.open_project import OpenProject
from explorer.project.selection import seeds_by_setting
from explorer.results import text
from store.rows import Run, SeedsHistory

PANELS = 4
"""Metrics side by side at most."""
AGE = 3.0
"""Seconds after which a running run's history is asked for again."""
TITLES = {"loss": "training loss", "train_accuracy": "training accuracy %", "test_accuracy": "test accuracy %"}
METRICS = (*TITLES, "learning_rate")
"""What training tells of itself, in the order of showing."""


def title_of(metric: str) -> str:
    """A metric in words."""
    return TITLES.get(metric, metric.replace("_", " "))


def ordered(metrics: Iterable[str]) -> list[str]:
    """Metrics in the order of showing; those that nobody here knows come last."""
    return sorted(set(metrics), key=lambda name: text.place(name, METRICS))


def shown_settings(project: OpenProject, choices: Choices, on_chart: Sequence[Run]) -> list[list[Run]]:
    """The seeds of each begun setting whose curves are drawn, as listed.

    That of the run under the cursor, those with a marked run, running ones, and others of its images and capacity,
    natural ones first; where there are none of these, any.
    """
    begun = [seeds for seeds in seeds_by_setting(on_chart).values() if any(run.state != "queued" for run in seeds)]
    current = project.runs.get(choices.current)

    def wanted(seeds: Sequence[Run]) -> tuple[bool, ...]:
        ids, own = {run.run_id for run in seeds}, seeds[0]
        is_alike = current is not None and _images(own) == _images(current)
        marked = bool(ids & set(choices.marked))
        return choices.current in ids, marked, _is_running(seeds), is_alike and own.defense == NATURAL, is_alike

    first = sorted((seeds for seeds in begun if any(wanted(seeds))), key=wanted, reverse=True) or begun
    return [seeds for seeds in begun if seeds in first[:MOST]]


def _images(run: Run) -> tuple[Any, ...]:
    return run.dataset, run.size, run.capacity


def _is_running(seeds: Sequence[Run]) -> bool:
    return any(run.state == "running" for run in seeds)


def history(project: OpenProject, choices: Choices, on_chart: Sequence[Run]) -> Drawing:
    """A panel for each metric with a curve for each setting, that of the run under the cursor in front."""
    settings = shown_settings(project, choices, on_chart)
    ids = [run.run_id for seeds in settings for run in seeds]
    firsts = [seeds[0] for seeds in settings]
    found = [
        project.rows("seeds_history", AGE if _is_running(seeds) else None, run_id=[run.run_id for run in seeds])
        for seeds in settings
    ]
    told = list(zip(settings, names(firsts), looks_of(project, firsts), found, strict=True))
    told.sort(key=lambda each: any(run.run_id == choices.current for run in each[0]))
    panels = []
    for metric in _first(ordered(row.metric for rows in found for row in rows or ()), choices.history):
        curves = []
        for seeds, name, look, rows in told:
            if own := [row for row in rows or () if row.metric == metric]:
                curves.append(_curve(_label(name, seeds, choices), look, own, choices.smooth))
        interval = "off" if choices.interval == "off" else "band"
        chart = Chart(tuple(curves), y_percent=metric.endswith("accuracy"), x_label="step", interval=interval)
        panels.append((title_of(metric), scaled(chart, "history", choices)))
    smooth = f" · smoothed {choices.smooth:g}" if choices.smooth else ""
    count = len(seeds_by_setting(on_chart))
    more = f" · {len(settings)} of {count} settings" if len(settings) < count else ""
    about = panels[0][0] if panels else title_of(choices.history)
    drawing = Drawing(f"History  {about}{smooth}{more}", x_name="step", table="history", filters={"run_id": ids})
    drawing = replace(
        drawing, panels=tuple(panels[:PANELS]), shorter=(f"History  {about}{smooth}", f"History  {about}")
    )
    chart = panels[0][1] if panels else Chart(())
    return answered(drawing, chart, project, None in found, "No history yet: it begins with training.")


def _first(metrics: list[str], chosen: str) -> list[str]:
    """The metrics in their order, from the chosen one on and round."""
    at = metrics.index(chosen) if chosen in metrics else 0
    return metrics[at:] + metrics[:at]


def _label(name: str, seeds: Sequence[Run], choices: Choices) -> str:
    own = "▸" if any(run.run_id == choices.current for run in seeds) else ""
    begun = sum(run.state != "queued" for run in seeds)
    return f"{own}{name}" + (f" ×{begun}" if begun > 1 else "")


def _curve(label: str, look: tuple[int, str], rows: Sequence[SeedsHistory], weight: float) -> Series:
    """Mean and, of several seeds, band."""
    mean, low, high = (smoothed((getattr(row, name) for row in rows), weight) for name in ("mean", "low", "high"))
    band = {"low": low, "high": high} if any(row.n_runs > 1 for row in rows) else {}
    return dense(label, look, [row.step for row in rows], mean, **band)


def smoothed(values: Iterable[float | None], weight: float) -> tuple[float | None, ...]:
    """The exponential moving average with the start's bias taken out; 0 leaves the values as they are."""
    if not weight:
        return tuple(values)
    mean, share, found = 0.0, 0.0, []
    for value in values:
        if not is_number(value):  # a gap stays one
            found.append(None)
            continue
        mean = weight * mean + (1 - weight) * value
        share = weight * share + (1 - weight)
        found.append(mean / share)
    return tuple(found)
