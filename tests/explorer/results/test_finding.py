import json

import pytest
from rows import typed

from explorer.results.finding import ASKED, QUERY, finding
from explorer.results.rendering import markdown, plain

ORACLE = {"attack": "confidence", "threshold_rule": "oracle", "metric": "inference_accuracy"}
LIRA = {"attack": "lira", "threshold_rule": "none", "metric": "tpr_at_fpr_0.01"}
RMIA = LIRA | {"attack": "rmia"}


def row(defense="pgd", mean=0.6, half=0.02, view="adversarial", seeds=2, values=None, right=0.9, **fields):
    """A row of the query: two seeds of digits at capacity 4 attacked with epsilon 0.1."""
    values = values or [mean] * seeds
    given = {
        "dataset": "digits",
        "network": "small-cnn",
        "defense": defense,
        "epsilon": 0.0 if defense == "natural" else 0.1,
        "evaluation_epsilon": 0.1,
        "train_fraction": 1.0,
        "capacity": 4.0,
        "view": view,
        "mean": sum(values) / len(values),
        "ci_over": "examples" if half else None,
        "n_seeds": len(values),
        "n_member": 600,
        "n_nonmember": 1200,
        "steps": 750,
        "settings": "aabb",
        "by_seed": json.dumps(dict(enumerate(values))),
        "benign_test_accuracy": right,
    }
    ends = {"ci_low": given["mean"] - half, "ci_high": given["mean"] + half} if half else {}
    return typed(QUERY, given | ends | ORACLE | fields)


def test_a_robust_setting_is_held_against_its_natural_twin_each_in_the_view_that_tells_most():
    rows = [row(mean=0.55, view="benign"), row(mean=0.65), row("natural", 0.56, view="benign"), row("natural", 0.52)]
    found = finding(rows)
    assert found.chosen.difference.value == pytest.approx(0.09)
    assert found.line() == "pgd 0.1 leaks 9.0 points [6.2, 11.8] more than natural, c4: oracle"
    assert found.line(200) == (
        "pgd eps 0.1 leaks 9.0 points more than natural at capacity 4 (95 % 6.2 to 11.8): inference accuracy with the "
        "oracle threshold, best attack confidence on adversarial answers"
    )
    said = " ".join(found.sentences())
    assert "over 600 members and 1200 others, mean of 2 seeds" in said
    assert "by confidence (adversarial) of pgd models against 56.0 [54.0, 58.0] % by confidence (benign)" in said


@pytest.mark.parametrize(
    "other",
    [
        *({"dataset": "yale"}, {"size": "8x8"}, {"capacity": 2.0}, {"train_fraction": 0.5}),
        *({"evaluation_epsilon": 0.2}, {"attack": "margin"}, {"network": "wide"}, {"setting": "weight decay 0.1"}),
    ],
)
def test_nothing_is_compared_that_is_not_comparable_but_with_a_guess(other):
    found = finding([row(mean=0.65), row("natural", 0.5, **other)])
    assert found.chosen.twin is None
    assert "more than a guess" in found.line(120)


def test_what_is_not_told_apart_carries_its_mark_and_a_smaller_leak_is_less():
    found = finding([row(mean=0.57), row("natural", 0.56)])
    assert found.line() == "pgd 0.1 leaks 1.0≈ points [-1.8, 3.8] more than natural, c4: oracle"
    assert "not told apart from none" in found.sentences()[0]
    less = finding([row(mean=0.55), row("natural", 0.65)])
    assert less.line() == "pgd 0.1 leaks 10.0 points [7.2, 12.8] less than natural, c4: oracle"


def test_models_trained_for_unlike_numbers_of_steps_are_not_told_apart():
    found = finding([row(mean=0.8, steps=1500), row("natural", 0.5)])
    assert (found.chosen.sign, found.chosen.mark) == (0, "≈")
    assert "one was trained for 1500 steps and the other for 750" in " ".join(found.sentences())


def test_the_clearest_of_several_is_told_with_their_number():
    large = row(mean=0.70, half=0.2, capacity=2.0), row("natural", 0.5, half=0.2, capacity=2.0)
    found = finding([*large, row(mean=0.65), row("natural", 0.55), row(mean=0.6, epsilon=0.2)])
    assert found.line().endswith("more than natural, c4: oracle, clearest of 3")
    assert "clearest of 3 differences: 2 for more, 0 for less, 1 not told apart" in " ".join(found.sentences())
    assert [str(cells[2].text) for cells in found.table().rows] == ["4", "4", "2"]


