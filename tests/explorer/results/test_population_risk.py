"""What a population gives away, by risks that were planted; where nothing is to be found, nothing is."""

import random

import pytest
from rows import typed

from explorer.results import population_risk

IMAGES = 1000
ALL = {"n_models": 16, "n_member": 400, "n_nonmember": 600, "std": 0.01, "fpr": 0.01, "threshold_rule": "references"}


def risk(**fields):
    return typed("class_risks", ALL | {"attack": "lira", "view": "benign", "tpr": 0.05} | fields)


def image(example, found, models):
    return typed("image_risks", {"example": example, "risk": found / models, "n_found": found, "n_models": models})


def test_the_attack_that_finds_most_in_whatever_view_is_told_and_a_chosen_one_goes_before():
    risks = [risk(), risk(attack="rmia", view="adversarial", tpr=0.07), risk(class_label=3, tpr=0.5)]
    assert population_risk.strongest(risks).attack == "rmia"
    assert population_risk.strongest(risks, "lira", "benign").attack == "lira"
    assert population_risk.strongest(risks, "confidence", "benign").attack == "rmia"
    assert population_risk.strongest([]) is None


def test_of_equals_the_paper_ordered_first_is_told():
    assert population_risk.strongest([risk(attack="lira-joint"), risk()]).attack == "lira"


def test_planted_images_are_singled_out_and_luck_is_not():
    draw = random.Random(0)
    lucky = [image(at, sum(draw.random() < 0.01 for _ in range(5)), 5) for at in range(IMAGES)]
    few = [image(2000 + at, 1, 1) for at in range(10)]
    planted = [image(3000, 5, 5), image(3001, 4, 5)]
    assert population_risk.singled_out([*planted, *few, *lucky], risk()) == planted
    assert population_risk.singled_out([*few, *lucky], risk()) == []


def test_where_nothing_is_singled_out_the_words_say_which_attack_looked():
    said = population_risk.nothing_found(risk(tpr=0.011))
    assert "lira (benign) among 16 models finds 1.1 % of members and 1.0 % of others" in said


@pytest.mark.parametrize(("tpr", "std", "told"), [(0.05, 0.02, True), (0.012, 0.02, False), (0.05, None, None)])
def test_a_class_is_told_apart_where_members_are_found_more_often_than_others_in_most_models(tpr, std, told):
    assert population_risk.told_apart(risk(tpr=tpr, std=std)) is told


def test_one_of_many_classes_must_stand_out_more_clearly():
    one = risk(tpr=0.022, std=0.02)
    assert population_risk.told_apart(one)
    assert not population_risk.told_apart(one, among=10)


def test_a_class_whose_others_are_found_as_often_is_not_told_apart():
    facts = population_risk.by_class([risk(), risk(class_label=0, tpr=0.2), risk(class_label=1, tpr=0.2, fpr=0.2)])
    assert [(fact.class_label, fact.leaks) for fact in facts] == [(None, True), (0, True), (1, False)]
    first = facts[0]
    assert (first.metric, first.n_member, first.n_nonmember) == ("tpr_at_fpr_0.01", 6400, 9600)
    assert first.ci_high - first.value == pytest.approx(2.13145 * 0.01 / 4, rel=1e-4)
