import itertools
import time

import pytest

from engine import registry
from explorer.project import metrics
from explorer.project.selection import SORTS
from explorer.results.lines import line_text
from explorer.results.run_words import fitted_name, short_name
from explorer.results.text import VIEWS

NATURAL, DONE = "digits-natural-c1-s0-aa01", "digits-pgd-c1-e0.1-s0-aa03"
RUNNING, FAILED, QUEUED = "digits-pgd-c2-e0.1-s0-aa04", "digits-pgd-c4-e0.1-s0-aa05", "digits-pgd-c8-e0.1-s0-aa06"


def lines(pane):
    return [line_text(line) for line in pane.shown.lines]


def line(pane, run_id):
    return lines(pane)[pane.order.index(run_id)]


async def test_every_run_has_a_line_with_its_mark_state_and_number(open_runs):
    async with open_runs() as (_, pane):
        assert line(pane, NATURAL).split() == ["◆▸", "natural-c1-s0", "✔", "done", "57.0≈"]
        assert line(pane, DONE).split() == ["●", "pgd-c1-e0.1-s0", "✔", "done", "61.0"]
        assert line(pane, RUNNING).split() == ["○", "pgd-c2-e0.1-s0", "▶", "start", "—"]
        assert line(pane, FAILED).split()[-3:] == ["✗", "OOM", "—"]
        assert line(pane, QUEUED).split()[-3:] == ["◷", "queued", "—"]
        assert pane.shown.title == "6 · confidence (adv) oracle"


async def test_a_wide_pane_has_the_settings_and_the_progress(open_runs):
    async with open_runs(size=(80, 24)) as (pilot, pane):
        app = pilot.app
        app.project.tracker.put_progress(RUNNING, "train", "step 1/2", 0.5, 0.0)
        app.screen.draw()
        header = line_text(pane.shown.head[0])
        assert header.split() == ["RUN", "STATE", "DEFENSE", "CAP", "EPS", "INF", "ACC", "PROGRESS"]
        assert line(pane, RUNNING).split() == [
            *("○", "pgd-c2-e0.1-s0", "▶", "train", "pgd", "2", "0.1", "—", "███░░░", "50%", "—"),
        ]
        assert "enter: see why" in line(pane, FAILED)
        await pilot.press("z")
        await pilot.resize_terminal(160, 50)
        await pilot.pause()
        assert {"SEED", "ADV"} <= set(line_text(pane.shown.head[0]).split())


@pytest.mark.parametrize("size", [(60, 15), (80, 24), (100, 30), (120, 40), (160, 44), (200, 60)])
async def test_lines_are_exactly_as_wide_as_the_pane(open_runs, size):
    async with open_runs(size=size) as (_, pane):
        for found in (*pane.shown.head, *pane.shown.lines):
            assert len(line_text(found)) == pane.size.width


async def test_without_an_engine_nothing_looks_alive(open_runs):
    async with open_runs(link="files") as (_, pane):
        assert "◌ no engine" in line(pane, RUNNING)


async def test_a_silent_run_does_not_look_alive(open_runs):
    async with open_runs() as (pilot, pane):
        pilot.app.project.seen[RUNNING] = time.monotonic() - 42
        pilot.app.screen.draw()
        assert "◌ quiet 40s" in line(pane, RUNNING)


@pytest.mark.parametrize(
    ("defense", "room", "told"),
    [
        ("pgd", 40, "fashion-mnist-pgd-c16-e0.1-s0"),
        ("pgd", 24, "fashion…pgd-c16-e0.1-s0"),
        ("pgd", 18, "fa…pgd-c16-e0.1-s0"),
        ("distributional", 25, "fa…distribut…c16-e0.1-s0"),
        ("distributional", 12, "fa…di…c16-e…"),
    ],
)
def test_in_a_long_name_the_data_set_gives_way_first_and_the_front_stays(run, defense, room, told):
    row = run(f"fashion-mnist-{defense}-c16-e0.1-s0-aa01", dataset="fashion-mnist", defense=defense)
    assert fitted_name(short_name(row, 2), row, room) == told


