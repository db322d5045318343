"""Where each pane of the main screen stands at a given size: a pure function, and the layout that obeys it."""

from collections.abc import Collection

from textual.geometry import Region, Size
from textual.layout import ArrangeResult, Layout, WidgetPlacement
from textual.widget import Widget

WIDE, NORMAL = 160, 100
TALL, MEDIUM, SHORT = 44, 30, 15
"""Columns and rows from which more is shown."""


def arrange(width: int, height: int, shown: Collection[str], side: str, zoomed: str = "") -> dict[str, Region]:
    """The region of every pane that is visible, by its number (`2b` is the second chart).

    `shown` are the panes not put away, `side` the one that a small terminal shows beside the chart, `zoomed` the one
    that has the whole place. Regions never overlap and fill the area.
    """
    if zoomed:
        return {zoomed: Region(0, 0, width, height)}
    if width < NORMAL or height < MEDIUM - 4:
        return _small(width, height, side)
    if width < WIDE or height < TALL - 4:
        return _normal(width, height, shown)
    return _wide(width, height, shown)


def _small(width: int, height: int, side: str) -> dict[str, Region]:
    other = side if side != "2" else "1"
    if height < SHORT:
        return {side: Region(0, 0, width, height)}
    lower = min(max(7, height * 2 // 5), height - 9)
    return _column(0, width, [("2", height - lower), (other, lower)])


def _normal(width: int, height: int, shown: Collection[str]) -> dict[str, Region]:
    left_width = min(60, max(42, width * 35 // 100))
    left = _shares(height, [("1", 58), *((number, 42) for number in ("5", "6") if number in shown)])
    below = [(number, share) for number, share in (("3", 27), ("4", 19)) if number in shown]
    right = _shares(height, [("2", 54), *below])
    return _column(0, left_width, left) | _column(left_width, width - left_width, right)


def _wide(width: int, height: int, shown: Collection[str]) -> dict[str, Region]:
    left_width = max(50, width * 26 // 100)
    rest = width - left_width
    lower = [number for number in ("4", "6") if number in shown]
    lower_height = height * 28 // 100 if lower else 0
    upper_height = height - lower_height
    regions = {"1": Region(0, 0, left_width, upper_height)}
    middle = [number for number in ("3", "5") if number in shown]
    chart_height = upper_height * 56 // 100 if middle else upper_height
    charts = ["2", "2b"] if "2b" in shown else ["2"]
    regions |= _row(left_width, 0, rest, chart_height, charts)
    regions |= _row(left_width, chart_height, rest, upper_height - chart_height, middle, first=62)
    return regions | _row(0, upper_height, width, lower_height, lower)


def _shares(height: int, panes: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """Heights by share; the first pane takes what rounding leaves."""
    whole = sum(share for _, share in panes)
    heights = [height * share // whole for _, share in panes]
    heights[0] += height - sum(heights)
    return [(number, size) for (number, _), size in zip(panes, heights, strict=True)]


def _column(x: int, width: int, panes: list[tuple[str, int]]) -> dict[str, Region]:
    regions, y = {}, 0
    for number, height in panes:
        regions[number] = Region(x, y, width, height)
        y += height
    return regions


def _row(x: int, y: int, width: int, height: int, panes: list[str], first: int = 50) -> dict[str, Region]:
    """Panes side by side; the first of two takes `first` percent."""
    if not panes:
        return {}
    if len(panes) == 1:
        return {panes[0]: Region(x, y, width, height)}
    split = width * first // 100
    return {panes[0]: Region(x, y, split, height), panes[1]: Region(x + split, y, width - split, height)}


class Arranged(Layout):
    """Puts the children of the main screen's body where `arrange` says."""

    name = "arranged"

    def arrange(self, parent: Widget, children: list[Widget], size: Size, greedy: bool = True) -> ArrangeResult:  # noqa: ARG002
        """Placements of the visible panes."""
        parent.pre_layout(self)
        regions = parent.regions(size)
        return [
            WidgetPlacement(regions[child.NUMBER], (0, 0), child.styles.margin, child)
            for child in children
            if child.NUMBER in regions
        ]
