"""The wide tables people read, folded from the long exported ones: one line per model, one column per number."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from explorer.results import class_cells, classes_table, marks, text, views_table
from explorer.results.classes_table import PAPERS, Cell, ClassRow, Strategy

Row = Mapping[str, Any]

MODEL = (
    *("dataset", "network", "size", "defense", "epsilon", "evaluation_epsilon", "train_fraction", "capacity"),
    *("certification", "setting", "settings"),
)
NUMBERS: dict[str, dict[str, Any]] = {
    f"{short}{split}": {"measure": "accuracy", "view": view, "split": split}
    for view, short in (("benign", ""), ("adversarial", "adv-"), ("certified", "cert-"))
    for split in ("train", "test")
} | {
    f"I_{text.LETTERS[view]}{held}": {
        "measure": "inference_accuracy",
        "view": view,
        "attack": "confidence",
        "threshold_rule": rule,
    }
    for rule, held in (("oracle", ""), ("heldout", " held"))
    for view in ("benign", "adversarial", "certified")
}
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
TOLD = {"capacity": "capacity ", "evaluation_epsilon": "attacked "}
"""Words before settings in a column's name."""
BUDGETS = ("epsilon", "evaluation_epsilon")
WORDS = ("size", "setting")
"""Settings that are words with numbers in them."""
HASHED = "settings: a hash of all settings; rows alike elsewhere differ in some (`show RUN` prints a run's)"


def models(rows: Iterable[Row]) -> list[tuple[Row, list[Row]]]:
    """Each model that the rows of a long table speak of, with its rows."""
    grouped: dict[tuple, list[Row]] = {}
    for row in rows:
        grouped.setdefault(tuple(row[name] for name in MODEL), []).append(row)
    return [(dict(zip(MODEL, key, strict=True)), facts) for key, facts in grouped.items()]


def _place(model: Row, names: Iterable[str]) -> list[tuple[bool, Any]]:
    """What models are sorted by; those without a setting come before the others."""
    return [
        (model[name] is not None, text.natural_order(model[name]) if name in WORDS and model[name] else model[name])
        for name in names
    ]


def curve(rows: Sequence[Row], by: str) -> str:
    """The capacity or epsilon table: one line per model, in blocks within which only `by` changes."""
    held = ("defense", "epsilon") if by == "capacity" else ("capacity", "defense")
    order = (
        "dataset",
        "network",
        "size",
        "train_fraction",
        *held,
        by,
        "evaluation_epsilon",
        "certification",
        "setting",
        "settings",
    )
    found = sorted(models(rows), key=lambda group: _place(group[0], order))
    telling = _telling([model for model, _ in found])
    lines = []
    for model, facts in found:
        shown = {name: _setting(name, model[name]) for name in MODEL}
        head = [shown[name] for name in ("dataset", *held, by, "evaluation_epsilon", *telling)]
        seeds = max(row["n_seeds"] for row in facts)
        numbers = [_number(_find(facts, wanted)) for wanted in NUMBERS.values()]
        lines.append([*head, seeds, *numbers, *_published(facts)])
    columns = ["dataset", *held, by, "attack eps", *telling, "seeds", *NUMBERS, "paper I_B", "paper I_A"]
    columns, lines = _without_empty_columns(columns, lines, keep=6 + len(telling))
    table = text.table(columns, list(zip(*map(_even, zip(*lines, strict=True)), strict=True)))
    return "\n\n".join([table, *[HASHED] * ("settings" in telling), *_warnings(rows)])


