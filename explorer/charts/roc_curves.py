"""ROC curves: of the run under the cursor, of marked ones, and of what it is held against: natural against robust."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from engine.registry import ATTACKS, HEADLINE, NATURAL
from explorer.charts.chart import Chart
from explorer.charts.drawing import Drawing, scaled
from explorer.charts.run_curves import MOST, answered, dense, looks_of, names
from explorer.project.choices import Choices
from explorer.project.open_project import OpenProject
from explorer.results import text
from explorer.results.marks import NOT_TOLD_APART
from explorer.results.natural_twin import SAME, natural_twin
from explorer.results.run_words import short_name
from store.rows import LeakageFact, Run

BY_ITSELF = "margin"
"""What the store calls the scores of a run that is compared with no others."""
RATES = {0.01: "tpr_at_fpr_0.01", 0.001: "tpr_at_fpr_0.001"}
"""False positive rates -> the metric that tells how many members are found there."""
TOLD = "AUC/TPR at 1 %/at 0.1 %"
UNRESOLVED = "unresolved"
"""Of a rate that is less than one mistake among the non-members."""


def compared(project: OpenProject, choices: Choices, on_chart: Sequence[Run]) -> list[Run]:
    """Finished runs whose curves stand together: that under the cursor (else the first), its twins, marked ones.

    A robust run's twin is natural; a natural one's are the robust ones of its images, network and seed.
    """
    done = [run for run in on_chart if run.state == "done"]
    own = [run for run in done if run.run_id == choices.current] or done[:1]
    marked = [run for run in done if run.run_id in choices.marked]
    twins = [twin for run in own for twin in _twins(run, list(project.runs.values()))]
    return list({run.run_id: run for run in (*own, *twins, *marked)}.values())[:MOST]


def _twins(run: Run, runs: Sequence[Run]) -> list[Run]:
    alike = [other for other in runs if all(getattr(other, name) == getattr(run, name) for name in SAME)]
    alike = [other for other in alike if other.state == "done"]
    if run.defense != NATURAL:
        return [twin] if (twin := natural_twin(run, alike)) else []
    robust = [other for other in alike if other.defense != NATURAL and other.seed == run.seed]
    return [other for other in robust if natural_twin(other, alike) == run]


def roc(project: OpenProject, choices: Choices, on_chart: Sequence[Run]) -> Drawing:
    """True over false positive rate at every threshold, natural against robust, in the chosen view.

    A curve for the confidence and for each attack with references; where they are too many, for the chosen attack.
    """
    runs, view = compared(project, choices, on_chart), choices.leak_view
    drawing = Drawing("ROC", x_name="FPR", table="roc", filters={"run_id": [run.run_id for run in runs]})
    if not runs:
        return replace(drawing, empty=("No finished run under the cursor.", "A ROC curve needs a run's scores."))
    found = [project.rows("roc", run_id=[run.run_id], view=[view]) for run in runs]
    metrics = ["auc", *RATES.values()]
    facts = [
        project.rows("leakage", run_id=[run.run_id], view=[view], metric=metrics) if points else []
        for run, points in zip(runs, found, strict=True)
    ]
    shown = _attacks([point.attack for points in found for point in points or ()], len(runs), choices.attack)
    labels, curves = names(runs), []
    for run, label, points, told in zip(runs, labels, found, facts, strict=True):
        for attack in shown:
            own = [(point.fpr, point.tpr) for point in points or () if point.attack == attack]
            if own:
                name = f"{label} {attack}" if len(shown) > 1 else label
                words = _told(told or (), attack)
                curves.append((run, dense(name, (0, ""), *zip(*own, strict=True), told=words)))
    looks = looks_of(project, [run for run, _ in curves])
    drawn = [replace(each, mark=mark, tone=tone) for (_, each), (mark, tone) in zip(curves, looks, strict=True)]
    own = short_name(runs[0], project.datasets)
    about = shown[0] if len(shown) == 1 and shown[0] != BY_ITSELF else "all attacks" if shown[1:] else HEADLINE
    title = f"ROC  {about} ({view})"
    against = f" against {', '.join(labels[1:])}" if labels[1:] else ""
    drawing = replace(drawing, title=f"{title} · {own}{against}", shorter=(f"{title} · {own}", title, f"ROC  {view}"))
    chart = Chart(tuple(drawn), x_percent=True, diagonal=True, x_label="false positive rate %", told=TOLD)
    empty = f"No {view} scores of this run are stored."
    return answered(drawing, scaled(chart, "roc", choices), project, None in (*found, *facts), empty)


def _attacks(stored: Iterable[str], runs: int, chosen: str) -> list[str]:
    """The attacks whose curves are drawn, in the registry's order."""
    found = sorted(set(stored), key=lambda attack: text.place(attack, tuple(ATTACKS)))
    if len(found) * runs <= MOST:
        return found
    compared = [attack for attack in found if attack != BY_ITSELF]
    return [chosen] if chosen in found else compared[:1]


def _told(facts: Sequence[LeakageFact], attack: str) -> tuple[str, ...]:
    """AUC and what is found at low rates, complete and short; of a run by itself the confidence's where it has no own.

    A number that is not told apart from a guess has its sign, a rate of less than one mistake a word in its place.
    """
    own = _numbers(facts, attack) or (_numbers(facts, HEADLINE) if attack == BY_ITSELF else {})
    if "auc" not in own:
        return ()
    area = _share(own["auc"])
    rates = [_rate(own.get(metric), rate) for rate, metric in RATES.items()]
    long = ", ".join(f"{found or UNRESOLVED} at {100 * rate:g} %" for rate, found in zip(RATES, rates, strict=True))
    return f"AUC {area}, TPR {long}", "/".join([area, *(found or "–" for found in rates)])


def _numbers(facts: Sequence[LeakageFact], attack: str) -> dict[str, LeakageFact]:
    own = [fact for fact in facts if fact.attack == attack and fact.class_label is None]
    return {fact.metric: fact for fact in sorted(own, key=lambda fact: fact.threshold_rule == "none")}


def _share(fact: LeakageFact) -> str:
    return text.percent(fact.value) + NOT_TOLD_APART * (fact.leaks is False)


def _rate(fact: LeakageFact | None, rate: float) -> str:
    """What is found at a rate; nothing where it is less than one mistake."""
    return _share(fact) if fact is not None and fact.n_nonmember * rate >= 1 else ""
