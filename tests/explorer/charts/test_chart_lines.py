import math
import subprocess
import sys
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from explorer.charts.axes import nearest, spans
from explorer.charts.chart import MARKS, OVERLAP, TONES, Chart, Series
from explorer.charts.chart_lines import FEWEST_COLUMNS, FEWEST_ROWS, draw
from explorer.results.ascii_text import to_ascii

NUMBERS = st.one_of(
    st.floats(),
    st.floats(0, 1),
    st.floats(-5, 5),
    st.sampled_from([0.0, 0.5, 1.0, 0.9999999999999999, 5e-324, 1e-99, 1e99, -1e99, 1e300]),
)
MAYBE = st.none() | NUMBERS


def many(values, size):
    return st.lists(values, max_size=size).map(tuple)


SERIES = st.builds(
    Series,
    label=st.text(max_size=10),
    mark=st.integers(0, len(MARKS) - 1),
    tone=st.sampled_from(["dim", "1", "8"]),
    x=many(NUMBERS, 40),
    y=many(MAYBE, 40),
    low=many(MAYBE, 10),
    high=many(MAYBE, 10),
    hollow=many(st.booleans(), 10),
    like_guess=many(st.booleans(), 10),
    kind=st.sampled_from(["points", "line", "published"]),
)
CHARTS = st.builds(
    Chart,
    series=many(SERIES, 4),
    x_ticks=many(st.tuples(NUMBERS, st.text(max_size=8)), 4),
    y_percent=st.booleans(),
    x_percent=st.booleans(),
    level=MAYBE,
    level_label=st.text(max_size=16),
    diagonal=st.booleans(),
    x_log=st.booleans(),
    y_log=st.booleans(),
    x_range=st.none() | st.tuples(NUMBERS, NUMBERS),
    y_range=st.none() | st.tuples(NUMBERS, NUMBERS),
    crosshair=MAYBE,
    interval=st.sampled_from(["bars", "band", "off"]),
    x_label=st.text(max_size=10),
)
fuzz = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


def text(lines):
    return "\n".join("".join(part for part, _ in line).rstrip() for line in lines)


def tones(lines, character):
    return {tone for line in lines for part, tone in line if character in part}


def around(values, by):
    return {"low": tuple(v and v - by for v in values), "high": tuple(v and v + by for v in values)}


NATURAL, PGD, TRADES = (
    (0.545, 0.560, 0.574, 0.583, 0.585),
    (0.604, 0.631, 0.672, 0.710, None),
    (0.604, 0.61, 0.642, 0.673, 0.69),
)
PLACES = tuple(range(5))
CAPACITY = Chart(
    series=(
        Series("natural", 2, "dim", PLACES, NATURAL, **around(NATURAL, 0.007)),
        Series("pgd", 0, "1", PLACES, PGD, **around(PGD, 0.02), hollow=(False, False, False, True, False)),
        Series("trades", 1, "2", PLACES, TRADES, **around(TRADES, 0.007)),
    ),
    x_ticks=tuple(zip(PLACES, ("w1", "w2", "w4", "w8", "w10"), strict=True)),
    level=0.5,
    level_label="random guess 50%",
    crosshair=3,
    x_label="capacity",
)
RATES = (0.0, *(10 ** (-3 + 3 * i / 60) for i in range(61)))
ROC = Chart(
    series=(
        Series("pgd", 0, "1", RATES, tuple(x**0.5 for x in RATES), kind="line"),
        Series("natural", 2, "dim", RATES, tuple(x**0.8 for x in RATES), kind="line"),
    ),
    x_percent=True,
    x_log=True,
    y_log=True,
    diagonal=True,
    level_label="random guess",
    crosshair=0.01,
    x_label="false positives %",
)


@fuzz
@given(CHARTS, st.integers(-1, 150), st.integers(-1, 40), st.booleans())
@example(CAPACITY, FEWEST_COLUMNS, FEWEST_ROWS, False)
@example(replace(ROC, x_log=False), 140, 30, True)
@example(Chart((Series("far", 0, "1", (0.0, 1.0), (-1e30, 1e13)),), y_range=(0, 1)), 60, 16, False)
def test_a_chart_fills_its_size_exactly_whatever_it_holds(chart, width, height, plain):
    lines = draw(chart, width, height, plain)
    assert len(lines) == max(0, height)
    for line in lines:
        written = "".join(part for part, _ in line)
        assert cell_len(written) == len(written) == max(0, width)
        assert written.isascii() or not plain
        assert all(tone in TONES for _, tone in line)


@fuzz
@given(CHARTS, CHARTS, st.booleans())
def test_a_chart_depends_on_nothing_drawn_before(chart, other, plain):
    before = draw(chart, 60, 16, plain)
    draw(other, 90, 20)
    assert draw(chart, 60, 16, plain) == before


