import dataclasses
import json

import numpy as np
import pytest

from engine import event_lines, events

SCORES = events.Scores(
    run_id="r",
    view="benign",
    example=np.array([0, 7], np.int32),
    member=np.array([True, False]),
    label=np.array([1, 0], np.int32),
    confidence=np.array([0.1, 1.0], np.float32),
    margin=np.array([-2.197224577336219, 35.1]),
    correct=np.array([False, True]),
    risk=np.array([0.1, 0.5], np.float32),
)
FOUND = events.AttackScores(
    run_id="r",
    attack="lira",
    view="benign",
    threshold_rule="references",
    example=np.array([0, 7], np.int32),
    member=np.array([True, False]),
    score=np.array([0.1, -3.0], np.float32),
    found=np.array([True, False]),
)
LEAKAGE = events.Leakage(
    run_id="r",
    attack="confidence",
    view="benign",
    class_label=None,
    threshold_rule="oracle",
    metric="inference_accuracy",
    value=0.1 + 0.2,
    ci_low=None,
    ci_high=0.4,
    leaks=None,
    n_member=1,
    n_nonmember=1,
)
STARTED = events.RunStarted(run_id="r", experiment={"seed": 0}, device="cpu", time=1.5, versions={"torch": "2"})
OTHERS = [
    LEAKAGE,
    STARTED,
    events.History(run_id="r", step=1, epoch=0, metrics={"loss": 1 / 3}),
    events.ClassNames(run_id="r", names=["cat", "dög"]),
    events.Warnings(run_id="r", warnings=[{"topic": "attack", "message": "a line", "view": None}]),
    events.Accuracies(run_id="r", view="benign", split="train", accuracy=2 / 3, n=3),
    events.Notice(run_id="r", time=1.0, message="a line"),
    events.Progress(run_id="r", phase="train", label="step 1/2", fraction=0.5, rate=10.0),
    events.RunEnded(run_id="r", state="failed", time=2.0, error="why"),
]


@pytest.mark.parametrize("name", [3, "\x1b[2J", "caf\udce9"])
def test_a_line_with_a_name_that_cannot_be_printed_is_no_event(name):
    with pytest.raises(ValueError, match="names cannot be printed"):
        event_lines.from_json(json.dumps({"kind": "class_names", "run_id": "r", "names": ["cat", name]}))


@pytest.mark.parametrize("change", [{"message": "\x1b[2J"}, {"message": None}, {"view": 3}, {"more": "x"}])
def test_a_line_with_a_warning_that_cannot_be_printed_is_no_event(change):
    warning = {"topic": "attack", "message": "a line", "view": None} | change
    with pytest.raises(ValueError, match="warnings are not texts that can be printed"):
        event_lines.from_json(json.dumps({"kind": "warnings", "run_id": "r", "warnings": [warning]}))


@pytest.mark.parametrize("leaks", [None, True, False])
def test_a_line_tells_no_leakage_from_nothing_known_of_it(leaks):
    event = dataclasses.replace(LEAKAGE, leaks=leaks)
    assert event_lines.from_json(event_lines.to_json(event)) == event


@pytest.mark.parametrize("event", OTHERS, ids=lambda event: event.kind)
def test_a_line_gives_back_the_event_to_the_last_digit(event):
    line = event_lines.to_json(event)
    assert "\n" not in line
    assert event_lines.from_json(line) == event


@pytest.mark.parametrize(("event", "types"), [(SCORES, events.SCORE_TYPES), (FOUND, events.ATTACK_SCORE_TYPES)])
def test_columns_keep_their_types_and_values(event, types):
    copy = event_lines.from_json(event_lines.to_json(event))
    for name, dtype in types.items():
        assert getattr(copy, name).dtype == dtype
        assert np.array_equal(getattr(copy, name), getattr(event, name))


@pytest.mark.parametrize("line", ["", "{", "[]", "3", '{"kind": "nothing"}', '{"kind": "notice"}', '{"run_id": "r"}'])
def test_anything_else_is_no_event(line):
    with pytest.raises(ValueError, match="not an event"):
        event_lines.from_json(line)


@pytest.mark.parametrize(
    ("event", "change"),
    [
        (OTHERS[2], {"metrics": None}),
        (OTHERS[2], {"metrics": {"loss": "low"}}),
        (OTHERS[2], {"step": "first"}),
        (OTHERS[2], {"step": True}),
        (OTHERS[2], {"run_id": ["r"]}),
        (OTHERS[4], {"time": "now"}),
        (OTHERS[0], {"ci_low": "none"}),
        (OTHERS[0], {"leaks": "yes"}),
        (OTHERS[0], {"leaks": 1}),
        (SCORES, {"label": [1]}),
        (SCORES, {"confidence": ["x", "y"]}),
        (SCORES, {"risk": [0.5]}),
        (FOUND, {"found": [True]}),
        *((STARTED, {"together": many}) for many in (0, 2**31, 1.5, True, None)),
    ],
)
def test_a_field_of_another_kind_is_no_event(event, change):
    line = json.dumps(json.loads(event_lines.to_json(event)) | change)
    with pytest.raises(ValueError, match="not an event"):
        event_lines.from_json(line)


def test_a_torn_last_line_is_told_and_the_rest_kept(tmp_path):
    path = tmp_path / "events.jsonl"
    whole = event_lines.to_json(LEAKAGE)
    path.write_text(f"{whole}\n\n{whole[: len(whole) // 2]}")
    assert list(event_lines.read_lines(path)) == [(1, LEAKAGE), (3, None)]


def test_a_line_from_before_calibration_was_measured_is_still_an_event():
    line = '{"kind": "accuracies", "run_id": "r", "view": "benign", "split": "test", "accuracy": 0.5, "n": 2}'
    assert event_lines.from_json(line).calibration_error is None
    event = events.Accuracies(run_id="r", view="benign", split="test", accuracy=0.5, n=2, calibration_error=1 / 3)
    assert event_lines.from_json(event_lines.to_json(event)) == event


def test_a_line_from_before_runs_were_trained_in_stacks_is_of_a_run_by_itself():
    line = json.loads(event_lines.to_json(STARTED))
    del line["together"]
    assert event_lines.from_json(json.dumps(line)) == STARTED
