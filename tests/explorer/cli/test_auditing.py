import csv
import dataclasses
import io
import os
import re
import select
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from rows import typed
from waiting import patience

from engine.inference.facts import Fact
from explorer.cli import audit_process, auditing
from explorer.cli.audit_process import Audited, announced, finding
from explorer.results import marks
from explorer.results.accuracy_table import Accuracy
from explorer.results.class_rows import PAPERS
from store.export import export
from store.rows import LeakageFact
from store.store import Store

MIA = Path(sys.executable).with_name("mia-explore")


def fact(attack, view, label=None, value=0.62, rule="heldout", leaks=True, metric="inference_accuracy"):
    given = {"attack": attack, "view": view, "class_label": label, "threshold_rule": rule, "metric": metric}
    numbers = {"value": value, "ci_low": value - 0.1, "ci_high": value + 0.1, "leaks": leaks}
    return typed("leakage", given | numbers | {"n_member": 30, "n_nonmember": 88})


def told(*arguments, **fields):
    """The same as the process tells it."""
    return {
        name: getattr(fact(*arguments, **fields), name) for name in (each.name for each in dataclasses.fields(Fact))
    }


def strategies(*chosen):
    rows = [(own, label, 0.6 + (label or 0) / 10) for own in chosen for label in (None, 0, 1)]
    return [fact(own.attack, own.view, label, value) for own, label, value in rows]


def test_the_papers_strategies_stand_side_by_side_for_every_class():
    lines = auditing.strategies_table(strategies(*PAPERS)).splitlines()
    assert re.split(r"\s{2,}", lines[2].strip()) == ["class", "members/others", *(own.label for own in PAPERS)]
    assert [line.split() for line in lines[4:7]] == [
        ["0", "30/88", "▸60.0", "±10.0", *["60.0", "±10.0"] * 5],
        ["1", "30/88", "▸70.0", "±10.0", *["70.0", "±10.0"] * 5],
        ["all", "30/88", "▸60.0", "±10.0", *["60.0", "±10.0"] * 5],
    ]
    assert "≈" not in " ".join(lines)


def test_classes_have_the_names_that_the_file_gives_them():
    lines = auditing.strategies_table(strategies(PAPERS[0]), ["cat", "1"]).splitlines()
    assert [line.split()[:2] for line in lines[4:7]] == [["0", "cat"], ["1", "30/88"], ["all", "30/88"]]


def test_only_the_strategies_that_were_carried_out_are_told_of():
    others = [fact("entropy-class", "benign", 0), fact("confidence-class", "targeted", 0), fact("gap", "benign")]
    head = auditing.strategies_table([*strategies(PAPERS[0], PAPERS[2]), *others]).splitlines()[2]
    assert re.split(r"\s{2,}", head.strip()) == ["class", "members/others", "conf B", "conf A"]


def test_oracles_never_stand_for_held_out_numbers():
    oracle = [fact("confidence-class", "benign", label, 0.9, rule="oracle") for label in (None, 0)]
    assert auditing.strategies_table(oracle).startswith("No class has enough examples")


def test_a_class_with_too_few_examples_has_a_dash():
    rows = strategies(PAPERS[0], PAPERS[1])
    rows.remove(fact(PAPERS[1].attack, PAPERS[1].view, 1, 0.7))
    table = auditing.strategies_table(rows)
    assert table.splitlines()[5].split() == ["1", "30/88", "▸70.0", "±10.0", "—"]
    assert "a dash: too few examples" in " ".join(table.split())


def test_a_number_not_told_apart_from_a_guess_is_marked_and_the_mark_explained():
    rows = [fact("confidence-class", "benign", label, 0.52, leaks=label != 0) for label in (None, 0)]
    table = auditing.strategies_table(rows)
    assert "52.0 ±10.0≈" in table
    assert "≈: not told apart from a guess" in " ".join(table.split())


