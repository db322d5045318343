import pytest
from rows import typed

from explorer.results.natural_twin import natural_twin, naturals, pinned


def run(run_id, defense="natural", **fields):
    given = {"run_id": run_id, "dataset": "yale", "network": "yale-cnn", "size": None, "capacity": 8.0, "steps": 2000}
    more = {"train_fraction": 1.0, "seed": 0, "evaluation_epsilon": 0.1, "state": "done", "submission": 1}
    return typed("runs", given | more | {"setting": None, "defense": defense} | fields)


def ids(found):
    return [row.run_id for row in found]


@pytest.mark.parametrize(
    "other",
    [
        *({"size": "36x32"}, {"capacity": 4.0}, {"dataset": "digits"}, {"network": "x"}, {"train_fraction": 0.5}),
        *({"defense": "pgd"}, {"setting": "weight decay 0.1"}),
    ],
)
def test_only_a_natural_run_of_the_same_images_and_network_by_its_own_recipe_is_a_twin(other):
    robust = run("r", "pgd")
    assert natural_twin(robust, [robust, run("n", **other)]) is None
    assert naturals(robust, [run("n", **other), run("twin")]) == [run("twin")]


def test_a_small_run_has_the_small_twin_and_not_the_large_one_asked_for_later():
    runs = [run("large", submission=9), run("small", size="36x32")]
    assert natural_twin(run("r", "pgd", size="36x32"), runs).run_id == "small"


def test_twins_depart_from_their_recipe_as_the_run_does_if_there_are_such():
    hot = run("r", "pgd", setting="attack steps 3, temperature 5")
    plain, alike, other = run("plain"), run("alike", setting="temperature 5"), run("other", setting="temperature 50")
    assert ids(naturals(hot, [plain, alike, other])) == ["alike"]
    assert ids(naturals(hot, [plain, other])) == ["plain"]
    assert ids(naturals(run("r", "pgd"), [alike, other])) == []


def test_twins_have_members_that_were_drawn_alike():
    drawn = run("r", "pgd", setting="members random 0.5, temperature 5")
    papers, other = run("papers"), run("other", setting="members random 0.334")
    alike = run("alike", setting="members random 0.5")
    assert ids(naturals(drawn, [papers, other])) == []
    assert ids(naturals(drawn, [papers, other, alike])) == ["alike"]
    assert ids(naturals(run("r", "pgd"), [alike, papers])) == ["papers"]


def test_the_twin_with_as_many_steps_goes_before_others_whatever_is_a_recipes_own():
    runs = [run("quick"), run("long", steps=12000, setting="steps 12000"), run("paper", steps=20001)]
    assert ids(naturals(run("r", "ibp", steps=12000), runs)) == ["long"]
    assert ids(naturals(run("r", "pgd"), runs)) == ["quick"]
    assert ids(naturals(run("r", "pgd", steps=8000, setting="steps 8000"), runs)) == ["long"]


def test_the_same_attack_goes_before_everything_but_images_and_network():
    runs = [run("a", evaluation_epsilon=0.2), run("b", evaluation_epsilon=0.3)]
    assert ids(naturals(run("r", "pgd"), runs)) == ["a", "b"]
    assert ids(naturals(run("r", "pgd"), [*runs, run("c", steps=9)])) == ["c"]


def test_of_several_the_finished_one_with_the_same_seed_then_the_one_asked_for_last():
    robust = run("r", "pgd", seed=1)
    zero, one = run("n0", submission=9), run("n1", seed=1)
    assert natural_twin(robust, [robust, zero, one]).run_id == "n1"
    assert natural_twin(robust, [run("early", submission=2), zero]).run_id == "n0"
    assert natural_twin(robust, [zero, one._replace(state="running")]).run_id == "n0"
    assert natural_twin(robust, [one._replace(state="running")]).run_id == "n1"


def test_a_natural_run_has_no_twin():
    assert natural_twin(run("n"), [run("m")]) is None
    assert naturals(run("n"), [run("m")]) == []


def test_runs_to_compare_are_held_against_a_natural_one_of_them_or_a_twin(run):
    natural, other = (run(f"natural-{c}", defense="natural", epsilon=0.0, capacity=c) for c in (1.0, 2.0))
    alone, robust = run("pgd-9", capacity=9.0), run("pgd-1")
    among = [natural, other, alone, robust]
    assert pinned([alone, robust], among) == [natural, alone, robust]
    assert pinned([robust, other], among) == [other, robust]
    assert pinned([alone], among) == [alone]
