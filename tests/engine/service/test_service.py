import dataclasses
import json
import os

import pytest
from waiting import patience

from engine import event_lines, events
from engine.service import protocol
from engine.service.client import EngineRefused, SyncClient
from engine.spec.experiment import Inference


def test_runs_are_computed_and_stored(running):
    ids = running.submit("quick", "fail")
    assert ids == list(running.mine)
    running.wait_for(dict(zip(ids, ["done", "failed"], strict=True)))
    (row,) = running.rows("run", run_id=ids[0])
    assert (row["device"], row["error"], row["attempts"]) == ("cpu", None, 0)
    assert [row["value"] for row in running.rows("history", run_id=ids[0])] == [1.0, 0.5, 1 / 3]
    assert running.rows(run_id=ids[1])[0]["error"] == "ValueError: no"


def test_a_query_knows_every_end_that_the_status_knows(running, until):
    ids = running.submit(*["quick"] * 8)
    until(lambda: not (running.status().running or running.status().queued))
    assert running.states() == dict.fromkeys(ids, "done")


def test_a_run_is_never_computed_twice(running):
    experiment = running.fresh()
    runs = [protocol.RunRequest(experiment.to_dict(), {"data_root": "quick", "device": "cpu"})] * 2
    assert running.call(protocol.Submit(sweep="one", runs=runs)).run_ids == [experiment.run_id]
    running.wait_for({experiment.run_id: "done"})
    assert running.call(protocol.Submit(sweep="two", runs=runs)).run_ids == []
    assert running.call(protocol.Retry(run_ids=[experiment.run_id])).run_ids == []
    assert len(running.starts(experiment.run_id)) == 1


def test_jobs_import_neither_torch_nor_duckdb_for_the_engine(running):
    (run_id,) = running.submit("torchless")
    running.wait_for({run_id: "failed"})
    assert running.rows()[0]["error"] == "torch imported: False; duckdb: False"


def test_subscribers_see_states_progress_and_notices(running, tmp_path):
    go = tmp_path / "go"
    with SyncClient(running.project, timeout=patience(20)) as client:
        client.call(protocol.Subscribe())
        (run_id,) = running.submit(f"chatty:{go}")
        states, notes, progress = [], [], []
        for push in client.pushes():
            match push:
                case protocol.RunProgress() if push.run_id == run_id:
                    progress.append(push.label)
                    if push.label == "1999":
                        go.touch()
                case protocol.StateChange():
                    states.append(push.state)
                    assert push.run_id == run_id
                case protocol.Note():
                    notes.append((push.message, push.warning))
            if push == protocol.StateChange(run_id=run_id, state="done"):
                break
        assert states == ["queued", "running", "done"]
        assert notes == [("holding", False), ("a notice", False), ("a warning", True)]
        assert len(progress) < 10, "2000 reports are not for the eyes"


def test_status_tells_what_runs_where_and_how_far_it_is(running, until):
    ids = running.submit("hold", "hold", "hold")
    until(lambda: len(running.status().progress) == 2)
    status = running.status()
    assert set(status.running) == set(ids[:2])
    assert (status.queued, status.paused, status.hold) == (1, False, None)
    assert status.pid == running.project.holder().pid
    assert status.devices[-1].slots == 2
    assert set(status.devices[-1].running) == set(ids[:2])
    assert {told.run_id: told.label for told in status.progress} == dict.fromkeys(ids[:2], "step 1/2")
    assert status.disk_free > 0


def test_a_crash_is_started_again_twice_and_then_explained(running):
    ids = running.submit("crash", "crash:1", "killed")
    running.wait_for(dict(zip(ids, ["failed", "done", "failed"], strict=True)))
    assert [len(running.starts(run_id)) for run_id in ids] == [3, 2, 3]
    errors = {row["run_id"]: row["error"] for row in running.rows()}
    assert errors[ids[0]] == "its process ended with code 7 before the run did: the last word"
    assert errors[ids[1]] is None
    assert errors[ids[2]] == "killed by signal 9 (out of memory?)"


def test_retrying_starts_with_a_clean_slate(running):
    (run_id,) = running.submit("crash:4")
    running.wait_for({run_id: "failed"})
    assert running.call(protocol.Retry(run_ids=[run_id, "unknown"])).run_ids == [run_id]
    running.wait_for({run_id: "done"})
    assert len(running.starts(run_id)) == 5
    assert running.rows()[0]["attempts"] == 1


@pytest.mark.parametrize("behaviour", ["hold", "stubborn"])
def test_cancelling_ends_a_running_job_even_one_that_heeds_no_signal(running, behaviour):
    with SyncClient(running.project, timeout=patience(20)) as client:
        client.call(protocol.Subscribe())
        running_id, waiting_id = running.submit(behaviour, "hold", device="cpu")[:2]
        expected = "deaf now" if behaviour == "stubborn" else "holding"
        notes = (push for push in client.pushes() if isinstance(push, protocol.Note))
        next(note for note in notes if (note.run_id, note.message) == (running_id, expected))
    (pid,) = running.starts(running_id)
    cancelled = running.call(protocol.Cancel(run_ids=[running_id, waiting_id, "unknown"])).run_ids
    assert set(cancelled) == {running_id, waiting_id}
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert set(running.states().values()) == {"cancelled"}
    assert running.call(protocol.Retry(run_ids=[running_id])).run_ids == [running_id]


