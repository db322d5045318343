"""`python -m engine.inference`: the attacks on a file, for those who have answers of their own."""

import itertools
import json
import subprocess
import sys
from dataclasses import asdict, replace
from types import SimpleNamespace

import numpy as np
import pytest

from engine import inference, registry
from engine.evaluation import prediction_files, predictions
from engine.evaluation.predictions import Answers, Predictions
from engine.inference import __main__ as command
from engine.spec.experiment import Inference


@pytest.fixture
def file(tmp_path, make_predictions):
    path = tmp_path / "answers.npz"
    predictions.save(path, make_predictions(40, 30, 2, shift=1.0))
    return path


@pytest.fixture
def call(monkeypatch, capsys):
    def called(*arguments):
        monkeypatch.setattr(sys, "argv", ["engine.inference", *map(str, arguments)])
        code = command.main()
        return code, *capsys.readouterr()

    return called


def messages(printed, kind):
    return [message for line in printed.splitlines() if (message := json.loads(line))["kind"] == kind]


def facts(printed):
    return [fact for message in messages(printed, "found") for fact in message["facts"]]


def in_order(found):
    return sorted(found, key=lambda fact: (fact["attack"], fact["view"]))


def test_it_tells_each_attacks_facts_as_it_ends_the_slow_one_last(call, file):
    code, printed, complaint = call(file)
    assert (code, complaint) == (0, "")
    kinds = [json.loads(line)["kind"] for line in printed.splitlines()]
    assert [kind for kind in kinds if kind != "progress"] == [
        "file",
        *["begin", "found"] * len(registry.attacks_on()),
        "end",
    ]
    told = [message["attack"] for message in messages(printed, "found")]
    assert told == [*(attack for attack in registry.attacks_on() if attack != "model-class"), "model-class"]
    wanted = [asdict(fact) for fact in inference.audit(prediction_files.load(file), Inference())]
    assert in_order(facts(printed)) == in_order(wanted)


def test_it_begins_with_what_the_file_holds_and_how_much_there_is_to_do(call, file):
    (opening,) = messages(call(file, "--attacks", "gap,model-class")[1], "file")
    loaded = prediction_files.load(file)
    whole = [row for row in opening["accuracies"] if row["class_label"] is None]
    assert (opening["views"], opening["class_names"], opening["classes"]) == (["benign"], [], 2)
    assert (opening["examples"], opening["networks"]) == ([40, 30], 2 * 3 * 3)
    assert (opening["warnings"], opening["notes"]) == ([], [])
    assert opening["scarcity"] == inference.scarcity(loaded, Inference())
    for row in whole:
        right = loaded.views["benign"][row["split"]].correct(loaded.labels[row["split"]])
        assert (row["correct"], row["n"]) == (right.sum(), len(right))
    (other,) = messages(call(file, "--attacks", "gap")[1], "file")
    assert other["networks"] == 0


def test_its_options_are_the_settings(call, file):
    _, printed, _ = call(file, "--attacks", "margin-class,gap", "--per-class", 3, "--seed", 7)
    settings = Inference(attacks=("margin-class", "gap"), per_class=3, seed=7)
    assert facts(printed) == [asdict(fact) for fact in inference.audit(prediction_files.load(file), settings)]


def test_networks_that_the_time_limit_leaves_out_are_said(call, file):
    _, printed, _ = call(file, "--attacks", "gap,model-class", "--time-limit", 0)
    assert {fact["attack"] for fact in facts(printed)} == {"gap"}
    (end,) = messages(printed, "end")
    said = "model-class: the time limit left out 2 of 2 classes, of which nothing is told"
    assert end["warnings"] == [{"attack": "model-class", "view": "benign", "message": said}]


