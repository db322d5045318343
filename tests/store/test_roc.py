"""The ROC query: exact points of the curve, few enough to draw and enough for linear and logarithmic axes."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score, roc_curve

from engine.events import AttackScores, Scores
from store.store import Store

MOST = 600


def told(run_id, member, margin, view="benign"):
    n = len(member)
    return Scores(
        run_id=run_id,
        view=view,
        example=np.arange(n, dtype=np.int32),
        member=np.asarray(member, np.bool_),
        label=np.zeros(n, np.int32),
        confidence=np.ones(n, np.float32),
        margin=np.asarray(margin, np.float64),
        correct=np.ones(n, np.bool_),
        risk=np.full(n, 0.5, np.float32),
    )


def drawn(run_id="a", view="benign", members=3000, nonmembers=2000, shift=0.5, decimals=12, seed=0):
    """Two normal distributions, `shift` apart; few decimals make ties."""
    draw = np.random.default_rng(seed)
    member = np.repeat([True, False], [members, nonmembers])
    return told(run_id, member, np.round(draw.normal(size=len(member)) + shift * member, decimals), view)


def curve(store, run_id="a", **filters):
    """FPR, TPR and thresholds of the only view that is asked for."""
    table = store.query("roc", run_id=run_id, **filters)
    assert table.columns == ("run_id", "attack", "view", "fpr", "tpr", "threshold")
    assert len({row[:3] for row in table.rows}) == 1
    return zip(*(row[3:] for row in table.rows), strict=True)


def area(fpr, tpr):
    return float(np.sum(np.diff(fpr) * (np.add(tpr[1:], tpr[:-1]) / 2)))


CASES = {
    "continuous": {},
    "guessing": {"shift": 0.0},
    "worse than guessing": {"shift": -1.0},
    "ties": {"decimals": 1},
    "nearly separated": {"shift": 5.0},
    "separated": {"shift": 50.0},
    "few": {"members": 7, "nonmembers": 5},
    "unbalanced": {"members": 20_000, "nonmembers": 50},
    "many": {"members": 40_000, "nonmembers": 40_000, "shift": 1.0},
}


@pytest.mark.parametrize("case", CASES)
def test_the_kept_points_are_scikit_learns_and_have_its_area(store, case):
    scores = drawn(**CASES[case])
    store.apply([scores])
    fpr, tpr, threshold = curve(store)
    columns = roc_curve(scores.member, scores.margin, drop_intermediate=False)
    exact = zip(*(column.tolist() for column in columns), strict=True)
    assert set(zip(fpr[1:], tpr[1:], threshold[1:], strict=True)) <= set(exact)
    assert (fpr[0], tpr[0], threshold[0]) == (0.0, 0.0, None)
    assert (fpr[-1], tpr[-1]) == (1.0, 1.0)
    assert threshold[-1] == scores.margin.min()
    assert list(zip(fpr, tpr, strict=True)) == sorted(zip(fpr, tpr, strict=True))
    assert len(fpr) <= MOST
    assert area(fpr, tpr) == pytest.approx(roc_auc_score(scores.member, scores.margin), abs=0.005)


def test_the_curve_stays_near_its_kept_points_on_linear_and_on_logarithmic_axes(store):
    scores = drawn(members=40_000, nonmembers=40_000, shift=1.0)
    store.apply([scores])
    fpr, tpr, _ = map(np.array, curve(store))
    exact_fpr, exact_tpr, _ = roc_curve(scores.member, scores.margin, drop_intermediate=False)
    assert np.abs(np.interp(exact_fpr, fpr, tpr) - exact_tpr).max() < 0.01
    for at in (0.0, *np.geomspace(1e-4, 0.1, 31)):
        best, kept = exact_tpr[exact_fpr <= at].max(), tpr[fpr <= at * 10 ** (1 / 20)].max()
        assert kept >= best, "a point within a twentieth of a decade is as high"
    assert len(fpr[(fpr > 0) & (fpr < 0.01)]) > 20


def test_the_highest_tpr_without_a_false_positive_is_kept(store):
    store.apply([told("a", [1] * 10 + [0] * 10, [*range(100, 110), *range(10)])])
    fpr, tpr, threshold = curve(store)
    assert (0.0, 1.0, 100.0) in list(zip(fpr, tpr, threshold, strict=True))


def test_each_run_and_view_has_a_curve_of_its_own(store):
    parts = [drawn("a"), drawn("a", "adversarial", shift=2.0), drawn("b", seed=1), drawn("c", seed=2)]
    store.apply(parts)
    alone = [row for run_id in ("a", "b") for row in store.query("roc", run_id=run_id).rows]
    assert store.query("roc", run_id=["b", "a"]).rows == alone
    assert {row[:3] for row in alone} == {
        ("a", "margin", "adversarial"),
        ("a", "margin", "benign"),
        ("b", "margin", "benign"),
    }
    for scores in parts[:2]:
        fpr, tpr, _ = curve(store, "a", view=scores.view)
        assert area(fpr, tpr) == pytest.approx(roc_auc_score(scores.member, scores.margin), abs=0.005)


def test_attacks_with_references_have_curves_beside_the_margins(store):
    scores = drawn()
    ratio = np.random.default_rng(3).normal(size=len(scores.member)) + scores.member
    own = {"threshold_rule": "references", "score": ratio.astype(np.float32), "found": ratio > 2}
    store.apply(
        [
            scores,
            AttackScores(run_id="a", attack="lira", view="benign", example=scores.example, member=scores.member, **own),
        ]
    )
    fpr, tpr, _ = curve(store, attack="lira")
    assert area(fpr, tpr) == pytest.approx(roc_auc_score(scores.member, ratio), abs=0.005)
    assert {row[1] for row in store.query("roc", run_id="a").rows} == {"lira", "margin"}


def test_a_view_with_only_one_kind_of_example_has_no_curve(store):
    store.apply([told("a", [True, True], [1.0, 2.0]), told("b", [False], [1.0])])
    assert store.query("roc", run_id=["a", "b", "nothing"]).rows == []


def by_definition(member, margin):
    """Every point (FPR, TPR) of the rule "member if margin >= threshold", and nobody."""
    member, margin = np.array(member), np.where(np.isnan(margin), -np.inf, margin)
    chosen = [margin >= threshold for threshold in np.unique(margin)]
    shares = {(float(called[~member].mean()), float(called[member].mean())) for called in chosen}
    return shares | {(0.0, 0.0)}


MARGINS = st.one_of(st.sampled_from([math.nan, math.inf, -math.inf, 0.0, -0.0, 5e-324]), st.floats(-3, 3, width=16))


@pytest.fixture(scope="module")
def shared_store(tmp_path_factory):
    with Store(tmp_path_factory.mktemp("roc") / "explore.duckdb") as store:
        yield store


@settings(max_examples=60, deadline=None)
@given(members=st.lists(MARGINS, min_size=1, max_size=12), nonmembers=st.lists(MARGINS, min_size=1, max_size=12))
def test_of_few_examples_with_any_margins_every_point_is_there(shared_store, members, nonmembers):
    member = [True] * len(members) + [False] * len(nonmembers)
    shared_store.apply([told("a", member, members + nonmembers)])
    fpr, tpr, _ = curve(shared_store)
    points = list(zip(fpr, tpr, strict=True))
    assert len(points) == len(set(points))
    assert set(points) == by_definition(member, members + nonmembers)


def test_a_curve_of_120_000_scores_has_no_more_points_than_can_be_seen(store):
    store.apply([drawn(members=60_000, nonmembers=60_000)])
    fpr, _, _ = curve(store)
    assert len(fpr) <= MOST
