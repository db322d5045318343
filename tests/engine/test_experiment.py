import dataclasses
import io
import itertools
import json
import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch

from engine import __main__ as command
from engine import event_lines, events, inference, registry
from engine.data import datasets
from engine.evaluation import prediction_files, predictions
from engine.experiment import RunContext, choose_device, run
from engine.inference import risk
from engine.job_settings import RunOptions
from engine.models import networks, precision, tensorfile
from engine.spec import sweeps
from engine.training.defenses import natural
from engine.validation import SpecError

TINY = [
    "grid.capacity=0.5",
    "grid.epsilon=0.1",
    "recipe.steps=30",
    "recipe.attack_steps=2",
    "data.test_fraction=0.1",
    "data.train_fraction=0.2",
    "evaluation.steps=3",
    'inference.attacks=["confidence", "confidence-class", "gap"]',
]
VIEWS = ("benign", "adversarial", "targeted")
FACTS = (events.Accuracies, events.Scores, events.Leakage)


def plan(*overrides):
    sweep = sweeps.plan({"name": "tiny", "dataset": "digits"}, "quick", [*TINY, *overrides], ".")
    return {experiment.defense: experiment for experiment in sweep.experiments}


@pytest.fixture(scope="module")
def experiments():
    return plan()


def setting(folder, **place):
    return RunContext(folder, RunOptions(data_root=".", **place), torch.device("cpu"))


def collect(experiment, folder, **options):
    told = []
    run(experiment, setting(folder), told.append, **options)
    return told


@pytest.mark.parametrize("has", [True, False])
def test_a_cpu_without_bfloat16_trains_in_float32_and_warns_of_it(tmp_path, monkeypatch, has):
    monkeypatch.setattr(precision, "cpu_multiplies_bfloat16", lambda: has)
    weights, warned = [], []
    for asked in ("float32", "bfloat16"):
        told = collect(plan(f"recipe.precision={asked}")["pgd"], tmp_path / asked)
        weights.append(tensorfile.read(tmp_path / asked / "model.safetensors")[0])
        warned += [each["message"] for event in of(told, events.Warnings) for each in event.warnings]
    same = all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    assert same is not has
    assert warned == ([] if has else ["this cpu has no bfloat16 arithmetic: trained in float32"])


