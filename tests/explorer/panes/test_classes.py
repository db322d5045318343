import time

import pytest

from engine.control.project import Project

NATURAL, ROBUST = "digits-natural-c1-s0-aa01", "digits-pgd-c1-e0.1-s0-aa03"
RUNNING, FAILED, QUEUED = "digits-pgd-c2-e0.1-s0-aa04", "digits-pgd-c4-e0.1-s0-aa05", "digits-pgd-c8-e0.1-s0-aa06"
LABELS = (None, 0, 1, 2)


def value(run_id, view, label):
    """Made up: class 2 leaks most, adversarial answers more than benign ones except for class 0."""
    base = 0.5 + 0.05 * (0 if label is None else label)
    return base + (0.1 if run_id == ROBUST else 0.0) + (0.02 if (view == "adversarial") == (label != 0) else 0.0)


def facts(run_id=(), metric="inference_accuracy", attack="confidence-class", rules=("oracle",), **_):
    if isinstance(run_id, list):
        return [fact for one in run_id for fact in facts(one, metric, attack, rules)]
    scale = (lambda x: 2 * x - 1) if metric == "advantage" else (lambda x: x)
    return [
        {
            **{"run_id": run_id, "attack": attack, "view": view, "class_label": label, "threshold_rule": rule},
            **{"metric": metric, "value": scale(value(run_id, view, label)), "ci_low": 0.4, "ci_high": 0.46},
            **{"n_member": 60 if label == 1 else 500, "n_nonmember": 400},
        }
        for rule in rules
        for view in ("benign", "adversarial")
        for label in (LABELS if attack == "confidence-class" else (None,))
    ]


@pytest.fixture
def open_pane(make_app):
    """A function making an app whose cursor is on a run and whose third pane is open."""

    def opened(run_id=ROBUST, answers=None, **chosen):
        app = make_app(answers={"leakage": facts} if answers is None else answers, **chosen)
        app.view.current, app.view.hidden, app.view.side = run_id, ["5"], "3"
        return app

    return opened


async def text_of(pilot, contains):
    """The pane's text once it has the words."""
    pane = pilot.app.screen.query_one("#classes")
    deadline = time.monotonic() + 10
    while contains not in (said := "\n".join([str(pane.border_title), pane.text(), str(pane.border_subtitle)])):
        assert time.monotonic() < deadline, said
        await pilot.pause()
    return said


def line(said, name):
    return next(line for line in said.splitlines() if line.split()[:1] == [name])


async def test_classes_stand_below_all_of_them_the_leakiest_first_with_the_best_strategy_marked(open_pane):
    app = open_pane()
    async with app.run_test(size=(120, 40)) as pilot:
        said = await text_of(pilot, "I_A class")
        assert "pgd-c1-e0.1-s0 · inference accuracy % oracle · this run" in said
        assert [row.split()[0] for row in said.splitlines()[2:-1]] == ["all", "2", "1*", "0"]
        assert "500/400   70.0 ±3.0  ▸72.0 ±3.0" in line(said, "2")
        assert "▸62.0 ±3.0   60.0 ±3.0" in line(said, "0")


async def test_few_examples_carry_a_star_and_the_border_says_what_it_means(open_pane):
    app = open_pane()
    async with app.run_test(size=(120, 40)) as pilot:
        said = await text_of(pilot, "* under 200 a side")
        assert "60/400" in line(said, "1*")
        assert "*" not in line(said, "2")


async def test_v_changes_to_the_difference_to_natural_training_and_back(open_pane):
    app = open_pane()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("3", "v")
        said = await text_of(pilot, "natural: one run")
        assert line(said, "2").split()[2:7] == ["72.0", "±3.0", "I_A", "class", "62.0"]
        assert line(said, "2").split()[7].startswith("+10.0")
        await pilot.press("v")
        await text_of(pilot, "▸72.0")


async def test_s_sorts_by_the_next_column_and_shift_s_turns_it_round(open_pane):
    app = open_pane()
    async with app.run_test(size=(120, 40)) as pilot:
        await text_of(pilot, "I_A class")
        await pilot.press("3", "s")
        said = await text_of(pilot, "CLASS▲")
        assert [row.split()[0] for row in said.splitlines()[2:-1]] == ["all", "0", "1*", "2"]
        await pilot.press("S")
        await text_of(pilot, "CLASS▼")
        await pilot.press("s")
        assert (app.view.class_sort, app.view.class_reverse) == ("N", True)


async def test_sorting_comes_round_to_the_first_order(open_pane):
    app = open_pane()
    async with app.run_test(size=(120, 40)) as pilot:
        await text_of(pilot, "I_A class")
        await pilot.press("3")
        for _ in app.screen.query_one("#classes").sorts:
            await pilot.press("s")
        assert app.view.class_sort == ""


