import numpy as np
import pytest

from engine.inference.facts import About, Outcome, Repeated
from engine.inference.intervals import difference_interval
from engine.inference.ranking import Ranking
from engine.inference.resampling import bootstrap

ABOUT = About("confidence", "benign", None)


def by_metric(facts):
    return {fact.metric: fact for fact in facts}


def test_an_outcome_is_equations_15_and_16():
    outcome = Outcome(30, 10, 40, 50)
    assert (outcome.tpr, outcome.fpr) == (0.75, 0.2)
    assert outcome.accuracy == pytest.approx(0.775)
    assert outcome + outcome == Outcome(60, 20, 80, 100)


def test_the_interval_of_the_accuracy_is_half_the_advantages():
    facts = by_metric(ABOUT.fixed(Outcome(70, 40, 100, 90)))
    low, high = difference_interval(Outcome(70, 40, 100, 90))
    assert (facts["advantage"].ci_low, facts["advantage"].ci_high) == (low, high)
    assert facts["inference_accuracy"].ci_low == pytest.approx(0.5 + low / 2)
    assert facts["inference_accuracy"].ci_high == pytest.approx(0.5 + high / 2)
    assert (facts["tpr"].n_member, facts["tpr"].n_nonmember) == (100, 90)


@pytest.mark.parametrize(("true", "leaks"), [(50, False), (55, False), (75, True), (20, False)])
def test_a_fact_leaks_where_its_interval_lies_above_a_guess(true, leaks):
    facts = by_metric(ABOUT.fixed(Outcome(true, 50, 100, 100)))
    assert facts["inference_accuracy"].leaks is facts["advantage"].leaks is leaks
    assert facts["tpr"].leaks is None
    assert facts["fpr"].leaks is None


@pytest.mark.parametrize(("highest", "leaks"), [(0.6, False), (0.56, True)])
def test_the_oracles_interval_begins_below_by_what_luck_adds(highest, leaks):
    luck = np.linspace(0.5, highest, 401)
    facts = by_metric(ABOUT.oracle(Outcome(65, 50, 100, 100), luck, 0.9))
    top = np.quantile(luck, 0.975) - 0.5
    assert facts["inference_accuracy"].ci_low == pytest.approx(0.575 - top)
    assert facts["inference_accuracy"].leaks is leaks
    assert facts["null_mean"].value == pytest.approx(luck.mean())
    assert facts["null_p95"].value == pytest.approx(np.quantile(luck, 0.95))
    assert facts["threshold"].value == 0.9
    assert {"null_mean_smirnov", "null_p95_smirnov"} <= set(facts)


def test_held_out_numbers_are_means_over_the_splits_with_their_spread():
    found = Repeated(np.array([30, 36, 33]), np.array([8, 10, 3]), (10, 5), (50, 25))
    accuracies = [0.5 * (t / 40 + 1 - f / 20) for t, f in [(30, 8), (36, 10), (33, 3)]]
    facts = by_metric(ABOUT.held_out(found))
    assert facts["inference_accuracy"].value == pytest.approx(np.mean(accuracies))
    assert facts["tpr"].value == pytest.approx(33 / 40)
    assert facts["fpr"].value == pytest.approx(7 / 20)
    assert facts["inference_accuracy_std"].value == pytest.approx(np.std(accuracies, ddof=1))
    assert (facts["tpr"].n_member, facts["tpr"].n_nonmember) == (40, 20)


def test_one_split_is_told_with_the_examples_it_saw_and_no_spread():
    facts = by_metric(ABOUT.held_out(Repeated(np.array([30]), np.array([8]), (10, 5), (50, 25))))
    assert "inference_accuracy_std" not in facts
    low, high = difference_interval(Outcome(30, 8, 40, 20))
    assert facts["advantage"].ci_low == pytest.approx(low)
    assert facts["advantage"].ci_high == pytest.approx(high)


def test_classes_add_up_split_by_split():
    one = Repeated(np.array([30, 20]), np.array([8, 2]), (10, 5), (50, 25))
    other = Repeated(np.array([1, 2]), np.array([3, 4]), (4, 4), (10, 9))
    both = one + other
    assert both.true_positives.tolist() == [31, 22]
    assert both.rest == (46, 25)
    assert both.accuracies == pytest.approx([0.5 * (31 / 46 + 1 - 11 / 25), 0.5 * (22 / 46 + 1 - 6 / 25)])


def test_the_curve_of_told_apart_scores_leaks_at_every_rate():
    generator = np.random.default_rng(0)
    ranked = Ranking.of(generator.normal(9, 1, 2000), generator.normal(0, 1, 2000))
    facts = by_metric(ABOUT.curve(ranked, bootstrap(ranked, generator)))
    told = {"auc", "tpr_at_fpr_0.01", "tpr_at_fpr_0.001"}
    assert set(facts) == told | {"fpr_used_0.01", "fpr_used_0.001"}
    assert all(facts[name].leaks and facts[name].ci_low <= facts[name].value <= facts[name].ci_high for name in told)


def test_the_rate_really_used_stands_beside_the_one_asked_for():
    generator = np.random.default_rng(0)
    ranked = Ranking.of(generator.normal(0.8, 1, 1900), generator.normal(0, 1, 514))
    facts = by_metric(ABOUT.curve(ranked, bootstrap(ranked, generator)))
    assert facts["fpr_used_0.01"].value == 5 / 514
    assert facts["fpr_used_0.001"].value == 0
    tied = Ranking.of(np.ones(30), np.ones(200))  # two are allowed, but no tau parts the tied
    facts = by_metric(ABOUT.curve(tied, bootstrap(tied, generator)))
    assert (facts["tpr_at_fpr_0.01"].value, facts["fpr_used_0.01"].value) == (0, 0)


def test_few_others_that_do_not_resolve_a_rate_leave_its_interval_open_below_but_leakage_told():
    generator = np.random.default_rng(0)
    ranked = Ranking.of(generator.normal(2, 1, 1900), generator.normal(0, 1, 514))
    fact = by_metric(ABOUT.curve(ranked, bootstrap(ranked, generator)))["tpr_at_fpr_0.001"]
    assert fact.value > 0.05
    assert fact.ci_low < 0.02
    assert fact.leaks