def classes(rows: Sequence[Row]) -> str:
    """The per-class tables of each data set's models of the largest capacity, with held-out numbers.

    Where inference networks were at work, a table for each model with the paper's strategies across; else one table
    for all models with the threshold on each class's confidence.
    """
    rows = [row for row in rows if _wanted(row, SHOWN["classes"])]
    if not rows:
        return "no class has enough examples for a held-out threshold"
    largest: dict[str, float] = {}
    for row in rows:
        largest[row["dataset"]] = max(row["capacity"], largest.get(row["dataset"], 0.0))
    shown = [row for row in rows if row["capacity"] == largest[row["dataset"]]]
    found = sorted(models(shown), key=lambda group: _place(group[0], MODEL))
    telling = _telling([model for model, _ in found])
    if any(row["attack"] == "model-class" for row in shown):
        blocks = [f"{_title(model, facts, telling)}\n\n{_strategies(facts)}" for model, facts in found]
    else:
        blocks = [_thresholds(found, telling)]
    others = sorted({(row["dataset"], row["capacity"]) for row in rows} - set(largest.items()))
    named = ", ".join(f"{dataset} {capacity:g}" for dataset, capacity in others)
    more = [f"smaller capacities ({named}): classes.csv"] if others else []
    return "\n\n".join([*blocks, *more, *_warnings(shown)])


def _warnings(rows: Sequence[Row]) -> list[str]:
    """A paragraph of what the rows' warnings say, if there are any."""
    return list(filter(None, ["\n".join(marks.lines(marks.messages(rows), marks.LINE))]))


def _title(model: Row, facts: Sequence[Row], telling: Sequence[str]) -> str:
    words = [model["dataset"], " ".join(filter(None, (model["defense"], _setting("epsilon", model["epsilon"]))))]
    words += [f"capacity {model['capacity']:g}", f"attacked with eps {text.epsilon(model['evaluation_epsilon'])}"]
    told = {name: _setting(name, model[name]) for name in telling}
    words += [value if name == "size" else f"{name.replace('_', ' ')} {value}" for name, value in told.items()]
    seeds = max(row["n_seeds"] for row in facts)
    return " · ".join([*words, f"{seeds} seed{'s' if seeds > 1 else ''}"])


def _strategies(facts: Sequence[Row]) -> str:
    """Classes down, the paper's strategies across, the best of each class marked; all classes together last."""
    by_label: dict[int | None, dict[Strategy, Row]] = {}
    for fact in facts:
        strategy = Strategy(fact["attack"], fact["view"])
        if strategy in PAPERS:
            by_label.setdefault(fact["class_label"], {})[strategy] = fact
    shown = [strategy for strategy in PAPERS if any(strategy in found for found in by_label.values())]
    table = []
    for label in sorted(by_label, key=_all_last):
        found = by_label[label]
        sizes = (min(fact[name] for fact in found.values()) for name in ("n_member", "n_nonmember"))
        cells = {own: _cell(fact) for own, fact in found.items()}
        table.append(ClassRow(label, *sizes, cells, class_name=next(iter(found.values()))["class_name"]))
    return class_cells.plain(table, shown)


def _cell(fact: Row) -> Cell:
    return Cell(fact["mean"], fact["std"], fact["published"], _leaks(fact), warned=marks.is_warned(fact))


def _thresholds(found: Sequence[tuple[Row, list[Row]]], telling: Sequence[str]) -> str:
    """Classes down, models across."""
    called = {row["class_label"]: row["class_name"] for _, facts in found for row in facts}
    labels = sorted(called, key=_all_last)
    names, columns = ["class"], [[classes_table.called(label, called[label]) for label in labels]]
    told = _differing([model for model, _ in found], ("dataset", "capacity", "evaluation_epsilon"))
    for model, facts in found:
        words = [_setting(name, model[name]) for name in ("defense", "epsilon", *telling)]
        words += [f"{TOLD.get(name, '')}{_setting(name, model[name])}" for name in told]
        for view, letter in (("benign", "I_B"), ("adversarial", "I_A")):
            names.append(" ".join(filter(None, [*words, letter])))
            numbers = (_number(_find(facts, {"view": view, "class_label": label})) for label in labels)
            columns.append(marks.even([number or "-" for number in numbers]))
    return text.table(names, list(zip(*columns, strict=True)))


