"""Seeds of a setting, which share a line of the list of runs."""

from explorer.app.screens.choose import ChooseSome
from explorer.results.lines import line_text

NATURAL = "digits-natural-c1-s0-aa01"


def lines(pane):
    return [line_text(line) for line in pane.shown.lines]


def models(run, *seeds, population="p1", **fields):
    """Models of one population, with their leakage and accuracies."""
    numbers = {"adversarial_leaks": True, "adversarial_test_accuracy": 0.8}
    return [
        run(
            f"digits-pgd-c1-e0.1-s{seed}-bb{seed:02x}",
            seed=seed,
            population=population,
            **numbers | {"adversarial_inference_accuracy": 0.6 + seed / 100} | fields,
        )
        for seed in seeds
    ]


async def test_a_population_is_one_line_with_the_mean_of_its_models(open_runs, run):
    rows = [run(NATURAL, defense="natural", epsilon=0.0), *models(run, 0, 1, 2, 3)]
    async with open_runs(rows, size=(160, 50)) as (_, pane):
        assert len(pane.order) == 2
        words = lines(pane)[1].split()
        assert words[:5] == ["●", "pgd-c1-e0.1", "×4", "✔", "done"]
        assert "61.5" in words


async def test_enter_opens_a_population_and_its_key_folds_it(open_runs, run):
    rows = [run(NATURAL, defense="natural", epsilon=0.0), *models(run, 0, 1, 2)]
    async with open_runs(rows) as (pilot, pane):
        await pilot.press("j", "enter")
        assert [line.split()[1] for line in lines(pane)[2:]] == ["pgd-c1-e0.1-s1", "pgd-c1-e0.1-s2"]
        await pilot.press("G")
        assert pilot.app.choices.current == rows[-1].run_id
        await pilot.press("o")
        assert [len(pane.order), pilot.app.choices.current] == [2, rows[-1].run_id]
        assert pane.shown.cursor == 1
        assert "o seeds" in pane.shown.note


async def test_a_population_is_put_on_the_chart_and_taken_off_it_as_one(open_runs, run):
    async with open_runs(models(run, 0, 1, 2)) as (pilot, _):
        await pilot.press("space")
        assert pilot.app.choices.off == {row.run_id for row in models(run, 0, 1, 2)}
        await pilot.press("space")
        assert pilot.app.choices.off == set()


async def test_a_line_of_models_shows_what_asks_for_attention(open_runs, run):
    rows = [*models(run, 0), *models(run, 1, state="failed"), *models(run, 2, state="queued", started=None)]
    async with open_runs(rows) as (_, pane):
        assert "✗ 1/3" in lines(pane)[0]
        assert lines(pane)[0].startswith("○")


async def test_a_run_that_is_alone_is_not_folded(open_runs):
    async with open_runs() as (pilot, pane):
        await pilot.press("o")
        assert len(pane.order) == 6
        assert "one seed only" in str([note.message for note in pilot.app._notifications])


async def test_the_natural_twin_stands_above_the_list_with_the_mean_of_its_seeds(open_runs, run):
    natural = [
        run(
            f"digits-natural-c1-s{seed}-aa0{seed}",
            defense="natural",
            epsilon=0.0,
            seed=seed,
            population=None,
            adversarial_inference_accuracy=0.51 + seed / 50,
        )
        for seed in (0, 1)
    ]
    async with open_runs([*natural, *models(run, 0, 1, population=None)], size=(160, 50)) as (pilot, pane):
        assert "others are held against it" in line_text(pane.shown.head[1])
        await pilot.press("j", "z")
        await pilot.pause()
        twin = line_text(pane.shown.head[1]).split()
        assert twin[:5] == ["◆", "natural-c1", "×2", "its", "twin"]
        assert {"52.0", "±1.4"} <= set(twin)
        assert "±0.7" in lines(pane)[1].split()


async def test_columns_are_chosen_from_a_list_and_kept(open_runs, until):
    async with open_runs(size=(160, 50)) as (pilot, pane):
        await pilot.press("z", "W")
        await until(pilot, lambda: isinstance(pilot.app.screen, ChooseSome) and pilot.app.screen.focused)
        await pilot.press("space", "end", "space", "enter")
        await until(pilot, lambda: pilot.app.choices.columns)
        assert "STATE" not in pilot.app.choices.columns
        assert pilot.app.choices.columns[-1] == "TOOK"
        header = line_text(pane.shown.head[0]).split()
        assert "TOOK" in header
        assert "STATE" not in header
        await pilot.press("W")
        await until(pilot, lambda: isinstance(pilot.app.screen, ChooseSome) and pilot.app.screen.focused)
        await pilot.press("0")
        await until(pilot, lambda: not pilot.app.choices.columns)


async def test_a_click_on_a_header_sorts(open_runs):
    async with open_runs(size=(160, 50)) as (pilot, pane):
        at = line_text(pane.shown.head[0]).index("INF ACC")
        await pilot.click(pane, offset=(at + 2, 1))
        assert pilot.app.choices.sort == "LEAKAGE"
        assert "INF ACC▼" in line_text(pane.shown.head[0])


async def test_lines_of_one_name_are_told_apart(open_runs, run):
    rows = [run("digits-pgd-c1-e0.1-s0-bb01"), run("digits-pgd-c1-e0.1-s0-cc02", setting="temperature 2")]
    async with open_runs(rows, size=(160, 50)) as (pilot, pane):
        assert [line.split()[1:3] for line in lines(pane)] == [["pgd-c1-e0.1-s0", "#bb0"], ["pgd-c1-e0.1-s0", "#cc0"]]
        await pilot.press("z")
        await pilot.pause()
        assert "temperature 2" in lines(pane)[1]
