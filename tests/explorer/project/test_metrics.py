import numpy as np
import pytest
from rows import typed

from engine import inference, registry
from engine.evaluation.predictions import Answers, Predictions
from engine.service.project import Project
from engine.spec.experiment import Inference
from explorer.project import metrics
from explorer.project.choices import Choices
from explorer.project.metrics import ChosenNumber
from explorer.project.open_project import OpenProject


class Asked(OpenProject):
    def __init__(self, tmp_path, rows):
        super().__init__(Project.at(tmp_path))
        self.given, self.asked = rows, []

    def rows(self, name, max_age=None, **params):
        self.asked.append((name, params))
        return self.given


@pytest.fixture
def row(run):
    return run(
        "a",
        benign_inference_accuracy=0.55,
        adversarial_inference_accuracy=0.6,
        benign_test_accuracy=0.97,
        adversarial_test_accuracy=0.8,
        adversarial_train_accuracy=0.9,
        benign_leaks=False,
        adversarial_leaks=True,
    )


@pytest.mark.parametrize(
    ("chosen", "value"),
    [
        ({}, (0.6, True)),
        ({"leak_view": "benign"}, (0.55, False)),
        ({"metric": "advantage"}, (pytest.approx(0.2), True)),
        ({"metric": "benign_test"}, (0.97, None)),
        ({"metric": "adversarial_train", "attack": "confidence-class", "rule": "heldout"}, (0.9, None)),
        ({"metric": "unheard of"}, (0.6, True)),
    ],
)
def test_the_list_of_runs_has_the_headline_numbers(row, chosen, value):
    assert metrics.of_run(row, Choices(**chosen)) == ChosenNumber(*value)
    assert metrics.in_rows(Choices(**chosen))


@pytest.mark.parametrize(
    "chosen", [{"rule": "heldout"}, {"attack": "confidence-class"}, {"leak_view": "targeted"}, {"metric": "auc"}]
)
def test_another_number_is_never_passed_off_as_the_chosen_one(row, chosen):
    assert metrics.of_run(row, Choices(**chosen)) == ChosenNumber()
    assert not metrics.in_rows(Choices(**chosen))


def test_a_view_without_a_number_has_none_even_where_another_view_has_one(run):
    assert metrics.of_run(run("a", benign_inference_accuracy=0.55), Choices()) == ChosenNumber()


def test_what_the_list_has_not_is_asked_for_once_for_all_runs(tmp_path, run, row):
    facts = [
        typed("leakage", {"run_id": "a", "class_label": None, "value": 0.58, "leaks": True}),
        typed("leakage", {"run_id": "a", "class_label": 3, "value": 0.7, "leaks": True}),
        typed("leakage", {"run_id": "b", "class_label": None, "value": 0.52, "leaks": False, "warnings": "w"}),
    ]
    project = Asked(tmp_path, facts)
    number_of = metrics.of_runs(project, Choices(rule="heldout"))
    found = [number_of(run(name)) for name in "abc"]
    assert found == [ChosenNumber(0.58, True), ChosenNumber(0.52, False, warned=True), ChosenNumber()]
    wanted = {
        "metric": "inference_accuracy",
        "attack": "confidence",
        "view": "adversarial",
        "threshold_rule": "heldout",
    }
    assert project.asked == [("leakage", wanted)]
    assert metrics.of_runs(project, Choices())(row) == ChosenNumber(0.6, True)
    assert len(project.asked) == 1


def test_calibration_errors_are_asked_for_among_the_accuracies(tmp_path, run, row):
    errors = {"a": 0.04, "b": None}
    rows = [typed("accuracies", {"run_id": name, "calibration_error": error}) for name, error in errors.items()]
    project = Asked(tmp_path, rows)
    chosen = Choices(metric="calibration_error")
    number_of = metrics.of_runs(project, chosen)
    assert [number_of(run(name)).value for name in "abc"] == [0.04, None, None]
    assert project.asked == [("accuracies", {"view": "benign", "split": "test"})]
    assert metrics.of_run(row, chosen) == ChosenNumber()


def test_nothing_is_known_before_the_answer(tmp_path, row):
    assert metrics.of_runs(Asked(tmp_path, None), Choices(rule="heldout"))(row) == ChosenNumber()


