import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rows import typed

from explorer.results import classes_table
from explorer.results.class_rows import (
    FEW,
    PAPERS,
    ClassRow,
    Reached,
    Strategy,
    called,
    natural_best,
    of_run,
    ordered,
    strategies,
)
from explorer.results.lines import line_text
from explorer.results.rendering import screen

BENIGN, ADVERSARIAL = Strategy("confidence-class", "benign"), Strategy("confidence-class", "adversarial")
MODEL = Strategy("model-class", "targeted")


def fact(label, value, view="benign", attack="confidence-class", rule="oracle", run_id="a", half=0.02, n=(500, 400)):
    low, high = (None, None) if half is None else (value - half, value + half)
    columns = {
        **{"run_id": run_id, "attack": attack, "view": view, "class_label": label, "threshold_rule": rule},
        **{"value": value, "ci_low": low, "ci_high": high, "n_member": n[0], "n_nonmember": n[1]},
        **{"leaks": None if half is None else value - half > 0.5, "metric": "inference_accuracy"},
    }
    return typed("leakage", columns)


class_rows = st.lists(
    st.tuples(st.none() | st.integers(0, 9), st.floats(0.3, 1.0), st.none() | st.floats(0.3, 1.0)),
    unique_by=lambda row: row[0],
).map(lambda found: [ClassRow(label, 9, 9, {BENIGN: Reached(value)}, natural) for label, value, natural in found])


def table(facts, rule, **more):
    return of_run(facts, rule, strategies(facts, rule), **more)


def test_the_papers_strategies_come_first_and_in_its_order():
    facts = [
        fact(0, 0.6, attack=attack, view=view, rule="heldout")
        for attack in ("margin-class", "another", "entropy-class", "model-class", "confidence-class")
        for view in ("certified", "targeted", "adversarial", "benign")
    ]
    labels = [strategy.label for strategy in strategies(facts, "heldout")]
    assert labels[:6] == ["conf B", "model B", "conf A", "model A", "model T", "conf V"]
    assert labels[6:9] == ["conf T", "model V", "entropy B"]
    assert labels[-1] == "another V"


def test_only_attacks_that_went_class_by_class_are_strategies():
    assert list(strategies([fact(None, 0.7, attack="confidence"), fact(0, 0.6)], "oracle")) == [BENIGN]
    assert strategies([fact(None, 0.7)], "oracle") == {}


def test_a_strategy_that_has_only_held_out_numbers_shows_them_under_the_oracle_too():
    facts = [fact(0, 0.6), fact(0, 0.55, rule="heldout"), fact(0, 0.7, "targeted", "model-class", "heldout")]
    assert strategies(facts, "oracle") == {BENIGN: "oracle", MODEL: "heldout"}
    assert strategies(facts, "heldout") == {BENIGN: "heldout", MODEL: "heldout"}
    assert strategies(facts[:1], "heldout") == {}


def test_what_is_held_out_is_never_the_best_of_oracle_thresholds():
    facts = [fact(0, 0.6), fact(0, 0.7, "targeted", "model-class", "heldout"), fact(0, 0.58, rule="heldout")]
    (row,) = table(facts, "oracle")
    assert (row.best, row.value, row.reached[MODEL].chosen) == (BENIGN, 0.6, False)
    (row,) = table(facts, "heldout")
    assert (row.best, row.value, row.reached[MODEL].chosen) == (MODEL, 0.7, True)
    (row,) = table(facts[1:2], "oracle")
    assert row.best == MODEL


def test_a_row_has_its_strategies_intervals_papers_numbers_and_the_fewest_examples():
    facts = [fact(3, 0.6, half=0.01), fact(3, 0.7, view="adversarial", half=None, n=(450, 600)), fact(None, 0.65)]
    row = {"attack": "confidence-class", "view": "adversarial", "class_label": 3, "threshold_rule": "oracle"}
    papers = [typed("classes", row | {"published": 0.75, "class_name": "cat"})]
    (three, whole) = table(facts, "oracle", published=papers, natural={3: 0.55})
    assert three.reached[BENIGN].spread == pytest.approx(0.01)
    assert three.reached[ADVERSARIAL].spread is None
    assert (three.reached[BENIGN].leaks, three.reached[ADVERSARIAL].leaks) == (True, None)
    assert (three.n_member, three.n_nonmember) == (450, 400)
    assert (three.best, three.value, three.published) == (ADVERSARIAL, 0.7, 0.75)
    assert three.difference == pytest.approx(0.15)
    assert (three.name, whole.name, whole.best, whole.difference) == ("3 cat", "all", BENIGN, None)


