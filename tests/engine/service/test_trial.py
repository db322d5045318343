"""A place tried by a job, on the shim of Slurm's commands."""

import pytest

from engine.service import trial
from engine.service.executors import Placed
from engine.service.places import SlurmPlace


def news(bench, place, patience=60.0):
    return list(trial.trial(place, bench.project, bench.project.root, patience))


def test_a_node_tells_what_it_sees_and_nothing_stays(cluster):
    *where, seen = news(cluster, SlurmPlace(poll=0.2))
    assert where[-1].node
    assert {"host", "python", "torch", "gpus"} <= seen.keys()
    assert seen["data"] is True
    assert [path.name for path in cluster.project.root.iterdir()] == ["project.toml"]


@pytest.mark.parametrize("python", ["/no/python"])
def test_a_node_where_nothing_runs_is_told_in_one_line(cluster, python):
    *_, error = news(cluster, SlurmPlace(poll=0.2, python=python))
    assert "No such file" in error


def test_a_job_that_does_not_begin_is_taken_back(cluster):
    cluster.shim.tell("hold", "Resources")
    *where, error = news(cluster, SlurmPlace(poll=0.2), patience=1.5)
    assert isinstance(where[-1], Placed)
    assert where[-1].waits == "Resources"
    assert error.endswith("in vain")
    assert all(state.startswith("CANCELLED") for state in cluster.shim.states())
    assert not cluster.project.handovers.exists()
