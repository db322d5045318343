"""Facts of attacks with references: from files of answers, with what is planted in them and with nothing."""

import numpy as np
import pytest

from engine import inference
from engine.evaluation import prediction_files, predictions
from engine.evaluation.predictions import Answers, Predictions
from engine.events import Fact, ImageScores
from engine.inference.population import epsilon
from engine.inference.population.files import population
from engine.inference.population.references import Population
from engine.registry import ATTACKS
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


def told(whole, view, attack):
    row = ATTACKS[attack]
    found = row.load()(whole, view, Inference(), np.random.default_rng(0), row)
    return [fact for fact in found if isinstance(fact, Fact)]


def facts(paths, *attacks):
    found = [fact for fact in said(paths, *attacks) if isinstance(fact, Fact)]
    return {(fact.attack, fact.view, fact.threshold_rule, fact.metric): fact for fact in found}


def said(paths, *attacks):
    return list(inference.audit_in(population(paths[0], paths), Inference(attacks=attacks)))


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


@pytest.mark.parametrize("attack", ["lira", "rmia", "lira-joint"])
def test_where_nothing_leaks_intervals_hold_one_half_as_often_as_they_say(attack):
    """Fifty populations without leakage; 95 % intervals miss six and more of them once in 26 times."""
    held, accuracies = 0, 0
    views = ("benign", "adversarial") if attack == "lira-joint" else ("benign",)
    for seed in range(50):
        draw = np.random.default_rng(seed)
        member = draw.permuted(np.broadcast_to(np.arange(300) < 150, (4, 300)), axis=1)
        member = np.stack([member, ~member], axis=1).reshape(8, 300)
        base = draw.normal(1, 2, 300)
        whole = Population.of({view: base + draw.normal(size=(8, 300)) for view in views}, member)
        found = {(fact.threshold_rule, fact.metric): fact for fact in told(whole, views[-1], attack)}
        area, accuracy = found["none", "auc"], found["references", "inference_accuracy"]
        held += area.ci_low <= 0.5 <= area.ci_high
        accuracies += accuracy.ci_low <= 0.5 <= accuracy.ci_high
    assert min(held, accuracies) >= 44


def test_an_accusation_is_worth_what_bayes_says(written):
    found = facts(written(12, 1.5), "lira")
    tpr, fpr = (found["lira", "benign", "references", name].value for name in ("tpr", "fpr"))
    for prior in (0.01, 0.1, 0.5):
        worth = found["lira", "benign", "references", f"ppv_{prior:g}"]
        assert worth.value == pytest.approx(prior * tpr / (prior * tpr + (1 - prior) * fpr), abs=1e-12)
        assert worth.ci_low < worth.value < worth.ci_high
        assert ("lira", "benign", "oracle", f"ppv_{prior:g}") in found


def test_a_rate_of_less_than_one_of_the_others_is_not_there(written):
    metrics = {(rule, metric) for _, _, rule, metric in facts(written(8, 1.0), "lira") if "at_fpr" in metric}
    assert metrics == {(rule, "tpr_at_fpr_0.01") for rule in ("none", "references")}


def test_epsilon_and_mu_are_of_the_threshold_that_references_keep_at_one_percent(written):
    found = facts(written(12, 3.0), "lira")
    of = {metric: fact.value for (_, _, rule, metric), fact in found.items() if rule == "references"}
    half = IMAGES // 2
    known = of["tpr_at_fpr_0.01"] * half, half, of["fpr_used_0.01"] * half, half
    assert of["epsilon"] == pytest.approx(epsilon.from_rates(*known))
    assert of["mu"] == pytest.approx(epsilon.gaussian(*known))
    assert min(of["epsilon"], of["mu"]) > 1


def test_with_a_pair_and_two_others_there_is_nobody_to_choose_a_threshold_on(written):
    found = facts(written(4, 1.5), "lira")
    assert {rule for _, _, rule, metric in found if metric == "inference_accuracy"} == {"oracle"}
    assert found["lira", "benign", "references", "references_in"].value == 1


