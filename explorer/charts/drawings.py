"""Every kind of chart by its name, and what stands in its place while nothing is on it. No Textual in here."""

from collections.abc import Sequence

from explorer.charts import curves, over_setting, trade_off
from explorer.charts.curves import Drawing, Row
from explorer.project.choices import View
from explorer.project.live import Live

TITLES = {"roc": "ROC"}
DRAW = {
    "capacity": curves.capacity,
    "epsilon": curves.epsilon,
    "history": curves.history,
    "roc": curves.roc,
    "trade-off": trade_off.trade_off,
    "setting": over_setting.over_setting,
}


def draw_of(kind: str, live: Live, view: View, on_chart: Sequence[Row]) -> Drawing:
    """The drawing of one kind for the runs on the chart."""
    if not on_chart:
        return Drawing(TITLES.get(kind, kind.capitalize()), empty=_nothing_on_chart(live, view))
    return DRAW[kind](live, view, on_chart)


def _nothing_on_chart(live: Live, view: View) -> tuple[str, ...]:
    adds = "{runs.overlay} on a run adds it; {runs.overlay-all} adds all visible."
    if not live.runs:
        return ("opening …" if live.link == "opening" else "No runs yet." + curves.plan_words(live),)
    if view.filter or view.saved_filter != "all":
        return ("Nothing on the chart of what the filter shows.", f"{{panes.back}} clears the filter; {adds}")
    return ("Nothing on the chart.", adds)
