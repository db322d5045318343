import pytest
from rows import typed

from engine.validation import SpecError
from explorer.reproduction import figures


def row(defense="pgd", epsilon=0.1, capacity=1.0, view="benign", mean=0.6, half=None, published=None, **words):
    columns = {
        **{"dataset": "yale", "network": "yale-cnn", "train_fraction": 1.0, "defense": defense, "epsilon": epsilon},
        **{"capacity": capacity, "view": view, "mean": mean, "published": published},
        **{"evaluation_epsilon": epsilon or 0.1, "certification": None, "size": None, "setting": None},
        **{"settings": words.get("setting") or "a", **words},
        **{"ci_low": None if half is None else mean - half, "ci_high": None if half is None else mean + half},
    }
    return typed("capacity", columns)


CAPACITIES = [
    row(defense, epsilon, capacity, view, 0.5 + 0.01 * capacity, half=0.01)
    for defense, epsilon in (("natural", 0.0), ("pgd", 2 / 255), ("pgd", 8 / 255))
    for capacity in (1.0, 2.0, 4.0)
    for view in ("benign", "adversarial")
]
EPSILONS = [row(epsilon=epsilon) for epsilon in (0.1, 0.2)] + [row("natural", 0.0)]
METHODS = [row(defense, 0.1 * (defense != "natural"), published=0.6) for defense in ("natural", "pgd", "trades")]

TEMPERATURES = [
    row(defense, 0.1 * (defense != "natural"), mean=0.6 + at / 50, setting=setting)
    for defense in ("natural", "pgd")
    for at, setting in enumerate((None, "temperature 10", "temperature 2"))
]


def test_figure_3_has_a_panel_for_each_view_and_a_line_for_each_epsilon():
    panels = figures.draw(CAPACITIES, "t").axes
    assert [panel.get_title() for panel in panels] == ["benign answers", "adversarial answers"]
    for panel in panels:
        assert [handle.get_label() for handle in panel.containers] == ["natural", "pgd 2/255", "pgd 8/255"]
        colours = [handle.lines[0].get_color() for handle in panel.containers]
        assert colours[0] == figures.NATURAL
        assert len(set(colours)) == 3
        assert list(panel.containers[1].lines[0].get_xdata()) == [1.0, 2.0, 4.0]
        assert list(panel.containers[1].lines[0].get_ydata()) == pytest.approx([51.0, 52.0, 54.0])


def test_a_swept_setting_is_the_axis_where_neither_capacity_nor_epsilon_varies():
    (panel,) = figures.draw(TEMPERATURES, "t").axes
    assert [handle.get_label() for handle in panel.containers] == ["natural", "pgd 0.1"]
    assert list(panel.containers[1].lines[0].get_xdata()) == [1.0, 2.0, 10.0]
    assert list(panel.containers[1].lines[0].get_ydata()) == pytest.approx([60.0, 64.0, 62.0])
    assert [label.get_text() for label in panel.get_xticklabels()] == ["1", "2", "10"]


def test_natural_training_is_grey_whatever_else_its_settings_are():
    rows = [row("natural", 0.0, setting=f"steps 20, temperature {at}") for at in (2, 5)]
    (panel,) = figures.draw(rows + TEMPERATURES, "t").axes
    colours = {handle.get_label(): handle.lines[0].get_color() for handle in panel.containers}
    assert colours["natural"] == colours["natural, steps 20"] == figures.NATURAL


def test_image_sizes_make_other_curves():
    rows = [row(setting=f"temperature {at}", size=size) for size in (None, "24x21") for at in (2, 5)]
    (panel,) = figures.draw(rows, "t").axes
    assert [handle.get_label() for handle in panel.containers] == ["pgd 0.1, full size", "pgd 0.1, 24x21"]


@pytest.mark.parametrize(
    ("rows", "axis"),
    [(CAPACITIES, "capacity"), (EPSILONS, "epsilon"), (METHODS, "defense"), (TEMPERATURES, "temperature")],
)
def test_the_axis_is_what_varies(rows, axis):
    assert figures.axis_of(rows) == axis
    assert figures.draw(rows, "t").axes[0].get_xlabel() == ("" if axis == "defense" else axis)


def test_the_papers_numbers_are_crosses():
    (panel,) = figures.draw(METHODS, "t").axes
    assert sum(len(points.get_offsets()) for points in panel.collections) == 3


@pytest.mark.parametrize("kind", figures.FORMATS)
def test_the_same_numbers_give_the_same_bytes(kind, tmp_path):
    paths = [tmp_path / f"{name}.{kind}" for name in "ab"]
    for path in paths:
        figures.save(figures.draw(CAPACITIES, "t"), path)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert paths[0].stat().st_size > 1000


def test_another_format_is_refused_in_one_line(tmp_path):
    with pytest.raises(SpecError, match=r"gif.*\.svg, \.pdf, \.png"):
        figures.save(figures.draw(METHODS, "t"), tmp_path / "a.gif")