def test_each_view_has_an_equal_share_of_the_time_that_is_left(monkeypatch, make_predictions):
    """A clock that a look at it moves on by a second: the first view uses up its half, the second its own."""
    clock = itertools.count()
    monkeypatch.setattr(command, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    one, other = make_predictions(40, 40, 2), make_predictions(40, 40, 2, view="adversarial")
    both = replace(one, views=one.views | other.views)
    audit = command.Audit(both, Inference(attacks=("model-class",)), seconds=8)
    asked = [message for message in audit.messages() if message["kind"] in ("found", "end")]
    assert [message["seconds"] for message in asked[:2]] == [5, 4]
    assert [each["view"] for each in asked[2]["warnings"]] == ["benign", "adversarial"]


def test_a_file_that_makes_one_doubt_is_told_with_what_reading_found(call, tmp_path, make_predictions):
    path, good = tmp_path / "odd.npz", make_predictions(400, 300, 3, shift=1.0)
    swapped = {"train": good.views["benign"]["test"], "test": good.views["benign"]["train"]}
    labels = {"train": good.labels["test"], "test": good.labels["train"]}
    index = {"train": good.index["test"], "test": good.index["train"]}
    predictions.save(path, replace(good, views={"benign": swapped}, labels=labels, index=index))
    (opening,) = messages(call(path, "--attacks", "gap")[1], "file")
    assert [each["topic"] for each in opening["warnings"]] == ["accuracy"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("absent.npz",), "No such file"),
        ((__file__,), "not a readable npz file"),
        (("FILE", "--attacks", "guessing"), "guessing"),
        (("FILE", "--attacks", ""), "attacks"),
        (("FILE", "--per-class", "0"), "per_class"),
        (("FILE", "--seed", "-1"), "seed"),
        (("FILE", "--time-limit", "-1"), "time_limit"),
        (("FILE", "--time-limit", "nan"), "time_limit"),
    ],
)
def test_what_it_cannot_use_is_one_line_and_exit_code_2(call, file, arguments, said):
    code, printed, complaint = call(*(file if argument == "FILE" else argument for argument in arguments))
    assert (code, printed) == (2, "")
    assert complaint.startswith("error: ")
    assert complaint.count("\n") == 1
    assert said in complaint


def test_a_file_without_predictions_is_refused(call, tmp_path):
    path = tmp_path / "other.npz"
    np.savez(path, train_label=np.zeros(3, np.int64), test_label=np.zeros(2, np.int64))
    code, _, complaint = call(path)
    assert code == 2
    assert "holds no output_train_VIEW" in complaint


def test_what_it_prints_is_json_for_any_reader(call, file):
    _, printed, _ = call(file, "--attacks", "confidence,margin-class")
    for line in printed.splitlines():
        json.loads(line, parse_constant=pytest.fail)


def test_it_runs_as_a_process(file):
    answer = subprocess.run(
        [sys.executable, "-m", "engine.inference", file, "--attacks", "gap"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    assert answer.stderr == ""
    wanted = inference.audit(prediction_files.load(file), Inference(attacks=("gap",)))
    assert facts(answer.stdout) == [asdict(fact) for fact in wanted]


def test_attacks_with_references_are_one_line_without_and_are_told_like_others_with_them(call, tmp_path):
    draw = np.random.default_rng(0)
    for model in range(6):
        member = draw.permutation(np.arange(80) < 40)
        rows = {"train": np.flatnonzero(member), "test": np.flatnonzero(~member)}
        splits = {
            split: Answers.from_logits(draw.normal(size=(40, 2)).astype(np.float32) + (split == "train"))
            for split in rows
        }
        labels = {split: (own % 2).astype(np.int64) for split, own in rows.items()}
        index = {split: own.astype(np.int32) for split, own in rows.items()}
        predictions.save(tmp_path / f"{model}.npz", Predictions(labels, index, {"benign": splits}))
    code, _, complaint = call(tmp_path / "0.npz", "--attacks", "gap,lira")
    assert (code, complaint) == (2, "error: attacks: 'lira' is not allowed; allowed: with --references alone\n")
    code, printed, complaint = call(tmp_path / "0.npz", "--attacks", "gap,lira", "--references", tmp_path)
    assert (code, complaint) == (0, "")
    assert [message["attack"] for message in messages(printed, "found")] == ["gap", "lira"]
    assert {fact["value"] for fact in facts(printed) if fact["metric"] == "references_out"} == {2.0}
