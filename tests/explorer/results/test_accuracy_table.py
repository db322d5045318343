from rows import typed

from explorer.results import accuracy_table
from explorer.results.rendering import plain


def test_accuracies_begin_with_the_training_split_of_the_benign_view():
    facts = [
        typed("accuracies", {"run_id": "r", "view": view, "split": split, "accuracy": 0.5, "n": 10})
        for view in ("adversarial", "benign", "certified")
        for split in ("test", "train")
    ]
    found = accuracy_table.of_run(facts, "r")
    assert [(own.view, own.split) for own in found[:3]] == [
        *(("benign", "train"), ("benign", "test"), ("adversarial", "train"))
    ]
    lines = [line.split() for line in plain(accuracy_table.table(found)).splitlines()]
    assert lines[0] == ["view", "train", "n", "train", "test", "n", "test"]
    assert lines[2] == ["benign", "50.0", "of", "10", "50.0", "of", "10"]
