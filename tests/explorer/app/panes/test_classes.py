import time

import pytest
from waiting import chosen_next, patience

from engine.service.project import Project
from explorer.project.choices import Choices

NATURAL, ROBUST = "digits-natural-c1-s0-aa01", "digits-pgd-c1-e0.1-s0-aa03"
RUNNING, FAILED, QUEUED = "digits-pgd-c2-e0.1-s0-aa04", "digits-pgd-c4-e0.1-s0-aa05", "digits-pgd-c8-e0.1-s0-aa06"
LABELS = (None, 0, 1, 2)


def value(run_id, view, label):
    """Made up: class 2 leaks most, adversarial answers more than benign ones except for class 0."""
    base = 0.5 + 0.05 * (0 if label is None else label)
    return base + (0.1 if run_id == ROBUST else 0.0) + (0.02 if (view == "adversarial") == (label != 0) else 0.0)


def facts(run_id=(), metric="inference_accuracy", attacks=("confidence-class",), rules=("heldout",), half=0.03, **_):
    if isinstance(run_id, list):
        return [fact for one in run_id for fact in facts(one, metric, attacks, rules, half)]
    scale = (lambda x: 2 * x - 1) if metric == "advantage" else (lambda x: x)
    return [
        {
            **{"run_id": run_id, "attack": attack, "view": view, "class_label": label, "threshold_rule": rule},
            **{"metric": metric, "value": scale(own), "ci_low": scale(own - half), "ci_high": scale(own + half)},
            **{"n_member": 60 if label == 1 else 500, "n_nonmember": 400, "leaks": own - half > 0.5},
        }
        for attack in attacks
        for rule in (("heldout",) if attack == "model-class" else rules)
        for view in ("benign", "adversarial", *(("targeted",) if attack == "model-class" else ()))
        for label in (LABELS if attack.endswith("-class") else (None,))
        for own in [value(run_id, view, label)]
    ]


def suite(**params):
    """All strategies of the paper, and two other scores."""
    attacks = ("confidence-class", "model-class", "margin-class")
    return facts(**{"attacks": attacks, "rules": ("oracle", "heldout"), **params})


@pytest.fixture
def open_pane(make_app):
    """A function making an app whose cursor is on a run and whose third pane is open."""

    def opened(run_id=ROBUST, answers=None, **chosen):
        app = make_app(answers={"leakage": facts} if answers is None else answers, **chosen)
        app.choices.current, app.choices.hidden, app.choices.side = run_id, ["5"], "3"
        return app

    return opened


async def text_of(pilot, contains):
    """The pane's text once it has the words."""
    pane = pilot.app.screen.query_one("#classes")
    deadline = time.monotonic() + patience(10)
    while contains not in (said := "\n".join([str(pane.border_title), pane.text(), str(pane.border_subtitle)])):
        assert time.monotonic() < deadline, said
        await pilot.pause()
    return said


def line(said, name):
    return next(line for line in said.splitlines() if line.split()[:1] == [name])


async def test_classes_stand_below_all_of_them_the_leakiest_first_with_the_best_strategy_marked(open_pane):
    app = open_pane()
    async with app.run_test(size=(120, 40)) as pilot:
        said = await text_of(pilot, "conf A")
        assert "pgd-c1-e0.1-s0 · inference accuracy % held-out · this run" in said
        assert [row.split()[0] for row in said.splitlines()[2:-1]] == ["all", "2", "1*", "0"]
        assert "500/400  70.0 ±3.0 ▸72.0 ±3.0" in line(said, "2")
        assert "▸62.0 ±3.0  60.0 ±3.0" in line(said, "0")


async def test_few_examples_carry_a_star_and_the_border_says_what_it_means(open_pane):
    app = open_pane()
    async with app.run_test(size=(120, 40)) as pilot:
        said = await text_of(pilot, "* under 200 a side")
        assert "60/400" in line(said, "1*")
        assert "*" not in line(said, "2")


async def test_v_changes_to_the_difference_to_natural_training_and_back(open_pane):
    app = open_pane()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("3")
        await chosen_next(pilot, "v")
        said = await text_of(pilot, "natural: one run")
        assert line(said, "2").split()[2:7] == ["72.0", "±3.0", "conf", "A", "62.0"]
        assert line(said, "2").split()[7].startswith("+10.0")
        await chosen_next(pilot, "v")
        await text_of(pilot, "▸72.0")


async def test_s_sorts_by_the_next_column_and_shift_s_turns_it_round(open_pane):
    app = open_pane()
    async with app.run_test(size=(120, 40)) as pilot:
        await text_of(pilot, "conf A")
        await pilot.press("3", "s")
        said = await text_of(pilot, "CLASS▲")
        assert [row.split()[0] for row in said.splitlines()[2:-1]] == ["all", "0", "1*", "2"]
        await pilot.press("S")
        await text_of(pilot, "CLASS▼")
        await pilot.press("s")
        assert (app.choices.class_sort, app.choices.class_reverse) == ("N", True)
        for turned in (False, True):
            await pilot.click("#classes", offset=(2, 1))
            await text_of(pilot, "CLASS▼" if turned else "CLASS▲")