@pytest.mark.parametrize(
    ("label", "name", "written"),
    [(3, "cat", "3 cat"), (3, "3", "3"), (3, None, "3"), (None, None, "all"), (0, "n0146 fish", "0 n0146 fish")],
)
def test_a_class_is_written_with_its_name_where_that_says_more_than_its_number(label, name, written):
    assert called(label, name) == written


def test_only_the_strategies_asked_for_are_in_the_rows():
    facts = [fact(0, 0.6), fact(0, 0.9, attack="margin-class"), fact(1, 0.9, attack="margin-class")]
    shown = {own: rule for own, rule in strategies(facts, "oracle").items() if own in PAPERS}
    assert [(row.label, list(row.reached)) for row in of_run(facts, "oracle", shown)] == [(0, [BENIGN])]


@pytest.mark.parametrize(("n", "few"), [((FEW, FEW), False), ((FEW - 1, 900), True), ((900, FEW - 1), True)])
def test_a_row_is_of_few_examples_where_one_side_is_small(n, few):
    (row,) = table([fact(0, 0.6, n=n)], "oracle")
    assert row.few is few


def test_natural_training_is_the_mean_of_each_runs_best_strategy():
    facts = [
        *(fact(0, 0.6, run_id="a"), fact(0, 0.5, view="adversarial", run_id="a")),
        *(fact(0, 0.5, run_id="b"), fact(0, 0.7, view="adversarial", run_id="b"), fact(1, 0.9, run_id="b")),
        fact(0, 0.99, run_id="b", rule="heldout"),
    ]
    assert natural_best(facts, "oracle", strategies(facts, "oracle")) == pytest.approx({0: 0.65, 1: 0.9})


@given(class_rows, st.booleans())
def test_order_keeps_every_row_with_all_classes_first_and_unknown_ones_last(found_rows, reverse):
    found = ordered(found_rows, lambda row: row.difference, reverse)
    assert sorted(map(id, found)) == sorted(map(id, found_rows))
    labels = [row.label for row in found]
    assert None not in labels[1:]
    values = [row.difference for row in found if row.label is not None]
    known = [value for value in values if value is not None]
    assert values[len(known) :] == [None] * (len(values) - len(known))
    assert known == sorted(known, reverse=reverse)


SHARE = st.floats(0, 1)
REACHED = st.builds(Reached, SHARE, st.none() | SHARE, st.none() | SHARE, st.none() | st.booleans())
ROWS = st.lists(st.dictionaries(st.sampled_from(PAPERS), REACHED, min_size=1), min_size=1).map(
    lambda found: [ClassRow(label, 9, 9, reached) for label, reached in enumerate(found)]
)


@settings(max_examples=50, deadline=None)
@given(ROWS, st.integers(20, 160))
def test_digits_stand_below_each_other_at_every_width(found_rows, width):
    head, lines = screen(classes_table.table(found_rows, list(PAPERS)), width)
    (room,) = {len(line_text(line)) for line in (*head, *lines)}
    assert room <= width


def test_a_cell_says_less_where_there_is_less_room():
    rows = [ClassRow(0, 9, 9, {BENIGN: Reached(0.625, 0.109, 0.709, False), MODEL: Reached(0.5)})]
    said = [line_text(screen(classes_table.table(rows, [BENIGN, MODEL]), width)[1][0]) for width in (60, 40, 24)]
    assert "▸62.5 ±10.9≈ (70.9)" in said[0]
    assert "▸62.5 ±10.9≈" in said[1]
    assert "(" not in said[1]
    assert "▸62.5≈" in said[2]