def test_short_names_leave_out_a_data_set_that_is_the_only_one(run):
    row = run("my-data-pgd-c1-s0-aa01", dataset="my-data")
    assert short_name(row, 1) == "pgd-c1-s0"
    assert short_name(row, 2) == "my-data-pgd-c1-s0"


def test_a_run_that_is_certified_by_another_method_is_called_so(run):
    for defense, method, name in (("ibp", "ibp", "c1-s0"), ("ibp", "crown-ibp", "c1-s0 crown-ibp")):
        row = run(f"digits-{defense}-c1-s0-aa01", defense=defense, certification=method)
        assert short_name(row, 1) == f"{defense}-{name}"


# Filters


async def test_a_filter_hides_runs_and_says_how_many(open_runs):
    async with open_runs(size=(160, 44)) as (pilot, pane):
        pilot.app.choices.filter = "pgd queued"
        pilot.app.screen.draw()
        assert pane.order == [QUEUED]
        assert pane.shown.title.startswith("1 of 6 · filter 'pgd queued'")
        pilot.app.choices.filter = "ibp"
        pilot.app.screen.draw()
        assert pane.order == []
        assert " ".join(pane.text().split()) == "No run matches 'ibp'. 6 hidden. esc clears the filter."


async def test_words_of_a_filter_are_looked_for_in_everything_a_run_is(open_runs):
    async with open_runs() as (pilot, pane):
        for typed, found in [
            ("aa03", [DONE]),
            ("DIGITS failed", [FAILED]),
            ("small-cnn natural c1", [NATURAL]),
            ("demo", 6),
        ]:
            pilot.app.choices.filter = typed
            pilot.app.screen.draw()
            assert pane.order == found or len(pane.order) == found


async def test_saved_filters_go_round(open_runs, run):
    async with open_runs() as (pilot, pane):
        pilot.app.project.put(
            [run("digits-pgd-c9-s0-bb01", sweep="other"), run("digits-pgd-c9-s1-bb02", state="diverged")]
        )
        found = {}
        for _ in range(4):
            await pilot.press("f")
            found[pilot.app.choices.saved_filter] = list(pane.order)
        assert found["running"] == [RUNNING, QUEUED]
        assert found["failed"] == [FAILED, "digits-pgd-c9-s1-bb02"]
        assert "digits-pgd-c9-s0-bb01" not in found["this sweep"]
        assert len(found["all"]) == 8


# Sorting


@pytest.fixture
def ranked(run):
    """Runs of which some have no number yet."""
    numbers = [0.6, None, 0.5, 0.7, None, 0.6]
    return [
        run(f"digits-pgd-c{index}-s0-{index:04x}", capacity=float(9 - index), adversarial_inference_accuracy=number)
        for index, number in enumerate(numbers)
    ]


def numbers(pane):
    return [pane.project.runs[run_id].inference_accuracy("adversarial") for run_id in pane.order]


async def test_runs_without_the_number_are_last_in_both_directions(open_runs, ranked):
    async with open_runs(ranked) as (pilot, pane):
        pilot.app.choices.sort = "LEAKAGE"
        pilot.app.screen.draw()
        assert numbers(pane) == [0.5, 0.6, 0.6, 0.7, None, None]
        await pilot.press("S")
        assert numbers(pane) == [0.7, 0.6, 0.6, 0.5, None, None]


async def test_sorting_goes_through_the_columns_and_back_to_the_order_of_submission(open_runs, ranked):
    async with open_runs(ranked) as (pilot, pane):
        submitted = list(pane.order)
        for name in SORTS:
            await pilot.press("s")
            assert pilot.app.choices.sort == name
            assert sorted(pane.order) == sorted(submitted)
        await pilot.press("s")
        assert pane.order == submitted
        await pilot.press("S")
        assert pane.order == submitted[::-1]


async def test_the_column_sorted_by_has_an_arrow(open_runs, ranked):
    async with open_runs(ranked) as (pilot, pane):
        await pilot.press("s", "s", "s")
        assert pilot.app.choices.sort == "LEAKAGE"
        assert "INF ACC▼" in line_text(pane.shown.head[0])
        assert "sort inf acc ▼" in pane.shown.title


