"""The histories of a setting's seeds as one."""

from engine.events import History
from store.statements import STEPS


def test_seeds_are_folded_step_by_step_as_far_as_each_got(store):
    told = {"a": {10: 2.0, 20: 1.0}, "b": {10: 4.0}, "other": {10: 100.0}}
    store.apply(
        [
            History(run_id=run_id, step=step, epoch=0, metrics={"loss": value, "lr": 0.1})
            for run_id, values in told.items()
            for step, value in values.items()
        ]
    )
    table = store.query("seeds_history", run_id=["a", "b"])
    assert table.columns == ("metric", "step", "mean", "low", "high", "n_runs")
    assert [row for row in table.rows if row[0] == "loss"] == [
        ("loss", 10, 3.0, 2.0, 4.0, 2),
        ("loss", 20, 1.0, 1.0, 1.0, 1),
    ]
    assert {row[0] for row in store.query("seeds_history", run_id=["a"], metric="lr").rows} == {"lr"}


def test_a_long_history_has_few_points_and_keeps_its_peaks_and_its_end(store):
    values = {step: 9.0 if step == 777 else 1.0 for step in range(1, 2001)}
    store.apply([History(run_id="a", step=step, epoch=0, metrics={"loss": value}) for step, value in values.items()])
    rows = store.query("seeds_history", run_id=["a"]).rows
    assert len(rows) == STEPS
    assert rows[-1][1] == 2000
    assert max(row[4] for row in rows) == 9.0
