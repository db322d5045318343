"""Models of a population in the list of runs."""

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
        assert "o models" in pane.shown.note


async def test_a_population_is_put_on_the_chart_and_taken_off_it_as_one(open_runs, run):
    async with open_runs(models(run, 0, 1, 2)) as (pilot, _):
        await pilot.press("space")
        assert pilot.app.choices.off == {row.run_id for row in models(run, 0, 1, 2)}
        await pilot.press("space")
        assert pilot.app.choices.off == set()


async def test_a_line_of_models_shows_what_asks_for_attention(open_runs, run):
    rows = [*models(run, 0), *models(run, 1, state="failed"), *models(run, 2, state="queued", started=None)]
    async with open_runs(rows) as (_, pane):
        assert "✗ 1/3 done" in lines(pane)[0]
        assert lines(pane)[0].startswith("○")


async def test_a_run_that_is_of_no_population_is_not_folded(open_runs):
    async with open_runs() as (pilot, pane):
        await pilot.press("o")
        assert len(pane.order) == 6
        assert "of no population" in str([note.message for note in pilot.app._notifications])