def test_neither_the_terminal_nor_a_used_figure_changes_a_chart(monkeypatch):
    import plotext

    before = draw(CAPACITY, 74, 18)
    monkeypatch.setenv("COLUMNS", "10")
    monkeypatch.setenv("LINES", "3")
    plotext.terminal.limit(True, True)
    plotext.figure.title("left behind").draw(plotext.figure.signal([1, 2], [3, 4]))
    assert draw(CAPACITY, 74, 18) == before


@fuzz
@given(CHARTS, MAYBE)
def test_steps_walk_over_all_x_and_stay_at_the_ends(chart, start):
    first, last = nearest(chart, None, 1), nearest(chart, None, -1)
    if first is None:
        assert last is nearest(chart, start, 0) is nearest(chart, start, 1) is None
        return
    walked = [first]
    while (x := nearest(chart, walked[-1], 1)) != walked[-1]:
        assert x > walked[-1]
        assert nearest(chart, x, -1) == walked[-1]
        walked.append(x)
    held = {x for s in chart.series for x, y in zip(s.x, s.y, strict=False) if y is not None and abs(y) < 1e100}
    assert {x for x in held if abs(x) < 1e100 and (x > 1e-100 or not chart.x_log)} == set(walked)
    assert walked[-1] == last
    assert nearest(chart, first, -1) == first
    assert all(nearest(chart, x, 0) == x for x in walked)
    assert nearest(chart, start, 0) in walked


def test_the_crosshair_snaps_to_the_closest_x_on_the_axis_drawn():
    chart = Chart((Series("pgd", 0, "1", (0.001, 1.0), (0.5, 0.6)),))
    assert nearest(chart, 0.2, 0) == 0.001
    assert nearest(replace(chart, x_log=True), 0.2, 0) == 1.0
    assert nearest(chart, 0.2, 1) == 1.0


def braille(written):
    return {c for c in written if "⠀" < c <= "⣿"}


def canvas(lines):
    """Cells of the canvas by column and row from below, and the columns left of it."""
    written = text(lines).splitlines()
    bottom = next(at for at, row in enumerate(written) if row.lstrip().startswith("└"))
    left = written[bottom].index("└") + 1
    rows = [row[left:] for row in reversed(written[:bottom]) if row[left - 1 : left] in ("│", "┤")]
    return {(x, y): c for y, row in enumerate(rows) for x, c in enumerate(row)}, left, len(rows)


SHARES = st.lists(
    st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=12, unique_by=lambda point: point[0]
)


@fuzz
@given(SHARES, SHARES, st.integers(40, 120), st.integers(8, 40))
def test_every_mark_lies_in_the_cell_of_its_value_over_all_else_and_shared_cells_are_overlaps(one, two, width, height):
    series = [
        Series("", mark, "1", *map(tuple, zip(*points, strict=True)), kind="path")
        for mark, points in enumerate((one, two))
    ]
    series = [replace(s, low=tuple(y - 0.3 for y in s.y), high=tuple(y + 0.3 for y in s.y)) for s in series]
    chart = Chart(tuple(series), x_range=(0, 1), y_range=(0, 1), crosshair=one[0][0], level=one[0][1])
    seen, left, rows = canvas(draw(chart, width, height))
    columns = width - left

    def cell(x, y):
        """Where plotext puts it: from the left and from above."""
        across, down = (0.0017585662 + share * (cells - 0.0033747182) for share, cells in ((x, columns), (1 - y, rows)))
        return int(across), rows - 1 - int(down)

    first, second = ({cell(*point) for point in points} for points in (one, two))
    marks = {cell: c for cell, c in seen.items() if c in ("●", "■", OVERLAP)}
    assert marks == {
        **dict.fromkeys(first, "●"),
        **dict.fromkeys(second, "■"),
        **dict.fromkeys(first & second, OVERLAP),
    }


@given(st.integers(0, 4999), st.booleans())
@settings(max_examples=20, deadline=None)
def test_no_peak_of_a_dense_curve_is_lost(peak, down):
    y = [1.0 if down else 0.0] * 5000
    y[peak] = 1 - y[peak]
    seen, _, rows = canvas(draw(Chart((Series("loss", 0, "1", tuple(range(5000)), tuple(y), kind="line"),)), 60, 20))
    assert any(seen.get((column, 0 if down else rows - 1), " ") != " " for column in range(60))


def test_too_many_marks_become_a_dense_curve_that_still_carries_its_mark():
    steps = tuple(range(500))
    lines = draw(Chart((Series("run", 0, "1", steps, tuple(s / 500 for s in steps)),)), 80, 20)
    assert braille(text(lines))
    assert 2 < text(lines).count("●") < 10


