import pytest
from rows import typed

from explorer.results import attack_table, marks
from explorer.results.attack_table import AUC, HELD_OUT, NUMBERS, ORACLE
from explorer.results.rendering import plain


def leak(metric, value, rule="oracle", attack="confidence", view="benign", leaks=None, **fields):
    given = {"attack": attack, "view": view, "threshold_rule": rule, "class_label": None, "leaks": leaks}
    numbers = {"metric": metric, "value": value, "ci_low": None, "ci_high": None, "n_member": 60, "n_nonmember": 90}
    return typed("leakage", given | numbers | fields)


def suite():
    """What a run has of a score, of networks and of a rule that chooses nothing."""
    return [
        *(leak("inference_accuracy", 0.61, ci_low=0.58, ci_high=0.64, leaks=True), leak("null_p95", 0.53)),
        leak("inference_accuracy", 0.52, "heldout", ci_low=0.49, ci_high=0.55, leaks=False, n_member=30),
        *(leak("auc", 0.56, "none", leaks=True), leak("null_p95_smirnov", 0.5)),
        leak("inference_accuracy", 0.57, "heldout", "model-class", leaks=True, n_member=30),
        leak("auc", 0.58, "heldout", "model-class", leaks=True),
        leak("inference_accuracy", 0.55, "none", "gap", leaks=True),
    ]


def test_single_classes_are_no_attacks_of_their_own():
    (attack,) = attack_table.attacks([leak("advantage", 0.1), leak("advantage", 0.5, class_label=3)])
    assert attack.find("advantage", ("oracle",)).value == 0.1


def test_the_papers_attacks_come_first_and_benign_answers_before_others():
    rows = [
        leak("auc", 0.5, "none", attack, view)
        for attack in ("another", "margin", "gap", "confidence", "model-class", "confidence-class")
        for view in ("targeted", "new", "certified", "adversarial", "benign")
    ]
    found = attack_table.attacks(rows)
    names = ["confidence", "confidence-class", "model-class", "gap", "margin", "another"]
    assert list(dict.fromkeys(attack.attack for attack in found)) == names
    assert [attack.view for attack in found[:5]] == ["benign", "adversarial", "targeted", "certified", "new"]


def test_unknown_metrics_come_after_the_known_ones_and_luck_by_a_closed_form_is_left_out():
    rows = [leak(metric, 0.5) for metric in ("zeta", "alpha", "tpr", "null_mean_smirnov", "advantage", "null_mean")]
    (attack,) = attack_table.attacks(rows)
    assert [metric for _, metric in attack.facts] == ["null_mean", "advantage", "tpr", "alpha", "zeta"]


def test_each_number_is_found_under_the_rule_its_attack_has_it_under():
    score, model, gap = attack_table.attacks(suite())
    assert [number.of(score) and number.of(score).value for number in NUMBERS[:4]] == [0.61, 0.53, 0.52, 0.56]
    assert (ORACLE.of(model), HELD_OUT.of(model).value, AUC.of(model).value) == (None, 0.57, 0.58)
    assert (ORACLE.of(gap), HELD_OUT.of(gap).value, AUC.of(gap)) == (None, 0.55, None)


def test_sizes_are_the_largest_that_an_accuracy_is_reported_on():
    rows = [leak("auc", 0.58, "heldout", "model-class", n_member=58), *suite()]
    assert [attack.sizes for attack in attack_table.attacks(rows)] == ["60/90", "30/90", "60/90"]


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        ((0.217, 0.15, 0.27, None), "21.7 [15.0, 27.0]"),
        ((0.217, 0.15, 0.27, True), "21.7 [15.0, 27.0]"),
        ((0.017, -0.15, 0.07, False), "1.7 [-15.0, 7.0]≈"),
        ((0.217, None, None, None), "21.7"),
        ((0.217, None, None, False), "21.7≈"),
    ],
)
def test_an_interval_and_a_mark_stand_behind_their_number(numbers, said):
    value, low, high, leaks = numbers
    fact = leak("advantage", value, leaks=leaks, ci_low=low, ci_high=high)
    assert attack_table.cell(fact, interval=True).whole == said
    assert attack_table.cell(None).whole == "—"


def test_a_threshold_is_no_share():
    assert attack_table.cell(leak("threshold", 0.90299)).whole == "0.903"
    assert attack_table.cell(leak("tpr", 0.90299)).whole == "90.3"


def test_a_number_of_references_is_no_share():
    assert attack_table.cell(leak("references_in", 7.0, "references")).whole == "7"


def test_what_thresholds_of_references_find_stands_under_a_title_of_its_own():
    """Of a low rate the curve's number is said of every attack; the one that an attacker gets follows."""
    found = attack_table.attacks(
        [
            *(leak("tpr_at_fpr_0.01", 0.11, "none", "lira"), leak("fpr_used_0.01", 0.009, "none", "lira")),
            *(leak("inference_accuracy", 0.62, "references", "lira"), leak("advantage", 0.24, "references", "lira")),
            *(leak("tpr_at_fpr_0.01", 0.08, "references", "lira"), leak("references_in", 5.0, "references", "lira")),
        ]
    )
    said = {title: attack_table.details(found, rules) for rules, (title, _) in attack_table.DETAILS.items()}
    assert said["Oracle thresholds"] is None
    assert "0.9" in plain(said["Held-out thresholds"])
    words = " ".join(plain(said["Thresholds of references"]).split())
    assert "view TPR@1% ADVANTAGE REFS IN members/others" in words
    assert "benign 8.0 24.0 5 60/90" in words


