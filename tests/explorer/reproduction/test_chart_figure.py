import pytest

from explorer.charts.chart import Chart, Series
from explorer.reproduction import chart_figure
from explorer.reproduction.figures import NATURAL

CURVE = Series("pgd", 0, "1", (1.0, 2.0), (0.6, 0.7), low=(0.55, 0.6), high=(0.66, 0.75), like_guess=(True, False))
GREY = Series("natural", 2, "dim", (1.0, 2.0), (0.5, None), hollow=(True, True))


def panel_of(*series, **axes):
    (panel,) = chart_figure.draw(Chart(series, **axes), "title", "accuracy %").axes
    return panel


def test_points_have_their_intervals_in_percent_and_natural_training_is_grey():
    panel = panel_of(CURVE, GREY, level=0.5, level_label="guess 50 %", x_ticks=((1.0, "1"), (2.0, "two")))
    robust, natural = panel.containers
    assert list(robust.lines[0].get_ydata()) == pytest.approx([60.0, 70.0])
    assert [list(segment[:, 1]) for segment in robust.lines[2][0].get_segments()] == [
        pytest.approx([55.0, 66.0]),
        pytest.approx([60.0, 75.0]),
    ]
    assert natural.lines[0].get_color() == NATURAL
    assert list(natural.lines[0].get_ydata()) == pytest.approx([50.0])
    assert [text.get_text() for text in panel.texts] == ["≈"]
    assert [label.get_text() for label in panel.get_xticklabels()] == ["1", "two"]
    assert panel.get_legend_handles_labels()[1] == ["guess 50 %", "pgd", "natural"]


def test_a_roc_curve_stands_on_log_axes_beside_the_line_of_a_guess():
    curve = Series("lira", 0, "2", (0.0, 0.001, 0.1, 1.0), (0.0, 0.05, 0.3, 1.0), kind="line")
    panel = panel_of(curve, x_percent=True, diagonal=True, x_log=True, y_log=True)
    assert (panel.get_xscale(), panel.get_yscale()) == ("log", "log")
    line, guess = panel.lines
    assert list(line.get_xdata())[-1] == 100.0
    assert list(guess.get_xdata()) == list(guess.get_ydata())


def test_crosses_are_the_papers_and_no_intervals_are_drawn_where_none_are_wanted():
    panel = panel_of(CURVE, Series("paper", 0, "1", (1.0,), (0.61,), kind="published"), interval="off")
    assert panel.lines[-1].get_marker() == "x"
    assert not panel.containers[0].has_yerr


def test_dense_curves_of_one_colour_are_told_apart_by_their_dashes():
    curves = [
        Series(name, 0, tone, (0.0, 1.0), (0.0, 1.0), kind="line")
        for name, tone in (("a", "1"), ("b", "1"), ("c", "2"))
    ]
    first, second, other = panel_of(*curves).lines
    assert first.get_color() == second.get_color() != other.get_color()
    assert (first.get_linestyle(), second.get_linestyle(), other.get_linestyle()) == ("-", "--", "-")


def test_long_labels_stand_below_the_curves():
    curve = Series("pgd eps 0.1 lira", 0, "1", (0.0, 1.0), (0.0, 1.0), kind="line", told=("AUC 75.3, TPR 12.2 at 1 %",))
    figure = chart_figure.draw(Chart((curve,)), "", "")
    assert figure.axes[0].get_legend() is None
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "pgd eps 0.1 lira: AUC 75.3, TPR 12.2 at 1 %"
    ]
