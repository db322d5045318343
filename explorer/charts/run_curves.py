"""Charts of what is known and chosen: capacity and epsilon curves, histories, ROC curves. No Textual in here."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import itemgetter
from typing import Any

from explorer.charts import series
from explorer.charts.plot import MARKS, Chart, Series
from explorer.charts.read_out import is_number
from explorer.project import metrics
from explorer.project.choices import View
from explorer.project.live import Live
from explorer.results import marks, text

Row = Mapping[str, Any]

HISTORY_RUNS = 8
"""Runs in one history or ROC chart; more could not be told apart."""
HISTORY_AGE = 3.0
"""Seconds after which a running run's history is asked for again."""
USUAL = "as the recipe"
"""What the setting of runs is called that do not depart from their recipe."""
HISTORY_TITLES = {"loss": "training loss", "train_accuracy": "training accuracy %", "test_accuracy": "test accuracy %"}


@dataclass(frozen=True)
class Drawing:
    """A chart with its words, or the words that stand in its place; `{runs.overlay}` stands for that action's key."""

    title: str
    chart: Chart | None = None
    empty: tuple[str, ...] = ()
    asking: bool = False
    """The answer that it is drawn from is on its way."""
    shorter: tuple[str, ...] = ()
    """Titles for where the other one does not fit."""
    x_name: str = ""
    table: str = "capacity"
    """What the export dialog offers for it."""
    filters: Mapping[str, Any] = field(default_factory=dict)


def plan_words(live: Live) -> str:
    """The key that makes more runs, where there may be more."""
    return "" if live.read_only else " {engine.new} plans a sweep."


def _asking(drawing: Drawing, live: Live) -> Drawing:
    """In place of a chart whose answer is on its way, or failed to come."""
    if live.answers.trouble:
        return replace(drawing, empty=("No answer.", live.answers.trouble))
    return replace(drawing, empty=("asking …",), asking=True)


# Curves over capacity and epsilon


def facts(live: Live, view: View, on_chart: Sequence[Row]) -> list[Row] | None:
    """The chosen number of every finished setting on the chart, over its seeds; None while it is being asked for."""
    wanted = metrics.wanted(view)
    params: dict[str, Any] = {name: value for name, value in wanted.items() if name != "split"}
    if len(on_chart) < len(live.runs):
        params["run_id"] = sorted(run["run_id"] for run in on_chart)
    rows = live.rows("capacity", **params)
    return None if rows is None else [row for row in rows if all(row[name] == wanted[name] for name in wanted)]


def capacity(live: Live, view: View, on_chart: Sequence[Row]) -> Drawing:
    """One curve for each defense and epsilon, natural training in grey."""
    drawing = titled(Drawing("Capacity", x_name="capacity", filters=filters(live, on_chart)), view)
    rows = facts(live, view, on_chart)
    if not rows:
        return nothing_yet(drawing, live, view, on_chart, rows)
    styles = series.styles([*live.runs.values(), *rows])
    groups = _grouped(rows, lambda row: (series.key(row), row["evaluation_epsilon"], *_evaluated(row)))
    labels = _labels([(series.label(curve[0], styles), *curve[1:]) for curve in groups])
    unfinished = {(*_trained_and_asked(run), run["capacity"]) for run in _unfinished(on_chart)}
    curves = []
    for label, (mark, tone), points in zip(labels, _own_styles(groups, styles), groups.values(), strict=True):
        hollow = [(*_trained_and_asked(row), row["capacity"]) in unfinished for row in points]
        curves += _curve(label, mark, tone, "capacity", points, hollow, view)
    ticks = tuple((value, f"{value:g}") for value in sorted({row["capacity"] for row in rows}))
    return over_seeds(replace(drawing, chart=framed(view, curves, ticks)), rows, view)