async def test_the_cursor_keeps_its_run_when_rows_are_sorted_filtered_or_come(open_runs, ranked, run):
    async with open_runs(ranked) as (pilot, pane):
        await pilot.press("j", "j", "j")
        chosen = pilot.app.choices.current
        assert chosen == ranked[3].run_id
        await pilot.press("s", "S")
        assert pane.order[pane.shown.cursor] == chosen
        pilot.app.choices.filter = "c3"
        pilot.app.screen.draw()
        assert (pane.order, pane.shown.cursor) == ([chosen], 0)
        pilot.app.choices.filter = ""
        pilot.app.project.put([run("a-new-one-0000")])
        pilot.app.screen.draw()
        assert pane.order[pane.shown.cursor] == chosen


async def test_a_cursor_on_a_run_that_is_filtered_away_goes_to_the_first(open_runs, ranked):
    async with open_runs(ranked) as (pilot, _):
        await pilot.press("j", "j")
        pilot.app.choices.filter = "c4"
        pilot.app.screen.draw()
        assert pilot.app.choices.current == ranked[4].run_id


async def test_a_run_chosen_in_the_queue_stays_chosen_though_the_list_hides_it(open_runs):
    async with open_runs(size=(120, 40)) as (pilot, pane):
        pilot.app.choices.filter = "natural"
        await pilot.press("4", "j")
        assert pilot.app.choices.current in (RUNNING, QUEUED, FAILED)
        assert pane.shown.cursor is None
        await pilot.press("1", "j")
        assert pilot.app.choices.current in pane.order


# On the chart


async def test_space_takes_a_run_off_the_chart_and_puts_it_back(open_runs):
    async with open_runs() as (pilot, pane):
        await pilot.press("space")
        assert pilot.app.choices.off == {NATURAL}
        assert line(pane, NATURAL).startswith(" ▸")
        await pilot.press("space")
        assert not pilot.app.choices.off


async def test_all_visible_runs_go_on_the_chart_or_off_together(open_runs):
    async with open_runs() as (pilot, pane):
        await pilot.press("A")
        assert pilot.app.choices.off == set(pane.order)
        pilot.app.choices.filter = "natural"
        await pilot.press("A")
        assert pilot.app.choices.off == {DONE, RUNNING, FAILED, QUEUED}
        await pilot.press("A")
        assert len(pilot.app.choices.off) == 6


async def test_marks_for_a_comparison_are_shown_and_can_be_taken_back(open_runs):
    async with open_runs() as (pilot, pane):
        await pilot.press("M", "j", "M")
        assert len(pilot.app.choices.marked) == 2
        assert line(pane, pilot.app.choices.current)[:3] == "◆▸•"
        await pilot.press("M")
        assert pilot.app.choices.marked == [NATURAL]


async def test_what_is_copied_begins_with_the_whole_id(open_runs):
    async with open_runs() as (_, pane):
        assert pane.line_to_copy().startswith(f"{NATURAL}  ◆▸")


# The numbers


async def test_the_column_shows_the_chosen_number_or_none(open_runs):
    def leakage(run_id=None, **_):
        return [] if run_id else [{"run_id": DONE, "class_label": None, "value": 0.583, "leaks": None}]

    async with open_runs(answers={"leakage": leakage}) as (pilot, pane):
        await pilot.press("T")
        assert line(pane, DONE).split()[-1] == "58.3"
        assert line(pane, NATURAL).split()[-1] == "—"
        assert pane.shown.title == "6 · conf (adv) · held-out"


async def test_a_number_that_is_not_told_apart_from_a_guess_is_marked_and_the_mark_explained(open_runs):
    def leakage(run_id=None, attack="", **_):
        return [] if run_id else [{"run_id": DONE, "class_label": None, "value": 0.583, "leaks": attack == "gap"}]

    async with open_runs(size=(80, 24), answers={"leakage": leakage}) as (pilot, pane):
        assert "57.0≈" in line(pane, NATURAL)
        assert "61.0 " in line(pane, DONE)
        assert line(pane, NATURAL).index("57.0≈") == line(pane, DONE).index("61.0")
        assert "1/6 · ≈ may be luck · / filter" in pane.shown.note
        pilot.app.choices.attack = "entropy"
        pilot.app.screen.draw()
        assert "58.3≈" in line(pane, DONE)
        assert "≈ may be luck" in pane.shown.note
        pilot.app.choices.attack = "gap"
        pilot.app.screen.draw()
        assert "≈" not in pane.text() + pane.shown.note


