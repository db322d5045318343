"""What is asked for, in which order, and by which sweeps."""

import pytest

from store.store import NewRun, Store, StoreError


def new(experiment, **place):
    return NewRun(experiment.run_id, experiment.to_dict(), place or {"data_root": "images"})


def test_unknown_runs_are_queued_and_known_ones_only_join_the_sweep(store, experiment, log):
    a, b, c = (experiment(seed=seed) for seed in range(3))
    assert store.enqueue("first", [new(a), new(b), new(a)]) == [a.run_id, b.run_id]
    store.apply(log(a))
    assert store.enqueue("second", [new(c), new(a)]) == [c.run_id]
    assert store.enqueue("second", [new(c), new(a), new(b)]) == []
    assert store.states([a.run_id, b.run_id, "nothing"]) == {a.run_id: "done", b.run_id: "queued"}
    members = store.session.fetch("SELECT run_id FROM sweeps WHERE sweep = 'second' ORDER BY position")[1]
    assert members == [(c.run_id,), (a.run_id,), (b.run_id,)]
    assert dict(zip(*zip(*store.session.fetch("SELECT run_id, sweep FROM runs")[1], strict=True), strict=True)) == {
        a.run_id: "first",
        b.run_id: "first",
        c.run_id: "second",
    }


def test_pending_goes_by_priority_then_by_submission_and_survives_reopening(path, experiment, log):
    low, high, done, running = (experiment(seed=seed) for seed in range(4))
    with Store(path) as store:
        store.enqueue("s", [new(done), new(running), new(low)])
        store.enqueue("s", [new(high, data_root="elsewhere")], priority=1)
        store.apply(log(done))
        store.apply(log(running)[:1])
        store.set_state(running.run_id, "running", attempts=2)
    with Store(path) as store:
        waiting = store.pending()
        assert [run.run_id for run in waiting] == [high.run_id, running.run_id, low.run_id]
        assert [run.state for run in waiting] == ["queued", "running", "queued"]
        assert waiting[0].experiment == high.to_dict()
        assert waiting[0].place == {"data_root": "elsewhere"}
        assert [run.attempts for run in waiting] == [0, 2, 0]
        store.set_priority(low.run_id, 7)
        assert store.pending()[0][:1] + store.pending()[0][4:6] == (low.run_id, 7, 0)


def test_an_imported_run_takes_the_place_and_the_sweep_it_lacks(store, experiment, log):
    asked = experiment()
    store.apply(log(asked)[:2])
    assert store.pending()[0].place == {}
    assert store.enqueue("s", [new(asked)]) == []
    assert store.pending()[0].place == {"data_root": "images"}
    assert store.query("runs").rows[0][3] == "s"


@pytest.mark.parametrize(("state", "place"), [("queued", "elsewhere"), ("failed", "elsewhere"), ("done", "images")])
def test_a_run_asked_for_again_is_looked_for_where_its_data_lies_now(store, experiment, state, place):
    asked = experiment()
    store.enqueue("s", [new(asked)])
    store.set_state(asked.run_id, state)
    assert store.enqueue("t", [new(asked, data_root="elsewhere")]) == []
    store.set_state(asked.run_id, "queued")
    assert store.pending()[0].place == {"data_root": place}
    assert store.query("runs").rows[0][3] == "s"


def test_a_decided_end_is_dated_and_a_retry_clears_the_error(store, experiment):
    asked = experiment()
    store.enqueue("s", [new(asked)])
    store.set_state(asked.run_id, "failed", "out of memory", attempts=1)
    row = "SELECT state, error, attempts, ended IS NULL FROM runs"
    assert store.session.fetch(row)[1] == [("failed", "out of memory", 1, False)]
    store.set_state(asked.run_id, "queued")
    assert store.session.fetch(row)[1] == [("queued", None, 1, False)]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda store: store.set_state("x", "done"), "no run 'x'"),
        (lambda store: store.set_priority("x", 1), "no run 'x'"),
        (lambda store: store.set_state("x", "finished"), "state 'finished' does not exist"),
        (lambda store: store.enqueue("s", [NewRun("x", {"seed": 1}, {})]), "^run x: "),
    ],
)
def test_orders_that_mean_nothing_are_refused_in_one_line(store, call, message):
    with pytest.raises(StoreError, match=message) as refusal:
        call(store)
    assert "\n" not in str(refusal.value)