class Constant(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.logits = torch.nn.Parameter(torch.arange(10.0))

    def forward(self, x):
        return self.logits.expand(len(x), -1) + 0 * x.flatten(1)[:, :1]


class WithoutTorch(pickle.Unpickler):
    """Reads as the engine service does, which must not import torch for it."""

    def find_class(self, module, name):
        assert module.split(".")[0] != "torch"
        return super().find_class(module, name)


def of(told, kind):
    return [event for event in told if isinstance(event, kind)]


def lines(told):
    """What the run says of its results, as text in which not-a-number equals itself."""
    return [event_lines.to_json(event) for event in told if isinstance(event, (events.History, *FACTS))]


@pytest.fixture(scope="module")
def everything(tmp_path_factory):
    """A run that is asked for every view and inference attack: its experiment, what it told, and its folder."""
    experiment = plan(
        f"evaluation.views={json.dumps(VIEWS)}", f"inference.attacks={json.dumps(registry.attacks_on())}"
    )["pgd"]
    folder = tmp_path_factory.mktemp("everything")
    return experiment, collect(experiment, folder), folder


@pytest.mark.parametrize("defense", ["natural", "pgd"])
def test_a_run_tells_its_whole_story_in_order(experiments, tmp_path, defense):
    experiment = experiments[defense]
    told = collect(experiment, tmp_path)
    assert {event.run_id for event in told} == {experiment.run_id}
    assert isinstance(told[0], events.RunStarted)
    assert told[0].experiment == experiment.to_dict()
    assert told[0].versions["torch"] == torch.__version__
    assert (told[-1].kind, told[-1].state) == ("run_ended", "done")
    assert [event.names for event in of(told, events.ClassNames)] == [list("0123456789")]
    assert {(a.view, a.split) for a in of(told, events.Accuracies)} == {
        (view, split) for view in ("benign", "adversarial") for split in ("train", "test")
    }
    for event in told:
        assert event_lines.to_json(event_lines.from_json(event_lines.to_json(event))) == event_lines.to_json(event)
        WithoutTorch(io.BytesIO(pickle.dumps(event))).load()


def test_the_bar_only_grows_from_the_first_step_to_the_last_attack(experiments, tmp_path, monkeypatch):
    monkeypatch.setattr("engine.meter.PROGRESS_SECONDS", 0.0)
    told = of(collect(experiments["pgd"], tmp_path), events.Progress)
    fractions = [event.fraction for event in told]
    assert fractions == sorted(fractions)
    assert list(dict.fromkeys(event.phase for event in told)) == ["train", "predict", "infer"]
    assert fractions[-1] <= 1


def test_a_run_with_every_view_and_attack_tells_all_of_each(everything):
    _, told, _ = everything
    assert told[-1].state == "done", told[-1].error
    assert {(one.view, one.split) for one in of(told, events.Accuracies)} == set(
        itertools.product(VIEWS, predictions.SPLITS)
    )
    assert [one.view for one in of(told, events.Scores)] == list(VIEWS)
    found = {(one.view, one.attack) for one in of(told, events.Leakage)}
    assert found == set(itertools.product(VIEWS, registry.attacks_on()))
    classes = {(one.view, one.class_label) for one in of(told, events.Leakage) if one.attack == "model-class"}
    assert classes == set(itertools.product(VIEWS, (None, *range(10))))
    assert {one.leaks for one in of(told, events.Leakage) if one.metric == "inference_accuracy"} <= {True, False}
    assert len(
        {(e.attack, e.view, e.class_label, e.threshold_rule, e.metric) for e in of(told, events.Leakage)}
    ) == len(of(told, events.Leakage))


def test_scores_agree_with_accuracies_leakage_and_the_file(everything):
    experiment, told, folder = everything
    answers = prediction_files.load(folder / "predictions.npz")
    shares = {(a.view, a.split): a for a in of(told, events.Accuracies)}
    for scores in of(told, events.Scores):
        for split, member in (("train", True), ("test", False)):
            rows = scores.member == member
            assert rows.sum() == shares[scores.view, split].n
            assert scores.correct[rows].mean() == pytest.approx(shares[scores.view, split].accuracy)
            assert np.array_equal(scores.example[rows], answers.index[split])
        assert np.allclose(1 / (1 + np.exp(-scores.margin)), scores.confidence, atol=1e-6)
        assert ((scores.risk >= 0) & (scores.risk <= 1)).all()
        risks = risk.risks(answers, scores.view)
        assert np.array_equal(scores.risk, np.concatenate([risks[split] for split in predictions.SPLITS]))
    again = {event.attack: [] for event in of(told, events.Leakage)}
    for fact in inference.audit(answers, experiment.inference):
        again[fact.attack].append(fact.value)
    for attack, values in again.items():
        assert [event.value for event in of(told, events.Leakage) if event.attack == attack] == values


def test_what_is_complete_is_not_computed_again(experiments, tmp_path, monkeypatch):
    first = collect(experiments["natural"], tmp_path)
    monkeypatch.setattr(datasets, "load", lambda *_: pytest.fail("data loaded again"))
    second = collect(experiments["natural"], tmp_path)
    assert [event.value for event in of(second, events.Leakage)] == [e.value for e in of(first, events.Leakage)]
    assert of(second, events.History) == of(first, events.History)


def test_a_trained_model_is_only_asked_again_when_its_predictions_are_lost(experiments, tmp_path, monkeypatch):
    first = collect(experiments["natural"], tmp_path)
    path = tmp_path / "predictions.npz"
    path.write_bytes(path.read_bytes()[:1000])
    monkeypatch.setattr("engine.experiment.train", lambda *_, **__: pytest.fail("trained again"))
    second = collect(experiments["natural"], tmp_path)
    assert "predictions computed again" in of(second, events.Notice)[0].message
    assert of(second, events.History) == of(first, events.History)
    for before, after in zip(of(first, events.Scores), of(second, events.Scores), strict=True):
        assert np.array_equal(before.margin, after.margin)


def test_stopping_at_every_chance_and_going_on_gives_the_same_bits(experiments, tmp_path):
    (tmp_path / "whole").mkdir()
    collect(experiments["pgd"], tmp_path / "whole")
    states, asked = [], 0

    def every_tenth_time():
        nonlocal asked
        asked += 1
        return asked % 10 == 0

    while not states or states[-1] == "queued":
        states.append(collect(experiments["pgd"], tmp_path / "parts", should_stop=every_tenth_time)[-1].state)
        assert len(states) < 20
    assert states.count("queued") >= 3
    whole, parts = (tensorfile.read(tmp_path / name / "model.safetensors")[0] for name in ("whole", "parts"))
    assert all(torch.equal(whole[name], parts[name]) for name in whole)
    answers = [prediction_files.load(tmp_path / name / "predictions.npz").views for name in ("whole", "parts")]
    for view in answers[0]:
        assert np.array_equal(answers[0][view]["test"].logits, answers[1][view]["test"].logits)


@pytest.mark.parametrize("attacks", [0, 3, 5])
def test_a_run_stopped_while_it_is_attacked_goes_on_to_the_same_facts(experiments, tmp_path, monkeypatch, attacks):
    """Two views with three attacks each; stopped before the first, between them, and before the last."""
    whole = collect(experiments["pgd"], tmp_path / "whole")
    told = []

    def attacked():
        return len([event for event in of(told, events.Progress) if event.phase == "infer"])

    answered = tmp_path / "parts" / "predictions.npz"
    run(
        experiments["pgd"],
        setting(tmp_path / "parts"),
        told.append,
        lambda: answered.exists() and attacked() == attacks,
    )
    assert (told[-1].kind, told[-1].state) == ("run_ended", "queued")
    assert attacked() == attacks
    ended = {event.attack for event in of(told, events.AttackEnded)}
    assert {event.attack for event in of(told, events.Leakage)} == ended, "an attack tells all or nothing"
    monkeypatch.setattr(datasets, "load", lambda *_: pytest.fail("data loaded again"))
    again = collect(experiments["pgd"], tmp_path / "parts")
    assert again[-1].state == "done"
    assert lines(again) == lines(whole)


def test_history_that_an_engine_lost_is_told_again_on_resuming(experiments, tmp_path):
    asked = 0

    def later():
        nonlocal asked
        asked += 1
        return asked == 20

    lost = collect(experiments["pgd"], tmp_path, should_stop=later)
    assert lost[-1].state == "queued"
    with open(tmp_path / "history.jsonl", "a") as stream:
        stream.write('\n{"kind": "hist')
    kept = collect(experiments["pgd"], tmp_path)
    assert {event.step for event in of(kept, events.History)} == set(range(1, 31))


def test_divergence_is_an_end_with_a_reason(experiments, tmp_path, monkeypatch):
    monkeypatch.setattr(natural, "loss", lambda model, x, *_: model(x).sum() * float("inf"))
    told = collect(experiments["natural"], tmp_path)
    assert told[-1].state == "diverged"
    assert told[-1].error.startswith("diverged at step 1:")


def test_training_that_ended_at_chance_is_said(experiments, tmp_path, monkeypatch):
    monkeypatch.setattr(natural, "loss", lambda model, x, *_: 0 * model(x).sum())
    monkeypatch.setattr(networks, "build", lambda *_, **__: Constant())
    told = collect(experiments["natural"], tmp_path)
    assert "one class to every image" in of(told, events.Notice)[0].message
    assert told[-1].state == "done"


def test_answers_that_are_not_finite_are_no_result(experiments, tmp_path, monkeypatch):
    network = Constant()
    network.logits.data[3] = float("nan")
    monkeypatch.setattr(networks, "build", lambda *_, **__: network)
    monkeypatch.setattr(natural, "loss", lambda model, x, *_: model(x)[:, 0].sum())
    told = collect(experiments["natural"], tmp_path)
    assert told[-1].state == "diverged"
    assert "not finite" in told[-1].error
    assert not of(told, events.Leakage)


def test_a_network_changed_since_the_plan_is_refused(experiments, tmp_path):
    planned = dataclasses.replace(experiments["natural"], network_fingerprint="another")
    with pytest.raises(SpecError, match="has changed since this run was planned"):
        collect(planned, tmp_path)


def test_devices_are_chosen_by_name():
    assert choose_device("cpu") == torch.device("cpu")
    assert choose_device("auto").type in ("cpu", "cuda", "mps")


def alone(folder, *arguments):
    return [str(folder / "mine.toml"), "--events", str(folder / "out.jsonl"), *arguments]


@pytest.fixture
def engine_alone(monkeypatch, capsys):
    """A function calling `python -m engine` in this process: its exit code and its complaint."""

    def call(folder, *arguments):
        monkeypatch.setattr(sys, "argv", ["engine", *alone(folder, *arguments)])
        monkeypatch.setattr(sys, "path", sys.path.copy())
        code = command.main()
        return code, capsys.readouterr().err

    return call


def test_the_science_runs_alone_and_goes_on_after_a_torn_line(tmp_path, engine_alone):
    (tmp_path / "mine.toml").write_text('dataset = "digits"\n')
    options = [option for override in TINY for option in ("--set", override)]
    process = [sys.executable, "-m", "engine", *alone(tmp_path, *options, "--set", "defense=natural")]
    first = subprocess.run(process, capture_output=True, text=True, check=False)
    assert first.returncode == 0, first.stderr
    path = tmp_path / "out.jsonl"
    whole = path.read_text()
    path.write_text(whole[:-30])
    code, complaint = engine_alone(tmp_path, *options)
    assert code == 0, complaint
    told = list(event_lines.read_lines(path))
    assert [event for _, event in told].count(None) == 1
    ended = [event.run_id for _, event in told if isinstance(event, events.RunEnded)]
    assert len(ended) == 2
    complete = path.read_text()
    assert engine_alone(tmp_path, *options)[0] == 0
    assert path.read_text() == complete


def test_the_science_alone_refuses_bad_input_in_one_line(tmp_path, engine_alone):
    (tmp_path / "mine.toml").write_text('dataset = "digitz"\n')
    code, complaint = engine_alone(tmp_path)
    assert code == 2
    assert complaint.startswith("error: data.name: 'digitz' is not allowed")
    assert complaint.count("\n") == 1


def test_the_science_alone_compares_a_population_when_all_have_ended_and_again_when_one_joins(tmp_path, engine_alone):
    (tmp_path / "mine.toml").write_text('dataset = "digits"\n')
    settings = ('data.split="random"', 'inference.attacks=["lira"]', 'grid.defense="natural"', "recipe.steps=5")
    options = [option for override in (*TINY, *settings) for option in ("--set", override)]

    def references(*seeds):
        code, complaint = engine_alone(tmp_path, *options, "--set", f"grid.seed={list(seeds)}")
        assert code == 0, complaint
        told = [event for _, event in event_lines.read_lines(tmp_path / "out.jsonl")]
        found = [event for event in told if getattr(event, "metric", "") == "references_in"]
        return [event.value for event in found if event.view == "benign"]

    assert references(0, 1, 2, 3) == [1.0] * 4
    assert references(0, 1, 2, 3) == [1.0] * 4
    assert references(0, 1, 2, 3, 4, 5) == [1.0] * 4 + [2.0] * 6
