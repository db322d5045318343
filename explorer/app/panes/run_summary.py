"""The run under the cursor in a few lines, below a list of runs that has room for them."""

from explorer.results import text
from explorer.results.lines import Line, sized
from explorer.results.marks import WARNED, mark
from store.rows import HEADLINE_VIEWS, Run

NAMES = 13
"""Cells of the names in front of the facts."""


def summary(run: Run, took: float | None, width: int) -> list[Line]:
    """A rule, the run's name and settings, and what is known of it; numbers in percent."""
    facts = [
        ("data set", f"{run.dataset}  {run.network}" + _fraction(run.train_fraction)),
        ("defense", f"{run.defense}  capacity {run.capacity:g}" + _epsilon(run) + f"  seed {run.seed}"),
        *((view, _accuracies(run, view, width - NAMES)) for view in HEADLINE_VIEWS),
        ("time", _time(run, took)),
        (f"warning {WARNED}", " ".join(run.warnings[:1])),
    ]
    lines: list[Line] = [(("─" * width, "dim"),), ((sized(f" {run.run_id}", width), "bold"),)]
    return lines + [
        ((sized(f" {name}", NAMES), "dim"), (sized(said, width - NAMES), "")) for name, said in facts if said
    ]


def _fraction(share: float) -> str:
    return "" if share == 1 else f"  {text.percent(share)} % of it"


def _epsilon(run: Run) -> str:
    return f"  eps {text.epsilon(run.epsilon)}" if run.epsilon else ""


def _accuracies(run: Run, view: str, room: int) -> str:
    """Accuracies of one view, and what the confidence attack infers from it with its mark, which has room first."""
    found = [("train", run.accuracy(view, "train")), ("test", run.accuracy(view, "test"))]
    found.append(("inference", run.inference_accuracy(view)))
    words = [f"{name} {text.percent(value)}" for name, value in found if value is not None]
    if view == "certified" and words:
        words.insert(0, f"by {run.certification}")
    sign = mark(run.leaks.get(view), view in run.warned_views and bool(words))
    while len(words) > 1 and len("  ".join(words) + sign) > room:
        del words[0]
    return "  ".join(words) + sign


def _time(run: Run, took: float | None) -> str:
    where = f" on {run.device.split()[0]}" if run.device else ""
    return f"{text.duration(took)}{where}" if run.state == "done" and took is not None else ""
