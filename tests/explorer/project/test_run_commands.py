import json

import pytest
from rows import typed

from engine.models import weights
from engine.service import protocol
from engine.service.project import Project
from engine.spec import sweeps
from engine.spec.experiment import Experiment
from engine.validation import SpecError
from explorer.project import run_commands
from explorer.project.submitting import certified

PLACE = {"data_root": "/d", "import_path": "", "device": "auto", "checkpoint_seconds": 30.0}


class Engine:
    """Runs of one sweep, and what the engine was told."""

    def __init__(self, seeds=(0,), place=None, **answers):
        table = {"name": "one", "dataset": "digits", "grid": {"defense": ["natural", "pgd"], "seed": list(seeds)}}
        merged, data = sweeps.settle(table, "quick")
        self.place = PLACE if place is None else place
        self.experiments = list(sweeps.expand(merged, data, "quick"))
        self.runs = {each.run_id: self.row(each) for each in self.experiments}
        self.told, self.answers = [], answers
        self.paths, self.placed = Project.at("nowhere"), {}

    def row(self, experiment):
        row = {"run_id": experiment.run_id, "name": experiment.slug, "sweep": "one", "state": "queued", "priority": 0}
        return typed("run", row | {"spec": json.dumps(experiment.to_dict()), "place": json.dumps(self.place)})

    async def query(self, name, run_id=None, sweep=None):
        ids = [run_id] if isinstance(run_id, str) else run_id
        return [row for row in self.runs.values() if ids is None or row.run_id in ids]

    async def call(self, command):
        self.told.append(command)
        asked = getattr(command, "run_ids", None)
        if asked is None:
            asked = [Experiment.from_dict(run.experiment).run_id for run in command.runs]
        return protocol.Runs(run_ids=self.answers.get("changed", asked))


@pytest.fixture
def engine():
    return Engine()


async def test_one_run_is_named_in_the_notice(engine):
    run_id = next(iter(engine.runs))
    assert await run_commands.retry(engine, [run_id]) == f"{engine.runs[run_id].name} queued again"
    assert await run_commands.cancel(engine, [run_id]) == f"{engine.runs[run_id].name} cancelled"
    assert [type(command) for command in engine.told] == [protocol.Retry, protocol.Cancel]


async def test_what_a_cluster_has_is_not_brought_forward(engine):
    run_id = next(iter(engine.runs))
    engine.placed[run_id] = protocol.Placement(run_id=run_id, job="slurm 12", waits="Priority")
    with pytest.raises(SpecError, match="slurm 12 waits in the cluster's own order"):
        await run_commands.prioritise(engine, [run_id])
    assert not engine.told


async def test_several_are_counted(engine):
    assert await run_commands.retry(engine, list(engine.runs)) == "2 of 2 runs queued again"


async def test_what_changed_nothing_says_why():
    engine = Engine(changed=[])
    (run_id, *_) = engine.runs
    assert "nothing to cancel" in await run_commands.cancel(engine, [run_id])
    assert "nothing to retry" in await run_commands.retry(engine, list(engine.runs))


async def test_the_last_one_brought_forward_comes_first(engine):
    first, second = engine.runs
    await run_commands.prioritise(engine, [first])
    await run_commands.prioritise(engine, [second])
    assert engine.told[1].priority > engine.told[0].priority > 0


async def test_half_of_the_batch_is_another_experiment_in_the_same_place(engine):
    experiment = engine.experiments[0]
    notice = await run_commands.half_batch(engine, experiment.run_id)
    (submit,) = engine.told
    (request,) = submit.runs
    other = Experiment.from_dict(request.experiment)
    assert other.recipe.batch_size == experiment.recipe.batch_size // 2
    assert other.run_id != experiment.run_id
    assert other.run_id in notice
    assert (submit.sweep, request.place) == ("one", PLACE)


async def test_a_known_half_is_said():
    engine = Engine(changed=[])
    assert "known already" in await run_commands.half_batch(engine, engine.experiments[0].run_id)


async def test_a_batch_of_one_image_has_no_half(engine):
    run_id = engine.experiments[0].run_id
    spec = engine.runs[run_id].spec
    small = {**spec, "recipe": spec["recipe"] | {"batch_size": 1}}
    engine.runs[run_id] = engine.runs[run_id]._replace(spec=small)
    with pytest.raises(SpecError, match="cannot be halved"):
        await run_commands.half_batch(engine, run_id)


async def test_a_certified_run_is_the_same_training_asked_for_more_in_the_same_place(engine):
    pgd = engine.experiments[1]
    notice = await run_commands.certify(engine, pgd.run_id)
    (submit,) = engine.told
    (request,) = submit.runs
    other = Experiment.from_dict(request.experiment)
    assert other.training_id == pgd.training_id
    assert other.run_id != pgd.run_id
    assert notice == f"{other.run_id} queued: {pgd.slug} certified by crown-ibp"
    assert other.evaluation.views == ("benign", "adversarial", "certified")
    assert (submit.sweep, request.place) == ("one", PLACE)
    assert certified(other.to_dict(), "crown-ibp").run_id == other.run_id


async def test_weights_that_are_gone_are_said_before_they_are_trained_anew(engine, tmp_path):
    engine.paths = Project.at(tmp_path)
    run_id = engine.experiments[1].run_id
    engine.runs[run_id] = engine.runs[run_id]._replace(state="done")
    assert "its weights are gone" in await run_commands.certify(engine, run_id)
    kept = engine.paths.run_folder(run_id) / weights.FILE
    kept.parent.mkdir(parents=True)
    kept.touch()
    assert "gone" not in await run_commands.certify(engine, run_id)


async def test_a_known_certification_is_said():
    engine = Engine(changed=[])
    assert "known already" in await run_commands.certify(engine, engine.experiments[0].run_id, "ibp")


@pytest.mark.parametrize(("seeds", "fresh"), [((0,), {1}), ((0, 1), {2, 3}), ((5, 7), {8, 10})])
async def test_a_repeated_sweep_has_seeds_that_it_did_not_have(seeds, fresh):
    engine = Engine(seeds)
    await run_commands.repeat_sweep(engine, next(iter(engine.runs)))
    (submit,) = engine.told
    asked = [Experiment.from_dict(run.experiment) for run in submit.runs]
    assert {experiment.seed for experiment in asked} == fresh
    assert len({experiment.run_id for experiment in asked} - engine.runs.keys()) == len(engine.runs)


async def test_what_came_in_by_import_cannot_be_run_again():
    engine = Engine(place={})
    with pytest.raises(SpecError, match="import"):
        await run_commands.half_batch(engine, engine.experiments[0].run_id)
    with pytest.raises(SpecError, match="import"):
        await run_commands.repeat_sweep(engine, engine.experiments[0].run_id)
