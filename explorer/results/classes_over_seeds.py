"""What each class leaks over the seeds of settings, held out: a table for each setting, or one for all."""

from collections.abc import Sequence

from explorer.results import classes_table, marks, text
from explorer.results.class_rows import PAPERS, called, over_seeds
from explorer.results.curve_table import number
from explorer.results.rendering import plain
from explorer.results.settings_apart import by_setting, differing, shown, telling
from explorer.results.table import Column, Table, of
from store.summaries import ClassFact

ASKED = {"attack": ["confidence-class", "model-class"], "metric": "inference_accuracy", "threshold_rule": "heldout"}
"""The rows of the query that are shown."""
TOLD = {"capacity": "capacity ", "evaluation_epsilon": "attacked "}
"""Words before settings in a column's name."""


def as_text(facts: Sequence[ClassFact], width: int | None = None) -> str:
    """The tables of each data set's settings of the largest capacity.

    Where inference networks were at work, a table for each setting with the paper's strategies across; else one table
    for all settings with the threshold on each class's confidence.
    """
    facts = [fact for fact in facts if fact.attack in ASKED["attack"] and fact.threshold_rule == "heldout"]
    if not facts:
        return "no class has enough examples for a held-out threshold"
    largest: dict[str, float] = {}
    for fact in facts:
        largest[fact.dataset] = max(fact.capacity, largest.get(fact.dataset, 0.0))
    found = by_setting(fact for fact in facts if fact.capacity == largest[fact.dataset])
    told = telling([own[0] for own in found])
    if any(fact.attack == "model-class" for own in found for fact in own):
        blocks = [f"{_title(own, told)}\n\n{plain(_strategies(own), width)}" for own in found]
    else:
        blocks = [plain(_thresholds(found, told), width)]
    others = sorted({(fact.dataset, fact.capacity) for fact in facts} - set(largest.items()))
    named = ", ".join(f"{dataset} {capacity:g}" for dataset, capacity in others)
    more = [f"smaller capacities ({named}): classes.csv"] if others else []
    said = marks.lines(marks.messages(fact for own in found for fact in own), marks.LINE)
    return "\n\n".join([*blocks, *more, *filter(None, ["\n".join(said)])])


def _title(own: Sequence[ClassFact], told: Sequence[str]) -> str:
    first = own[0]
    words = [first.dataset, text.trained(first), f"capacity {first.capacity:g}"]
    words += [f"attacked with eps {text.epsilon(first.evaluation_epsilon)}"]
    words += [
        shown(first, name) if name == "size" else f"{name.replace('_', ' ')} {shown(first, name)}"
        for name in told
        if shown(first, name) is not None
    ]
    seeds = max(fact.n_seeds for fact in own)
    return " · ".join([*words, f"{seeds} seed{'s' if seeds > 1 else ''}"])


def _strategies(own: Sequence[ClassFact]) -> Table:
    """Classes down, the paper's strategies across, the best of each class marked; all classes together last."""
    rows = over_seeds(own)
    shown = [each for each in PAPERS if any(each in row.reached for row in rows)]
    return classes_table.table(rows, shown, on_screen=False)


def _thresholds(found: Sequence[Sequence[ClassFact]], told: Sequence[str]) -> Table:
    """Classes down, settings across."""
    names = {fact.class_label: fact.class_name for own in found for fact in own}
    labels = sorted(names, key=lambda label: (label is None, label or 0))
    columns: dict[Column | str, list] = {"class": [called(label, names[label]) for label in labels]}
    apart = differing([own[0] for own in found], ("dataset", "capacity", "evaluation_epsilon"))
    for own in found:
        words = [shown(own[0], name) for name in ("defense", "epsilon", *told)]
        words += [f"{TOLD.get(name, '')}{shown(own[0], name)}" for name in apart]
        for view in ("benign", "adversarial"):
            by_label = {fact.class_label: number(fact) for fact in own if fact.view == view}
            name = " ".join(filter(None, [*words, f"I_{text.LETTERS[view]}"]))
            columns[Column(name, right=True, behind=(1, 0))] = [by_label.get(label) for label in labels]
    return of(columns)
