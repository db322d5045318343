import pytest
from rich.cells import cell_len
from rows import typed

from explorer.app.panes.run_summary import summary
from explorer.results.lines import line_text


@pytest.mark.parametrize("width", [38, 50, 70])
def test_every_line_has_the_panes_width(project_rows, width):
    for run in project_rows:
        assert {cell_len(line_text(line)) for line in summary(typed("runs", run), 12.0, width)} == {width}


def test_only_what_is_known_is_told(project_rows):
    done, queued = (typed("runs", project_rows[at]) for at in (2, -1))
    told = "\n".join(map(line_text, summary(done, 12.0, 60)))
    assert "benign      test 97.0  inference 57.0" in told
    assert "12s on cpu" in told
    assert "certified" not in told
    assert "benign" not in "\n".join(map(line_text, summary(queued, None, 60)))


def test_what_is_not_told_apart_from_a_guess_is_marked(run):
    numbers = {"benign_inference_accuracy": 0.5, "adversarial_inference_accuracy": 0.6}
    told = "\n".join(
        map(line_text, summary(typed("runs", run("a", benign_leaks=False, adversarial_leaks=True, **numbers)), 1.0, 60))
    )
    assert "inference 50.0≈" in told
    assert "inference 60.0 " in told


def test_a_certified_accuracy_says_by_what(run):
    told = summary(typed("runs", run("a", certification="crown-ibp", certified_test_accuracy=0.37)), 1.0, 60)
    assert any("certified   by crown-ibp  test 37.0" in line_text(line) for line in told)


@pytest.mark.parametrize("width", [40, 48, 60])
def test_where_room_is_scarce_what_is_inferred_stays(run, width):
    shares = {"benign_train_accuracy": 1.0, "benign_test_accuracy": 0.97, "benign_inference_accuracy": 0.5}
    told = "\n".join(map(line_text, summary(typed("runs", run("a", benign_leaks=False, **shares)), 1.0, width)))
    assert "test 97.0  inference 50.0≈" in told
    assert ("train 100.0" in told) is (width > 50)


async def test_it_stands_below_a_list_that_leaves_room_for_it(make_app, screen_text, until):
    app = make_app()
    async with app.run_test(size=(200, 60)) as pilot:
        await until(pilot, lambda: app.project.runs)
        await pilot.press("j")
        assert any("defense     natural  capacity 2" in line for line in screen_text(app))
        await pilot.resize_terminal(80, 24)
        await pilot.pause()
        assert not any("defense     natural" in line for line in screen_text(app))
