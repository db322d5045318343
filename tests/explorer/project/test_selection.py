import pytest

from explorer.project.choices import Choices
from explorer.project.selection import CHOSEN, SORTS, Selection

NATURAL, SECOND = "digits-natural-c1-s0-aa01", "digits-natural-c2-s0-aa02"
RUNNING, FAILED, QUEUED = (f"digits-pgd-c{c}-e0.1-s0-aa0{n}" for c, n in ((2, 4), (4, 5), (8, 6)))


@pytest.fixture
def select(make_project):
    """A function making a selection of the project's runs by choices."""

    def make(rows=None, **choices):
        return Selection(make_project(rows), Choices(**{"current": NATURAL} | choices))

    return make


def ids(runs):
    return [run.run_id for run in runs]


def test_all_runs_are_visible_as_submitted_until_something_is_chosen(select):
    selection = select()
    assert ids(selection.visible()) == list(selection.project.runs)
    assert ids(select(reverse=True).visible()) == list(selection.project.runs)[::-1]
    assert selection.current.run_id == NATURAL


@pytest.mark.parametrize(
    ("saved", "left"), [("running", [RUNNING, QUEUED]), ("failed", [FAILED]), ("all", None), ("this sweep", None)]
)
def test_saved_filters_choose_by_state_and_sweep(select, saved, left):
    selection = select(saved_filter=saved)
    assert ids(selection.visible()) == (left or list(selection.project.runs))


def test_this_sweep_is_that_of_the_run_under_the_cursor(select, run):
    selection = select(
        [run(NATURAL), run("other-0001", sweep="other")], saved_filter="this sweep", current="other-0001"
    )
    assert ids(selection.visible()) == ["other-0001"]


def test_typed_words_and_expressions_filter_too(select):
    assert ids(select(filter="c8 queued").visible()) == [QUEUED]
    assert ids(select(filter="c[48]-", regex=True).visible()) == [FAILED, QUEUED]


@pytest.mark.parametrize("column", SORTS)
@pytest.mark.parametrize("reverse", [False, True])
def test_every_column_sorts_all_runs_and_those_without_a_value_come_last(select, column, reverse):
    selection = select(sort=column, reverse=reverse)
    listed = ids(selection.visible())
    assert sorted(listed) == sorted(selection.project.runs)
    if column == CHOSEN:
        valued = [run.inference_accuracy("adversarial") for run in selection.visible()]
        known = [value for value in valued if value is not None]
        assert valued == sorted(known, reverse=reverse) + [None] * (len(valued) - len(known))


def test_sorting_goes_through_the_columns_and_back(select):
    selection = select()
    seen = []
    for _ in range(len(SORTS) + 1):
        selection.sort_next()
        seen.append((selection.choices.sort, selection.choices.reverse))
    assert [name for name, _ in seen] == [*SORTS, ""]
    assert [reverse for name, reverse in seen if name in (CHOSEN, "RUN")] == [False, True]


def test_runs_go_off_the_chart_and_back_on(select):
    selection = select()
    selection.toggle_on_chart()
    assert NATURAL not in ids(selection.on_chart())
    selection.toggle_all_on_chart()
    assert selection.on_chart() == selection.visible()
    selection.toggle_all_on_chart()
    assert selection.on_chart() == []


def test_what_is_hidden_stays_on_or_off_the_chart(select):
    selection = select(filter="queued")
    selection.toggle_all_on_chart()
    selection.choices.filter = ""
    assert QUEUED not in ids(selection.on_chart())
    assert len(selection.on_chart()) == len(selection.project.runs) - 1


def test_marks_come_and_go_and_count_only_where_the_run_is_there(select):
    selection = select(marked=["gone-0001"])
    selection.toggle_marked()
    assert (selection.choices.marked, selection.marked()) == (["gone-0001", NATURAL], [NATURAL])
    selection.toggle_marked()
    assert selection.marked() == []