def epsilon(live: Live, view: View, on_chart: Sequence[Row]) -> Drawing:
    """One curve for each defense at the capacity of the run under the cursor; natural training as a grey line."""
    current = live.runs.get(view.current, on_chart[0])
    drawing = Drawing("Epsilon", x_name="eps", table="epsilon", filters=filters(live, on_chart))
    drawing = titled(drawing, view, f"capacity {current['capacity']:g}", f"c{current['capacity']:g}")
    rows = facts(live, view, on_chart)
    if not rows:
        return nothing_yet(drawing, live, view, on_chart, rows)
    rows = [row for row in rows if row["capacity"] == current["capacity"] and row["dataset"] == current["dataset"]]
    budgets = sorted({row["epsilon"] for row in rows if row["epsilon"]})
    if len(budgets) < 2:
        only = text.epsilon(budgets[0]) if budgets else "none"
        words = f"One epsilon so far at capacity {current['capacity']:g} ({only})."
        return replace(drawing, empty=(words, "A curve needs two." + plan_words(live)))
    attacked = _attacked_otherwise(rows)
    groups = _grouped(rows, lambda row: (_without_epsilon(row), attacked(row), *_evaluated(row)))
    kinds = {curve[0] for curve in groups}
    labels = _labels([(_name_over_epsilon(curve, kinds, view), *curve[1:]) for curve in groups])
    unfinished = set(map(_trained_and_asked, _unfinished(on_chart)))
    curves, count = [], Counter()
    for label, (curve, points) in zip(labels, groups.items(), strict=True):
        natural = curve[0][3] == series.NATURAL
        mark, tone = (series.natural_style if natural else series.style)(count[natural])
        count[natural] += 1
        if natural:
            curves.append(_flat(label, mark, points[0], budgets))
            continue
        hollow = [_trained_and_asked(row) in unfinished for row in points]
        curves += _curve(label, mark, tone, "epsilon", points, hollow, view)
    ticks = tuple((value, text.epsilon(value)) for value in budgets)
    return over_seeds(replace(drawing, chart=framed(view, curves, ticks)), rows, view)


def titled(drawing: Drawing, view: View, about: str = "", short: str = "") -> Drawing:
    """The drawing with its titles, about the capacity where one is given."""
    longest, *shorter = metrics.titles(view)
    title = f"{drawing.title}  {about} · {longest}" if about else f"{drawing.title}  {longest}"
    return replace(
        drawing, title=title, shorter=tuple(f"{drawing.title} {short}".strip() + f"  {words}" for words in shorter)
    )


def over_seeds(drawing: Drawing, rows: Sequence[Row], view: View) -> Drawing:
    """With the words that say how many seeds there are and what the intervals are."""
    few, many = min(row["n_seeds"] for row in rows), max(row["n_seeds"] for row in rows)
    count = f"{few}-{many} seeds" if few < many else f"{many} seeds" if many > 1 else "1 seed"
    over = sorted({row["ci_over"] for row in rows} - {None}) if view.interval != "off" else ()
    interval = f", 95 % CI over {' or '.join(over)}" if over else ""
    short = "95 % CI" if over else count
    told = f" · {marks.WARNED} may mislead" if any(map(marks.is_warned, rows)) else ""
    *_, last = drawing.shorter
    shorter = *(f"{title} · {short}{told}" for title in drawing.shorter), last.replace(" · ", " "), last
    return replace(drawing, title=f"{drawing.title} · {count}{interval}{told}", shorter=shorter)


def _trained_and_asked(row: Row) -> tuple[series.Key, float, str | None]:
    """What a run, or a row over seeds, was trained, attacked and certified with, besides the capacity."""
    return (series.key(row), row["evaluation_epsilon"], row["certification"])


def _unfinished(runs: Iterable[Row]) -> list[Row]:
    return [run for run in runs if run["state"] in ("queued", "running")]


def _without_epsilon(row: Row) -> series.Key:
    return (*series.key(row)[:4], 0.0)


def _evaluated(row: Row) -> tuple[str, str, str, str]:
    """How models were certified, how they depart from their recipe, their image size, the hash of all settings."""
    return (row["certification"] or "", row["setting"] or "", row["size"] or "", row["settings"])


def _attacked_otherwise(rows: Iterable[Row]) -> Callable[[Row], float]:
    """What tells apart points at one epsilon that were attacked with several: the attack's budget, else 0.

    Natural training has no budget of its own, so the attack's always tells.
    """
    budgets: dict[Any, set[float]] = {}
    for row in rows:
        budgets.setdefault((series.key(row), row["settings"]), set()).add(row["evaluation_epsilon"])
    several = {(key[:4], settings) for (key, settings), found in budgets.items() if len(found) > 1}

    def attacked(row: Row) -> float:
        of_several = (series.key(row)[:4], row["settings"]) in several
        told = of_several and row["evaluation_epsilon"] != row["epsilon"]
        return row["evaluation_epsilon"] if told or row["defense"] == series.NATURAL else 0.0

    return attacked


def _grouped(rows: Iterable[Row], key: Callable[[Row], Any]) -> dict[Any, list[Row]]:
    groups: dict[Any, list[Row]] = {}
    in_order = itemgetter("capacity", "epsilon", "evaluation_epsilon")
    for row in sorted(rows, key=lambda row: (*in_order(row), *_evaluated(row))):
        groups.setdefault(key(row), []).append(row)
    return groups