def test_the_mark_of_a_class_says_that_it_must_stand_out_among_all():
    rows = [fact("confidence-class", "benign", label, leaks=label == 5) for label in (*range(38), None)]
    table = auditing.strategies_table(rows)
    assert "a class must stand out as one of all classes (Holm)" in " ".join(table.split())
    assert "\n1 of 38 classes is told apart from a guess: 5\n" in table
    none = auditing.strategies_table([row._replace(leaks=False) for row in rows])
    assert "classes is told" not in none
    every = auditing.strategies_table([row._replace(leaks=True) for row in rows])
    assert "\n38 of 38 classes are told apart from a guess: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 28 more\n" in every


def test_what_the_file_lacks_is_named_with_the_strategies_that_are_lost():
    assert list(auditing.missing(["benign", "adversarial", "targeted", "certified"])) == []
    targeted, certified = auditing.missing(["benign", "adversarial"])
    assert "targeted view (logits_train_targeted, logits_test_targeted)" in targeted
    assert "no model T" in targeted
    assert certified.endswith("so no attack on it: no conf V")
    (adversarial,) = (line for line in auditing.missing(["benign"]) if "adversarial" in line)
    assert "no conf A and no model A" in adversarial


def test_the_csv_has_the_columns_of_the_export(tmp_path):
    with Store(tmp_path / "db") as store:
        export(store, "leakage", "csv", tmp_path / "leakage.csv")
    assert (tmp_path / "leakage.csv").read_text() == ",".join(LeakageFact._fields) + "\n"


def test_the_csv_spells_as_the_export_does():
    stream = io.StringIO()
    rows = [fact("gap", "benign", rule="none"), fact("confidence", "benign", 3, metric="tpr", leaks=None)]
    rows[1] = rows[1]._replace(value=0.1 + 0.2, ci_low=None, warnings=("doubtful", "odd"))
    auditing.write_csv(rows, "mine", stream)
    first, second = csv.DictReader(io.StringIO(stream.getvalue()))
    assert list(first) == list(LeakageFact._fields)
    assert (first["run_id"], first["class_label"], first["leaks"], first["epsilon"]) == ("mine", "", "true", "")
    assert (second["class_label"], second["leaks"], second["ci_low"]) == ("3", "", "")
    assert (first["warnings"], second["warnings"]) == ("", "doubtful | odd")
    assert second["value"] == "0.30000000000000004"


OPENING = {
    **{"views": ["benign", "adversarial"], "class_names": ["cat", "dog"], "examples": [40, 30], "classes": 2},
    **{"networks": 18, "accuracies": [], "notes": [], "scarcity": None},
}


def right(view, split, label, correct, n, *warnings):
    share = correct / n
    return Accuracy(view, split, share, n, share - 0.01, share + 0.01, warnings=warnings, class_label=label)


ACCURACIES = [
    right("benign", "train", None, 39, 40),
    right("benign", "test", None, 27, 30),
    right("benign", "train", 0, 20, 20),
    right("benign", "train", 1, 19, 20),
    right("benign", "test", 1, 27, 30),
    right("adversarial", "train", None, 8, 40, "swapped?"),
    right("adversarial", "test", None, 9, 30, "swapped?"),
    right("adversarial", "train", 1, 8, 20, "swapped?"),
]


def test_accuracy_stands_first_and_what_makes_it_doubtful_beside_it():
    rows = [fact("gap", "benign", rule="none")]
    rows.append(fact("gap", "adversarial", rule="none")._replace(warnings=("swapped?",)))
    found = Audited(OPENING, ACCURACIES, rows, ["swapped?"])
    first, doubts, leaks = auditing.report(found, ["gap"], by_class=False)
    assert [re.split(r"\s{2,}", line.rstrip()) for line in first.splitlines()] == [
        ["Accuracy in percent [95 % interval]"],
        [""],
        ["view", "train", "test"],
        ["───────────", "──────────────────", "──────────────────"],
        ["benign", "97.5 [96.5, 98.5]", "90.0 [89.0, 91.0]"],
        ["adversarial", "20.0 [19.0, 21.0]!", "30.0 [29.0, 31.0]!"],
    ]
    assert doubts == "! swapped?"
    assert [line.split()[-2] for line in leaks.splitlines() if line.startswith("gap")] == ["—", "—"]
    assert leaks.count("]!") == 1
    assert marks.LEGEND in " ".join(leaks.split())


