"""`python -m engine.inference`: the attacks on a file, for those who have answers of their own."""

import json
import subprocess
import sys
from dataclasses import asdict

import numpy as np
import pytest

from engine import inference, prediction_files, predictions
from engine.inference import __main__ as command
from engine.spec import INFERENCE_ATTACKS, Inference


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


def test_it_prints_the_facts_of_the_audit(call, file):
    code, printed, complaint = call(file)
    assert (code, complaint) == (0, "")
    loaded = prediction_files.load(file)
    wanted = [asdict(fact) for fact in inference.audit(loaded, Inference())]
    words = inference.scarcity(loaded, Inference())
    assert json.loads(printed) == {"views": ["benign"], "class_names": [], "facts": wanted, "warning": words}
    assert {fact["attack"] for fact in wanted} == set(INFERENCE_ATTACKS)


def test_its_options_are_the_settings(call, file):
    _, printed, _ = call(file, "--attacks", "margin-class,gap", "--per-class", 3, "--seed", 7)
    settings = Inference(attacks=("margin-class", "gap"), per_class=3, seed=7)
    assert json.loads(printed)["facts"] == [
        asdict(fact) for fact in inference.audit(prediction_files.load(file), settings)
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("absent.npz",), "No such file"),
        ((__file__,), "not a readable npz file"),
        (("FILE", "--attacks", "guessing"), "guessing"),
        (("FILE", "--attacks", ""), "attacks"),
        (("FILE", "--per-class", "0"), "per_class"),
        (("FILE", "--seed", "-1"), "seed"),
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
    json.loads(printed, parse_constant=pytest.fail)


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
    assert json.loads(answer.stdout)["facts"] == [asdict(fact) for fact in wanted]