async def test_the_mark_in_the_summary_is_explained_too(open_runs):
    async with open_runs(size=(200, 60)) as (pilot, pane):
        pilot.app.choices.metric = "benign_test"
        pilot.app.screen.draw()
        assert any("adversarial" in line_text(found) and "57.0≈" in line_text(found) for found in pane.shown.foot)
        assert "≈ may be luck" in pane.shown.note
        await pilot.press("j")
        assert "≈" not in pane.shown.note


@pytest.mark.parametrize("metric", ["inference_accuracy", "advantage", "auc", "tpr_at_fpr_0.001", "benign_test"])
@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
async def test_no_number_is_cut_whichever_is_chosen(open_runs, metric, size):
    def leakage(run_id=None, **_):
        return [] if run_id else [{"run_id": DONE, "class_label": None, "value": 1.0, "leaks": False}]

    async with open_runs(size=size, answers={"leakage": leakage}) as (pilot, pane):
        told = pilot.app.project.runs[DONE]
        numbers = told.numbers | {("adversarial", "oracle"): 1.0}
        pilot.app.project.runs[DONE] = told._replace(numbers=numbers, leaks={"adversarial": False})
        pilot.app.choices.metric = metric
        pilot.app.screen.draw()
        assert ("97.0" if metric == "benign_test" else "100.0≈") in line(pane, DONE)
        assert "…" not in line_text(pane.shown.head[0])


@pytest.mark.parametrize("size", [(80, 24), (100, 30), (120, 40), (160, 44), (200, 60)])
async def test_the_title_says_what_the_numbers_are_however_long_that_is(open_runs, size):
    async with open_runs(size=size) as (pilot, pane):
        view = pilot.app.choices
        view.rule = "heldout"
        for view.attack, view.leak_view, view.metric in itertools.product(
            tuple(registry.ATTACKS), VIEWS, ("advantage", "auc")
        ):
            pilot.app.screen.draw()
            assert (
                f"({view.leak_view})" in pane.border_title
                or f"({registry.VIEWS[view.leak_view].short})" in pane.border_title
            )
            assert ("held-out" in pane.border_title) is (metrics.rule_of(view) == "heldout")
            assert "…" not in pane.border_title
        for view.metric in (metric.id for metric in metrics.METRICS):
            pilot.app.screen.draw()
            assert pane.border_title.startswith("1 Runs  ")


async def test_a_chosen_accuracy_stands_in_the_table_once(open_runs):
    async with open_runs(size=(200, 60)) as (pilot, pane):
        pilot.app.choices.metric = "adversarial_test"
        pilot.app.screen.draw()
        header = line_text(pane.shown.head[0])
        assert header.count("ADV TEST") == 1
        assert line(pane, DONE).split()[-2:] == ["80.0", "97.0"]


# Empty, and many


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"link": "files"}, "No runs yet. n plans a sweep."),
        ({"link": "files", "read_only": True}, "No runs yet."),
        ({"link": "opening"}, "opening …"),
    ],
)
async def test_an_empty_list_says_why(open_runs, options, said):
    async with open_runs([], **options) as (_, pane):
        assert pane.text().strip() == said


async def test_only_lines_in_sight_are_made_of_many_runs(open_runs, run, monkeypatch):
    rows = [run(f"digits-pgd-c{index}-s0-{index:04x}", capacity=1.0 + index) for index in range(500)]
    async with open_runs(rows) as (pilot, pane):
        made, progress = set(), type(pane)._progress

        def count(self, models):
            made.add(models[0].run_id)
            return progress(self, models)

        monkeypatch.setattr(type(pane), "_progress", count)
        await pilot.press("j")
        assert len(made) <= pane.size.height
        await pilot.press("G")
        assert pilot.app.choices.current == rows[-1].run_id