def test_accuracy_class_by_class_is_shown_on_demand():
    found = Audited(OPENING, ACCURACIES, [], [])
    assert len(list(auditing.report(found, [], by_class=False))) == 1
    _, table = auditing.report(found, [], by_class=True)
    lines = [line.split() for line in table.splitlines()[2:]]
    assert lines[0] == ["class", "members/others", "train", "B", "test", "B", "train", "A"]
    assert lines[2:] == [
        ["0", "cat", "20/0", "100.0", "—", "—"],
        ["1", "dog", "20/30", "95.0", "90.0", "40.0!"],
    ]


def test_the_work_is_announced_and_bounded():
    assert list(announced(OPENING, "a.npz", 8, 10.0)) == [
        "a.npz: 40 members, 30 others, 2 classes; views: benign, adversarial",
        "8 attacks on each view, one of which fits 18 inference networks, in at most 10 min (--time-limit)",
    ]
    assert len(list(announced(OPENING | {"networks": 0}, "a.npz", 1, 10.0))) == 1


def test_an_attack_is_told_of_in_one_line():
    facts = [told("gap", "benign", rule="none"), told("gap", "benign", 3, rule="none")]
    message = {"attack": "gap", "view": "benign", "seconds": 61.0, "facts": facts}
    assert finding(message) == "gap (benign): held-out accuracy 62.0 [52.0, 72.0] (1m01s)"
    assert finding(message | {"facts": []}) == "gap (benign): nothing to be told (1m01s)"


def test_a_warning_of_one_attack_stands_behind_its_numbers_alone():
    facts = [told("gap", "benign"), told("model-class", "benign"), told("model-class", "adversarial")]
    warnings = [{"topic": "output", "view": None, "message": "odd"}]
    warnings.append({"attack": "model-class", "view": "benign", "message": "cut short"})
    accuracy = {"view": "benign", "split": "test", "class_label": None, "correct": 9, "n": 10}
    opening = OPENING | {"accuracies": [accuracy | {"ci_low": 0.8, "ci_high": 1.0}]}
    found = audit_process.with_warnings(opening, facts, warnings)
    assert [row.warnings for row in found.facts] == [("odd",), ("cut short", "odd"), ("odd",)]
    assert [row.warnings for row in found.accuracies] == [("odd",)]
    assert found.messages == ["odd", "cut short"]


# The command in a process of its own


def mia(folder, *arguments, check=0):
    answer = subprocess.run([MIA, "audit", *arguments], cwd=folder, capture_output=True, text=True, check=False)
    assert answer.returncode == check, answer.stdout + answer.stderr
    return answer


def write_answers(folder, keys=("output_{}_benign", "logits_{}_adversarial"), classes=2):
    """A file whose members are answered more surely than the others."""
    generator = np.random.default_rng(0)
    arrays = {}
    for split, scale in (("train", 3.0), ("test", 1.0)):
        labels = np.arange(40) % classes
        logits = generator.normal(size=(40, classes)) + scale * np.eye(classes)[labels]
        softmax = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        arrays[f"{split}_label"] = labels
        for key in keys:
            arrays[key.format(split)] = (logits if "logits" in key else softmax).astype(np.float32)
    np.savez(folder / "answers.npz", **arrays)
    return folder / "answers.npz"