def test_where_no_difference_is_told_apart_the_line_begins_so():
    rows = [row(mean=0.56, half=0.1), row(mean=0.57, half=0.1, epsilon=0.2), row("natural", 0.55, half=0.1)]
    found = finding(rows)
    assert found.line().startswith("none of 2 told apart; pgd 0.2 c4: 2.0≈ [")
    assert "clearest" not in found.line(200)
    assert "none of" not in finding([rows[0], rows[2]]).line()


def test_attacks_with_references_go_before_a_threshold_and_are_compared_target_by_target():
    targets = [0.05, 0.15, 0.25]
    rows = [row(mean=0.9), row("natural", 0.5)]
    rows += [row(values=[0.01 + each for each in targets], half=0.2, **RMIA), row(values=[0.01] * 3, **LIRA)]
    rows += [row("natural", values=targets, half=0.2, **LIRA), row("natural", values=[0.02] * 3, **RMIA)]
    found = finding(rows)
    apart = found.chosen.difference
    assert (apart.value, apart.low, apart.high) == pytest.approx((0.01, 0.01, 0.01))
    assert "TPR at 1 % FPR, best attack rmia" in found.line(160)
    assert "over 3 targets, seed by seed" in found.sentences()[0]
    few = [each._replace(n_nonmember=99) for each in rows]
    assert finding(few).chosen.measure.metric == "inference_accuracy", "1 % of 99 others is none of them"


def test_two_targets_are_compared_by_their_images():
    rows = [row(values=[0.1, 0.2], **RMIA), row("natural", values=[0.1, 0.1], **RMIA)]
    assert "over 600 members and 1200 others" in finding(rows).sentences()[0]


def test_collapsed_models_and_missing_intervals():
    shares = {"benign_train_accuracy": 0.1, "adversarial_train_accuracy": 0.1, "adversarial_test_accuracy": 0.1}
    assert finding([row(right=0.1, **shares), row("natural")]).chosen.own.defense == "natural"
    assert finding([]) is None
    unknown = finding([row(mean=0.65, half=0), row("natural", 0.5)])
    assert unknown.line(120).startswith("pgd eps 0.1 leaks 15.0≈ points more than natural at capacity 4 (no interval)")


def test_the_rows_of_a_sweep_find_their_twins_among_all_rows():
    robust, natural = row(mean=0.65), row("natural", 0.55)
    assert finding([robust]).chosen.twin is None
    assert finding([robust], [robust, natural]).chosen.twin == natural


def test_a_natural_model_alone_is_held_against_a_guess():
    found = finding([row("natural", 0.56)])
    assert found.line() == "natural leaks 6.0 points [4.0, 8.0] more than a guess, c4: oracle"
    assert "natural %" not in plain(found.table())


@pytest.mark.parametrize("width", [58, 80, 120, 200])
def test_the_line_fits_its_width_and_always_says_which_number_and_of_how_many(width):
    rows = [row(mean=0.65, warnings="x", epsilon=8 / 255, dataset=name) for name in ("fashion-mnist", "digits")]
    found = finding([*rows, *(row("natural", 0.55, dataset=name) for name in ("fashion-mnist", "digits"))])
    line = found.line(width)
    assert len(line) <= width
    assert width < 80 or found.chosen.own.dataset in line
    assert "clearest of 2" in line
    assert "oracle" in line
    assert "10.0!" in line


def test_the_table_is_the_same_as_markdown():
    found = finding([row(mean=0.65), row("natural", 0.56, view="benign")])
    head, _, line = markdown(found.table()).splitlines()
    assert head == "| defense | eps | capacity | seeds | test % | leaks % | by | natural % | natural by | points more |"
    assert line == (
        "| pgd | 0.1 | 4 | 2 | 90.0 | 65.0 [63.0, 67.0] | confidence (adversarial) | 56.0 [54.0, 58.0] "
        "| confidence (benign) | +9.0 [+6.2, +11.8] |"
    )


def test_what_is_asked_are_filters_of_the_query():
    assert set(ASKED["attack"]) >= {"confidence", "lira", "rmia"}
