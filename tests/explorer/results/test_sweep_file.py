import tomllib

import pytest

from engine.data import sources
from engine.spec import sweeps
from explorer.results.sweep_file import sweep_file


@pytest.fixture(autouse=True)
def _no_files(monkeypatch):
    monkeypatch.setattr(sources, "fingerprint", lambda data, root: "f00d")


@pytest.mark.parametrize("scale", ["quick", "paper"])
@pytest.mark.parametrize("preset", sorted(sweeps.presets()))
def test_the_file_makes_the_same_run_at_every_scale(preset, scale, tmp_path):
    planned = sweeps.plan(sweeps.read(preset), scale, (), tmp_path).experiments
    for experiment in planned:
        table = tomllib.loads(sweep_file(experiment.to_dict()))
        for other in ("quick", "paper"):
            assert sweeps.plan(table, other, (), tmp_path).experiments == (experiment,)


def test_a_folder_with_an_odd_name_comes_back(tmp_path):
    folder = tmp_path / 'b "q" \\ é'
    table = {
        "name": "own",
        "dataset": f"folder:{folder}",
        "data": {"size": "8x8", "test_share": 0.3},
        "grid": {"train_fraction": [0.25], "epsilon": ["3/255"]},
    }
    (experiment, *_) = sweeps.plan(table, "quick", (), tmp_path).experiments
    again = sweeps.plan(tomllib.loads(sweep_file(experiment.to_dict())), "quick", (), tmp_path)
    assert again.experiments == (experiment,)


def test_steps_that_follow_a_rule_keep_it(tmp_path):
    table = {"name": "own", "dataset": "digits", "grid": {"capacity": [2]}, "recipe": {"steps": "90 * capacity^0.5"}}
    for experiment in sweeps.plan(table, "quick", (), tmp_path).experiments:
        text = sweep_file(experiment.to_dict())
        assert 'steps = "90 * capacity^0.5"' in text
        assert sweeps.plan(tomllib.loads(text), "quick", (), tmp_path).experiments == (experiment,)
