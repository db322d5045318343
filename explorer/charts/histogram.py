"""How the scores of members and of others lie: the picture behind every other number of leakage."""

import math
from collections.abc import Sequence
from dataclasses import replace

from engine.registry import ATTACKS, HEADLINE
from explorer.charts.chart import Chart, Series
from explorer.charts.drawing import Drawing, scaled
from explorer.charts.roc_curves import BY_ITSELF
from explorer.charts.run_curves import answered, dense, looks_of
from explorer.project import metrics
from explorer.project.choices import Choices
from explorer.project.open_project import OpenProject
from explorer.results import text
from explorer.results.run_words import short_name
from store.rows import Run, ScoreBin

OTHERS = (4, "")
"""The look of non-members, whatever the run's own is."""
LOG_ODDS = "log-odds of the confidence"


def histogram(project: OpenProject, choices: Choices, on_chart: Sequence[Run]) -> Drawing:
    """The shares of members and of others in the same bins of the chosen attack's score, in the chosen view.

    An attack whose scores are not stored for each example is drawn by what it knows best: the confidence.
    """
    runs = [run for run in on_chart if run.state == "done"]
    runs = [run for run in runs if run.run_id == choices.current] or runs[:1]
    drawing = Drawing("Histogram", table="scores", filters={"run_id": [run.run_id for run in runs]})
    if not runs:
        return replace(drawing, empty=("No finished run under the cursor.", "A histogram needs a run's scores."))
    (run,), view = runs, choices.leak_view
    compares = choices.attack in ATTACKS and ATTACKS[choices.attack].references
    attack = choices.attack if compares else BY_ITSELF
    told = choices.attack if compares else HEADLINE
    own = {"run_id": [run.run_id], "view": [view]}
    bins = project.rows("histogram", attack=[attack], **own)
    thresholds = project.rows("leakage", attack=[told, BY_ITSELF], metric=["threshold"], **own)
    title = f"Histogram  {told} ({view})"
    drawing = replace(
        drawing,
        title=f"{title} · {short_name(run, project.datasets)}",
        shorter=(title,),
        x_name="score" if compares else "log-odds",
    )
    (look,) = looks_of(project, runs)
    series = _steps(bins, look) if bins else ()
    chart = Chart(series, interval="band", x_label=f"score of {told}" if compares else LOG_ODDS)
    chart = replace(scaled(chart, "histogram", choices), x_log=False)
    rule = metrics.rule_of(choices)
    at = {row.attack: row.value for row in thresholds or () if row.class_label is None and row.threshold_rule == rule}
    threshold = at.get(attack, _log_odds(at.get(told)))
    if threshold is not None and math.isfinite(threshold):
        words = f"threshold {threshold:.3g} ({text.RULES.get(rule, rule)})"
        chart = replace(chart, threshold=threshold, threshold_label=words)
    empty = f"No {view} scores of this run are stored."
    return answered(drawing, chart, project, None in (bins, thresholds), empty)


def _log_odds(confidence: float | None) -> float | None:
    """Where a threshold on the confidence stands among log-odds."""
    return None if confidence is None or not 0 < confidence < 1 else math.log(confidence) - math.log1p(-confidence)


def _steps(bins: Sequence[ScoreBin], look: tuple[int, str]) -> tuple[Series, Series]:
    """Members, shaded, and others as steps over the bins."""
    edges = [edge for each in bins for edge in (each.low, each.high)]
    found = []
    for name, own, counts in (
        ("members", look, [each.members for each in bins]),
        ("non-members", OTHERS, [each.nonmembers for each in bins]),
    ):
        whole = sum(counts)
        shares = tuple(count / max(1, whole) for count in counts for _ in "<>")
        found.append(dense(f"{whole} {name}", own, edges, shares))
    members, others = found
    return replace(members, low=(0.0,) * len(edges), high=members.y), others