async def test_sorting_comes_round_to_the_first_order(open_pane):
    app = open_pane()
    async with app.run_test(size=(120, 40)) as pilot:
        await text_of(pilot, "conf A")
        await pilot.press("3")
        for _ in app.screen.query_one("#classes").sorts:
            await pilot.press("s")
        assert app.choices.class_sort == ""


async def test_advantage_is_shown_where_it_is_what_the_chart_shows(open_pane):
    app = open_pane()
    app.choices.metric = "advantage"
    async with app.run_test(size=(120, 40)) as pilot:
        said = await text_of(pilot, "advantage %")
        assert "▸44.0" in line(said, "2")


def published(**params):
    """The paper prints numbers for class 2."""
    told = ("attack", "view", "class_label", "threshold_rule", "n_member", "n_nonmember")
    return [
        {name: fact[name] for name in told} | {"published": 0.7088 if fact["class_label"] == 2 else None}
        for fact in suite(**params)
    ]


async def test_the_papers_numbers_stand_beside_a_run_of_its_setting(open_pane):
    app = open_pane(answers={"leakage": suite, "classes": published})
    async with app.run_test(size=(120, 40)) as pilot:
        said = await text_of(pilot, "PAPER: the ▸ strategy's")
        assert line(said, "2").split()[-1] == "70.9"
        assert line(said, "1*").split()[-1] == "—"
    assert ("classes", {"run_id": [ROBUST], "metric": "inference_accuracy"}) in app.project.asked


async def test_every_strategy_has_the_papers_number_beside_it_where_there_is_room(open_pane):
    app = open_pane(answers={"leakage": suite, "classes": published})
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("3", "z")
        said = await text_of(pilot, "(…) the paper's")
        assert line(said, "2").count("(70.9)") == 5
        assert "PAPER" not in said


@pytest.mark.parametrize("size", [(60, 24), (80, 24), (120, 40)])
async def test_classes_have_names_which_are_cut_before_a_strategy_goes(open_pane, size):
    def named(**of):
        names = {1: "automobile of 1908", 2: "cat"}
        return [row | {"class_name": names.get(row["class_label"])} for row in published(**of)]

    app = open_pane(answers={"leakage": suite, "classes": named})
    async with app.run_test(size=size) as pilot:
        await pilot.press("3", "z")
        said = await text_of(pilot, "1 autom")
        assert "2 cat" in said
        assert "model T" in said
        assert "1908" not in said


@pytest.mark.parametrize("size", [(60, 24), (80, 24), (120, 40), (200, 60)])
async def test_the_papers_five_strategies_always_fit_in_its_order(open_pane, size):
    app = open_pane(answers={"leakage": suite, "classes": published})
    async with app.run_test(size=size) as pilot:
        await pilot.press("3", "z")
        said = await text_of(pilot, "* under 200 a side")
        header = " ".join(said.splitlines()[1].split())
        assert "conf B model B conf A model A model T" in header
        assert "…" not in "".join(line(said, name) for name in ("all", "0", "1*", "2"))
        assert "±3.0" in said


async def test_numbers_not_told_apart_from_a_guess_are_marked(open_pane):
    app = open_pane(NATURAL)
    async with app.run_test(size=(120, 40)) as pilot:
        said = await text_of(pilot, "≈ not told apart from a guess by this attack")
        assert "52.0 ±3.0≈" in line(said, "0")
        assert "≈" not in line(said, "2")


async def test_other_scores_are_a_view_of_their_own(open_pane):
    app = open_pane(answers={"leakage": suite})
    async with app.run_test(size=(120, 40)) as pilot:
        await text_of(pilot, "conf A")
        await pilot.press("3")
        await chosen_next(pilot, "v")
        said = await text_of(pilot, "margin B")
        assert " ".join(said.splitlines()[1].split()).startswith("CLASS N margin B margin A")
        await chosen_next(pilot, "v")
        await text_of(pilot, "natural: one run")
        await chosen_next(pilot, "v")
        await text_of(pilot, "conf B")


async def test_t_changes_the_threshold_rule_of_this_pane_only(open_pane):
    app = open_pane(answers={"leakage": suite})
    async with app.run_test(size=(120, 40)) as pilot:
        await text_of(pilot, "held-out · this run")
        await pilot.press("3", "T")
        said = await text_of(pilot, "oracle · this run")
        assert "models are held-out" in said
        assert line(said, "2").split()[2:7] == ["70.0", "±3.0", "70.0", "±3.0", "▸72.0"]
        assert app.choices.rule == Choices().rule
        await pilot.press("T")
        await text_of(pilot, "held-out · this run")