async def test_advantage_is_shown_where_it_is_what_the_chart_shows(open_pane):
    app = open_pane()
    app.view.metric = "advantage"
    async with app.run_test(size=(120, 40)) as pilot:
        said = await text_of(pilot, "advantage %")
        assert "▸44.0" in line(said, "2")


async def test_the_papers_numbers_stand_beside_a_run_of_its_setting(open_pane):
    def published(**params):
        return [{**fact, "published": 0.7088 if fact["class_label"] == 2 else None} for fact in facts(**params)]

    app = open_pane(answers={"leakage": facts, "classes": published})
    async with app.run_test(size=(120, 40)) as pilot:
        said = await text_of(pilot, "PAPER")
        assert "70.9" in line(said, "2").split()
        assert "—" in line(said, "1*").split()
    assert ("classes", {"run_id": [ROBUST], "measure": "inference_accuracy"}) in app.live.asked


async def test_strategies_that_do_not_fit_are_counted(open_pane):
    def many(**params):
        return [f for attack in ("confidence-class", "model-class", "x", "y") for f in renamed(attack, **params)]

    def renamed(attack, **params):
        return [{**fact, "attack": attack} for fact in facts(**params)]

    app = open_pane(answers={"leakage": many})
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("3")
        await text_of(pilot, "2 more strategies: z zooms")
        await pilot.press("v")
        await text_of(pilot, "I_A class")


@pytest.mark.parametrize(
    ("run_id", "said"),
    [
        (RUNNING, "No attack on pgd-c2-e0.1-s0 yet — it runs after training."),
        (QUEUED, "No attack on pgd-c8-e0.1-s0 yet — it is next in the queue."),
        (FAILED, "No attack on pgd-c4-e0.1-s0: failed, CUDA out of memory. r retries it."),
    ],
)
async def test_a_run_without_an_attack_says_why(open_pane, run_id, said):
    app = open_pane(run_id)
    async with app.run_test(size=(120, 40)) as pilot:
        assert "leakage" not in [name for name, _ in app.live.asked]
        assert said in " ".join((await text_of(pilot, "No attack")).split())


async def test_an_attack_to_come_is_said_with_the_time_until_then(open_pane):
    app = open_pane(RUNNING)
    async with app.run_test(size=(120, 40)) as pilot:
        await text_of(pilot, "No attack")
        board, now = app.live.board, [0.0]
        board.clock = lambda: now[0]
        board.put_progress(RUNNING, "train", "step 1/2", 0.0, 1.0)
        now[0] = 1860.0
        board.put_progress(RUNNING, "train", "step 1/2", 0.5, 1.0)
        app.screen.draw()
        await text_of(pilot, "after training (31m).")


async def test_attacks_that_did_not_go_class_by_class_are_named(open_pane):
    app = open_pane(answers={"leakage": lambda **params: facts(**params, attack="confidence")})
    async with app.run_test(size=(120, 40)) as pilot:
        said = await text_of(pilot, "No attack went class by class")
        assert "(attacks: confidence)" in said


async def test_a_rule_without_numbers_points_to_the_other_one(open_pane):
    app = open_pane()
    app.view.rule = "heldout"
    async with app.run_test(size=(120, 40)) as pilot:
        said = await text_of(pilot, "held-out thresholds")
        assert "T changes to oracle ones" in " ".join(said.split())


@pytest.mark.parametrize(
    ("run_id", "said"),
    [
        (NATURAL, "is natural training itself"),
        ("digits-pgd-c4-e0.1-s0-aa05", "No finished natural run on digits small-cnn capacity 4"),
    ],
)
async def test_a_difference_without_a_natural_run_says_so(open_pane, run_id, said):
    app = open_pane(run_id)
    for row in app.live.given:
        row["state"] = "done"
    app.view.class_view = "differences"
    async with app.run_test(size=(120, 40)) as pilot:
        assert said in " ".join((await text_of(pilot, "v goes back")).split())


async def test_the_cursor_chooses_the_line_that_is_copied(open_pane):
    app = open_pane()
    async with app.run_test(size=(120, 40)) as pilot:
        await text_of(pilot, "I_A class")
        await pilot.press("3", "j")
        assert app.screen.query_one("#classes").line_to_copy().startswith(f"{ROBUST}  2 ")


async def test_a_project_without_runs_has_no_table(make_app):
    app = make_app(rows=[])
    assert isinstance(app.live.project, Project)
    app.view.side = "3"
    async with app.run_test(size=(120, 40)) as pilot:
        await text_of(pilot, "No run under the cursor")
