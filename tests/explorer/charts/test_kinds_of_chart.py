import pytest
from rows import typed

from explorer.charts.kinds_of_chart import DRAW, STORY, further


def runs(capacities, epsilons):
    return [typed("runs", {"capacity": c, "epsilon": e}) for c in capacities for e in (0.0, *epsilons)]


@pytest.mark.parametrize("first", sorted(DRAW))
def test_further_charts_differ_and_there_are_enough_for_a_large_screen(first):
    found = further(first, runs([1.0, 2.0], [0.1, 0.2]))
    assert len(found) == len({first, *found}) - 1 >= 3
    assert set(found) <= set(DRAW)


def test_capacity_and_epsilon_stand_together_and_roc_and_histogram_besides():
    assert further("capacity", runs([1.0, 2.0], [0.1, 0.2]))[:3] == ["epsilon", "roc", "histogram"]
    assert further("roc", runs([1.0, 2.0], [0.1, 0.2]))[:3] == ["histogram", "capacity", "epsilon"]


def test_what_has_one_place_only_gives_way():
    assert further("capacity", runs([1.0, 2.0], [0.1]))[:3] == ["roc", "histogram", "trade-off"]
    assert further("epsilon", runs([1.0], [0.1, 0.2]))[:3] == ["roc", "histogram", "trade-off"]
    assert set(further("capacity", [])) == set(STORY) - {"capacity"}
