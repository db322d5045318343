"""Every kind of chart by its name."""

from collections.abc import Sequence
from dataclasses import replace

from explorer.charts import histogram, history, roc_curves, summary_curves
from explorer.charts.drawing import Drawing, nothing_on_chart
from explorer.project.choices import Choices
from explorer.project.open_project import OpenProject
from store.rows import Run

TITLES = {"roc": "ROC"}
DRAW = {
    "capacity": summary_curves.capacity,
    "epsilon": summary_curves.epsilon,
    "history": history.history,
    "roc": roc_curves.roc,
    "histogram": histogram.histogram,
    "trade-off": summary_curves.trade_off,
    "setting": summary_curves.setting,
}

COMPANIONS = {
    **{"capacity": "epsilon", "epsilon": "capacity", "history": "roc", "roc": "histogram", "histogram": "roc"},
    **{"trade-off": "setting", "setting": "trade-off"},
}
"""What is drawn beside a chart, if there is room for two."""
STORY = ("capacity", "epsilon", "roc", "histogram", "trade-off", "history")
"""What is drawn besides, if there is room for more."""


def further(first: str, on_chart: Sequence[Run]) -> list[str]:
    """The kinds for charts beside the first one, those without a curve last: one place along an axis is none."""
    wanted = [kind for kind in dict.fromkeys([COMPANIONS[first], *STORY]) if kind != first]
    places = {axis: {getattr(run, axis) for run in on_chart} - {0.0} for axis in ("capacity", "epsilon")}
    return sorted(wanted, key=lambda kind: len(places.get(kind, "two")) < 2)


def drawing_of(kind: str, project: OpenProject, choices: Choices, on_chart: Sequence[Run]) -> Drawing:
    """The drawing of one kind for the runs on the chart, without the curves that a person hid."""
    if not on_chart:
        return nothing_on_chart(TITLES.get(kind, kind.capitalize()), project, choices)
    drawing, names = DRAW[kind](project, choices, on_chart), choices.hidden_curves
    if not names or drawing.chart is None:
        return drawing
    panels = tuple((name, chart.without(names)) for name, chart in drawing.panels)
    return replace(drawing, chart=drawing.chart.without(names), panels=panels)
