"""Numbers that a warning speaks of are marked in every table, and the words stand below."""

from types import SimpleNamespace

from rows import typed

from explorer.reproduction import page
from explorer.results import (
    attack_table,
    class_rows,
    classes_table,
    comparison_table,
    curve_table,
    marks,
    text,
    views_table,
)
from explorer.results.class_rows import Strategy
from explorer.results.comparison_table import Known
from explorer.results.rendering import plain

SAID = "PGD moved 3 of 4 images nowhere"
LEAK = {"attack": "confidence", "class_label": None, "threshold_rule": "oracle", "metric": "inference_accuracy"}
LEAK |= {"value": 0.6, "ci_low": 0.5, "ci_high": 0.7, "n_member": 6, "n_nonmember": 4, "run_id": "a"}


def leak(**fields):
    return typed("leakage", LEAK | fields)


def test_of_many_messages_each_stands_once_and_the_rest_is_counted():
    rows = [leak(warnings=" | ".join(f"m{index}" for index in range(count))) for count in (3, 13)]
    assert marks.messages([*rows, leak()]) == [f"m{index}" for index in range(13)]
    lines = marks.lines(marks.messages(rows), 40)
    assert (lines[0], lines[-2:]) == ("! m0", ["! and 3 more: mia-explore export", "  warnings"])


def test_a_leakage_number_of_a_warned_view_is_marked_and_the_mark_explained():
    facts = [leak(view="benign"), leak(view="adversarial", leaks=False, warnings=SAID)]
    table = plain(attack_table.table(attack_table.attacks(facts)))
    assert "60.0 [50.0, 70.0]≈!" in table
    assert "60.0 [50.0, 70.0]  " in table
    assert "!: may mislead" in " ".join(table.split())
    assert "!" not in plain(attack_table.table(attack_table.attacks(facts[:1])))


def test_a_curve_marks_the_numbers_of_the_warned_view_and_tells_why(fact):
    points = [fact(0.6, warnings=SAID), fact(0.55, view="benign", capacity=2.0)]
    table = plain(curve_table.table([typed("capacity", point) for point in points], "capacity"))
    assert "60.0 ±1.0!" in table
    assert "55.0 ±1.0!" not in table
    assert table.endswith(f"! {SAID}")
    assert "!: may mislead" in curve_table.LEGEND


def test_the_table_of_views_marks_the_warned_views_only(views_row):
    rows = [views_row("ibp", warnings=SAID, warned_views="adversarial targeted"), views_row("natural")]
    rows = [typed("views", row) for row in rows]
    numbers = views_table.networks(rows)[0].entries[0].numbers
    marked = {key for key, number in numbers.items() if number.whole.endswith("!")}
    assert marked == {("adversarial", kind) for kind in ("train", "test", "oracle", "heldout")}
    assert f"! {SAID}" in plain(views_table.table(rows))


def test_a_class_whose_view_is_warned_of_is_marked():
    own = Strategy("confidence-class", "adversarial")
    fact = leak(attack=own.attack, view=own.view, class_label=3, warnings=SAID)
    rows = class_rows.of_run([fact], "oracle", {own: "oracle"})
    assert class_rows.warned(rows)
    assert "60.0 ±10.0!" in plain(classes_table.table(rows, [own]))


def test_a_comparison_marks_accuracies_and_leakage_and_tells_why():
    runs = [
        typed("runs", {"run_id": name, "state": "done", "device": "cpu", "name": name, "started": 0, "ended": 1})
        for name in ("a", "b")
    ]
    accuracies = [
        typed(
            "accuracies",
            {"run_id": name, "view": "adversarial", "split": "test", "accuracy": 0.9, "n": 10, "warnings": said},
        )
        for name, said in (("a", None), ("b", SAID))
    ]
    known = Known([], accuracies, [leak(view="adversarial", run_id="b", warnings=SAID)])
    table = comparison_table.table(runs, known, ["a", "b"])
    blocks = {block.title: block for block in table.blocks}
    assert [cell.text for cell in blocks["Accuracies %"].rows[0][1:]] == ["90.0 of 10", "90.0! of 10"]
    assert blocks["confidence (adversarial) %"].rows[0][2].text == "60.0 [50.0, 70.0]!"
    assert table.messages == [SAID]


def test_the_reproduction_page_marks_the_numbers_of_a_warned_view():
    setting = SimpleNamespace(row=SimpleNamespace(warned_views=("adversarial",)))
    ours = SimpleNamespace(value=0.8, low=None, over="")
    cells = [SimpleNamespace(setting=setting, key=(view, "test"), ours=ours) for view in text.VIEWS[:2]]
    assert [page._ours(cell) for cell in cells] == ["80.0", "80.0!"]


def test_a_shade_tells_how_many_standard_errors_a_number_is_above_a_guess():
    half = 0.0196  # a standard error of .01
    shades = [marks.heat(0.5 + errors / 100, 0.5, half, True) for errors in (2.0, 2.9, 3.1, 4.9, 5.1, 7.9, 8.1, 30.0)]
    assert shades == ["heat1", "heat1", "heat2", "heat2", "heat3", "heat3", "heat4", "heat4"]
    assert marks.heat(0.3, 0.0, 0.1, True) == "heat3"


def test_what_may_be_luck_or_has_no_interval_has_no_shade():
    assert marks.heat(0.6, 0.5, 0.02, False) == ""
    assert marks.heat(0.6, 0.5, 0.02, None) == ""
    assert marks.heat(0.6, 0.5, None, True) == ""
    assert marks.heat(0.6, 0.5, 0.0, True) == ""
