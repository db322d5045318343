"""The wide tables people read, folded from the long exported ones: one line per model, one column per number."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from explorer import text

Row = Mapping[str, Any]

MODEL = ("dataset", "network", "defense", "epsilon", "evaluation_epsilon", "train_fraction", "capacity", "settings")
NUMBERS: dict[str, dict[str, Any]] = {
    "train": {"measure": "accuracy", "view": "benign", "split": "train"},
    "test": {"measure": "accuracy", "view": "benign", "split": "test"},
    "adv-train": {"measure": "accuracy", "view": "adversarial", "split": "train"},
    "adv-test": {"measure": "accuracy", "view": "adversarial", "split": "test"},
    "I_B": {"measure": "inference_accuracy", "view": "benign", "attack": "confidence", "threshold_rule": "oracle"},
    "I_A": {"measure": "inference_accuracy", "view": "adversarial", "attack": "confidence", "threshold_rule": "oracle"},
    "I_B held": {
        "measure": "inference_accuracy",
        "view": "benign",
        "attack": "confidence",
        "threshold_rule": "heldout",
    },
    "I_A held": {
        "measure": "inference_accuracy",
        "view": "adversarial",
        "attack": "confidence",
        "threshold_rule": "heldout",
    },
}
LEGEND = (
    "accuracies in %; I_B, I_A: membership-inference accuracy in % by benign and adversarial confidence, guessing is "
    "50;\nI_B, I_A with the paper's oracle threshold, `held` with one chosen on other examples; ± is the standard "
    "deviation over seeds"
)


def models(rows: Iterable[Row]) -> list[tuple[Row, list[Row]]]:
    """Each model that the rows of a long table speak of, with its rows."""
    grouped: dict[tuple, list[Row]] = {}
    for row in rows:
        grouped.setdefault(tuple(row[name] for name in MODEL), []).append(row)
    return [(dict(zip(MODEL, key, strict=True)), facts) for key, facts in grouped.items()]


def curve(rows: Sequence[Row], by: str) -> str:
    """The capacity or epsilon table: one line per model, in blocks within which only `by` changes."""
    held = ("defense", "epsilon") if by == "capacity" else ("capacity", "defense")
    order = ("dataset", "network", "train_fraction", *held, by, "evaluation_epsilon", "settings")
    found = sorted(models(rows), key=lambda group: [group[0][name] for name in order])
    telling = _telling([model for model, _ in found])
    lines = []
    for model, facts in found:
        shown = {name: _setting(name, model[name]) for name in MODEL}
        head = [shown[name] for name in ("dataset", *held, by, "evaluation_epsilon", *telling)]
        seeds = max(row["n_seeds"] for row in facts)
        numbers = [_number(_find(facts, wanted)) for wanted in NUMBERS.values()]
        lines.append([*head, seeds, *numbers, *_published(facts)])
    columns = ["dataset", *held, by, "attack eps", *telling, "seeds", *NUMBERS, "paper I_B", "paper I_A"]
    return text.table(*_without_empty_columns(columns, lines, keep=6 + len(telling)))


def classes(rows: Sequence[Row]) -> str:
    """The per-class table: classes down, models of the largest capacity across, held-out class thresholds."""
    rows = [row for row in rows if all(row[name] == value for name, value in SHOWN["classes"].items())]
    if not rows:
        return "no class has enough examples for a held-out threshold"
    largest = max(row["capacity"] for row in rows)
    found = sorted(models(row for row in rows if row["capacity"] == largest), key=lambda group: list(group[0].values()))
    telling = ["defense", "epsilon", *_telling([model for model, _ in found])]
    labels = sorted({row["class_label"] for row in rows}, key=lambda label: (label is None, label))
    names, cells = [f"class (capacity {largest:g})"], [["all" if label is None else str(label)] for label in labels]
    for model, facts in found:
        title = " ".join(word for name in telling if (word := _setting(name, model[name])))
        for view, strategy in (("benign", "I_B"), ("adversarial", "I_A")):
            names.append(f"{title} {strategy}")
            for label, line in zip(labels, cells, strict=True):
                line.append(_number(_find(facts, {"view": view, "class_label": label})))
    return text.table(names, cells)


def _telling(found: Sequence[Row]) -> list[str]:
    """Settings that tell some of these models apart although the tables' fixed columns do not."""
    fixed = ("dataset", "defense", "epsilon", "capacity", "evaluation_epsilon")
    kinds = {}
    for model in found:
        kinds.setdefault(tuple(model[name] for name in fixed), []).append(model)
    return [
        name
        for name in ("network", "train_fraction", "settings")
        if any(len({model[name] for model in group}) > 1 for group in kinds.values())
    ]


def _setting(name: str, value: Any) -> str | None:
    """One setting as tables show it; natural training has no epsilon."""
    if name == "epsilon" and not value:
        return None
    return f"{value:.4g}" if isinstance(value, float) else value


def _find(rows: Iterable[Row], wanted: Mapping[str, Any]) -> Row | None:
    return next((row for row in rows if all(row[name] == value for name, value in wanted.items())), None)


def _number(row: Row | None) -> str | None:
    if row is None:
        return None
    mean = text.percent(row["mean"])
    return f"{mean} ±{100 * row['std']:.1f}" if row["std"] is not None else mean


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
}
SHOWN: dict[str, dict[str, Any]] = {
    "capacity": {"measure": ["accuracy", "inference_accuracy"]},
    "epsilon": {"measure": ["accuracy", "inference_accuracy"]},
    "classes": {"attack": "confidence-class", "measure": "inference_accuracy", "threshold_rule": "heldout"},
}
"""The rows of each long table that its fold shows: filters of the query."""
TITLES = {
    "capacity": "Leakage over capacity",
    "epsilon": "Leakage over epsilon",
    "classes": "Leakage per class, with held-out thresholds of each class",
}