def _telling(found: Sequence[Row]) -> list[str]:
    """Settings that tell some of these models apart although the tables' fixed columns do not.

    Network, image size and share of the data are told wherever models of one data set differ in it, so that
    nobody reads a change of defense into neighbours that differ in more than that. The hash of all settings
    (`settings`) is shown only where those words leave models alike.
    """
    fixed = ("dataset", "defense", "epsilon", "capacity", "evaluation_epsilon")
    kinds = {}
    for model in found:
        kinds.setdefault(tuple(model[name] for name in fixed), []).append(model)
    of_dataset = {}
    for model in found:
        of_dataset.setdefault(model["dataset"], []).append(model)
    told = [
        name
        for name, groups in (
            *((name, of_dataset) for name in ("network", "size", "train_fraction")),
            *((name, kinds) for name in ("certification", "setting")),
        )
        if any(_differing(group, [name]) for group in groups.values())
    ]
    alike = any(len({tuple(model[name] for name in told) for model in group}) < len(group) for group in kinds.values())
    return [*told, *(["settings"] if alike else [])]


def _setting(name: str, value: Any) -> str | None:
    """One setting as tables show it; natural training has no epsilon."""
    if name in BUDGETS:
        return text.epsilon(value) if value or name != "epsilon" else None
    if name == "size":
        return text.image_size(value)
    return f"{value:.4g}" if isinstance(value, float) else value


def _differing(found: Sequence[Row], names: Iterable[str]) -> list[str]:
    """The settings in which not all of these models are alike."""
    return [name for name in names if len({model[name] for model in found}) > 1]


def _all_last(label: int | None) -> tuple[bool, int | None]:
    """What classes are sorted by; None stands for all of them."""
    return label is None, label


def _wanted(row: Row, filters: Mapping[str, Any]) -> bool:
    """Whether a row passes filters of its query."""
    return all(row[name] in (value if isinstance(value, list) else [value]) for name, value in filters.items())


def _find(rows: Iterable[Row], wanted: Mapping[str, Any]) -> Row | None:
    return next((row for row in rows if all(row[name] == value for name, value in wanted.items())), None)


def _number(row: Row | None) -> str | None:
    if row is None:
        return None
    spread = "" if row["std"] is None else f" ±{100 * row['std']:.1f}"
    return f"{text.percent(row['mean'])}{spread}{marks.mark(_leaks(row), marks.is_warned(row))}"


def _even(cells: Sequence[Any]) -> list[Any]:
    """A column with its marks below each other; cells without a number stay as they are."""
    even = iter(marks.even([cell for cell in cells if isinstance(cell, str)]))
    return [next(even) if isinstance(cell, str) else cell for cell in cells]


def _leaks(row: Row) -> bool | None:
    """Whether a number is told apart from a guess in most of the seeds; None where that means nothing."""
    return None if row["n_leaking"] is None else 2 * row["n_leaking"] > row["n_seeds"]


def _published(facts: Sequence[Row]) -> list[str | None]:
    found = [_find(facts, NUMBERS[name]) for name in ("I_B", "I_A")]
    return [text.percent(row["published"]) if row else None for row in found]


def _without_empty_columns(
    columns: Sequence[str], rows: Sequence[Sequence[Any]], keep: int
) -> tuple[list[str], list[list[Any]]]:
    kept = [i for i in range(len(columns)) if i < keep or any(row[i] is not None for row in rows)]
    return [columns[i] for i in kept], [[row[i] for i in kept] for row in rows]


FOLDS: dict[str, Callable[[Sequence[Row]], str]] = {
    "capacity": lambda rows: curve(rows, "capacity"),
    "epsilon": lambda rows: curve(rows, "epsilon"),
    "classes": classes,
    "views": views_table.plain,
}
SHOWN: dict[str, dict[str, Any]] = {
    "capacity": {"measure": ["accuracy", "inference_accuracy"]},
    "epsilon": {"measure": ["accuracy", "inference_accuracy"]},
    "classes": {
        "attack": ["confidence-class", "model-class"],
        "measure": "inference_accuracy",
        "threshold_rule": "heldout",
    },
    "views": {},
}
"""The rows of each long table that its fold shows: filters of the query."""
TITLES = {
    "capacity": "Leakage over capacity",
    "epsilon": "Leakage over epsilon",
    "classes": "Leakage per class, by a threshold or a network of each class, held out",
    "views": "Accuracy and leakage of each view, as in the paper's Tables 8 to 10",
}