async def test_strategies_that_do_not_fit_are_counted(open_pane):
    def many(**params):
        return facts(**params, attacks=("confidence-class", "model-class", "a-class", "b-class", "c-class", "d-class"))

    app = open_pane(answers={"leakage": many})
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("3")
        await chosen_next(pilot, "v")
        await text_of(pilot, "2 more strategies: z zooms")


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
        assert "leakage" not in [name for name, _ in app.project.asked]
        assert said in " ".join((await text_of(pilot, "No attack")).split())


async def test_an_attack_to_come_is_said_with_the_time_until_then(open_pane):
    app = open_pane(RUNNING)
    async with app.run_test(size=(120, 40)) as pilot:
        await text_of(pilot, "No attack")
        tracker, now = app.project.tracker, [0.0]
        tracker.clock = lambda: now[0]
        tracker.put_progress(RUNNING, "train", "step 1/2", 0.0, 1.0)
        now[0] = 1860.0
        tracker.put_progress(RUNNING, "train", "step 1/2", 0.5, 1.0)
        app.screen.draw()
        await text_of(pilot, "after training (31m).")


async def test_attacks_that_did_not_go_class_by_class_are_named(open_pane):
    app = open_pane(answers={"leakage": lambda **params: facts(**params, attacks=("confidence",))})
    async with app.run_test(size=(120, 40)) as pilot:
        said = await text_of(pilot, "No attack went class by class")
        assert "(attacks: confidence)" in said


async def test_classes_too_small_for_held_out_thresholds_point_to_the_other_rule(open_pane):
    app = open_pane(answers={"leakage": lambda **params: facts(**params, rules=("oracle",))})
    async with app.run_test(size=(120, 40)) as pilot:
        said = await text_of(pilot, "held-out threshold")
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
    for row in app.project.given:
        row["state"] = "done"
    app.choices.class_view = "differences"
    async with app.run_test(size=(120, 40)) as pilot:
        assert said in " ".join((await text_of(pilot, "other tables")).split())


async def test_natural_training_on_images_of_another_size_is_no_comparison(open_pane):
    app = open_pane()
    for row in app.project.given:
        row["size"] = "4x4" if row["run_id"] == ROBUST else None
    app.choices.class_view = "differences"
    async with app.run_test(size=(120, 40)) as pilot:
        assert "on digits 4x4 small-cnn" in " ".join((await text_of(pilot, "other tables")).split())


async def test_the_cursor_chooses_the_line_that_is_copied(open_pane):
    app = open_pane()
    async with app.run_test(size=(120, 40)) as pilot:
        await text_of(pilot, "conf A")
        await pilot.press("3", "j")
        assert app.screen.query_one("#classes").line_to_copy().startswith(f"{ROBUST}  2 ")


async def test_a_project_without_runs_has_no_table(make_app):
    app = make_app(rows=[])
    assert isinstance(app.project.paths, Project)
    app.choices.side = "3"
    async with app.run_test(size=(120, 40)) as pilot:
        await text_of(pilot, "No run under the cursor")


def of_population(run_id, **_):
    """Class 2 is given away, class 0 is not; of class 1 others are taken for members as often."""
    rates = {None: (0.05, 0.01), 0: (0.011, 0.01), 1: (0.2, 0.2), 2: (0.3, 0.01)}
    sizes = {"n_models": 16, "n_member": 60, "n_nonmember": 120, "std": 0.02, "threshold_rule": "references"}
    about = {"population": "p1", "attack": "lira", "view": "benign"} | sizes
    return [about | {"class_label": label, "tpr": tpr, "fpr": fpr} for label, (tpr, fpr) in rates.items()]


async def test_a_population_is_told_by_its_attack_with_references_where_none_went_class_by_class(open_pane):
    whole = {"leakage": lambda **params: facts(**params, attacks=("lira",)), "class_risks": of_population}
    app = open_pane(NATURAL, answers=whole)
    for row in app.project.given:
        row["population"] = "p1"
    async with app.run_test(size=(160, 40)) as pilot:
        said = await text_of(pilot, "TPR % at 1 % FPR by references · its population")
        assert [row.split()[0] for row in said.splitlines()[2:-1]] == ["all", "2", "1", "0"]
        assert "▸30.0 ±1.1" in line(said, "2")
        assert "≈" not in line(said, "2")
        assert all("≈" in line(said, name) for name in ("0", "1"))
        assert app.screen.query_one("#classes").refusal("classes.rule") == "thresholds are by references here"


async def test_attacks_on_the_run_itself_go_before_those_on_its_population(open_pane):
    app = open_pane(NATURAL, answers={"leakage": facts, "class_risks": of_population})
    for row in app.project.given:
        row["population"] = "p1"
    async with app.run_test(size=(160, 40)) as pilot:
        await text_of(pilot, "conf A")
        assert "this run" in str(app.screen.query_one("#classes").border_title)
