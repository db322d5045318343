import pytest
from rows import typed

from engine.service.protocol import DeviceStatus, Placement, Status
from engine.validation import SpecError
from explorer.project import places

HERE, AWAY = DeviceStatus("cpu", "cpu", 8, [], 0), DeviceStatus("slurm", "Slurm", 100, ["a", "b", "c"], 3, "slurm")


def placed(**fields):
    return Placement(**{"run_id": "a", "job": "slurm 12"} | fields)


def run(**fields):
    return typed("runs", {"run_id": "a", "state": "running", "device": "cuda:0 H100", "places": "local"} | fields)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("Resources", "for free nodes"),
        ("Priority", "behind others' jobs"),
        ("BeginTime", "for its time to begin"),
        ("None", "for Slurm to look"),
        ("JobHeldUser", "held in Slurm"),
        ("QOSMaxJobsPerUserLimit", "account's limit reached"),
        ("AssocGrpCPURunMinutesLimit", "account's limit reached"),
        ("MaxJobsPerAccount", "account's limit reached"),
        ("PartitionTimeLimit", "asks for too much"),
        ("PartitionDown", "nodes are not there"),
        ("ReqNodeNotAvail, UnavailableNodes:n1", "nodes are not there"),
        ("Nodes_required_for_job_are_DOWN,_DRAINED", "nodes are not there"),
        ("handed over", "handed over"),
        ("SomethingNew", "SomethingNew"),
        ("", ""),
    ],
)
def test_reasons_are_told_in_plain_words_where_they_are_known(said, words):
    assert places.reason(placed(waits=said)) == words


def test_where_a_run_is_or_may_go():
    assert places.where(run()) == "cuda:0"
    assert places.where(run(device="cuda NVIDIA H100 on n7, slurm 12")) == "slurm 12 on n7"
    assert places.where(run(device="an odd on name")) == "an"
    assert places.where(run(state="queued", places="slurm,local")) == "slurm,local"
    assert places.where(run(state="queued")) == places.where(run(state="queued", places=None)) == ""
    assert places.where(run(state="queued"), placed(waits="Resources")) == "slurm 12"
    assert places.where(run(), placed(node="n7", restarts=2)) == "slurm 12 on n7, restart 2"


def test_a_clusters_slots_are_none_of_this_machine():
    assert places.slots([HERE, AWAY]) == 0
    assert places.slots([HERE, DeviceStatus("slurm", "Slurm", 100, [], 0, "slurm")]) == 8
    assert places.slots([DeviceStatus("cpu", "cpu", 8, ["d"], 1), AWAY]) == 8


def test_a_cluster_is_told_by_what_runs_and_what_waits_there():
    known = [placed(node="n7"), placed(run_id="b", waits="Resources")]
    assert places.cluster_words(AWAY, known) == "1 running, 2 waiting there, at most 100 jobs at once"


def test_room_is_that_of_all_places_where_runs_may_go(tmp_path):
    (tmp_path / "project.toml").write_text("[cluster]\njobs = 20\n[cluster.gpus]\ngpus = 1\njobs = 3\n")
    status = Status(
        **{"pid": 1, "host": "box", "since": 0.0, "project": "p", "versions": {}, "devices": [HERE, AWAY]},
        **{"running": [], "queued": 0, "progress": [], "placed": [], "paused": False, "hold": None, "disk_free": 1},
    )
    assert places.room(status, tmp_path) == (8, False)
    assert places.room(status, tmp_path, "slurm") == (20, False)
    assert places.room(status, tmp_path, "local,gpus") == (11, True)
    with pytest.raises(SpecError, match="did you mean 'slurm'"):
        places.room(status, tmp_path, "slurn")
