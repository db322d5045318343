"""Every kind of chart by its name."""

from collections.abc import Sequence

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


def drawing_of(kind: str, project: OpenProject, choices: Choices, on_chart: Sequence[Run]) -> Drawing:
    """The drawing of one kind for the runs on the chart."""
    if not on_chart:
        return nothing_on_chart(TITLES.get(kind, kind.capitalize()), project, choices)
    return DRAW[kind](project, choices, on_chart)
