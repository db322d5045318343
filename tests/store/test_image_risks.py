"""How often the models of a population betray an image: shares by plain counting, renewed with the attack."""

from dataclasses import replace

import numpy as np
import pytest

from engine.events import ATTACK_SCORE_TYPES, AttackScores, AttackStarted
from engine.spec.experiment import Inference
from store import decoding


@pytest.fixture
def population(store, experiment, log, scores):
    """Four runs of one population with six members of ten images each, attacked in two views; what was told."""
    told = []
    for seed in range(4):
        one = experiment(seed=seed)
        one = replace(one, data=replace(one.data, split="random"), inference=Inference(attacks=("lira",)))
        draw = np.random.default_rng(seed)
        images = draw.permutation(10).astype(np.int32)
        views = [
            replace(scores(one.run_id, view), example=images, label=images % 3) for view in ("benign", "adversarial")
        ]
        store.apply([*log(one), *views])
        for view in views:
            columns = {
                "example": images,
                "member": view.member,
                "score": draw.normal(size=10),
                "found": draw.random(10) < 0.5,
            }
            columns = {name: np.asarray(columns[name], dtype) for name, dtype in ATTACK_SCORE_TYPES.items()}
            told.append(
                AttackScores(run_id=one.run_id, attack="lira", view=view.view, threshold_rule="references", **columns)
            )
    store.apply(told)
    return told


def risks(store, **filters):
    answer = store.query("image_risks", **filters)
    return decoding.decode("image_risks", answer.columns, answer.rows)


def test_an_images_risk_is_the_share_of_its_models_in_which_it_is_found(store, population):
    rows = risks(store)
    assert len({row.population for row in rows}) == 1
    for row in rows:
        own = [
            event.found[np.flatnonzero(event.example == row.example)[0]]
            for event in population
            if event.view == row.view and row.example in event.example[event.member]
        ]
        assert (row.n_found, row.n_models, row.risk) == (sum(own), len(own), sum(own) / len(own))
        assert (row.label, row.threshold_rule) == (row.example % 3, "references")
    assert [row.risk for row in rows if row.view == "benign"] == sorted(
        (row.risk for row in rows if row.view == "benign"), reverse=True
    )
    assert {row.view for row in rows} == {"benign", "adversarial"}


def test_one_run_asks_for_its_whole_population(store, population, experiment, log):
    store.apply(log(experiment(seed=9)))
    assert risks(store, run_id=population[0].run_id) == risks(store)
    assert risks(store, run_id=experiment(seed=9).run_id) == []
    assert {row.view for row in risks(store, view="benign")} == {"benign"}


def test_an_attack_that_begins_again_forgets_its_scores_and_telling_twice_changes_nothing(store, population, tables):
    before = tables(store)
    store.apply(population)
    assert tables(store) == before
    first = population[0].run_id
    store.apply([AttackStarted(run_id=first, attack="lira", settings={"seed": 0}, time=4e9)])
    assert store.session.fetch(f"SELECT count(*) FROM attack_scores WHERE run_id = '{first}'")[1] == [(0,)]
    assert max(row.n_models for row in risks(store)) <= 3
