"""Columns and cells of the list of runs, for one run or for the seeds of a setting in one line. Pure functions."""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from statistics import fmean

from explorer.charts.chart import MARKS
from explorer.charts.series import Look
from explorer.project.choices import Choices
from explorer.project.metrics import ChosenNumber
from explorer.project.places import where
from explorer.results import marks, text
from explorer.results.lines import Segment
from explorer.results.run_words import short_name, took
from explorer.results.table import Column
from store.rows import Run

URGENT = ("failed", "diverged", "running", "queued", "cancelled", "done")
"""States, the one first that a line of several models shows."""
BESIDE = {"ADV TEST": ("adversarial", "test"), "TEST": ("benign", "test")}
"""The accuracy of a column."""
SETTINGS: dict[str, Callable[[Run], str]] = {
    "DEFENSE": lambda run: run.defense,
    "CAP": lambda run: f"{run.capacity:g}",
    "EPS": lambda run: text.epsilon(run.epsilon) if run.epsilon else "—",
    "DATA SET": lambda run: run.dataset,
    "NETWORK": lambda run: run.network,
    "SIZE": lambda run: text.image_size(run.size),
    "ATTACKED": lambda run: text.epsilon(run.evaluation_epsilon),
    "SETTING": lambda run: run.setting or "",
    "SWEEP": lambda run: run.sweep or "",
    "DEVICE": where,
    "TOOK": lambda run: text.duration(took(run)),
}
"""Columns that tell something of a setting as text."""
OF_NAMES = ("DEFENSE", "CAP", "EPS")
"""Those that stand there unasked where there is room, though names tell them too."""
SPREAD, ACCURACY = "±", "ACCURACY"
OFFERED = {
    **{"STATE": "how far it is", SPREAD: "standard deviation over seeds, in points"},
    **{"DEFENSE": "how it was trained", "CAP": "capacity: the scale of its width", "EPS": "budget trained with"},
    **{"SEED": "or how many share the line", ACCURACY: "the test accuracy that goes with the number"},
    **{"PROGRESS": "bar and time left, or time taken", "DATA SET": "its images", "NETWORK": "the family of networks"},
    **{"SIZE": "what images are scaled to", "ATTACKED": "budget attacked and certified with"},
    **{"SETTING": "how it departs from its recipe", "SWEEP": "the first sweep that asked for it"},
    **{"DEVICE": "where it is: device, or a cluster's job and its node", "TOOK": "from start to end"},
}
"""Columns that a person may choose, and what they show; name and number always stand there."""
UNASKED = ("STATE", SPREAD, *OF_NAMES, "SEED", ACCURACY, "PROGRESS")
"""Columns where a person has chosen none, as far as there is room."""
LONGEST = {"SETTING": 24, "SWEEP": 16}
"""Cells of columns that may be very long."""


def columns(lines: Sequence[Sequence[Run]], chosen: Sequence[str], number_name: str, roomy: bool) -> list[Column]:
    """The columns of the list, besides signs, name and state, for these lines; `chosen` by a person, or none."""
    alike = len({name(own, 2) for own in lines}) < len(lines)
    unasked = [own for own in UNASKED if roomy or own not in OF_NAMES] + ["SETTING"] * (roomy and alike)
    wanted = chosen or unasked
    waits = any(run.state in ("running", "queued") for own in lines for run in own)
    ranks = {
        "SEED": 7,
        "SETTING": 4,
        SPREAD: 3 if roomy else 6,
        ACCURACY: 6 if roomy else 4,
        "PROGRESS": 3 if waits and roomy else 6,
    }

    def rank(name: str) -> int:
        return 2 if chosen else ranks.get(name, 5)

    def of_setting(name: str) -> Column:
        longest = max(len(SETTINGS[name](own[0])) for own in lines)
        return Column(name, min(max(len(name), longest), LONGEST.get(name, longest + 8)), name in OF_NAMES[1:], rank=5)

    settings = [own for own in OFFERED if own in wanted and own in SETTINGS]
    found = [replace(of_setting(own), rank=rank(own)) for own in settings]
    found += [Column("SEED", 4, right=True, rank=rank("SEED"))] if "SEED" in wanted else []
    found.append(Column(number_name, max(len(number_name) + 1, len("100.0≈")), right=True))
    several = SPREAD in wanted and any(len(own) > 1 for own in lines)
    found += [Column(SPREAD, len("±10.0"), right=True, rank=rank(SPREAD))] if several else []
    found += [Column(beside(number_name), 8, right=True, rank=rank(ACCURACY))] if ACCURACY in wanted else []
    return [*found, *([Column("PROGRESS", 17, rank=rank("PROGRESS"))] if "PROGRESS" in wanted else [])]


def spread(numbers: Sequence[ChosenNumber]) -> Segment:
    """The standard deviation over seeds in percentage points, of two or more that have the number."""
    values = [number.value for number in numbers if number.value is not None]
    if len(values) < 2:
        return "", "dim"
    spread = math.dist(values, [fmean(values)] * len(values)) / math.sqrt(len(values) - 1)  # `stdev` takes a while
    return f"±{100 * spread:.1f}", "dim"


def names(lines: Sequence[Sequence[Run]], datasets: int) -> list[str]:
    """The name of each line; those that are alike are followed by the beginning of their runs' hashes."""
    own = [name(models, datasets) for models in lines]
    alike = Counter(own)
    hashes = [f" #{models[0].run_id.rpartition('-')[2][:3]}" for models in lines]
    return [word + mark * (alike[word] > 1) for word, mark in zip(own, hashes, strict=True)]


def name(models: Sequence[Run], datasets: int) -> str:
    """A run's short name; of several seeds what they share, and how many they are."""
    own = short_name(models[0], datasets)
    return own if len(models) == 1 else f" ×{len(models)}".join(own.rsplit(f"-s{models[0].seed}", 1))


def signs(models: Sequence[Run], look: Look, choices: Choices) -> Segment:
    """The mark on the chart, hollow while not all are done; the cursor; and whether one is marked for a comparison."""
    ids, (mark, tone) = {run.run_id for run in models}, look
    shape = " " if ids <= choices.off else MARKS[mark][any(run.state != "done" for run in models)]
    return f"{shape}{'▸' if choices.current in ids else ' '}{'•' if ids & set(choices.marked) else ' '}", tone


def number(chosen: ChosenNumber) -> Segment:
    """In percent, with a blank where others have a mark, so that digits are aligned."""
    shown, tone = _share(chosen.value)
    return shown + (marks.mark(chosen.leaks, chosen.warned) or " "), tone


def accuracy(models: Sequence[Run], column: str, told: bool) -> Segment:
    """The column's accuracy, of models their mean, with a mark where it may mislead, or a blank where others have one.

    told: whether others have one.
    """
    view, split = BESIDE[column]
    shares = [share for run in models if (share := run.accuracy(view, split)) is not None]
    shown, tone = _share(fmean(shares) if shares else None)
    is_warned = bool(shares) and any(view in run.warned_views for run in models)
    return shown + (marks.mark(None, is_warned) or " " * told), tone


def beside(chosen: str) -> str:
    """The accuracy that stands beside the chosen number: the adversarial one, or the other where that is chosen."""
    return next(name for name in BESIDE if name != chosen)


def _share(value: float | None) -> Segment:
    return ("—", "dim") if value is None else (text.percent(value), "")
