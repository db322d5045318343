"""Figures for papers: inference accuracy over what a preset varies, or method by method; one panel for each view.

Marks and colours both tell curves apart (Okabe and Ito's colours, for the colour-blind); natural training is grey. The
same numbers give the same bytes. Matplotlib is imported when something is drawn, for it brings numpy along.
"""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from engine import registry
from engine.registry import DEFENSES, headline_views
from engine.validation import require
from explorer.charts import setting_axis
from explorer.charts.series import along, place, swept_axis
from explorer.results import text
from store.summaries import CurvePoint

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FORMATS = ("svg", "pdf", "png")
VIEWS = headline_views()
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C564B", "#9467BD")
MARKS = ("o", "s", "^", "D", "v", "P", "X")
NATURAL = "#777777"
COLUMNS = ("capacity", "epsilon")
"""Axes that are columns of the rows."""
ASKED = {"metric": "inference_accuracy", "attack": registry.HEADLINE, "threshold_rule": "oracle"}
"""The rows of the query `capacity` that are drawn."""


def draw(rows: Sequence[CurvePoint], title: str) -> "Figure":
    """The figure of one preset's rows of the query `capacity`; there is one at least."""
    views = [view for view in VIEWS if any(row.view == view for row in rows)]
    figure = blank(1.2 + 3.4 * len(views), 3.2)
    panels = figure.subplots(1, len(views), sharey=True, squeeze=False)[0]
    by = axis_of(rows)
    rows = [row for row in rows if by == "defense" or place(row, by) is not None]
    styles = _styles(rows, by)
    for panel, view in zip(panels, views, strict=True):
        _panel(panel, [row for row in rows if row.view == view], by, styles)
        panel.set_title(f"{view} answers", fontsize=9)
    panels[0].set_ylabel("inference accuracy (%)")
    if by != "defense":
        panels[0].legend(fontsize=7, frameon=False)
    figure.suptitle(title, fontsize=9)
    return figure


def blank(width: float, height: float) -> "Figure":
    """An empty figure of so many inches, whose SVG has text as text and is the same each time."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    mpl.rcParams["svg.hashsalt"] = "mia-explore"
    mpl.rcParams["svg.fonttype"] = "none"
    mpl.rcParams["text.parse_math"] = False  # a folder's name may hold dollars
    return Figure(figsize=(width, height), layout="constrained")


def save(figure: "Figure", path: Path) -> None:
    """Write the figure in the format that its name ends in; `SpecError` for another one."""
    kind = path.suffix.removeprefix(".")
    require(kind in FORMATS, "-o", str(path), f"a name that ends in {', '.join(f'.{each}' for each in FORMATS)}")
    write(figure, path, kind)


def write(figure: "Figure", target: Path | TextIO, kind: str) -> None:
    """Write the figure, without the hour, in one of `FORMATS`."""
    dated = {"svg": "Date", "pdf": "CreationDate"}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # of a name: whoever shows the SVG may have it
        figure.savefig(target, format=kind, dpi=200, metadata={dated[kind]: None} if kind in dated else None)


def axis_of(rows: Sequence[CurvePoint]) -> str:
    """What the preset varies: `capacity`, else `epsilon`, else a setting such as `temperature`, else the `defense`."""
    if len({row.capacity for row in rows}) > 1:
        return "capacity"
    if len({row.epsilon for row in rows if row.epsilon}) > 1:
        return "epsilon"
    return swept_axis(rows) or "defense"


def curves(rows: Sequence[CurvePoint], by: str) -> Iterator[tuple[str, str, list[CurvePoint]]]:
    """Label, defense and points of each curve; over epsilon a natural model, which has none, is a point of its own."""
    found = along(rows, "capacity" if by == "defense" else by)
    sizes = {row.size for row in rows}
    for points in sorted(found.values(), key=lambda points: (_rank(points[0]), points[0].epsilon)):
        first = points[0]
        words = [first.defense if by == "epsilon" else text.trained(first)]
        words += [setting_axis.others(first, by)] if by not in (*COLUMNS, "defense") else []
        words += [first.size or "full size"] if len(sizes) > 1 else []
        yield ", ".join(filter(None, words)), first.defense, points


def _rank(row: CurvePoint) -> int:
    return list(DEFENSES).index(row.defense)


def _styles(rows: Sequence[CurvePoint], by: str) -> dict[str, tuple[str, str]]:
    """Colour and mark of each label, the same in all panels."""
    labels = {label: defense for label, defense, _ in curves(rows, by)}
    robust = [label for label, defense in labels.items() if defense != registry.NATURAL]
    natural = [label for label, defense in labels.items() if defense == registry.NATURAL]
    styles = {label: (COLOURS[index % len(COLOURS)], MARKS[index % len(MARKS)]) for index, label in enumerate(robust)}
    return styles | {label: (NATURAL, MARKS[index % len(MARKS)]) for index, label in enumerate(natural)}


def _panel(panel: "Axes", rows: Sequence[CurvePoint], by: str, styles: Mapping[str, tuple[str, str]]) -> None:
    names = sorted({row.defense for row in rows}, key=list(DEFENSES).index)
    for label, defense, points in curves(rows, by):
        colour, mark = styles[label]
        if defense == registry.NATURAL and by == "epsilon":
            panel.axhline(100 * points[0].mean, color=colour, linestyle="--", linewidth=1, label=label)
            continue
        at = [names.index(defense) if by == "defense" else place(row, by) for row in points]
        means = [100 * row.mean for row in points]
        line = {"color": colour, "marker": mark, "markersize": 5, "linewidth": 1, "label": label}
        panel.errorbar(at, means, yerr=_bars(points), capsize=2, **line)
        printed = [(x, 100 * row.published) for x, row in zip(at, points, strict=True) if row.published]
        if printed:
            panel.scatter(*zip(*printed, strict=True), color=colour, marker="x", zorder=3)
    panel.axhline(50, color="black", linewidth=0.5, linestyle=":")
    if by == "defense":
        panel.set_xticks(range(len(names)), names, rotation=30, ha="right", fontsize=8)
        return
    ticks = sorted({place(row, by) for row in rows if row.epsilon or by != "epsilon"})
    panel.set_xticks(ticks, [text.epsilon(tick) if by == "epsilon" else f"{tick:g}" for tick in ticks], fontsize=8)
    panel.set_xlabel(by)


def _bars(points: Sequence[CurvePoint]) -> list[list[float]] | None:
    """How far the 95 % intervals over seeds reach below and above; nothing for single seeds."""
    if any(row.ci_low is None for row in points):
        return None
    below = [100 * (row.mean - row.ci_low) for row in points]
    return [below, [100 * (row.ci_high - row.mean) for row in points]]