def _labels(curves: Sequence[tuple[str, float, str, str, str, str]]) -> list[str]:
    """Labels of curves: each one's name, the budget it was attacked with, its certification, setting and size.

    Curves of several image sizes all name theirs: no two of them are comparable without.
    """
    sizes = {size for *_, size, _ in curves}
    names = [f"{name} {text.image_size(size)}" if len(sizes) > 1 else name for name, *_, size, _ in curves]
    hints = [
        (
            attacked_words(attacked),
            f"by {certified}" if certified else "uncertified",
            setting or USUAL,
            f"#{settings[:4]}",
        )
        for _, attacked, certified, setting, _, settings in curves
    ]
    return text.told_apart(names, hints)


def attacked_words(epsilon: float) -> str:
    """The attack's budget; 0 for the one trained with."""
    return f"attacked {text.epsilon(epsilon) if epsilon else 'as trained'}"


def _own_styles(groups: Iterable[Any], styles: Mapping[series.Key, tuple[int, str]]) -> list[tuple[int, str]]:
    """Mark and tone of each curve: as its runs have them, but a second curve of the same runs' key has its own."""
    found, seen = [], Counter()
    for curve in groups:
        own, natural = styles[curve[0]], curve[0][3] == series.NATURAL
        if seen[curve[0]]:
            own = (series.natural_style if natural else series.style)(len(styles) + seen.total())
        seen[curve[0]] += 1
        found.append(own)
    return found


def _curve(
    label: str, mark: int, tone: str, over: str, rows: Sequence[Row], hollow: Sequence[bool], view: View
) -> list[Series]:
    """A curve over one column of its rows, and the paper's own numbers of the same settings."""
    x = tuple(row[over] for row in rows)
    mean, low, high = (tuple(row[name] for row in rows) for name in ("mean", "ci_low", "ci_high"))
    curve = Series(label, mark, tone, x, mean, low, high, tuple(hollow), tuple(map(metrics.like_guess, rows)))
    published = [(row[over], row["published"]) for row in rows if view.paper and row["published"] is not None]
    if not published:
        return [curve]
    return [curve, Series(f"{label} paper", 0, tone, *zip(*published, strict=True), kind="published")]


def _flat(label: str, mark: int, row: Row, budgets: Sequence[float]) -> Series:
    """The natural baseline, which is trained without epsilon: the same at each."""
    mean, like_guess = ((value,) * len(budgets) for value in (row["mean"], metrics.like_guess(row)))
    return Series(label, mark, "dim", tuple(budgets), mean, like_guess=like_guess)


def _name_over_epsilon(curve: tuple[Any, ...], among: Iterable[series.Key], view: View) -> str:
    """The defense, and for natural training what it was attacked with, where that matters."""
    name = series.label(curve[0], among)
    attacked = curve[0][3] == series.NATURAL and metrics.wanted(view).get("view") != "benign"
    return f"{name} {attacked_words(curve[1])}" if attacked else name


def framed(view: View, curves: Sequence[Series], ticks: tuple[tuple[float, str], ...] = ()) -> Chart:
    """The curves with the axes and the level of a guess that the chosen number has."""
    metric = metrics.of(view)
    return Chart(
        series=tuple(curves),
        x_ticks=ticks,
        level=metric.guess if metric.inference else None,
        level_label=f"guess {text.percent(metric.guess)} %" if metric.guess is not None else "",
        x_log="x" in view.scale,
        y_log="y" in view.scale,
        interval=view.interval,
    )


def filters(live: Live, on_chart: Sequence[Row]) -> dict[str, Any]:
    """What an export of the chart's numbers is limited to."""
    return {} if len(on_chart) == len(live.runs) else {"run_id": sorted(run["run_id"] for run in on_chart)}


def nothing_yet(
    drawing: Drawing, live: Live, view: View, on_chart: Sequence[Row], rows: Sequence[Row] | None
) -> Drawing:
    """In place of a chart without a point: why there is none."""
    done = sum(run["state"] == "done" for run in on_chart)
    if rows is None and done:
        return _asking(drawing, live)
    if done:
        words = f"No {metrics.title(view)} in the {done} finished run{'s' if done > 1 else ''}."
        return replace(drawing, empty=(words, "{chart.metric}, {chart.attack} and {chart.rule} choose another number."))
    running = [live.board.runs[run["run_id"]] for run in on_chart if run["state"] == "running"]
    left = min((left for run in running if (left := live.board.time_left(run)) is not None), default=None)
    due = f"The first ends in {text.duration(left)}." if left is not None else "Points appear as runs end."
    waiting = f"{len(running)} running, " if running else ""
    return replace(drawing, empty=(f"No finished run on the chart yet ({waiting}{len(on_chart)} in all).", due))