def test_a_missing_value_is_a_gap_and_sets_no_axis():
    whole = Series("pgd", 0, "1", (0, 1, 2, 3), (0.5, 0.6, 0.6, 0.5))
    holed = replace(whole, y=(0.5, math.nan, math.inf, 0.5), low=(0.5, -math.inf, None, math.nan))
    chart = Chart((holed,), level=math.nan, crosshair=math.nan, x_ticks=((math.nan, "nan"),))
    assert spans(chart) == spans(Chart((replace(holed, y=(0.5, None, None, 0.5), low=()),)))
    assert braille(text(draw(Chart((whole,)), 40, 10)))
    assert not braille(text(draw(chart, 40, 10)))
    assert nearest(chart, 0, 1) == 3


def test_zeros_on_a_log_axis_are_left_out_and_said_or_run_to_the_edge():
    points = Series("pgd", 0, "1", (0, 0.01, 0.1), (0.5, 0.6, 0.7))
    assert "1 at ≤ 0 left out" in text(draw(Chart((points,), x_log=True), 50, 10))
    assert spans(Chart((points,), x_log=True)).x[0] > 0
    curve = replace(points, kind="line")
    seen, _, _ = canvas(lines := draw(Chart((curve,), x_log=True), 50, 10))
    assert "left out" not in text(lines)
    assert any(seen.get((0, row), " ") != " " for row in range(10))


def test_the_legend_says_what_the_canvas_does_not_show():
    def legend(**changes):
        return text(draw(replace(CAPACITY, **changes), 120, 18)).splitlines()[0]

    assert "random guess 50%" not in legend()
    assert "y cut" not in legend()
    assert "y cut" in legend(y_range=(0.55, 0.65))
    assert "y cut" not in legend(y_range=(0.2, 0.9))
    assert "guess 20 ↓" in legend(level=0.2, level_label="guess 20")
    assert "chance ↑" in legend(level=0.95, level_label="")
    assert "unfinished" not in legend(series=CAPACITY.series[:1])
    assert "overlap" not in legend(series=CAPACITY.series[:1])


def test_a_range_that_cannot_be_drawn_is_automatic():
    for impossible in ((1, 1), (2, 1), (math.nan, 1), (0, math.inf), (0.5, 0.5 + 1e-16), (1, 1e306)):
        assert spans(replace(CAPACITY, x_range=impossible)) == spans(CAPACITY)
        assert spans(replace(ROC, x_range=impossible)) == spans(ROC)
    assert spans(replace(ROC, x_range=(0, 1))) == spans(ROC)
    assert spans(replace(CAPACITY, x_range=(1, 2), y_range=(0.5, 0.6))) == ((1, 2), (0.5, 0.6))


def test_without_values_a_chart_says_so_and_a_tiny_one_tells_its_last_values():
    assert text(draw(Chart(()), 30, 6)).split() == ["no", "values", "yet"]
    waiting = Chart((Series("pgd", 0, "1", (1, 2), (None, math.nan)),))
    assert text(draw(waiting, 30, 6)).split() == ["●", "pgd", "no", "values", "yet"]
    assert text(draw(CAPACITY, 16, 3)) == "◆ natural 58.5\n● pgd 71.0\n■ trades 69.0"
    assert text(draw(CAPACITY, 8, 2)) == "◆ natur…\n● pgd 7…"


def test_paper_numbers_are_crosses_and_not_joined():
    paper = Series("pgd paper", 0, "1", (0, 2, 4), (0.62, 0.68, 0.72), hollow=(True, False, False), kind="published")
    lines = draw(Chart((paper,)), 60, 14)
    assert text(lines).count("×") == 4
    assert tones(lines, "×") == {"1", "dim"}  # the legend's is that of all of them
    assert not {"●", "○"} & set(text(lines))
    assert not braille(text(lines))
    assert "unfinished" not in text(lines)


def test_tones_tell_series_chance_and_overlap_apart():
    shared = Series("dual", 3, "3", (0, 4), (0.6, 0.69), kind="path")
    lines = draw(replace(CAPACITY, series=(*CAPACITY.series, shared, replace(shared, mark=4))), 74, 18)
    assert [tones(lines, c) for c in "◆●■○"] == [{"dim"}, {"1"}, {"2"}, {"1"}]
    assert (tones(lines, OVERLAP), tones(lines, "╌"), tones(lines, "┊")) == ({"overlap"}, {"level"}, {""})


@pytest.mark.parametrize("interval", ["bars", "band", "off"])
def test_intervals_are_bars_or_bands_or_nothing(interval):
    drawn = set(text(draw(replace(CAPACITY, interval=interval, x_ticks=((9, ""),)), 74, 18)))
    assert ("┴" in drawn, "░" in drawn) == (interval == "bars", interval == "band")


def test_marks_are_single_cells_and_all_distinct():
    marks = [mark for shape in MARKS for mark in shape]
    assert len(set(marks)) == len(set(to_ascii("".join(marks)))) == 2 * len(MARKS)
    assert all(cell_len(mark) == len(mark) == 1 for mark in marks)