def test_the_columns_wanted_name_the_attack_only_for_what_an_attack_infers():
    assert metrics.wanted(Choices(metric="benign_test")) == {"metric": "accuracy", "view": "benign", "split": "test"}
    assert metrics.wanted(Choices(rule="heldout", leak_view="benign")) == {
        **{"metric": "inference_accuracy", "attack": "confidence", "view": "benign", "threshold_rule": "heldout"},
    }


@pytest.mark.parametrize("metric", [metric.id for metric in metrics.METRICS])
@pytest.mark.parametrize("attack", registry.attacks_on())
@pytest.mark.parametrize("rule", ["oracle", "heldout"])
def test_titles_name_the_rule_where_a_threshold_was_chosen_and_shrink(metric, attack, rule):
    view = Choices(metric=metric, attack=attack, rule=rule, leak_view="targeted")
    titles = metrics.titles(view)
    assert [len(title) for title in titles] == sorted((len(title) for title in titles), reverse=True)
    if not metrics.BY_ID[metric].inference:
        return
    assert f"· {attack} (targeted)" in titles[0]
    named = {"oracle": rule == "oracle", "held-out": rule == "heldout"}
    if attack == "model-class":
        named = {"oracle": False, "held-out": True}
    elif attack == "gap" or metric.startswith(("auc", "tpr_at")):
        named = {"oracle": False, "held-out": False}
    assert all(title.endswith(f"· {word}") is there for word, there in named.items() for title in titles)


def test_a_threshold_that_is_not_the_oracle_is_chosen_on_references_where_an_attack_has_them():
    chosen = Choices(attack="lira", rule="heldout", leak_view="benign")
    assert metrics.titles(chosen)[0] == "inference accuracy % · lira (benign) · by references"
    assert metrics.rule_of(Choices(attack="lira", rule="oracle")) == "oracle"
    assert metrics.rule_of(Choices(attack="lira", metric="auc", rule="heldout")) == "none"


# What is stored


@pytest.fixture(scope="module")
def found():
    """Every attack's facts on all classes of a small model's answers."""
    draw = np.random.default_rng(0)
    labels = {split: np.repeat([0, 1], 12) for split in ("train", "test")}
    answers = {split: Answers.from_logits(draw.normal(size=(24, 2)).astype(np.float32)) for split in labels}
    predictions = Predictions(labels, dict.fromkeys(labels, np.arange(24, dtype=np.int32)), {"benign": answers})
    facts = inference.audit(predictions, Inference(splits=2, network_splits=1, restarts=1))
    return [fact for fact in facts if fact.class_label is None]


@pytest.mark.parametrize("attack", registry.attacks_on())
@pytest.mark.parametrize("chosen", ["oracle", "heldout"])
def test_every_number_that_an_attack_has_is_found_under_its_rule(found, attack, chosen):
    rules = {}
    for fact in found:
        if fact.attack == attack:
            rules.setdefault(fact.metric, set()).add(fact.threshold_rule)
    found = {metric.facts["metric"] for metric in metrics.METRICS if metric.inference} & rules.keys()
    assert {"inference_accuracy", "advantage"} <= found
    for metric in found:
        assert metrics.threshold_rule(attack, metric, chosen) in rules[metric]


def test_every_number_of_an_attack_has_a_guess_and_no_accuracy_has_one():
    assert all((metric.guess is not None) is metric.inference for metric in metrics.METRICS)
    assert metrics.BY_ID["tpr_at_fpr_0.001"].guess == 0.001


# Attacks and views


def test_attacks_come_as_the_paper_has_them_then_those_that_nobody_knows():
    pairs = [("later", "benign"), ("gap", "benign"), ("confidence", "later"), ("confidence", "targeted")]
    pairs += [("model-class", "benign"), ("confidence", "adversarial"), ("gap", "benign")]
    assert metrics.ordered(pairs) == [
        *(("confidence", "adversarial"), ("confidence", "targeted"), ("confidence", "later")),
        *(("model-class", "benign"), ("gap", "benign"), ("later", "benign")),
    ]


@pytest.mark.parametrize(
    ("wanted", "among", "nearest"),
    [
        ("targeted", ["benign", "adversarial", "targeted"], "targeted"),
        ("targeted", ["benign", "adversarial"], "adversarial"),
        ("targeted", ["adversarial", "certified"], "adversarial"),
        ("benign", ["targeted", "certified"], "targeted"),
        ("unheard of", ["benign", "certified"], "certified"),
    ],
)
def test_where_an_attack_has_not_the_view_the_nearest_is_taken(wanted, among, nearest):
    assert metrics.nearest_view(wanted, among) == nearest
