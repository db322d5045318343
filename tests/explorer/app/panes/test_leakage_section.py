import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rows import typed

from engine.registry import attacks_on
from explorer.app.panes.leakage_section import section
from explorer.results import attack_table
from explorer.results.lines import line_text
from explorer.results.marks import FLOOR
from explorer.results.text import VIEWS

SHARES = ("inference_accuracy", "advantage", "tpr", "fpr")
RULES = {
    "model-class": {"heldout": (*SHARES, "inference_accuracy_std", "auc", "tpr_at_fpr_0.01", "tpr_at_fpr_0.001")},
    "gap": {"none": SHARES},
}
OF_SCORES = {
    "oracle": (*SHARES, "threshold", "null_mean", "null_p95", "null_mean_smirnov", "null_p95_smirnov"),
    "heldout": (*SHARES, "inference_accuracy_std"),
    "none": ("auc", "tpr_at_fpr_0.01", "tpr_at_fpr_0.001"),
}


def suite(views=VIEWS[:3], more=()):
    return attack_table.attacks(
        typed(
            "leakage",
            {"attack": attack, "view": view, "class_label": None, "threshold_rule": rule, "metric": metric}
            | {"value": 0.5134, "ci_low": 0.4871, "ci_high": 0.5342, "leaks": False}
            | {"n_member": 600, "n_nonmember": 1197},
        )
        for attack in attacks_on()
        for view in views
        for rule, metrics in RULES.get(attack, OF_SCORES).items()
        for metric in (*metrics, *more)
    )


def lines(*arguments):
    return [line_text(line) for line in section(*arguments)]


def main_part(said):
    return said[: said.index("")]


def test_every_attack_is_one_line_for_each_view_and_the_words_take_five_at_most():
    said = main_part(lines(suite(), 78))
    assert sum("51.3 [48.7, 53.4]≈" in line for line in said) == 24
    assert len(said) == 1 + 1 + len(attacks_on()) * 4 + 5
    for word in ("oracle: ", "luck: ", "held-out: ", "TPR@0.1%: ", "≈: ", FLOOR):
        assert word in " ".join(map(str.strip, said[-5:]))


def test_luck_stands_beside_the_oracle_and_intervals_beside_aucs_where_there_is_room():
    narrow, wide = (" ".join(main_part(lines(suite(), width))[1].split()) for width in (78, 118))
    assert narrow == "VIEW ORACLE HELD-OUT AUC TPR@1% TPR@0.1%"
    assert wide == "VIEW ORACLE LUCK 95% HELD-OUT AUC TPR@1% TPR@0.1%"
    assert main_part(lines(suite(), 78))[3].count("[") == 2
    assert main_part(lines(suite(), 118))[3].count("[") == 3


def test_all_other_metrics_follow_by_threshold_rule_without_luck_by_a_closed_form():
    said = lines(suite(more=("new",)), 78)
    words = " ".join(said).upper()
    for metric in ("LUCK", "SPREAD", "ADVANTAGE", "TPR", "FPR", "CUT-OFF", "NEW", "600/1197"):
        assert metric in words
    assert "SMIRNOV" not in words


@settings(max_examples=30, deadline=None)
@given(st.integers(60, 200), st.sets(st.sampled_from(VIEWS), min_size=1), st.sampled_from([(), ("a_new_metric",)]))
def test_no_line_is_wider_than_its_place_and_no_number_is_cut(width, views, more):
    said = lines(suite(views, more), width)
    assert max(map(len, said)) <= width
    assert not any("…" in line for line in said if line and not line.startswith("──"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [((None, 80), "asking …"), (([], 80, True), "the attacks follow training"), (([], 80), "No attack on this run")],
)
def test_without_attacks_it_says_why(arguments, words):
    assert words in lines(*arguments)[1]