@pytest.mark.parametrize(("models", "rule"), [(12, "references"), (4, "oracle")])
def test_each_image_has_its_score_and_whether_it_is_found_at_one_percent(written, models, rule):
    paths = written(models, 3.0)
    *numbers, scores = said(paths, "lira")
    assert isinstance(scores, ImageScores)
    assert scores.threshold_rule == rule
    of = {(fact.threshold_rule, fact.metric): fact.value for fact in numbers}
    of_curve = "none" if rule == "oracle" else rule
    rates = of[of_curve, "tpr_at_fpr_0.01"], of[of_curve, "fpr_used_0.01"]
    assert (scores.found[scores.member].mean(), scores.found[~scores.member].mean()) == pytest.approx(rates)
    own = prediction_files.load(paths[0])
    assert set(scores.example[scores.member]) == set(own.index["train"])


def test_views_together_are_told_of_each_view_with_those_before_it(written):
    found = facts(written(12, 1.0, views=("benign", "adversarial")), "lira", "lira-joint")
    assert {view for attack, view, *_ in found if attack == "lira-joint"} == {"adversarial"}
    joint, single = (found[attack, "adversarial", "none", "auc"].value for attack in ("lira-joint", "lira"))
    assert joint == pytest.approx(single, abs=0.01), "the views say the same"


def test_one_run_bounds_epsilon_by_the_surest_twentieth(written):
    found = facts(written(12, 3.0), "one-run")
    of = {metric: fact.value for (*_, metric), fact in found.items()}
    assert of["guesses"] == 0.05 * IMAGES
    assert of["references_in"] == 5
    assert of["epsilon"] == epsilon.one_run(int(of["guesses"]), int(of["guesses_right"]), IMAGES) > 0


def test_the_targets_own_membership_changes_no_score_and_no_threshold(written):
    paths = written(8, 1.0)
    whole = population(paths[0], paths)
    tau = {fact.metric: fact.value for fact in told(whole, "benign", "lira") if fact.threshold_rule == "references"}
    score = whole.references(0).inside.mean
    whole.member[0] = np.roll(whole.member[0], 1)
    assert whole.usable(0).tolist() == [1, 2, 3, 4, 5, 6, 7]  # model 1 is its complement no more
    assert tau["references_in"] == 3
    assert np.isfinite(score).all()


def test_too_few_answers_and_answers_that_do_not_fit_are_refused_in_one_line(written, tmp_path):
    paths = written(6, 0.0)
    with pytest.raises(SpecError, match="2 of the others in its population have answered; it takes 3 and more"):
        population(paths[0], [paths[1], paths[2], tmp_path / "gone" / "predictions.npz"])
    other = written(1, 0.0, views=("benign", "adversarial"))[0]
    with pytest.raises(SpecError, match="views that not all files have are not compared: adversarial"):
        population(other, paths)


def test_a_target_with_the_data_sets_own_split_is_numbered_as_its_references(written, tmp_path):
    paths = written(6, 1.0)
    own = prediction_files.load(paths[0])
    split = np.arange(IMAGES) < IMAGES // 2
    rows = np.concatenate([own.index["train"], own.index["test"]])
    logits = np.concatenate([own.views["benign"][each].logits for each in ("train", "test")])[np.argsort(rows)]
    path = tmp_path / "paper" / "predictions.npz"
    path.parent.mkdir()
    sides = {"train": split, "test": ~split}
    answers = {"benign": {name: Answers.from_logits(logits[side]) for name, side in sides.items()}}
    labels = {name: np.zeros(side.sum(), np.int64) for name, side in sides.items()}
    index = {name: np.arange(side.sum(), dtype=np.int32) for name, side in sides.items()}
    predictions.save(path, Predictions(labels, index, answers))
    whole = population(path, paths[1:])
    assert np.array_equal(whole.member[0], split)
    assert np.array_equal(whole.images, np.arange(IMAGES))
    assert whole.odds[0] == pytest.approx(population(paths[0], paths[1:]).odds[0])


def test_models_trained_on_other_numbers_of_images_are_no_references(written):
    paths = written(6, 1.0)
    few = prediction_files.load(paths[5])
    keep = np.arange(IMAGES // 2) < IMAGES // 8
    predictions.save(paths[5], few.of_members(keep))
    assert len(population(paths[0], paths)) == 5


def test_references_in_another_order_are_the_same_references(written):
    paths = written(6, 1.0)
    one, other = (facts([paths[0], *order], "rmia") for order in (paths[1:], paths[:0:-1]))
    key = ("rmia", "benign", "none", "auc")
    assert one[key].value == pytest.approx(other[key].value, abs=0.02)  # the one left out of three is another
