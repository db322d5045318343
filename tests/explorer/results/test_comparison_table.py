import json

from engine.spec import sweeps
from explorer.results import comparison_table, marks
from explorer.results.comparison_table import Known


def experiments():
    table = {"name": "one", "dataset": "digits", "grid": {"defense": ["natural", "pgd"]}}
    merged, data = sweeps.settle(table, "quick")
    return list(sweeps.expand(merged, data, "quick"))


def project(values=(0.55, 0.6)):
    runs = [
        {"run_id": e.run_id, "name": e.slug, "state": "done", "started": 0.0, "ended": 3.0, "device": "cpu"}
        for e in experiments()
    ]
    whole = [{"run_id": e.run_id, "spec": json.dumps(e.to_dict())} for e in experiments()]
    leakage = [
        {"run_id": run["run_id"], "attack": "confidence", "view": "benign", "class_label": None, "ci_low": value - 0.02}
        | {"threshold_rule": "heldout", "metric": "inference_accuracy", "value": value, "ci_high": value + 0.02}
        | {"n_member": 60, "n_nonmember": 90}
        for run, value in zip(runs, values, strict=True)
        if value is not None
    ]
    accuracies = [
        {"run_id": run["run_id"], "view": "benign", "split": "test", "accuracy": 0.9 + index / 100, "n": 1197}
        for index, run in enumerate(runs)
    ]
    return runs, Known(whole, accuracies, leakage)


def entry(sections, title, label):
    (section,) = [section for section in sections if title in section.title]
    return next(entry for entry in section.entries if entry.label == label)


def test_only_settings_that_differ_are_compared():
    runs, known = project()
    sections = comparison_table.compare(runs, known)
    assert {section.title for section in sections} >= {"Recipe"}
    assert all(len({cell.text for cell in e.cells}) > 1 for s in sections if s.title == "Recipe" for e in s.entries)
    everything = comparison_table.compare(runs, known, all_settings=True)
    assert entry(everything, "Data", "name").cells[0].text == "digits"


def test_differences_are_to_the_first_in_points():
    sections = comparison_table.compare(*project())
    cells = entry(sections, "confidence", "held-out accuracy").cells
    assert [cell.difference for cell in cells] == ["", "+5.0"]
    assert cells[1].text == "60.0 [58.0, 62.0]"
    assert entry(sections, "Accuracies", "benign test").cells[1].difference == "+1.0"


def test_an_attack_on_a_view_is_one_section_and_its_lines_name_the_threshold_rule():
    sections = comparison_table.compare(*project())
    assert [section.title for section in sections if "benign" in section.title] == ["confidence (benign) %"]
    assert [entry.label for entry in sections[-1].entries] == ["held-out accuracy", "members/others"]


def test_numbers_not_told_apart_from_a_guess_are_marked():
    runs, known = project((0.5, 0.6))
    known = Known(known.whole, known.accuracies, [row | {"leaks": row["ci_low"] > 0.5} for row in known.leakage])
    cells = entry(comparison_table.compare(runs, known), "confidence", "held-out accuracy").cells
    assert [cell.text for cell in cells] == ["50.0 [48.0, 52.0]≈", "60.0 [58.0, 62.0]"]
    assert comparison_table.legend(known).endswith(f"≈: {marks.LIKE_GUESS}; {marks.FLOOR}")


def test_luck_has_no_difference():
    runs, known = project()
    luck = [row | {"metric": "null_p95", "threshold_rule": "oracle"} for row in known.leakage]
    cells = entry(comparison_table.compare(runs, Known(None, None, luck)), "confidence", "luck, 95 %").cells
    assert [cell.difference for cell in cells] == ["", ""]


def test_what_one_run_has_not_is_no_zero():
    sections = comparison_table.compare(*project((None, 0.6)))
    assert [(c.text, c.difference) for c in entry(sections, "confidence", "held-out accuracy").cells] == [
        ("—", ""),
        ("60.0 [58.0, 62.0]", ""),
    ]


def test_nothing_answered_yet_still_compares_the_runs():
    runs, _ = project()
    known = Known(None, None, None)
    assert not known.complete
    assert [section.title for section in comparison_table.compare(runs, known)] == ["Run"]


def test_the_text_has_every_run_in_every_table():
    runs, known = project()
    text = comparison_table.as_text(["first", "second"], comparison_table.compare(runs, known), "what words mean")
    assert text.count("first") == len(comparison_table.compare(runs, known))
    assert "60.0 [58.0, 62.0]  +5.0" in text
    assert text.endswith("\nwhat words mean\n")