def test_plotext_is_imported_for_the_first_chart_and_nothing_heavy_with_it():
    code = """
import sys
from explorer.charts.chart import Chart, Series
from explorer.charts.chart_lines import draw
assert "plotext" not in sys.modules
draw(Chart((Series("a", 0, "1", (1, 2), (1, 2)),)), 40, 10)
print(*{"plotext", "numpy", "torch", "duckdb", "matplotlib"} & set(sys.modules))
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["plotext"]


def test_a_capacity_chart_as_it_looks():
    assert text(draw(CAPACITY, 74, 18)) == CAPACITY_DRAWN.strip("\n")


def test_a_roc_on_log_axes_as_it_looks():
    assert text(draw(ROC, 60, 14)) == ROC_DRAWN.strip("\n")


def test_ascii_as_it_looks():
    plain = replace(CAPACITY, interval="off", crosshair=None)
    assert text(draw(plain, 50, 12, True)) == ASCII_DRAWN.strip("\n")


CAPACITY_DRAWN = """
◆ natural  ● pgd  ■ trades  hollow = unfinished
  │                                                   ┬
  │                                                  ⣀○
70┤                                   ┬      ⣀⣀⠤⠤⠒⠒⠉⠉ ┴               ⣀⣀■
  │                                  ⢀●⡠⠤⠔⠒⠊⠉         ⢀⣀■⡠⠤⠤⠤⠔⠒⠒⠒⠒⠉⠉⠉⠉  ┴
  │                           ⢀⣀⠤⠤⠒⠒⠉⠁┴      ⣀⣀⡠⠤⠤⠒⠒⠊⠉⠁ ┴
  │                   ┬⣀⣀⠤⠔⠒⠊⠉⠁     ⣀⣀⠤⠤■⠒⠊⠉⠉         ┊
  │   ┬      ⣀⣀⡠⠤⠤⠒⠒⠒⠉● ┬  ⣀⣀⠤⠤⠔⠒⠊⠉⠉                  ┊
60┤   ●⠔■⠶⠭⠭⠭⠔⠒⠒⠒⠒⠒⠒⠒⠒┴⠒■⠉⠉                           ┊
  │   ┴                             ┬        ⢀⣀⣀⣀⣀⣀⣀◆⣀⣀⡠⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤◆
  │                 ┬⣀⣀⣀⣀⣀⡠⠤⠤⠤⠤⠤⠒⠒⠒⠒◆⠊⠉⠉⠉⠉⠉⠉⠉⠁      ┴ ┊             ┴
  │ ◆⣀⡠⠤⠤⠤⠤⠔⠒⠒⠒⠒⠊⠉⠉⠉◆                                 ┊
  │ ┴                                                 ┊
  │                                                   ┊
50┤╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌┊╌╌ random guess 50%
  └───┬───────────────┬───────────────┬───────────────┬───────────────┬───
      w1              w2              w4              w8             w10
                                  capacity
"""

ROC_DRAWN = """
● pgd  ◆ natural  ╌ random guess
100┤                  ┊                           ⢀⣀⣀⠤⣤⡲⠶⠚●◆
   │                  ┊                  ⣀⣀⡠⠤⠤⠒⠒⣉⡩⠥⠒⠊⠉╌
   │                  ┊         ⣀●⠤⠤⠔⠒⠒⠉⠉ ⢀⡠⠤◆⠊⠉╌╌
 10┤                  ⢀⣀⣀⠤⠤⠒⠒⠊⠉⠉    ⢀⣀⠤⠔⠒⠉⠁╌╌
   │         ⣀⣀⡠⠤⠤⠒⠒⠉⠉⠁       ⢀⣀⠤⠔⠒⠉⠁╌╌╌╌
   │⣀⣀⠤⠤⠔●⠒⠉⠉         ┊  ⣀⠤⠔⠒⠉⠁╌╌╌╌╌
   │               ⣀⡠◆⠒⠊⠉  ╌╌╌╌
  1┤         ⣀⡠⠤⠒⠊⠉   ┊╌╌╌╌
   │   ⢀⣀⠤⠒⠊⠉    ╌╌╌╌╌┊
   │⠔⠒⠉⠁    ╌╌╌╌╌     ┊
   └┬─────────────────┬──────────────────┬─────────────────┬
    0.1               1                  10              100
                      false positives %
"""

ASCII_DRAWN = """
D natural  O pgd  B trades
small letter = unfinished
70+                             .....o
  |                     ..O.....   ....B.........B
  |             ............B.......
  |  ..........O.B........
60+  O B.                  ........D.........D
  |  ........D..........D..
  |D.
50+------------------------------ random guess 50%
  +--+---------+----------+----------+---------+--
     w1        w2         w4         w8       w10
"""
