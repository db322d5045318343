import json

from rows import typed

from engine.spec import sweeps
from explorer.results import comparison_table, marks
from explorer.results.comparison_table import Known
from explorer.results.rendering import plain


def experiments():
    table = {"name": "one", "dataset": "digits", "grid": {"defense": ["natural", "pgd"]}}
    merged, data = sweeps.settle(table, "quick")
    return list(sweeps.expand(merged, data, "quick"))


def project(values=(0.55, 0.6)):
    runs = [
        typed(
            "runs", {"run_id": e.run_id, "name": e.slug, "state": "done", "started": 0.0, "ended": 3.0, "device": "cpu"}
        )
        for e in experiments()
    ]
    whole = [typed("run", {"run_id": e.run_id, "spec": json.dumps(e.to_dict())}) for e in experiments()]
    leakage = [
        {"run_id": run.run_id, "attack": "confidence", "view": "benign", "class_label": None, "ci_low": value - 0.02}
        | {"threshold_rule": "heldout", "metric": "inference_accuracy", "value": value, "ci_high": value + 0.02}
        | {"n_member": 60, "n_nonmember": 90}
        for run, value in zip(runs, values, strict=True)
        if value is not None
    ]
    accuracies = [
        {"run_id": run.run_id, "view": "benign", "split": "test", "accuracy": 0.9 + index / 100, "n": 1197}
        for index, run in enumerate(runs)
    ]
    leakage = [typed("leakage", row) for row in leakage]
    return runs, Known(whole, [typed("accuracies", row) for row in accuracies], leakage)


def compared(runs, known, **more):
    return comparison_table.table(runs, known, [run.name for run in runs], **more)


def cells(table, title, label):
    (block,) = [block for block in table.blocks if title in block.title]
    return next(row[1:] for row in block.rows if row[0].text == label)


def test_only_settings_that_differ_are_compared():
    runs, known = project()
    blocks = compared(runs, known).blocks
    assert {block.title for block in blocks} >= {"Recipe"}
    assert all(len(set(row[1:])) > 1 for block in blocks if block.title == "Recipe" for row in block.rows)
    assert cells(compared(runs, known, all_settings=True), "Data", "name")[0].text == "digits"


def test_differences_are_to_the_first_in_points():
    table = compared(*project())
    first, second = cells(table, "confidence", "held-out accuracy")
    assert (first.behind, second.text, second.behind) == (("",), "60.0 [58.0, 62.0]", ("  +5.0",))
    assert cells(table, "Accuracies", "benign test")[1].behind == ("  +1.0",)


def test_an_attack_on_a_view_is_one_block_and_its_lines_name_the_threshold_rule():
    blocks = compared(*project()).blocks
    assert [block.title for block in blocks if "benign" in block.title] == ["confidence (benign) %"]
    assert [row[0].text for row in blocks[-1].rows] == ["held-out accuracy", "members/others"]


def test_numbers_not_told_apart_from_a_guess_are_marked():
    runs, known = project((0.5, 0.6))
    leakage = [fact._replace(leaks=fact.ci_low > 0.5) for fact in known.leakage]
    table = compared(runs, Known(known.whole, known.accuracies, leakage))
    shown = [cell.text for cell in cells(table, "confidence", "held-out accuracy")]
    assert shown == ["50.0 [48.0, 52.0]≈", "60.0 [58.0, 62.0]"]
    assert table.legend[0].endswith(f"≈: {marks.LIKE_GUESS}; {marks.FLOOR}")


def test_luck_has_no_difference():
    runs, known = project()
    luck = [fact._replace(metric="null_p95", threshold_rule="oracle") for fact in known.leakage]
    found = cells(compared(runs, Known(None, None, luck)), "confidence", "luck, 95 %")
    assert [cell.behind for cell in found] == [(), ()]


def test_what_one_run_has_not_is_no_zero():
    found = cells(compared(*project((None, 0.6))), "confidence", "held-out accuracy")
    assert [(cell.text, "".join(cell.behind)) for cell in found] == [("—", ""), ("60.0 [58.0, 62.0]", "")]


def test_nothing_answered_yet_still_compares_the_runs():
    runs, _ = project()
    known = Known(None, None, None)
    assert not known.complete
    assert [block.title for block in compared(runs, known, all_settings=True).blocks] == ["Run"]
    assert compared(runs, known).blocks == []
    other = [runs[0], runs[1]._replace(device="cuda:0")]
    (block,) = compared(other, known).blocks
    assert [row[0].text for row in block.rows] == ["device"]


def test_the_text_has_every_run_in_every_table():
    runs, known = project()
    table = comparison_table.table(runs, known, ["first", "second"])
    text = plain(table)
    assert text.count("first") == len(table.blocks)
    assert "60.0 [58.0, 62.0]  +5.0" in text
    assert text.endswith(marks.FLOOR)