# Histories and ROC curves


def shown_runs(view: View, on_chart: Sequence[Row]) -> list[Row]:
    """The runs whose own curves are drawn, as listed: that under the cursor, marked ones, running ones, then others."""
    rank = {"running": 1, "done": 2}
    begun = [run for run in on_chart if run["state"] != "queued"]
    first = sorted(
        begun,
        key=lambda run: (
            run["run_id"] != view.current,
            run["run_id"] not in view.marked,
            rank.get(run["state"], 3),
        ),
    )
    chosen = {run["run_id"] for run in first[:HISTORY_RUNS]}
    return [run for run in begun if run["run_id"] in chosen]


def history(live: Live, view: View, on_chart: Sequence[Row]) -> Drawing:
    """One training metric over steps, a curve for each run."""
    runs = shown_runs(view, on_chart)
    title = HISTORY_TITLES.get(view.history, view.history.replace("_", " "))
    more = f" · {len(runs)} of {len(on_chart)} runs" if len(runs) < len(on_chart) else ""
    smooth = f" · smoothed {view.smooth:g}" if view.smooth else ""
    ids = [run["run_id"] for run in runs]
    drawing = Drawing(f"History  {title}{smooth}{more}", x_name="step", table="history", filters={"run_id": ids})
    curves, waits = [], False
    for index, (run, name) in enumerate(zip(runs, _names(runs), strict=True)):
        age = HISTORY_AGE if run["state"] == "running" else None
        rows = live.rows("history", max_age=age, run_id=[run["run_id"]], metric=view.history)
        waits |= rows is None
        points = [(row["step"], row["value"]) for row in rows or () if row["run_id"] == run["run_id"]]
        if points:
            label = ("▸" if run["run_id"] == view.current else "") + name
            steps, values = zip(*points, strict=True)
            curves.append(Series(label, index, _tone(index), steps, smoothed(values, view.smooth), kind="line"))
    if not curves:
        empty = replace(drawing, empty=("No history yet: it begins with training.",))
        return _asking(drawing, live) if waits else empty
    shares = view.history.endswith("accuracy")
    chart = Chart(tuple(curves), y_percent=shares, x_log="x" in view.scale, y_log="y" in view.scale, x_label="step")
    return replace(drawing, chart=chart, asking=waits)


def smoothed(values: Sequence[float | None], weight: float) -> tuple[float | None, ...]:
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


def roc(live: Live, view: View, on_chart: Sequence[Row]) -> Drawing:
    """True over false positive rate of the confidence attack at every threshold, for each view of the run."""
    runs = [run for run in shown_runs(view, on_chart) if run["state"] == "done"]
    runs = [run for run in runs if run["run_id"] in {view.current, *view.marked}] or runs[:1]
    names, ids = _names(runs), [run["run_id"] for run in runs]
    title = f"ROC  confidence · {', '.join(names)}" if names else "ROC  confidence"
    drawing = Drawing(title, x_name="FPR", table="roc", filters={"run_id": ids})
    if not runs:
        return replace(drawing, empty=("No finished run under the cursor.", "A ROC curve needs a run's scores."))
    curves, waits = [], False
    for run, name in zip(runs, names, strict=True):
        rows = live.rows("roc", run_id=[run["run_id"]])
        waits |= rows is None
        for which, points in _by_view(rows or (), run).items():
            label = f"{name} {which}" if len(runs) > 1 else which
            mark, tone = len(curves) % len(MARKS), _tone(len(curves))
            curves.append(Series(label, mark, tone, *zip(*points, strict=True), kind="line"))
    if not curves:
        empty = replace(drawing, empty=("No scores of this run are stored.",))
        return _asking(drawing, live) if waits else empty
    chart = Chart(
        tuple(curves),
        x_percent=True,
        diagonal=True,
        x_log="x" in view.scale,
        y_log="y" in view.scale,
        x_label="false positive rate %",
    )
    return replace(drawing, chart=chart, asking=waits)


def _by_view(rows: Iterable[Row], run: Row) -> dict[str, list[tuple[float, float]]]:
    found: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        if row["run_id"] == run["run_id"]:
            found.setdefault(row["view"], []).append((row["fpr"], row["tpr"]))
    return found


def _tone(index: int) -> str:
    return str(1 + index % series.TONES)


def _names(runs: Sequence[Row]) -> list[str]:
    """Names of runs without their data set and hash where that tells them apart."""
    short = [run["name"].removeprefix(f"{run['dataset']}-") for run in runs]
    return text.told_apart(short, [(run["dataset"], "#" + run["run_id"].rpartition("-")[2][:4]) for run in runs])
