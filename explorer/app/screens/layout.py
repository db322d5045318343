"""Where each pane of the main screen stands at a given size: pure functions, and the layout that obeys them."""

from collections.abc import Collection, Iterator
from itertools import accumulate

from textual.geometry import Region, Size
from textual.layout import ArrangeResult, Layout, WidgetPlacement
from textual.widget import Widget

WIDE, NORMAL = 160, 100
TALL, MEDIUM, SHORT = 40, 26, 15
"""Columns and rows from which more is shown."""
ALL_CHARTS = 50
"""Rows from which a wide terminal has four charts."""
CHARTS = ("2", "2b", "2c", "2d")
SETS = {
    "story": ("1", *CHARTS, "3", "7"),
    "work": ("1", "2", "2b", "3", "4", "5", "6"),
    "charts": CHARTS,
}
"""The panes of each layout: what the runs say, the work and the machine, or nothing but charts."""
Shares = list[tuple[str, int]]
"""Panes with the share of the room that each has."""


def panes_of(layout: str, added: Collection[str], hidden: Collection[str], working: bool) -> set[str]:
    """The panes that are to be shown where there is room; while there is work, the story has its queue."""
    queue = {"4"} if working and layout == "story" else set()
    return {*SETS[layout], *queue, *added} - set(hidden)


def arrange(width: int, height: int, shown: Collection[str], side: str, zoomed: str = "") -> dict[str, Region]:
    """The region of every pane that is visible, by its number (`2b` to `2d` are further charts).

    `shown` are the panes wanted, `side` the one that a small terminal shows beside the chart (`2`: none), `zoomed` the
    one that has the whole place. Regions never overlap and fill the area.
    """
    if zoomed:
        return {zoomed: Region(0, 0, width, height)}
    if width < NORMAL or height < MEDIUM:
        return _small(width, height, side)
    return (_normal if width < WIDE or height < TALL else _wide)(width, height, shown)


def _small(width: int, height: int, side: str) -> dict[str, Region]:
    if side == "2" or height < SHORT:
        return {side: Region(0, 0, width, height)}
    lower = min(max(7, height * 2 // 5), height - 9)
    return _column(0, 0, width, height, [("2", height - lower), (side, lower)])


def _normal(width: int, height: int, shown: Collection[str]) -> dict[str, Region]:
    """The list with what is small below it, and a chart with what is broad below it; two charts where there is room."""
    left = _among([("1", 58), ("7", 42), ("5", 42), ("6", 42)], shown)
    below = _among([("3", 27), ("4", 19)], shown)
    second = [("2b", 54)] if "2b" in shown and not below else []
    left_width = min(60, max(42, width * 35 // 100)) if left else 0
    return _column(0, 0, left_width, height, left) | _column(
        left_width, 0, width - left_width, height, [("2", 54), *second, *below]
    )


def _wide(width: int, height: int, shown: Collection[str]) -> dict[str, Region]:
    """Charts side by side; where it is high besides, four of them."""
    charts = [number for number in CHARTS if number in shown]
    grid = len(charts) > 2 and height >= ALL_CHARTS
    left = _among([("1", 60), *([("7", 40)] if grid else [])], shown)
    middle = _among([("3", 62), *([] if grid else [("7", 38)]), ("5", 38)], shown)
    lower = _among([("4", 50), ("6", 50)], shown)
    left_width = max(50, width * 26 // 100) if left else 0
    rest, lower_height = width - left_width, height * 28 // 100 if lower else 0
    upper = height - lower_height
    charts_height = upper * (64 if grid else 56) // 100 if middle else upper
    regions = _column(0, 0, left_width, upper, left)
    rows = [charts[:2], charts[2:]] if grid else [charts[:2]]
    y = 0
    for index, row in enumerate(rows):
        row_height = (charts_height - y) // (len(rows) - index)
        regions |= _row(left_width, y, rest, row_height, [(number, 50) for number in row])
        y += row_height
    return (
        regions
        | _row(left_width, charts_height, rest, upper - charts_height, middle)
        | _row(0, upper, width, lower_height, lower)
    )


def _among(panes: Shares, shown: Collection[str]) -> Shares:
    return [(number, share) for number, share in panes if number in shown]


def _divided(start: int, whole: int, panes: Shares) -> Iterator[tuple[str, int, int]]:
    """Number, start and size of each pane by its share; the first one takes what rounding leaves."""
    shares = sum(share for _, share in panes)
    sizes = [whole * share // shares for _, share in panes]
    sizes[:1] = [size + whole - sum(sizes) for size in sizes[:1]]
    return zip([number for number, _ in panes], accumulate([start, *sizes[:-1]]), sizes, strict=False)


def _column(x: int, y: int, width: int, height: int, panes: Shares) -> dict[str, Region]:
    """Panes below each other."""
    return {number: Region(x, start, width, size) for number, start, size in _divided(y, height, panes)}


def _row(x: int, y: int, width: int, height: int, panes: Shares) -> dict[str, Region]:
    """Panes side by side."""
    return {number: Region(start, y, size, height) for number, start, size in _divided(x, width, panes)}


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
