"""What the chart pane shows and how: chart, metric, attack, threshold rule, axes, intervals, each with its choices."""

from collections.abc import Sequence
from typing import Any

from explorer.charts import history
from explorer.project import metrics
from explorer.project.choices import CHARTS, INTERVALS, SCALES, SMOOTHINGS

RULES = {"oracle": "oracle (the paper's)", "heldout": "held-out"}


class ChartChoices:
    """Mixin of the chart pane: an action takes the next choice or a given one, which the palette lists."""

    # Which chart, which number

    def action_previous(self) -> None:
        """The chart before."""
        self._step(-1)

    def action_next(self, kind: str = "") -> None:
        """The next chart, or the named one."""
        self._step(1, kind)

    def _step(self, step: int, kind: str = "") -> None:
        self.view.chart = kind or CHARTS[(CHARTS.index(self.view.chart) + step) % len(CHARTS)]

    def choices_next(self) -> list[tuple[str, str]]:
        """Charts for the palette."""
        names = {
            **{"capacity": "capacity curve", "epsilon": "epsilon curve", "history": "training history", "roc": "ROC"},
            "histogram": "histogram of members and others",
            **{"trade-off": "leakage against accuracy", "setting": "curve over a swept setting"},
        }
        return [(names[kind], kind) for kind in CHARTS]

    def available(self) -> list[dict]:
        """What is stored about the latest run of each defense: the facts to choose from; empty while unknown."""
        latest = {run.defense: run.run_id for run in self.project.runs.values() if run.state == "done"}
        return (self.project.rows("capacity", run_id=sorted(latest.values())) or []) if latest else []

    def choices_metric(self) -> list[tuple[str, str]]:
        """Numbers that are stored: of an attack's those of the chosen one, if it is stored at all."""
        if self.kind == "history":
            return [(history.title_of(name), name) for name in history.METRICS]
        rows, chosen = self.available(), (self.view.attack, self.view.leak_view)
        own = [row for row in rows if (row.attack, row.view) == chosen] or rows
        return [
            (metric.title, metric.id)
            for metric in metrics.METRICS
            if any(
                all(getattr(row, key) == value for key, value in metric.facts.items())
                for row in (own if metric.inference else rows)
            )
        ]

    def present(self, action: str) -> str:
        """What was chosen of the metric, the attack or the view."""
        if action == "metric":
            return self.view.history if self.kind == "history" else self.view.metric
        return self.view.attack if action == "attack" else self.view.leak_view

    def action_metric(self, name: str) -> None:
        """The named number."""
        setattr(self.view, "history" if self.kind == "history" else "metric", name)

    def _pairs(self) -> list[tuple[str, str]]:
        """Attacks with their views that have the chosen number stored; all of them where it is no attack's."""
        rows, metric = [row for row in self.available() if row.attack], metrics.of(self.view)
        own = [row for row in rows if row.metric == metric.facts["metric"]]
        return metrics.ordered((row.attack, row.view) for row in own or rows)

    def choices_attack(self) -> list[tuple[str, str]]:
        """Attacks, the paper's first."""
        return [(attack, attack) for attack in dict.fromkeys(attack for attack, _ in self._pairs())]

    def action_attack(self, attack: str) -> None:
        """The named attack on the same view, or on the nearest that it was carried out on."""
        self.view.attack = attack
        if views := [view for _, view in self.choices_view()]:
            self.view.leak_view = metrics.nearest_view(self.view.leak_view, views)

    def choices_view(self) -> list[tuple[str, str]]:
        """Views that the attack was carried out on."""
        return [(view, view) for attack, view in self._pairs() if attack == self.view.attack]

    def action_view(self, view: str) -> None:
        """The named view of the model's answers, by the same attack."""
        self.view.leak_view = view

    def choices_rule(self) -> list[tuple[str, str]]:
        """How the threshold was chosen."""
        return [(title, rule) for rule, title in RULES.items()]

    def action_rule(self, rule: str = "") -> None:
        """Oracle or held-out threshold."""
        self.view.rule = rule or _after(self.view.rule, self.choices_rule())

    def choices_curve(self) -> list[tuple[str, str]]:
        """Curves of the chart, to hide or to show again."""
        entries = self.drawing.chart.entries if self.drawing.chart else ()
        return [(f"{'show' if hidden else 'hide'} {curve.name}", curve.name) for curve, hidden in entries]

    def action_curve(self, name: str) -> None:
        """The named curve hidden, or shown again."""
        hidden = self.view.hidden_curves
        self.view.hidden_curves = [own for own in hidden if own != name] if name in hidden else [*hidden, name]

    # How it is drawn

    def choices_scale(self) -> list[tuple[str, str]]:
        """Axis scales; scores have both signs."""
        return [(scale, scale) for scale in SCALES if "x" not in scale or self.kind != "histogram"]

    def action_scale(self, scale: str = "") -> None:
        """The next axis scale of this chart, or the named one."""
        self.view.scales[self.kind] = scale or _after(self.view.scale(self.kind), self.choices_scale())

    def choices_interval(self) -> list[tuple[str, str]]:
        """Ways to show intervals."""
        return [(interval, interval) for interval in INTERVALS]

    def action_interval(self, interval: str = "") -> None:
        """The next way to show intervals, or the named one."""
        self.view.interval = interval or _after(self.view.interval, self.choices_interval())

    def choices_smooth(self) -> list[tuple[str, float]]:
        """Weights of the moving average."""
        return [("off" if not weight else f"{weight:g}", weight) for weight in SMOOTHINGS]

    def action_smooth(self, weight: float | None = None) -> None:
        """The next smoothing of histories, or the given one."""
        self.view.smooth = _after(self.view.smooth, self.choices_smooth()) if weight is None else weight

    def action_paper(self) -> None:
        """The paper's points."""
        self.view.paper = not self.view.paper

    def action_same_axes(self) -> None:
        """One y axis for both charts, or one each."""
        self.view.same_axes = not self.view.same_axes


def _after(now: Any, choices: Sequence[tuple[str, Any]]) -> Any:
    """The choice that follows the present one."""
    values = [value for _, value in choices]
    if not values:
        return now
    return values[(values.index(now) + 1) % len(values)] if now in values else values[0]