def test_priorities_decide_who_is_next(bench):
    bench.start(cpu_jobs=1)
    go = bench.project.root / "go"
    (first,) = bench.submit(f"hold:{go}")
    low, high = bench.submit("quick", "quick")
    assert bench.call(protocol.Prioritise(run_ids=[high, first], priority=3)).run_ids == [high, first]
    (urgent,) = bench.submit("quick", priority=7)
    go.touch()
    bench.wait_for(dict.fromkeys([low, high, urgent], "done"))
    rows = {row["run_id"]: row for row in bench.rows()}
    assert rows[urgent]["started"] < rows[high]["started"] < rows[low]["started"]
    assert (rows[high]["priority"], rows[urgent]["priority"]) == (3, 7)


def test_while_paused_no_run_starts_and_running_ones_go_on(running, tmp_path):
    go = tmp_path / "go"
    (held,) = running.submit(f"hold:{go}")
    running.wait_for({held: "running"})
    running.call(protocol.Pause())
    (waiting,) = running.submit("quick")
    go.touch()
    running.wait_for({held: "done", waiting: "queued"})
    assert running.status().paused
    assert running.starts(waiting) == []
    running.call(protocol.Resume())
    running.wait_for({waiting: "done"})


def test_what_cannot_be_done_is_one_line(running, tmp_path):
    good = running.fresh().to_dict()
    place = {"data_root": "quick"}
    refused = [
        (protocol.Submit(sweep="s", runs=[protocol.RunRequest(good | {"seed": -1}, place)]), "seed: -1"),
        (protocol.Submit(sweep="s", runs=[protocol.RunRequest(good, {})]), "place.data_root: missing"),
        (protocol.Submit(sweep="s", runs=[protocol.RunRequest(good, place | {"device": "cuda:7"})]), "cuda:7"),
        (protocol.Query(name="secrets"), "secrets"),
        (protocol.Query(name="runs", params={"planet": "mars"}), "planet"),
        (protocol.Export(table="runs", format="csv", path="relative.csv"), "absolute path"),
        (protocol.Export(table="runs", format="csv", path=str(tmp_path / "no" / "x.csv")), "no folder"),
        (protocol.Import(path=str(tmp_path / "none.jsonl")), "none.jsonl: No such file"),
    ]
    for command, reason in refused:
        with pytest.raises(EngineRefused, match=reason) as error:
            running.call(command)
        assert "\n" not in str(error.value)
    assert running.rows() == []
    assert running.status().queued == 0


def test_a_table_is_exported_to_a_file(running, tmp_path):
    (run_id,) = running.submit("quick")
    running.wait_for({run_id: "done"})
    path = tmp_path / "history.csv"
    command = protocol.Export(
        table="history", format="csv", path=str(path), filters={"metric": "loss", "run_id": run_id}
    )
    assert running.call(command).rows == 3
    assert len(path.read_text().splitlines()) == 4


def lines_of(experiment, *, ended=True, time=1000.0):
    run_id = experiment.run_id
    told = [
        events.RunStarted(run_id=run_id, experiment=experiment.to_dict(), device="cuda:0", time=time, versions={}),
        events.History(run_id=run_id, step=0, epoch=0, metrics={"loss": 2.0}),
    ]
    if ended:
        told.append(events.RunEnded(run_id=run_id, state="done", time=time + 1))
    return "".join(event_lines.to_json(event) + "\n" for event in told)


def test_events_from_elsewhere_are_imported_once_and_unreadable_lines_told(running, tmp_path):
    whole, torn = running.fresh(), running.fresh()
    path = tmp_path / "events.jsonl"
    path.write_text(lines_of(whole) + "nonsense\n" + lines_of(torn, ended=False) + '{"kind": "history", "st')
    for _ in range(2):
        assert running.call(protocol.Import(path=str(path))) == protocol.Imported(events=5, unreadable=[4, 7])
        assert running.states() == {whole.run_id: "done", torn.run_id: "failed"}
        assert len(running.rows("history", run_id=whole.run_id)) == 1
    error = next(row["error"] for row in running.rows() if row["run_id"] == torn.run_id)
    assert error == "the imported file ends before the run does"


def test_a_run_imported_while_it_waits_is_not_computed_again(running, tmp_path):
    running.call(protocol.Pause())
    finished, unfinished = running.submit("quick", "quick")
    path = tmp_path / "events.jsonl"
    path.write_text(lines_of(running.mine[finished]) + lines_of(running.mine[unfinished], ended=False))
    running.call(protocol.Import(path=str(path)))
    assert running.states() == {finished: "done", unfinished: "queued"}
    running.call(protocol.Resume())
    running.wait_for({unfinished: "done"})
    assert running.starts(finished) == []


