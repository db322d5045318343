"""The histogram query: every example is in one of the same few bins, whatever its score is."""

import math

import numpy as np
import pytest

from engine.events import AttackScores, Scores
from store.statements import BINS


def told(member, margin, view="benign"):
    n = len(member)
    return Scores(
        run_id="a",
        view=view,
        example=np.arange(n, dtype=np.int32),
        member=np.asarray(member, np.bool_),
        label=np.zeros(n, np.int32),
        confidence=np.ones(n, np.float32),
        margin=np.asarray(margin, np.float64),
        correct=np.ones(n, np.bool_),
        risk=np.full(n, 0.5, np.float32),
    )


def bins(store, **filters):
    """Ends, members and others of each bin of the only score and view that are asked for."""
    rows = store.query("histogram", run_id="a", **filters).rows
    assert len({row[:3] for row in rows}) == 1
    return [row[3:] for row in rows]


def test_the_counts_are_numpys_where_no_score_is_extreme(store):
    draw = np.random.default_rng(0)
    member = np.repeat([True, False], [3000, 2000])
    margin = draw.uniform(-4, 4, len(member)) + 0.5 * member
    store.apply([told(member, margin)])
    found = bins(store)
    assert len(found) == BINS
    lows, highs = [low for low, *_ in found], [high for _, high, *_ in found]
    assert lows[1:] == pytest.approx(highs[:-1])
    first, last = np.quantile(margin, (0.005, 0.995))
    assert (lows[0], highs[-1]) == pytest.approx((first, last))
    for wanted, at in ((member, 2), (~member, 3)):
        exact, _ = np.histogram(np.clip(margin[wanted], first, last), np.linspace(first, last, BINS + 1))
        assert [row[at] for row in found] == exact.tolist()


@pytest.mark.parametrize("margin", [[1.0] * 6, [math.inf, -math.inf, math.nan, 0.0, 1.0, 2.0], [0.0] * 5 + [1e300]])
def test_no_example_is_lost(store, margin):
    store.apply([told([True, True, False, False, False, True], margin)])
    found = bins(store)
    assert sum(row[2] for row in found) == 3
    assert sum(row[3] for row in found) == 3


def test_attacks_and_views_are_asked_for_one_by_one(store):
    member = np.array([True, False])
    scores = AttackScores(
        run_id="a",
        attack="lira",
        view="benign",
        threshold_rule="oracle",
        example=np.arange(2, dtype=np.int32),
        member=member,
        score=np.array([3.0, -1.0], np.float32),
        found=member,
    )
    store.apply([told(member, [1.0, 2.0]), told(member, [5.0, 6.0], "adversarial"), scores])
    assert bins(store, attack="lira")[-1][2:] == (1, 0)
    assert bins(store, attack="margin", view="adversarial")[-1][2:] == (0, 1)
