import pytest

from explorer.charts import chart_lines
from explorer.charts.axes import spans
from explorer.charts.kinds_of_chart import COMPANIONS
from explorer.charts.read_out import table_text
from explorer.project.choices import CHARTS, SCALES
from explorer.results.lines import line_text


def labels(pane):
    return [curve.label for curve in pane.drawing.chart.series]


def seen(pane):
    return pane._seen(pane.drawing.chart)


# What is drawn


async def test_the_chart_shows_natural_and_robust_curves_with_what_they_are(open_chart):
    async with open_chart() as (_, pane):
        assert labels(pane) == ["natural", "pgd eps 0.05", "pgd eps 0.1", "pgd eps 0.1 paper"]
        legend = line_text(pane.shown.lines[0])
        assert "◆ natural" in legend
        assert "● pgd eps 0.1" in legend or "■ pgd eps 0.1" in legend
        assert pane.border_title == "2 Capacity  inf acc % · confidence (adversarial) · oracle · 95 % CI"
        assert pane.border_subtitle.startswith("h l read · [ ] chart · m metric")


@pytest.mark.parametrize("size", [(80, 24), (100, 30), (120, 40), (160, 44), (200, 60)])
async def test_titles_and_notes_are_never_cut_within_a_word(open_chart, size):
    async with open_chart(size=size) as (pilot, pane):
        for key in ["]"] * len(CHARTS):
            for found in (pane, pane.companion):
                if found.display:
                    assert "…" not in found.border_title.removesuffix("asking …")
                    assert "…" not in found.border_subtitle
                    assert found.border_title.split()[0] == found.NUMBER
            await pilot.press(key)


async def test_brackets_and_the_palette_step_through_the_charts(open_chart):
    async with open_chart() as (pilot, pane):
        seen = []
        for _ in CHARTS:
            seen.append(pane.drawing.title.split()[0].lower())
            await pilot.press("]")
        assert tuple(seen) == CHARTS
        await pilot.press("[")
        assert pilot.app.choices.chart == CHARTS[-1]
        assert [kind for _, kind in pane.choices_next()] == list(CHARTS)
        pilot.app.screen.action_act("chart.next", "epsilon")
        assert pilot.app.choices.chart == "epsilon"


async def test_a_roc_curve_begins_on_logarithmic_axes_and_each_chart_keeps_its_own(open_chart):
    async with open_chart() as (pilot, pane):
        await pilot.press("x", "]", "]", "]")
        assert pane.kind == "roc"
        assert (pane.drawing.chart.x_log, pane.drawing.chart.y_log) == (True, True)
        await pilot.press("x")
        assert (pane.drawing.chart.x_log, pane.drawing.chart.y_log) == (False, False)
        assert pilot.app.choices.scales == {"capacity": "log x", "roc": "linear"}


async def test_the_companion_draws_what_goes_with_the_chart(open_chart, two_epsilons):
    async with open_chart(two_epsilons, size=(200, 60)) as (pilot, pane):
        for kind in CHARTS:
            assert pilot.app.choices.chart == kind
            assert pane.companion.kind == COMPANIONS[kind]
            assert pane.companion.companion is pane
            assert pane.companion.drawing.title.split()[0].lower() == COMPANIONS[kind]
            await pilot.press("]")


async def test_runs_taken_off_leave_the_chart_and_an_empty_one_says_which_key_helps(open_chart):
    async with open_chart() as (pilot, pane):
        await pilot.press("1", "A", "2")
        assert "Nothing on the chart." in pane.text()
        assert "space on a run adds it; A adds all visible." in pane.text()
        assert pane.drawing.chart is None
        for key in ("l", "h", "plus", "minus", "0", "m", "a", "y"):
            await pilot.press(key)


async def test_words_in_a_charts_place_are_wrapped(open_chart):
    async with open_chart(size=(80, 24), given={}) as (_, pane):
        lines = [line_text(line) for line in pane.shown.lines]
        assert all(len(line) <= pane.size.width for line in lines)
        assert "No inference accuracy % · confidence (adversarial) · oracle in the 3 finished runs." in " ".join(
            " ".join(lines).split()
        )


async def test_an_old_picture_stays_while_its_next_answer_is_on_its_way(open_chart, chart_answers):
    async with open_chart() as (pilot, pane):
        pilot.app.project.given_answers = chart_answers | {"capacity": None}
        before = pane.text()
        pilot.app.choices.filter = "digits"
        pilot.app.screen.draw()
        assert pane.text() == before
        assert pane.border_subtitle == "asking …"
        pilot.app.project.query_cache.trouble = "the engine is gone"
        pilot.app.screen.draw()
        assert "the engine is gone" in pane.text()


async def test_another_chart_never_shows_the_picture_of_the_one_before(open_chart, chart_answers):
    async with open_chart() as (pilot, pane):
        pilot.app.project.given_answers = chart_answers | {"seeds_history": None}
        await pilot.press("]", "]")
        assert pane.text().split() == ["asking", "…"]


