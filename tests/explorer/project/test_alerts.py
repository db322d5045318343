import pytest
from rows import typed

from explorer.project.alerts import NAMES, Alerts

RUNNING, QUEUED = "digits-pgd-c2-e0.1-s0-aa04", "digits-pgd-c8-e0.1-s0-aa06"


@pytest.fixture
def project(make_project):
    return make_project()


def told(alerts, project):
    return [(alert.level, alert.words) for alert in alerts.due(project)]


def end(project, rows, run_id, state="done", **fields):
    row = next(row for row in rows if row["run_id"] == run_id) | {"state": state} | fields
    project.runs[run_id] = typed("runs", row)
    project.tracker.put_state(run_id, state)


def leaking(share):
    return {"adversarial_inference_accuracy": share, "adversarial_leaks": True}


def test_what_was_so_before_is_not_told(project):
    alerts = Alerts(NAMES)
    assert told(alerts, project) == told(alerts, project) == []


def test_the_first_run_of_a_setting_that_is_told_apart_from_a_guess_is_told_once(project, project_rows):
    alerts = Alerts(["leaks"])
    alerts.due(project)
    end(project, project_rows, RUNNING, **leaking(0.613), benign_inference_accuracy=0.7, benign_leaks=False)
    words = "told apart from a guess: digits-pgd-c2-e0.1-s0 (61.3 % on adversarial answers, oracle threshold)"
    assert told(alerts, project) == [("info", words)]
    assert told(alerts, project) == []


@pytest.mark.parametrize(("settings", "count"), [({}, 0), ({"capacity": 16.0}, 1)])
def test_a_seed_of_a_setting_that_leaked_before_is_no_news(make_project, project_rows, settings, count):
    project = make_project(project_rows)
    alerts = Alerts(["leaks"])
    alerts.due(project)
    known = {"epsilon": 0.0, "defense": "natural", "capacity": 2.0, "seed": 1} | settings
    end(project, project_rows, QUEUED, **known, **leaking(0.6))
    assert len(told(alerts, project)) == count


def test_runs_that_nothing_is_heard_of_are_told_once_each_and_named_together(make_project, run, monkeypatch):
    rows = [run(f"r-s{seed}-{seed}", state="running", seed=seed) for seed in range(5)]
    project = make_project(rows=[])
    project.runs = {each.run_id: each for each in rows}
    for each in rows:
        project.tracker.add(each.run_id, each.kind)
        project.tracker.put_state(each.run_id, "running")
    alerts = Alerts(["stalled"])
    monkeypatch.setattr(project, "silence", lambda _: None)
    assert told(alerts, project) == []
    monkeypatch.setattr(project, "silence", lambda _: 15.0)
    words = "nothing is heard of r-s0 (15s) · r-s1 (15s) · r-s2 (15s) · and 2 more"
    assert told(alerts, project) == [("warn", words)]
    assert told(alerts, project) == []


def test_who_reads_files_is_not_told_of_silence(make_project, monkeypatch):
    project = make_project(link="files")
    monkeypatch.setattr(project, "silence", lambda _: 60.0)
    assert told(Alerts(NAMES), project) == []


def test_the_end_of_all_work_is_told_whenever_it_comes(project, project_rows):
    alerts = Alerts(["over"])
    alerts.due(project)
    end(project, project_rows, RUNNING)
    assert told(alerts, project) == []
    end(project, project_rows, QUEUED, "diverged")
    assert told(alerts, project) == [("error", "everything is over: 1 diverged, 1 done")]
    assert told(alerts, project) == []
    project.tracker.put_state(QUEUED, "queued")
    assert told(alerts, project) == []
    project.tracker.put_state(QUEUED, "cancelled")
    assert told(alerts, project) == [("info", "everything is over: 1 cancelled")]


def test_only_what_was_asked_for_is_told(project, project_rows):
    alerts = Alerts(["stalled"])
    alerts.due(project)
    for run_id in (RUNNING, QUEUED):
        end(project, project_rows, run_id, **leaking(0.8))
    assert told(alerts, project) == []
