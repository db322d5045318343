"""Numbers that a warning speaks of are marked in every table, and the words stand below."""

from types import SimpleNamespace

from explorer.reproduction import page
from explorer.results import (
    attack_table,
    class_cells,
    classes_table,
    comparison_table,
    curve_table,
    marks,
    text,
    views_table,
)
from explorer.results.classes_table import Strategy
from explorer.results.comparison_table import Known

SAID = "PGD moved 3 of 4 images nowhere"
LEAK = {"attack": "confidence", "class_label": None, "threshold_rule": "oracle", "metric": "inference_accuracy"}
LEAK |= {"value": 0.6, "ci_low": 0.5, "ci_high": 0.7, "n_member": 6, "n_nonmember": 4, "run_id": "a"}


def test_of_many_messages_each_stands_once_and_the_rest_is_counted():
    rows = [{"warnings": " | ".join(f"m{index}" for index in range(count))} for count in (3, 13)]
    assert marks.messages([*rows, {"warnings": None}, {}]) == [f"m{index}" for index in range(13)]
    lines = marks.lines(marks.messages(rows), 40)
    assert (lines[0], lines[-2:]) == ("! m0", ["! and 3 more: mia-explore export", "  warnings"])


def test_a_leakage_number_of_a_warned_view_is_marked_and_the_mark_explained():
    rows = [LEAK | {"view": "benign"}, LEAK | {"view": "adversarial", "leaks": False, "warnings": SAID}]
    table = attack_table.table(rows)
    assert "60.0 [50.0, 70.0]≈!" in table
    assert "60.0 [50.0, 70.0]  " in table
    assert "!: may mislead" in " ".join(table.split())
    assert "!" not in attack_table.table(rows[:1])


def test_a_curve_marks_the_numbers_of_the_warned_view_and_tells_why(fact):
    table = curve_table.curve([fact(0.6, warnings=SAID), fact(0.55, view="benign", capacity=2.0)], "capacity")
    assert "60.0 ±1.0!" in table
    assert "55.0 ±1.0!" not in table
    assert table.endswith(f"! {SAID}")
    assert "!: may mislead" in curve_table.LEGEND


def test_the_table_of_views_marks_the_warned_views_only(views_row):
    rows = [views_row("ibp", warnings=SAID, warned_views="adversarial targeted"), views_row("natural")]
    cells = views_table.blocks(rows)[0].entries[0].cells
    assert {name for name, cell in cells.items() if cell.parts[2].endswith("!")} == {
        *("adversarial_train_accuracy", "adversarial_test_accuracy"),
        *("adversarial_inference_accuracy", "adversarial_heldout_inference_accuracy"),
    }
    assert views_table.plain(rows).endswith(f"! {SAID}")


def test_a_class_whose_view_is_warned_of_is_marked():
    own = Strategy("confidence-class", "adversarial")
    fact = LEAK | {"attack": own.attack, "view": own.view, "class_label": 3, "warnings": SAID}
    table = classes_table.rows([fact], "oracle", {own: "oracle"})
    assert class_cells.warned(table)
    assert "60.0 ±10.0!" in class_cells.plain(table, [own])


def test_a_comparison_marks_accuracies_and_leakage_and_tells_why():
    runs = [
        {"run_id": name, "state": "done", "device": "cpu", "name": name, "started": 0, "ended": 1}
        for name in ("a", "b")
    ]
    accuracies = [
        {"run_id": name, "view": "adversarial", "split": "test", "accuracy": 0.9, "n": 10, "warnings": said}
        for name, said in (("a", None), ("b", SAID))
    ]
    known = Known([], accuracies, [LEAK | {"view": "adversarial", "run_id": "b", "warnings": SAID}])
    sections = {section.title: section for section in comparison_table.compare(runs, known)}
    assert [cell.text for cell in sections["Accuracies %"].entries[0].cells] == ["90.0 of 10", "90.0! of 10"]
    assert sections["confidence (adversarial) %"].entries[0].cells[1].text == "60.0 [50.0, 70.0]!"
    assert comparison_table.warnings(known) == [SAID]


def test_the_reproduction_page_marks_the_numbers_of_a_warned_view():
    setting, ours = SimpleNamespace(row={"warned_views": "adversarial"}), SimpleNamespace(value=0.8, low=None, over="")
    cells = [SimpleNamespace(setting=setting, column=f"{view}_test_accuracy", ours=ours) for view in text.VIEWS[:2]]
    assert [page._ours(cell) for cell in cells] == ["80.0", "80.0!"]