async def test_a_chart_seen_before_is_not_drawn_again(open_chart):
    def drawn():
        return chart_lines.draw.cache_info().misses

    async with open_chart() as (pilot, pane):
        before = drawn()
        pilot.app.screen.draw()
        await pilot.press("1", "j", "2")
        assert drawn() == before
        await pilot.press("l")
        assert drawn() == before + 1
        await pilot.press("h", "l")
        assert drawn() <= before + 2
        assert pane.shown.lines


async def test_before_a_run_has_ended_the_chart_shows_how_those_that_run_are_trained(open_chart, run):
    rows = [run("a-0001", state="running", ended=None), run("b-0002", state="queued", started=None, ended=None)]
    async with open_chart(rows=rows) as (pilot, pane):
        assert (pilot.app.choices.chart, pane.kind) == ("capacity", "history")
        assert pane.border_title.startswith("2 History (capacity waits for a run)")
        assert labels(pane) == ["▸pgd eps 0.1"]
        pilot.app.project.put([run("a-0001")])
        pilot.app.screen.draw()
        assert pane.kind == "capacity"
        assert pane.border_title.startswith("2 Capacity ")


# Crosshair and zoom


async def test_the_crosshair_reads_every_curve_and_stops_at_the_ends(open_chart):
    async with open_chart() as (pilot, pane):
        await pilot.press("l")
        assert pane.crosshair == 1.0
        assert pane.border_subtitle.startswith("capacity 1: ")
        assert "◆ natural 53.0 ±2.0" in pane.line_to_copy()
        await pilot.press("h")
        assert pane.crosshair == 1.0
        await pilot.press("l", "l", "l", "l")
        assert pane.crosshair == 4.0
        assert any("┊" in line_text(line) for line in pane.shown.lines)


async def test_a_read_out_without_room_for_names_keeps_marks_and_numbers(open_chart):
    async with open_chart(size=(80, 24)) as (pilot, pane):
        await pilot.press("l", "l")
        assert pane.border_subtitle == "capacity 2: ◆ 54.0 ±2.0  ○ 61.0 ±2.0  × 66.0"
        assert "natural" in pane.line_to_copy()


async def test_arrow_keys_move_the_crosshair_too(open_chart):
    async with open_chart() as (pilot, pane):
        await pilot.press("right", "right", "left")
        assert pane.crosshair == 1.0
        await pilot.press("1", "right")
        assert pane.crosshair == 2.0


async def test_a_dense_curve_is_walked_in_a_hundred_steps(open_chart):
    async with open_chart() as (pilot, pane):
        await pilot.press("]", "]", "l", "l")
        assert pane.crosshair == 12.0
        assert pane.border_subtitle.startswith("step 12: ")


def inside(pane):
    whole = spans(pane.drawing.chart).x
    return pane.x_range is None or whole[0] <= pane.x_range[0] < pane.x_range[1] <= whole[1]


@pytest.mark.parametrize(
    ("kind", "scale"),
    [
        pytest.param(kind, scale, marks=() if kind == "capacity" or scale == "linear" else pytest.mark.slow)
        for kind in CHARTS
        for scale in SCALES
    ],
)
async def test_zooming_and_panning_never_leave_the_data(open_chart, chart_answers, fact, kind, scale):
    if kind == "setting":
        swept = [fact(0.5 + at / 100, setting=f"temperature {at}") for at in (2, 5, 10)]
        chart_answers["capacity"] = lambda **_: swept
    async with open_chart() as (pilot, pane):
        pilot.app.choices.chart, pilot.app.choices.scales = kind, {kind: scale}
        pilot.app.screen.draw()
        act = pilot.app.screen.action_act
        for name in (*["zoom-in"] * 12, *["pan-left"] * 5, *["pan-right"] * 9, *["zoom-out"] * 3, "right", "zoom-in"):
            act(f"chart.{name}")
            assert inside(pane)
            assert len(pane.shown.lines) == pane.size.height
        assert pane.x_range is not None
        for _ in range(20):
            act("chart.zoom-out")
        assert pane.x_range is None
        act("chart.zoom-in")
        act("chart.zoom-reset")
        assert pane.x_range is None


async def test_zooming_is_at_the_crosshair_or_at_the_point_nearest_to_the_middle(open_chart):
    async with open_chart() as (pilot, pane):
        await pilot.press("plus", "plus", "plus", "plus")
        low, high = pane.x_range
        assert any(low <= x <= high for x in (1.0, 2.0, 4.0))
        await pilot.press("0", "h", "h", "h", "l", "plus", "plus", "plus")
        low, high = pane.x_range
        assert low <= pane.crosshair <= high


