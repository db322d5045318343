"""The chart over a swept setting, and where models stand along it."""

import pytest

from explorer.charts import chart_lines, kinds_of_chart, read_out, setting_axis
from explorer.project.choices import Choices


@pytest.fixture
def draw(make_project, fact):
    """A function drawing the chart of rows given as (share, fields)."""

    def drawn(*rows, **chosen):
        given = [fact(mean, settings=f"{at}bcd1234", **fields) for at, (mean, fields) in enumerate(rows)]
        project = make_project(None, {"capacity": given})
        return kinds_of_chart.drawing_of("setting", project, Choices(**chosen), list(project.runs.values()))

    return drawn


TEMPERATURES = [
    (leak + at / 100, {"defense": defense, "setting": setting})
    for defense, leak in (("natural", 0.55), ("pgd", 0.65))
    for at, setting in enumerate(("temperature 10", None, "temperature 2.5"))
]


def test_each_model_is_a_curve_over_the_setting_and_the_recipes_own_value_has_its_place(draw):
    drawing = draw(*TEMPERATURES)
    natural, pgd = drawing.chart.series
    assert (natural.label, natural.tone, pgd.label) == ("natural", "dim", "pgd eps 0.1")
    assert (pgd.x, pgd.y) == ((1.0, 2.5, 10.0), (0.66, 0.67, 0.65))
    assert drawing.chart.x_ticks == ((1.0, "1"), (2.5, "2.5"), (10.0, "10"))
    assert drawing.title.startswith("Setting  temperature · inference accuracy %")
    assert read_out.read_out(drawing, 2.5).startswith("temperature 2.5: ")


@pytest.mark.parametrize("ascii_only", [True, False])
@pytest.mark.parametrize("scale", ["linear", "log x"])
def test_it_can_be_drawn(draw, ascii_only, scale):
    lines = chart_lines.draw(draw(*TEMPERATURES, scales={"setting": scale}).chart, 80, 20, ascii_only)
    assert "temperature" in "\n".join("".join(part for part, _ in line) for line in lines)


def test_what_else_differs_makes_other_curves(draw):
    rows = [
        (0.6 + index / 100, {"setting": f"{first}temperature {at}"})
        for index, (first, at) in enumerate((first, at) for first in ("", "dropout 0.5, ") for at in (2, 5, 10))
    ]
    labels = {curve.label for curve in draw(*rows).chart.series}
    assert labels == {"pgd eps 0.1 as the recipe", "pgd eps 0.1 dropout 0.5"}


def test_image_sizes_make_other_curves(draw):
    rows = [(0.6, {"setting": f"temperature {at}", "size": size}) for size in (None, "24x21") for at in (2, 5)]
    labels = [curve.label for curve in draw(*rows).chart.series]
    assert labels == ["pgd eps 0.1 full size", "pgd eps 0.1 24x21"]


def test_natural_training_has_a_robust_share_of_nothing(draw):
    natural, pgd = draw(
        (0.55, {"defense": "natural"}), (0.6, {"setting": "robust share 0.1"}), (0.7, {"setting": None})
    ).chart.series
    assert (natural.x, pgd.x) == ((0.0,), (0.1, 1.0))


def test_the_attacks_budget_is_an_axis_where_one_model_was_attacked_with_several(draw):
    drawing = draw(*((0.6 + epsilon, {"evaluation_epsilon": epsilon}) for epsilon in (2 / 255, 8 / 255)))
    (curve,) = drawing.chart.series
    assert curve.x == (2 / 255, 8 / 255)
    assert [label for _, label in drawing.chart.x_ticks] == ["2/255", "8/255"]


def test_without_a_swept_setting_it_says_how_to_sweep_one(draw):
    drawing = draw(
        (0.6, {"capacity": 1.0}), (0.7, {"capacity": 2.0}), (0.7, {"evaluation_epsilon": 0.2, "epsilon": 0.2})
    )
    assert drawing.chart is None
    assert "evaluation.temperature" in drawing.empty[1]


def test_nothing_finished_is_said(make_project):
    project = make_project()
    drawing = kinds_of_chart.drawing_of(
        "setting", project, Choices(), [run for run in project.runs.values() if run.state != "done"]
    )
    assert drawing.chart is None
    assert drawing.empty


@pytest.mark.parametrize(
    ("fields", "axis", "place"),
    [
        ({"setting": "temperature 2e-05"}, "temperature", 2e-5),
        ({"setting": "steps 100 * capacity"}, "steps", None),
        ({"setting": "weights a 1.pt 3f2a"}, "temperature", 1.0),
        ({"setting": "weights a 1.pt 1234"}, "weights a 1.pt", None),
        ({"setting": None}, "weight decay", 0.0),  # of digits
        ({"setting": None, "dataset": "cifar10"}, "weight decay", None),  # paper and quick differ
        ({"setting": None, "dataset": "folder-pets"}, "label smoothing", 0.0),
        ({"setting": None, "dataset": "of another version"}, "dropout", None),
        ({"setting": None}, "stop after", None),
        ({"setting": None}, "optimizer", None),
    ],
)
def test_where_a_row_stands(fact, fields, axis, place):
    assert setting_axis.place(fact(0.5, **fields), axis) == place
