"""Facts of attacks with references: from files of answers, with what is planted in them and with nothing."""

import numpy as np
import pytest

from engine import inference
from engine.evaluation import predictions
from engine.evaluation.predictions import Answers, Predictions
from engine.inference.population.audit import population
from engine.spec.experiment import Inference
from engine.validation import SpecError

IMAGES = 400


@pytest.fixture
def written(tmp_path):
    """Writes the answers of so many models, whose members are surer by a shift; gives the files."""

    def write(models, shift, views=("benign",), seed=0):
        draw = np.random.default_rng(seed)
        base = draw.normal(1, 2, IMAGES)
        half = draw.permutation(IMAGES) < IMAGES // 2
        paths = []
        for model in range(models):
            half = ~half if model % 2 else draw.permutation(IMAGES) < IMAGES // 2
            rows = {"train": np.flatnonzero(half), "test": np.flatnonzero(~half)}
            odds = base + draw.normal(size=IMAGES) + shift * half
            answers = {
                split: Answers.from_logits(np.stack([odds[own], np.zeros(len(own))], axis=1).astype(np.float32))
                for split, own in rows.items()
            }
            labels = {split: np.zeros(len(own), np.int64) for split, own in rows.items()}
            index = {split: own.astype(np.int32) for split, own in rows.items()}
            path = tmp_path / f"run{model}" / "predictions.npz"
            path.parent.mkdir(exist_ok=True)
            predictions.save(path, Predictions(labels, index, dict.fromkeys(views, answers)))
            paths.append(path)
        return paths

    return write


def facts(paths, *attacks):
    found = inference.audit_in(population(paths[0], paths), Inference(attacks=attacks))
    return {(fact.attack, fact.view, fact.threshold_rule, fact.metric): fact for fact in found}


@pytest.mark.parametrize("attack", ["lira", "rmia"])
def test_members_are_found_by_comparison_and_thresholds_come_from_references_alone(written, attack):
    found = facts(written(12, 1.5), attack)
    area = found[attack, "benign", "none", "auc"]
    assert area.value > 0.7
    assert area.leaks
    chosen = found[attack, "benign", "references", "inference_accuracy"]
    assert 0.6 < chosen.value <= found[attack, "benign", "oracle", "inference_accuracy"].value
    assert chosen.leaks
    assert found[attack, "benign", "references", "references_in"].value == 5
    assert (area.n_member, area.n_nonmember) == (IMAGES // 2, IMAGES // 2)


def test_a_rate_that_references_keep_is_nearly_that_of_the_target(written):
    rates = [
        facts(written(12, 1.0, seed=seed), "lira")["lira", "benign", "references", "fpr_used_0.01"] for seed in range(5)
    ]
    assert np.mean([fact.value for fact in rates]) < 0.03


@pytest.mark.parametrize("attack", ["lira", "rmia"])
def test_where_nothing_leaks_intervals_hold_one_half(written, attack):
    held = 0
    for seed in range(8):
        area = facts(written(8, 0.0, seed=seed), attack)[attack, "benign", "none", "auc"]
        held += area.ci_low <= 0.5 <= area.ci_high
    assert held >= 6  # of eight at 95 %, all but once in 170 times


def test_the_targets_own_membership_changes_no_score_and_no_threshold(written):
    paths = written(8, 1.0)
    whole = population(paths[0], paths)
    before = inference.audit_in(whole, Inference(attacks=("lira",)))
    tau = {fact.metric: fact.value for fact in before if fact.threshold_rule == "references"}
    score = whole.references(0).inside.mean
    whole.member[0] = np.roll(whole.member[0], 1)
    assert whole.usable(0).tolist() == [1, 2, 3, 4, 5, 6, 7]  # model 1 is its complement no more
    assert tau["references_in"] == 3
    assert np.isfinite(score).all()


def test_too_few_answers_and_answers_that_do_not_fit_are_refused_in_one_line(written, tmp_path):
    paths = written(6, 0.0)
    with pytest.raises(SpecError, match="2 other models of its population have answered; it takes 3 and more"):
        population(paths[0], [paths[1], paths[2], tmp_path / "gone" / "predictions.npz"])
    other = written(1, 0.0, views=("benign", "adversarial"))[0]
    with pytest.raises(SpecError, match="run1: answers in other views or about other images than run0"):
        population(other, paths)


def test_references_in_another_order_are_the_same_references(written):
    paths = written(6, 1.0)
    one, other = (facts([paths[0], *order], "rmia") for order in (paths[1:], paths[:0:-1]))
    key = ("rmia", "benign", "none", "auc")
    assert one[key].value == pytest.approx(other[key].value, abs=0.02)  # the one left out of three is another
