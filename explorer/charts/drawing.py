"""A chart with its words, or what is said where there is none."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from engine.registry import ATTACKS
from explorer.charts.chart import Chart, Series
from explorer.project import metrics
from explorer.project.choices import Choices
from explorer.project.open_project import OpenProject
from explorer.results import marks, text
from store.rows import Run
from store.summaries import CurvePoint


@dataclass(frozen=True)
class Drawing:
    """A chart with its words, or the words that stand in its place; `{runs.overlay}` stands for that action's key."""

    title: str
    chart: Chart | None = None
    panels: tuple[tuple[str, Chart], ...] = ()
    """The charts, with what each shows, that stand side by side where there is room; the first is the chart."""
    empty: tuple[str, ...] = ()
    asking: bool = False
    """The answer that it is drawn from is on its way."""
    shorter: tuple[str, ...] = ()
    """Titles for where the other one does not fit."""
    x_name: str = ""
    table: str = "capacity"
    """What the export dialog offers for it."""
    filters: Mapping[str, Any] = field(default_factory=dict)


def titled(drawing: Drawing, choices: Choices, about: str = "", short: str = "") -> Drawing:
    """The drawing with its titles, about the capacity where one is given."""
    longest, *shorter = metrics.titles(choices)
    title = f"{drawing.title}  {about} · {longest}" if about else f"{drawing.title}  {longest}"
    return replace(
        drawing, title=title, shorter=tuple(f"{drawing.title} {short}".strip() + f"  {words}" for words in shorter)
    )


def scaled(chart: Chart, kind: str, choices: Choices) -> Chart:
    """The chart on the axes that were chosen for its kind."""
    scale = choices.scale(kind)
    return replace(chart, x_log="x" in scale, y_log="y" in scale)


def framed(
    kind: str, choices: Choices, curves: Sequence[Series], x_label: str, ticks: tuple[tuple[float, str], ...] = ()
) -> Chart:
    """The curves with the axes and the level of a guess that the chosen number has."""
    metric = metrics.of(choices)
    chart = Chart(
        series=tuple(curves),
        x_ticks=ticks,
        level=metric.guess if metric.inference else None,
        level_label=f"guess {text.percent(metric.guess)} %" if metric.guess is not None else "",
        interval=choices.interval,
        x_label=x_label,
    )
    return scaled(chart, kind, choices)


def over_seeds(drawing: Drawing, rows: Sequence[CurvePoint], choices: Choices) -> Drawing:
    """With the words that say how many seeds there are and what the intervals are.

    Of an attack with references each seed's model is a target.
    """
    own = ATTACKS.get(choices.attack) if metrics.of(choices).inference else None
    seed = "target" if own and own.references else "seed"
    few, many = min(row.n_seeds for row in rows), max(row.n_seeds for row in rows)
    count = f"{few}-{many} {seed}s" if few < many else f"{many} {seed}s" if many > 1 else f"1 {seed}"
    over = sorted({row.ci_over for row in rows} - {None}) if choices.interval != "off" else ()
    over = [f"{seed}s" if each == "seeds" else each for each in over]
    interval = f", 95 % CI over {' or '.join(over)}" if over else ""
    short = "95 % CI" if over else count
    told = f" · {marks.WARNED} may mislead" if any(row.warnings for row in rows) else ""
    *_, last = drawing.shorter
    shorter = *(f"{title} · {short}{told}" for title in drawing.shorter), last.replace(" · ", " "), last
    return replace(drawing, title=f"{drawing.title} · {count}{interval}{told}", shorter=shorter)


def filters(project: OpenProject, on_chart: Sequence[Run]) -> dict[str, Any]:
    """What an export of the chart's numbers is limited to."""
    return {} if len(on_chart) == len(project.runs) else {"run_id": sorted(run.run_id for run in on_chart)}


# In place of a chart


def plan_words(project: OpenProject) -> str:
    """The key that makes more runs, where there may be more."""
    return "" if project.read_only else " {engine.new} plans a sweep."


def asking(drawing: Drawing, project: OpenProject) -> Drawing:
    """Its answer is on its way, or failed to come."""
    if project.query_cache.trouble:
        return replace(drawing, empty=("No answer.", project.query_cache.trouble))
    return replace(drawing, empty=("asking …",), asking=True)


def nothing_yet(
    drawing: Drawing, project: OpenProject, choices: Choices, on_chart: Sequence[Run], rows: Sequence[CurvePoint] | None
) -> Drawing:
    """Why there is no point."""
    done = sum(run.state == "done" for run in on_chart)
    if rows is None and done:
        return asking(drawing, project)
    if done:
        words = f"No {metrics.titles(choices)[0]} in the {done} finished run{'s' if done > 1 else ''}."
        return replace(drawing, empty=(words, "{chart.metric}, {chart.attack} and {chart.rule} choose another number."))
    running = [project.tracker.runs[run.run_id] for run in on_chart if run.state == "running"]
    left = min((left for run in running if (left := project.tracker.time_left(run)) is not None), default=None)
    due = f"The first ends in {text.duration(left)}." if left is not None else "Points appear as runs end."
    waiting = f"{len(running)} running, " if running else ""
    return replace(drawing, empty=(f"No finished run on the chart yet ({waiting}{len(on_chart)} in all).", due))


def nothing_on_chart(title: str, project: OpenProject, choices: Choices) -> Drawing:
    """Which key puts a run on the chart."""
    adds = "{runs.overlay} on a run adds it; {runs.overlay-all} adds all visible."
    if not project.runs:
        words = ("opening …" if project.link == "opening" else "No runs yet." + plan_words(project),)
    elif choices.filter or choices.saved_filter != "all":
        words = ("Nothing on the chart of what the filter shows.", f"{{panes.back}} clears the filter; {adds}")
    else:
        words = ("Nothing on the chart.", adds)
    return Drawing(title, empty=words)
