"""How well attacks with references tell the members of each class, by counts that were planted."""

from dataclasses import replace
from statistics import fmean, stdev

import numpy as np
import pytest

from engine.events import ATTACK_SCORE_TYPES, AttackScores, ClassNames
from engine.spec.experiment import Inference
from store import decoding

SEEDS, IMAGES = 5, 40


@pytest.fixture
def population(store, experiment, log, scores):
    """Five runs; of each image its class, whether it is a member, and whether it is found: class 1 mostly is."""
    told = {}
    for seed in range(SEEDS):
        one = experiment(seed=seed)
        one = replace(one, data=replace(one.data, split="random"), inference=Inference(attacks=("lira",)))
        draw = np.random.default_rng(seed)
        images, member = draw.permutation(IMAGES), np.arange(IMAGES) < IMAGES // 2
        label = images % 3
        found = member & (label == 1) & (draw.random(IMAGES) < 0.8) | (draw.random(IMAGES) < 0.1)
        same = {"example": images.astype(np.int32), "label": label.astype(np.int32), "member": member}
        sides = {"members": IMAGES // 2, "nonmembers": IMAGES // 2}
        views = [replace(scores(one.run_id, view, **sides), **same) for view in ("benign", "adversarial")]
        columns = {"example": images, "member": member, "score": draw.normal(size=IMAGES), "found": found}
        columns = {name: np.asarray(columns[name], dtype) for name, dtype in ATTACK_SCORE_TYPES.items()}
        attacked = AttackScores(run_id=one.run_id, attack="lira", view="benign", threshold_rule="references", **columns)
        store.apply([*log(one), ClassNames(run_id=one.run_id, names=["a", "b", "c"]), *views, attacked])
        told[one.run_id] = (label, member, found)
    return told


def risks(store, **filters):
    answer = store.query("class_risks", **filters)
    return decoding.decode("class_risks", answer.columns, answer.rows)


def test_each_class_and_all_together_are_counted_in_the_mean_over_models(store, population):
    rows = risks(store, run_id=next(iter(population)))
    assert [(row.class_label, row.class_name) for row in rows] == [(None, None), (0, "a"), (1, "b"), (2, "c")]
    for row in rows:
        own = []
        for label, member, found in population.values():
            of_it = np.full(IMAGES, True) if row.class_label is None else label == row.class_label
            own.append((found[of_it & member], found[of_it & ~member]))
        rates = [(inside.mean(), outside.mean()) for inside, outside in own]
        assert row.tpr == pytest.approx(fmean(rate for rate, _ in rates))
        assert row.fpr == pytest.approx(fmean(rate for _, rate in rates))
        assert row.std == pytest.approx(stdev(inside - outside for inside, outside in rates))
        assert (row.n_models, row.n_member) == (SEEDS, min(len(inside) for inside, _ in own))
        assert row.n_nonmember == min(len(outside) for _, outside in own)


def test_runs_of_no_population_and_of_another_one_have_no_part_in_it(store, population, experiment, log):
    store.apply(log(experiment(seed=9)))
    assert risks(store, run_id=experiment(seed=9).run_id) == []
    assert risks(store, view="certified") == []
    assert len(risks(store)) == 4