def test_the_plain_table_has_a_line_for_each_attack_and_says_what_its_words_mean():
    lines = [" ".join(line.split()) for line in plain(attack_table.table(attack_table.attacks(suite()))).splitlines()]
    assert lines[0] == "attack view oracle % luck 95 % held-out % AUC % TPR@1% TPR@0.1% members/others"
    assert lines[2] == "confidence benign 61.0 [58.0, 64.0] 53.0 52.0 [49.0, 55.0]≈ 56.0 — — 60/90"
    assert lines[3] == "model-class benign — — 57.0 58.0 — — 30/90"
    assert "".join(lines[5:]).startswith("oracle: ")
    for word in ("luck: ", "held-out: ", "≈: "):
        assert word in " ".join(lines[5:])


def test_only_what_is_there_is_explained():
    assert attack_table.legend([]) == marks.FLOOR == "leakage is a floor: a stronger attack may find more"
    assert "≈" not in attack_table.legend(attack_table.attacks([leak("auc", 0.6, "none", leaks=True)]))
    assert attack_table.legend(attack_table.attacks([leak("auc", 0.6, "none")])).startswith("held-out")
    assert "held-out" not in attack_table.legend(attack_table.attacks([leak("advantage", 0.6)]))


def test_a_rate_is_said_of_the_attacks_whose_others_it_counts():
    def rates(attack, others, view="benign"):
        return [leak("tpr_at_fpr_0.01", 0.0, "none", attack, view, n_nonmember=others)]

    rows = [*rates("confidence", 180), *rates("margin", 180), *rates("model-class", 151)]
    legend = attack_table.legend(attack_table.attacks(rows))
    assert "TPR@1%: 1 of 180 others, 0.56 %; TPR@1% of model-class: 1 of 151 others, 0.66 %" in legend
    exact = attack_table.legend(
        attack_table.attacks([*rates("confidence", 200), *rates("gap", 200), *rates("model-class", 151)])
    )
    assert "200" not in exact
    assert "TPR@1% of model-class: 1 of 151" in exact
    runs = [*attack_table.attacks(rates("confidence", 151)), *attack_table.attacks(rates("confidence", 514))]
    assert "TPR@1%: 1 of 151 to 5 of 514 others" in attack_table.legend(runs)


@pytest.mark.parametrize(
    ("others", "said"),
    [
        (10_000, []),
        (1197, ["TPR@1%: 11 of 1197 others, 0.92 %", "TPR@0.1%: 1 of 1197 others, 0.084 %"]),
        (514, ["TPR@1%: 5 of 514 others, 0.97 %", "TPR@0.1%: 0 of 514 others, not resolved"]),
    ],
)
def test_a_rate_that_so_few_others_cannot_have_is_said(others, said):
    rows = [
        leak(f"tpr_at_fpr_{rate}", 0.0, rule="none", n_member=1900, n_nonmember=others) for rate in ("0.01", "0.001")
    ]
    legend = attack_table.legend(attack_table.attacks(rows))
    assert legend.count("TPR@") == len(said)
    assert all(words in legend for words in said)


def test_an_attack_with_references_says_how_many_there_are_and_which_rate_is_not_resolved():
    rows = [
        leak("tpr_at_fpr_0.01", 0.1, "none", attack="lira", n_nonmember=1197),
        leak("auc", 0.7, "none", attack="lira", n_nonmember=1197),
        leak("epsilon", 1.25, "references", attack="lira", n_nonmember=1197),
        leak("ppv_0.1", 0.5, "references", attack="lira", n_nonmember=1197),
        *(leak(f"references_{side}", 7.0, "references", attack="lira", n_nonmember=1197) for side in ("in", "out")),
    ]
    found = attack_table.attacks([*rows, leak("auc", 0.6, "none")])
    table = plain(attack_table.table(found))
    assert "TPR@0.01%" in table
    assert "7/7" in table
    assert "1.25" in table
    legend = " ".join(table.split())
    assert "TPR@0.01%: 0 of 1197 others, not resolved" in legend
    assert "of just this procedure" in legend
    details = attack_table.details(found, ("references",))
    assert [column.name for column in details.columns] == ["VIEW", "PPV 10%", "REFS IN", "REFS OUT", "MEMBERS/OTHERS"]


def test_references_without_members_are_said_to_leave_offline_attacks():
    sides = [leak(f"references_{side}", n, "references", attack="lira") for side, n in (("in", 0.0), ("out", 3.0))]
    assert "in 0: offline" in attack_table.legend(attack_table.attacks(sides))
