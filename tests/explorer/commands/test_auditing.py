import csv
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
from waiting import patience

from explorer.commands import auditing
from explorer.commands.auditing import COLUMNS
from explorer.tables.class_table import PAPERS

MIA = Path(sys.executable).with_name("mia-explore")


def fact(attack, view, label=None, value=0.62, rule="heldout", leaks=True, metric="inference_accuracy"):
    given = {"attack": attack, "view": view, "class_label": label, "threshold_rule": rule, "metric": metric}
    numbers = {"value": value, "ci_low": value - 0.1, "ci_high": value + 0.1, "leaks": leaks}
    return given | numbers | {"n_member": 30, "n_nonmember": 88}


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


def test_what_the_file_lacks_is_named_with_the_strategies_that_are_lost():
    assert list(auditing.missing(["benign", "adversarial", "targeted", "certified"])) == []
    targeted, certified = auditing.missing(["benign", "adversarial"])
    assert "targeted view (logits_train_targeted, logits_test_targeted)" in targeted
    assert "no model T" in targeted
    assert certified.endswith("so no attack on it: no conf V")
    (adversarial,) = (line for line in auditing.missing(["benign"]) if "adversarial" in line)
    assert "no conf A and no model A" in adversarial


def test_the_csv_spells_as_the_export_does():
    stream = io.StringIO()
    rows = [fact("gap", "benign", rule="none"), fact("confidence", "benign", 3, metric="tpr", leaks=None)]
    rows[1] |= {"value": 0.1 + 0.2, "ci_low": None}
    auditing.write_csv(rows, "mine", stream)
    first, second = csv.DictReader(io.StringIO(stream.getvalue()))
    assert list(first) == list(COLUMNS)
    assert (first["run_id"], first["class_label"], first["leaks"], first["epsilon"]) == ("mine", "", "true", "")
    assert (second["class_label"], second["leaks"], second["ci_low"]) == ("3", "", "")
    assert second["value"] == "0.30000000000000004"


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
