"""Facts are named by run, attack and the attack's own settings: what is asked, what is missing, what is replaced."""

from dataclasses import replace

import pytest

from engine.events import AttackEnded, AttackStarted
from engine.spec.experiment import Inference
from store.store import NewRun


@pytest.fixture
def asked(experiment):
    return replace(experiment(), inference=Inference(attacks=("confidence", "gap")))


@pytest.fixture
def enqueue(store):
    """Ask for a run with some settings of attacks; what is then to be done, by run."""

    def asking(run, **inference):
        run = replace(run, inference=replace(run.inference, **inference))
        store.enqueue("s", [NewRun(run.run_id, run.to_dict(), {"data_root": "images"})])
        return {pending.run_id: pending.attacks for pending in store.pending()}

    return asking


def computed(store, run, attack, facts=(), state="done", time=1e9, **own):
    about = {"run_id": run.run_id, "attack": attack, "settings": own}
    store.apply([AttackStarted(**about, time=time), *facts, AttackEnded(**about, time=time + 1, state=state)])


def rows(store):
    return store.session.fetch("SELECT attack, settings, state FROM inferences ORDER BY ALL")[1]


def test_a_new_run_is_asked_for_all_of_its_attacks(asked, enqueue):
    assert enqueue(asked) == {asked.run_id: {"confidence": {"seed": 0, "splits": 20}, "gap": {}}}


def test_a_done_run_waits_only_for_what_it_lacks_or_has_under_other_settings(store, asked, enqueue, log):
    enqueue(asked)
    store.apply(log(asked))
    assert enqueue(asked) == {}
    assert enqueue(asked, per_class=3) == {}, "neither attack reads it"
    assert enqueue(asked, attacks=("gap", "margin")) == {asked.run_id: {"margin": {"seed": 0, "splits": 20}}}
    assert store.states([asked.run_id]) == {asked.run_id: "done"}
    found = enqueue(asked, attacks=("confidence", "margin"), splits=5)
    assert found == {asked.run_id: {attack: {"seed": 0, "splits": 5} for attack in ("confidence", "margin")}}
    assert enqueue(asked, attacks=("confidence",))[asked.run_id].keys() == {"margin"}, "it has that one already"


def test_an_attack_replaces_its_own_numbers_and_leaves_the_rest_alone(store, asked, enqueue, log, leakage):
    enqueue(asked)
    store.apply(log(asked))
    store.apply([leakage(asked.run_id, attack="gap"), leakage(asked.run_id, attack="confidence-robust")])
    before = store.query("accuracies").rows
    enqueue(asked, attacks=("confidence",), splits=5)
    one = leakage(asked.run_id, value=0.9)
    computed(store, asked, "confidence", [one], seed=0, splits=5)
    found = store.session.fetch("SELECT attack, value FROM leakage ORDER BY ALL")[1]
    assert found == [("confidence", 0.9), ("gap", 0.75)]
    assert store.query("accuracies").rows == before
    assert rows(store) == [("confidence", '{"seed":0,"splits":5}', "done"), ("gap", "{}", "done")]
    assert store.pending() == []


def test_telling_an_attack_again_changes_nothing(store, asked, log, tables):
    store.apply(log(asked))
    before = tables(store)
    store.apply([event for event in log(asked) if isinstance(event, AttackStarted)])
    assert tables(store) == before


def test_an_attack_that_failed_leaves_the_run_done_and_may_be_asked_for_again(store, asked, enqueue, log):
    store.apply(log(asked))
    enqueue(asked, attacks=("margin",))
    computed(store, asked, "margin", state="failed", seed=0, splits=20)
    assert store.states([asked.run_id]) == {asked.run_id: "done"}
    assert store.pending() == []
    store.retry([asked.run_id])
    assert [pending.attacks.keys() for pending in store.pending()] == [{"margin"}]
    store.set_attacks_state(asked.run_id, "cancelled")
    assert store.pending() == []
    assert enqueue(asked, attacks=("margin",)).keys() == {asked.run_id}


def test_a_run_that_is_computed_anew_has_all_of_its_attacks_to_do(store, asked, enqueue):
    enqueue(asked)
    computed(store, asked, "gap", state="failed")
    store.set_state(asked.run_id, "failed", "no")
    store.retry([asked.run_id])
    assert [pending.attacks.keys() for pending in store.pending()] == [{"confidence", "gap"}]


@pytest.fixture
def drawn(experiment, store):
    """Runs of one population, by seed, asked for `lira`."""
    one = experiment()
    one = replace(one, data=replace(one.data, split="random"), inference=Inference(attacks=("lira",)))
    return lambda *seeds: [replace(one, seed=seed) for seed in seeds]


def compared(store):
    return {row[0] for row in store.session.fetch("SELECT run_id FROM inferences WHERE state = 'queued'")[1]}


@pytest.mark.parametrize("state", ["done", "failed", "running"])
def test_runs_that_join_a_population_ask_its_others_again_even_those_at_work(store, drawn, state):
    first, second, third = drawn(0, 1, 2)
    store.enqueue("s", [NewRun(run.run_id, run.to_dict(), {}) for run in (first, second)])
    own = first.inference.asked()["lira"]
    for run in (first, second):
        if state == "running":
            store.apply([AttackStarted(run_id=run.run_id, attack="lira", settings=own, time=1e9)])
        else:
            computed(store, run, "lira", state=state, **own)
    assert compared(store) == set()
    store.enqueue("s", [NewRun(third.run_id, third.to_dict(), {})])
    assert compared(store) == {run.run_id for run in (first, second, third)}
    store.apply([AttackEnded(run_id=first.run_id, attack="lira", settings=own, state="done", time=2e9)])
    assert first.run_id in compared(store), "what it found is of fewer references"


def test_a_failed_run_that_is_tried_again_asks_its_population_again(store, drawn):
    first, second = drawn(0, 1)
    store.enqueue("s", [NewRun(run.run_id, run.to_dict(), {}) for run in (first, second)])
    store.set_state(second.run_id, "failed", "no")
    computed(store, first, "lira", **first.inference.asked()["lira"])
    store.retry([first.run_id])
    assert first.run_id not in compared(store)
    store.retry([second.run_id])
    assert first.run_id in compared(store)


def test_a_run_of_the_papers_split_is_compared_with_the_population_of_its_recipe_and_asked_again(store, drawn, log):
    first, second, third = drawn(0, 1, 2)
    target = replace(first, seed=9, data=replace(first.data, split="paper"))
    other = replace(target, capacity=4.0)
    runs = [NewRun(run.run_id, run.to_dict(), {}) for run in (first, second, target, other)]
    store.enqueue("s", runs)
    others = {pending.run_id: set(pending.population) for pending in store.pending()}
    assert others[target.run_id] == {first.run_id, second.run_id}
    assert others[first.run_id] == {second.run_id}, "the target is nobody's reference"
    assert others[other.run_id] == set()
    for run in (first, second, target, other):
        store.apply([event for event in log(run) if not hasattr(event, "attack")])
        computed(store, run, "lira", **run.inference.asked()["lira"])
    assert compared(store) == set()
    store.enqueue("s", [NewRun(third.run_id, third.to_dict(), {})])
    assert compared(store) == {run.run_id for run in (first, second, third, target)}
    assert {pending.run_id for pending in store.pending([third.run_id])} == compared(store)
