"""The chart of leakage against accuracy."""

import pytest

from explorer.charts import chart_lines, kinds_of_chart, read_out
from explorer.charts.chart import points_of
from explorer.project.choices import Choices

SETTINGS = ("temperature 10", None, "temperature 2")


@pytest.fixture
def draw(make_project, fact):
    """A function drawing the trade-off of facts of two defenses at three temperatures."""

    def drawn(accuracies=(0.9, 0.91, 0.92), settings=SETTINGS, sizes=(None, None, None), **chosen):
        rows = []
        for at, (setting, accuracy, size) in enumerate(zip(settings, accuracies, sizes, strict=True)):
            for defense, leak in (("natural", 0.55), ("pgd", 0.65)):
                same = {"defense": defense, "setting": setting, "settings": f"{at}bcd1234", "size": size}
                rows.append(fact(leak + at / 100, **same))
                of_test = {"metric": "accuracy", "view": "benign", "split": "test"}
                rows.append(fact(accuracy, **of_test, attack=None, threshold_rule=None, **same))
        project = make_project(None, {"capacity": rows})
        return kinds_of_chart.drawing_of("trade-off", project, Choices(**chosen), list(project.runs.values()))

    return drawn


def test_each_model_is_a_path_from_setting_to_setting_in_their_order(draw):
    natural, pgd = draw().chart.series
    assert (pgd.x, pgd.y) == ((0.91, 0.92, 0.9), (0.66, 0.67, 0.65))
    assert pgd.names == ("pgd eps 0.1 as the recipe", "pgd eps 0.1 temperature 2", "pgd eps 0.1 temperature 10")
    assert pgd.label == "pgd eps 0.1 as the recipe → temperature 10"
    assert (natural.tone, pgd.tone) == ("dim", "1")
    assert [point[:2] for point in points_of(pgd)] == list(zip(pgd.x, pgd.y, strict=True))


def test_the_read_out_names_the_setting_and_all_settings_of_one_accuracy(draw):
    drawing = draw()
    told = "test accuracy 92 %: ◆ natural temperature 2 57.0 ±2.0  ● pgd eps 0.1 temperature 2 67.0 ±2.0"
    assert read_out.read_out(drawing, 0.92) == told
    alike = draw(accuracies=(0.9, 0.9, 0.9))
    assert read_out.read_out(alike, 0.9).count("pgd eps 0.1") == 3
    assert "pgd eps 0.1 temperature 10" in read_out.table_text(alike)


def test_settings_without_words_are_told_apart_by_their_hash(draw):
    _, pgd = draw(settings=(None, None, "steps 9")).chart.series
    assert pgd.names == ("pgd eps 0.1 as the recipe #0bcd", "pgd eps 0.1 as the recipe #1bcd", "pgd eps 0.1 steps 9")


def test_models_of_small_images_have_a_path_of_their_own(draw):
    paths = draw(sizes=("36x32", "36x32", None)).chart.series
    assert [path.label for path in paths[2:]] == [
        *("pgd eps 0.1 full size", "pgd eps 0.1 36x32 as the recipe → temperature 10"),
    ]


@pytest.mark.parametrize("interval", ["bars", "band", "off"])
@pytest.mark.parametrize("ascii_only", [True, False])
def test_it_can_be_drawn(draw, interval, ascii_only):
    drawing = draw(accuracies=(0.9, 0.9, 0.9), interval=interval)
    lines = chart_lines.draw(drawing.chart, 80, 20, ascii_only)
    words = "\n".join("".join(part for part, _ in line) for line in lines)
    assert "test accuracy %" in words
    assert "temperature 10" in words


def test_nothing_finished_is_said(make_project):
    project = make_project()
    drawing = kinds_of_chart.drawing_of(
        "trade-off", project, Choices(), [run for run in project.runs.values() if run.state != "done"]
    )
    assert drawing.chart is None
    assert drawing.empty