def test_a_file_of_softmax_and_logits_is_audited_by_the_attacks_asked_for(tmp_path):
    write_answers(tmp_path)
    (tmp_path / "engine").mkdir()  # not ours, and no reason to stumble
    (tmp_path / "engine" / "__init__.py").write_text("raise RuntimeError")
    wanted = ("--attack", "gap", "--attack", "confidence-class", "--per-class", "5", "--csv", "all.csv")
    answer = mia(tmp_path, "answers.npz", *wanted)
    for words in ("gap", "confidence-class", "adversarial", "conf B", "conf A", "The oracle is optimistic"):
        assert words in answer.stdout
    for words in ("model-class", "I_B model", "margin", "targeted view"):
        assert words not in answer.stdout
    assert "not in the file: the targeted view" in answer.stderr
    assert "not in the file: the certified view" in answer.stderr
    rows = list(csv.DictReader((tmp_path / "all.csv").read_text().splitlines()))
    assert {row["attack"] for row in rows} == {"gap", "confidence-class"}
    assert {row["view"] for row in rows} == {"benign", "adversarial"}
    assert {(row["n_member"], row["n_nonmember"]) for row in rows if row["threshold_rule"] == "heldout"} == {
        ("15", "15"),
        ("30", "30"),
    }
    assert f"{len(rows)} rows" in answer.stderr
    assert answer.stdout.startswith("Accuracy in percent")
    told = [line for line in answer.stderr.splitlines() if line.startswith(("gap", "confidence-class"))]
    assert [line.split(":")[0] for line in told] == [
        *("gap (benign)", "confidence-class (benign)", "gap (adversarial)", "confidence-class (adversarial)"),
    ]


def test_what_makes_a_file_doubtful_stands_on_both_streams_and_in_the_csv(tmp_path):
    path = write_answers(tmp_path, ("output_{}_benign",))
    with np.load(path) as archive:
        arrays = dict(archive)
    arrays["logits_train_benign"], arrays["logits_test_benign"] = (
        arrays.pop(f"output_{split}_benign") for split in ("train", "test")
    )
    np.savez(path, **arrays, config=np.array({}, object))
    said = "logits_train_benign and logits_test_benign hold probabilities, not logits, and were read as such"
    answer = mia(tmp_path, "answers.npz", "--attack", "gap", "--csv", "all.csv")
    assert f"! {said}" in " ".join(answer.stdout.split())
    assert f"warning: {said}" in answer.stderr
    assert "skipped, for an audit has no use for them: config" in answer.stderr
    rows = list(csv.DictReader((tmp_path / "all.csv").read_text().splitlines()))
    assert {row["warnings"][: len(said)] for row in rows} == {said}


def test_what_the_engine_refuses_is_its_one_line(tmp_path):
    values = np.full((3, 2), 0.5, np.float32)
    answers = {f"output_{split}_benign": values for split in ("train", "test")}
    np.savez(tmp_path / "-mine.npz", **answers, train_label=np.array([0, 2, 1]), test_label=np.array([0, 1, 1]))
    answer = mia(tmp_path, "--", "-mine.npz", check=2)
    assert answer.stderr == "error: -mine.npz: train_label row 1 is 2, not 0..1\n"
    assert answer.stdout == ""


@pytest.mark.parametrize("whole_terminal", [True, False])
def test_control_c_ends_it_without_a_word_and_leaves_nothing_at_work(tmp_path, whole_terminal):
    os.mkfifo(tmp_path / "slow.npz")
    process = subprocess.Popen(
        [MIA, "audit", "slow.npz"], cwd=tmp_path, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    with open(tmp_path / "slow.npz", "wb", buffering=0) as pipe:  # opens as soon as the audit reads
        (os.killpg if whole_terminal else os.kill)(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=patience(60))
        assert (process.returncode, said.strip()) == (130, "")
        end_of_readers = select.poll()
        end_of_readers.register(pipe, 0)
        assert end_of_readers.poll(20_000), "somebody still reads"
