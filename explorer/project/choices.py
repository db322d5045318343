"""What a person has chosen to look at; it outlives the app in a small file for each project."""

import contextlib
import hashlib
import json
import os
import re
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from functools import lru_cache
from pathlib import Path
from typing import Any

from engine.service.project import Project

SAVED_FILTERS = ("all", "running", "failed", "this sweep")
CHARTS = ("capacity", "epsilon", "history", "roc", "histogram", "trade-off", "setting")
SCALES = ("linear", "log x", "log y", "log xy")
FIRST_SCALES = {"roc": "log xy"}
"""Of charts that do not begin on linear axes: leakage at low false positive rates does not show on them."""
INTERVALS = ("bars", "band", "off")
SMOOTHINGS = (0.0, 0.6, 0.9)
LAYOUTS = ("story", "work", "charts")
ALLOWED: dict[str, tuple[Any, ...]] = {
    "saved_filter": SAVED_FILTERS,
    "chart": CHARTS,
    "rule": ("oracle", "heldout"),
    "interval": INTERVALS,
    "smooth": SMOOTHINGS,
    "class_view": ("strategies", "scores", "differences"),
    "class_rule": ("heldout", "oracle"),
    "layout": LAYOUTS,
    "side": ("1", "2", "3", "4", "5", "6", "7"),
}
"""Values of the fields that take only some."""


@dataclass
class Choices:
    """Choices of the main screen; every field has the value of the first day."""

    filter: str = ""
    regex: bool = False
    saved_filter: str = "all"
    sort: str = ""
    """Column the runs are sorted by; empty: as submitted."""
    reverse: bool = False
    off: set[str] = field(default_factory=set)
    """Runs taken off the chart."""
    hidden_curves: list[str] = field(default_factory=list)
    """Names of curves that are hidden in every chart that has them."""
    marked: list[str] = field(default_factory=list)
    """Runs marked for a comparison."""
    opened: list[str] = field(default_factory=list)
    """Settings whose seeds stand in lines of their own."""
    columns: list[str] = field(default_factory=list)
    """Columns of the list of runs that a person chose; empty: those that serve most."""
    current: str = ""
    """The run under the cursor."""
    chart: str = "capacity"
    metric: str = "inference_accuracy"
    attack: str = "confidence"
    leak_view: str = "adversarial"
    """The view whose answers the attack reads."""
    rule: str = "oracle"
    history: str = "loss"
    """The training metric of the history chart."""
    scales: dict[str, str] = field(default_factory=dict)
    """Axis scale of each chart for which one was chosen."""
    interval: str = "bars"
    smooth: float = 0.0
    paper: bool = True
    same_axes: bool = False
    class_view: str = "strategies"
    class_rule: str = "heldout"
    """Classes have few examples, on which a threshold of their own fits mostly noise; so held-out ones come first."""
    class_sort: str = ""
    class_reverse: bool = True
    layout: str = "story"
    hidden: list[str] = field(default_factory=lambda: ["5"])
    """Numbers of panes that are put away."""
    added: list[str] = field(default_factory=list)
    """Numbers of panes that are shown besides those of the layout."""
    side: str = "2"
    """The pane beside the chart on a small terminal; the chart's own number: none."""
    last_export: dict[str, Any] = field(default_factory=dict)

    def scale(self, chart: str) -> str:
        """The axis scale of a kind of chart."""
        chosen = self.scales.get(chart)
        return chosen if chosen in SCALES else FIRST_SCALES.get(chart, "linear")

    def matches(self, text: str) -> bool:
        """Whether a line passes the typed filter: every word of it, or the expression where `regex` is on.

        An expression that is not finished counts as words.
        """
        if not self.filter:
            return True
        if self.regex and (found := expression(self.filter)):
            return found.search(text) is not None
        return all(word in text.lower() for word in self.filter.lower().split())


@lru_cache(16)
def expression(pattern: str) -> re.Pattern[str] | None:
    """The expression, None while it is none."""
    try:
        with warnings.catch_warnings(action="ignore"):  # of Python's doubts about a half-typed one
            return re.compile(pattern, re.IGNORECASE)
    except (re.error, OverflowError, RecursionError):
        return None


def state_folder() -> Path:
    """Where the app keeps what it writes by itself: `$XDG_STATE_HOME/mia-explore`."""
    return Path(os.environ.get("XDG_STATE_HOME") or "~/.local/state").expanduser() / "mia-explore"


def state_file(project: Project) -> Path:
    """The project's own file in there."""
    return state_folder() / f"{hashlib.blake2b(os.fsencode(project.root), digest_size=8).hexdigest()}.json"


def load(project: Project) -> Choices:
    """The choices of last time; whatever of them cannot be understood is as on the first day."""
    try:
        saved = json.loads(state_file(project).read_text())
    except (OSError, ValueError, RecursionError):
        return Choices()
    return restored(saved) if isinstance(saved, Mapping) else Choices()


def restored(saved: Mapping[str, Any]) -> Choices:
    """A view from plain data, field by field."""
    view = Choices()
    for entry in fields(Choices):
        default, value = getattr(view, entry.name), saved.get(entry.name)
        if _fits(entry.name, value, default):
            setattr(view, entry.name, set(value) if isinstance(default, set) else value)
    return view


def _fits(name: str, value: Any, default: Any) -> bool:
    if isinstance(default, (set, list)):
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    return isinstance(value, type(default)) and value in ALLOWED.get(name, (value,))


def save(project: Project, view: Choices) -> None:
    """Keep the choices for next time; a folder that cannot be written loses them, nothing else."""
    plain = {key: sorted(value) if isinstance(value, set) else value for key, value in asdict(view).items()}
    path = state_file(project)
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(f".{os.getpid()}")
        partial.write_text(json.dumps(plain, indent=1, default=str))
        os.replace(partial, path)
