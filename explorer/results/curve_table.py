"""Accuracy and leakage over capacity or epsilon: a line for each setting."""

from collections.abc import Sequence
from itertools import chain

from engine.registry import HEADLINE
from explorer.results import marks, text, views_table
from explorer.results.settings_apart import HASHED, by_setting, shown, telling
from explorer.results.table import Cell, Column, Table, of
from explorer.results.views_table import words_of
from store.rows import ViewKey
from store.summaries import CurvePoint

NUMBERS: dict[str, ViewKey] = {words_of(key).removesuffix("-out"): key for key in views_table.NUMBERS}
"""Heading -> view and kind."""
METRICS = ["accuracy", "inference_accuracy"]
"""The rows of the query that are shown."""
LEGEND = "\n".join(
    (
        "accuracies in %; I_B, I_A, I_V: membership-inference accuracy in % by benign, adversarial and certified",
        "confidence, a guess is 50: with the paper's oracle threshold, `held` with one chosen on other examples;",
        "± is the standard deviation over seeds;",
        f"≈ {marks.LIKE_GUESS}: the 95 % interval reaches 50 in half of the seeds or more;",
        f"{marks.AMONG_CLASSES}; {marks.FLOOR};",
        f"{marks.LEGEND};",
        "per class: conf is a threshold on each class's confidence, model a network for each class, on benign (B),",
        "adversarial (A), targeted (T) and certified (V) answers, held out; ▸ the best of a row; (…) the paper's own",
    )
)


def table(points: Sequence[CurvePoint], by: str) -> Table:
    """In blocks within which only `by` changes, `capacity` or `epsilon`."""
    held = ("defense", "epsilon") if by == "capacity" else ("capacity", "defense")
    order = ("dataset", "network", "size", "train_fraction", *held, by)
    found = by_setting(points, (*order, "evaluation_epsilon", "certification", "setting", "settings"))
    told = telling([own[0] for own in found])
    columns: dict[Column | str, list] = {
        name.replace("evaluation_epsilon", "attack eps"): [shown(own[0], name) for own in found]
        for name in ("dataset", *held, by, "evaluation_epsilon", *told)
    }
    columns["seeds"] = [max(point.n_seeds for point in own) for own in found]
    numbers = {name: [_find(own, key) for own in found] for name, key in NUMBERS.items()}
    for name, points_of in numbers.items():
        columns[Column(name, right=True, behind=(1, 0))] = [point and number(point) for point in points_of]
    for name in ("I_B", "I_A"):
        papers = [text.percent(point.published) if point else None for point in numbers[name]]
        columns[Column(f"paper {name}", right=True)] = papers
    legend = [HASHED] if "settings" in told else []
    return of(columns, legend=legend, messages=marks.messages(chain(*found))).filled()


def _find(points: Sequence[CurvePoint], key: ViewKey) -> CurvePoint | None:
    """Of the accuracies that on the split, of the confidence attack's that under the threshold rule."""
    view, kind = key
    return next(
        (
            point
            for point in points
            if point.view == view
            and point.attack in (None, HEADLINE)
            and point.metric in METRICS
            and kind in (point.split, point.threshold_rule)
        ),
        None,
    )


def number(point: CurvePoint) -> Cell:
    """In percent with its spread over seeds and its marks."""
    return marks.share(point.mean, point.std, point.leaks, bool(point.warnings))