async def test_the_window_follows_the_crosshair(open_chart):
    async with open_chart() as (pilot, pane):
        await pilot.press("l", *["plus"] * 6)
        assert pane.x_range[1] < 4.0
        await pilot.press("l", "l")
        low, high = pane.x_range
        assert low <= 4.0 <= high


async def test_another_chart_and_other_data_undo_a_zoom_that_makes_no_sense(open_chart, fact):
    async with open_chart() as (pilot, pane):
        await pilot.press("l", *["plus"] * 4)
        pilot.app.project.given_answers = {"capacity": [fact(0.6, capacity=50.0), fact(0.6, capacity=90.0)]}
        pilot.app.screen.draw()
        assert inside(pane)
        assert pane.crosshair == 50.0
        await pilot.press("]")
        assert (pane.crosshair, pane.x_range) == (None, None)


# Two charts


async def test_matched_axes_hold_both_charts(open_chart, two_epsilons):
    async with open_chart(two_epsilons, size=(200, 60)) as (pilot, pane):
        await pilot.press("equals_sign")
        mine, its = seen(pane), seen(pane.companion)
        assert mine.y_range == its.y_range
        assert mine.y_range is not None
        pilot.app.screen.action_act("chart.metric", "benign_test")
        assert pilot.app.choices.metric == "benign_test"
        assert pane.companion.drawing.chart is None
        await pilot.press("equals_sign")
        assert seen(pane).y_range is None


async def test_matching_axes_with_a_chart_that_is_not_there_changes_nothing(open_chart):
    async with open_chart() as (pilot, pane):
        await pilot.press("equals_sign")
        assert pilot.app.choices.same_axes
        assert seen(pane).y_range is None


async def test_keys_move_the_crosshair_of_the_chart_that_has_the_focus(open_chart, two_epsilons):
    async with open_chart(two_epsilons, size=(200, 60)) as (pilot, pane):
        pane.companion.focus()
        await pilot.press("l")
        assert pane.crosshair is None
        assert pane.companion.crosshair == 0.05
        assert pane.companion.border_subtitle.startswith("eps 0.05: ")
        await pilot.press("escape")
        assert pane.companion.crosshair is None
        await pilot.press("]")
        assert pilot.app.choices.chart == "epsilon"


# Curves that are put away


async def click_on(pilot, pane, words):
    """Click on the words in the pane's legend."""
    lines = list(map(line_text, pane.shown.lines))
    y = next(y for y, line in enumerate(lines) if words in line)
    assert await pilot.click(pane, offset=(lines[y].index(words) + 1, y + 1))
    await pilot.pause()


@pytest.mark.parametrize("ascii_only", [False, True])
async def test_a_click_on_the_legend_hides_a_curve_and_another_shows_it_again(open_chart, ascii_only):
    async with open_chart(ascii=ascii_only) as (pilot, pane):
        before, all_labels = pane.text(), labels(pane)
        await click_on(pilot, pane, "pgd eps 0.1")
        assert labels(pane) == ["natural", "pgd eps 0.05"]
        assert pilot.app.choices.hidden_curves == ["pgd eps 0.1"]
        assert pane.border_title.startswith("2 Capacity (1 hidden)  ")
        assert " pgd eps 0.1)" in line_text(pane.shown.lines[0])
        assert "pgd eps 0.1 " in table_text(pane.drawing)
        await click_on(pilot, pane, "eps 0.1)")
        assert labels(pane) == all_labels
        assert pane.text() == before


async def test_a_click_beside_the_legend_hides_nothing(open_chart):
    async with open_chart() as (pilot, pane):
        await pilot.click(pane, offset=(30, 10))
        assert pilot.app.choices.hidden_curves == []


async def test_a_hidden_curve_is_hidden_in_every_chart_that_has_it_and_the_read_out_says_so(open_chart):
    async with open_chart() as (pilot, pane):
        pilot.app.screen.action_act("chart.curve", "natural")
        await pilot.press("l")
        assert pane.line_to_copy().endswith(" (1 hidden)")
        assert ("show natural", "natural") in pane.choices_curve()
        await pilot.press("]", "]")
        assert pane.kind == "history"
        assert not any("natural" in label for label in labels(pane))
        assert "(◆ ▸natural)" in line_text(pane.shown.lines[0])
        pilot.app.screen.action_act("chart.curve", "natural")
        assert any("natural" in label for label in labels(pane))


async def test_a_chart_whose_curves_are_all_hidden_says_so_and_its_axes_adapt(open_chart):
    async with open_chart() as (pilot, pane):
        wide = spans(seen(pane))
        pilot.app.screen.action_act("chart.curve", "natural")
        assert spans(seen(pane)).y != wide.y
        for _, name in pane.choices_curve()[1:]:
            pilot.app.screen.action_act("chart.curve", name)
        assert "every curve is hidden" in pane.text()
        await pilot.press("l", "plus")
        await click_on(pilot, pane, "(◆ natural)")
        assert labels(pane) == ["natural"]