def test_the_cursor_keeps_its_run_while_a_list_has_it(select):
    selection = select()
    selection.settle([SECOND], elsewhere=[NATURAL])
    assert selection.choices.current == NATURAL
    selection.settle([SECOND, QUEUED])
    assert selection.choices.current == SECOND


def test_steps_go_round_the_list(select):
    selection = select(filter="natural")
    assert [selection.step(NATURAL, 1), selection.step(SECOND, 1), selection.step(NATURAL, -1)] == [
        SECOND,
        NATURAL,
        SECOND,
    ]
    assert select(filter="nothing").step(NATURAL, 1) is None


def test_saved_filters_go_round(select):
    selection = select()
    for expected in ("running", "failed", "this sweep", "all"):
        selection.filter_next()
        assert selection.choices.saved_filter == expected
    selection.filter_next("failed")
    assert selection.choices.saved_filter == "failed"


def test_seeds_of_a_setting_share_a_line_until_it_is_opened(select, run):
    rows = [run(f"digits-pgd-c1-s{seed}-cc0{seed}", seed=seed, population="ab"[seed % 2]) for seed in range(5)]
    rows.append(run("digits-pgd-c1-s0-cc09"))
    selection = select(rows, current=rows[1].run_id)

    def seeds():
        return [[one.seed for one in own] for own in selection.rows()]

    assert seeds() == [[0, 2, 4], [1, 3], [0]]
    assert [one.seed for one in selection.folded()] == [1, 3]
    assert selection.toggle_seeds()
    assert seeds() == [[0, 2, 4], [1], [3], [0]]
    selection.choices.current = rows[0].run_id
    assert selection.toggle_seeds()
    assert seeds() == [[0], [2], [4], [1], [3], [0]]
    selection.choices.sort = "RUN"
    assert [own[0].run_id for own in selection.rows()] == sorted(row.run_id for row in rows)
    selection.choices.current = rows[-1].run_id
    assert not selection.toggle_seeds()


def test_runs_alike_in_all_but_the_seed_are_seeds_and_others_are_not(select, run):
    rows = [run(f"digits-pgd-c1-s{seed}-dd0{seed}", seed=seed) for seed in range(3)]
    rows.append(run("digits-pgd-c1-s9-dd09", seed=9, setting="temperature 2"))
    assert [[one.seed for one in own] for own in select(rows).rows()] == [[0, 1, 2], [9]]
    twice = [*rows, run("digits-pgd-c1-s0-dd0a", seed=0)]
    assert [[one.seed for one in own] for own in select(twice).rows()] == [[0], [1], [2], [0], [9]]


def test_all_seeds_open_and_fold_together_and_lines_are_sorted_by_their_mean(select, run):
    shares = {("a", 0): 0.9, ("a", 1): 0.5, ("b", 0): 0.8, ("b", 1): 0.7}
    rows = [
        run(f"digits-pgd-{setting}-s{seed}-00", seed=seed, setting=setting, adversarial_inference_accuracy=share)
        for (setting, seed), share in shares.items()
    ]
    selection = select(rows, sort=CHOSEN, reverse=True)
    assert [own[0].setting for own in selection.rows()] == ["b", "a"]
    selection.toggle_all_seeds()
    assert [(own[0].setting, own[0].seed) for own in selection.rows()] == [("a", 0), ("b", 0), ("b", 1), ("a", 1)]
    selection.toggle_all_seeds()
    assert len(selection.rows()) == 2


def test_a_line_of_seeds_is_marked_as_one(select, run):
    rows = [run(f"digits-pgd-c1-s{seed}-dd0{seed}", seed=seed) for seed in range(2)]
    selection = select(rows, current=rows[0].run_id)
    selection.toggle_marked()
    assert selection.marked() == ids(rows)
    selection.toggle_marked()
    assert selection.marked() == []


def test_a_header_sorts_and_again_turns_round(select):
    selection = select()
    for column, expected in (("CAP", ("CAP", False)), ("CAP", ("CAP", True)), ("PROGRESS", ("CAP", True))):
        selection.sort_by(column)
        assert (selection.choices.sort, selection.choices.reverse) == expected