def test_a_file_told_again_does_not_end_a_run_that_waits_for_another_try(running, tmp_path):
    running.call(protocol.Pause())
    (run_id,) = running.submit("quick")
    path = tmp_path / "events.jsonl"
    path.write_text(lines_of(running.mine[run_id]).replace('"done"', '"failed"'))
    running.call(protocol.Import(path=str(path)))
    assert running.states() == {run_id: "failed"}
    running.call(protocol.Retry(run_ids=[run_id]))
    running.call(protocol.Import(path=str(path)))
    assert running.states() == {run_id: "queued"}


def test_events_of_a_run_that_runs_here_are_refused(running, tmp_path):
    (run_id,) = running.submit("hold")
    running.wait_for({run_id: "running"})
    path = tmp_path / "events.jsonl"
    path.write_text(lines_of(running.mine[run_id]))
    with pytest.raises(EngineRefused, match=f"{run_id} is running here"):
        running.call(protocol.Import(path=str(path)))
    assert running.states() == {run_id: "running"}


def test_the_log_tells_the_story(running):
    (run_id,) = running.submit("fail")
    running.wait_for({run_id: "failed"})
    log = running.project.log.read_text()
    assert f"{run_id} starts on cpu" in log
    assert f"{run_id} ended: failed (ValueError: no)" in log
    assert json.loads(running.project.lock.read_text())["pid"] == running.project.holder().pid


def ask(bench, run_id, **inference):
    """Ask a run for attacks, as the command does; the runs that were queued for it."""
    run = bench.mine[run_id]
    asked = dataclasses.replace(run, inference=dataclasses.replace(run.inference, **inference))
    place = {"data_root": "quick", "device": "cpu"}
    return bench.call(protocol.Submit(sweep="test", runs=[protocol.RunRequest(asked.to_dict(), place)])).run_ids


def attacks(bench, run_id):
    """The state of each attack that a run was asked for under other settings than usual."""
    return {row["attack"]: row["state"] for row in bench.rows("inferences") if row["own_settings"] != usual(row)}


def usual(row):
    return json.dumps(Inference().asked()[row["attack"]], sort_keys=True, separators=(",", ":"))


def done(bench, **behaviour):
    (run_id,) = bench.submit("quick")
    bench.wait_for({run_id: "done"})
    bench.project.run_folder(run_id).joinpath("infer").write_text(behaviour.get("infer", "infer"))
    return run_id


def test_a_done_run_is_asked_for_what_it_lacks_alone_and_stays_done(running, until):
    run_id = done(running)
    assert ask(running, run_id) == []
    assert ask(running, run_id, attacks=("margin",), splits=5) == [run_id]
    until(lambda: attacks(running, run_id) == {"margin": "done"})
    assert running.states() == {run_id: "done"}
    assert len(running.starts(run_id)) == 2
    assert ask(running, run_id, attacks=("margin",), splits=5) == []


def test_attacks_are_cancelled_and_retried_like_runs(running, until):
    run_id = done(running, infer="hold")
    assert ask(running, run_id, attacks=("margin",), splits=5) == [run_id]
    until(lambda: run_id in running.status().running)
    assert running.call(protocol.Cancel(run_ids=[run_id])).run_ids == [run_id]
    until(lambda: attacks(running, run_id) == {"margin": "cancelled"})
    assert running.states() == {run_id: "done"}
    running.project.run_folder(run_id).joinpath("infer").write_text("crash")
    assert running.call(protocol.Retry(run_ids=[run_id])).run_ids == [run_id]
    until(lambda: attacks(running, run_id) == {"margin": "failed"})
    assert "the last word" in next(row["error"] for row in running.rows("inferences") if row["error"])
    assert running.states() == {run_id: "done"}


def test_what_is_asked_while_a_job_is_at_work_comes_after_it(running, until):
    go = running.project.root / "go"
    (run_id,) = running.submit(f"hold:{go}")
    running.wait_for({run_id: "running"})
    assert ask(running, run_id, attacks=("margin",), splits=5) == []
    go.touch()
    until(lambda: attacks(running, run_id) == {"margin": "done"})
    assert running.states() == {run_id: "done"}
    go.unlink()


def test_answers_that_are_gone_are_one_clear_line(running, until):
    run_id = done(running)
    (running.project.run_folder(run_id) / "predictions.npz").unlink()
    ask(running, run_id, attacks=("margin",), splits=5)
    until(lambda: attacks(running, run_id) == {"margin": "failed"})
    (error,) = [row["error"] for row in running.rows("inferences") if row["error"]]
    assert error.startswith("its answers are not kept here (")
    assert running.states() == {run_id: "done"}
