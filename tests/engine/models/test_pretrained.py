"""Somebody's own weights: from a file to the same answers, and what is refused in one line."""

import io
import json

import pytest
import torch

from engine import events
from engine.evaluation import prediction_files, views
from engine.experiment import RunContext, run
from engine.job_settings import RunOptions
from engine.models import networks, pretrained, tensorfile
from engine.spec import sweeps, unusual_settings
from engine.spec.experiment import Experiment
from engine.validation import SpecError


def network(capacity=0.5):
    torch.manual_seed(0)
    return networks.build("small-cnn", in_channels=1, image_size=(8, 8), num_classes=10, capacity=capacity).eval()


def plan(path, seed=(0,), **evaluation):
    table = {
        "name": "own",
        "dataset": "digits",
        "data": {"train_fraction": 0.1, "test_fraction": 0.1},
        "grid": {"defense": ["pretrained"], "capacity": [0.5], "epsilon": [0.05, 0.1], "seed": list(seed)},
        "recipe": {"weights": str(path)},
        "evaluation": {"steps": 2} | evaluation,
        "inference": {"attacks": ["confidence"]},
    }
    return sweeps.plan(table, "quick", [], ".").experiments


@pytest.fixture
def weights(tmp_path):
    torch.save(network().state_dict(), tmp_path / "model.pt")
    return tmp_path / "model.pt"


def collect(experiment, folder):
    told = []
    run(experiment, RunContext(folder, RunOptions(data_root="."), torch.device("cpu")), told.append)
    return told


def test_the_answers_are_those_of_the_weights(weights, tmp_path):
    (experiment,) = plan(weights)  # one for both epsilons: what it was trained with is not known
    assert (experiment.epsilon, experiment.evaluation.epsilon) == (0.0, 0.1)
    told = collect(experiment, tmp_path / "run")
    assert told[-1].state == "done"
    assert not [event for event in told if isinstance(event, events.History)]
    found = prediction_files.load(tmp_path / "run" / "predictions.npz")
    from engine.data import datasets

    data = datasets.load(experiment.data, tmp_path)
    own = views.predict(network(), data, experiment.evaluation)
    assert (found.views["benign"]["test"].logits == own.views["benign"]["test"].logits).all()


def test_what_the_file_holds_is_in_the_name_and_where_it_lies_is_not(weights, tmp_path):
    (first,) = plan(weights)
    weights.rename(tmp_path / "elsewhere.pt")
    (moved,) = plan(tmp_path / "elsewhere.pt")
    assert first.run_id == moved.run_id
    torch.save(network(capacity=1).state_dict(), weights)
    (changed,) = plan(weights)
    assert changed.run_id != first.run_id
    assert Experiment.from_dict(json.loads(json.dumps(first.to_dict()))) == first
    assert unusual_settings.setting(first).startswith("weights model.pt ")


def test_weights_whose_answers_no_training_gives_are_doubted(weights, tmp_path):
    (experiment,) = plan(weights)
    (told,) = (event for event in collect(experiment, tmp_path / "run") if isinstance(event, events.Warnings))
    (doubt,) = (each for each in told.warnings if each["topic"] == "accuracy")
    assert doubt["view"] == "benign"
    assert "is not told apart from a guess" in doubt["message"]


def test_certified_views_are_asked_for_by_name(weights):
    (plain,) = plan(weights)
    (certified,) = plan(weights, views=["benign", "adversarial", "certified"])
    assert plain.evaluation.views == ("benign", "adversarial")
    assert certified.evaluation.views == ("benign", "adversarial", "certified")


def test_what_was_done_to_the_weights_stands_in_the_runs_log(tmp_path):
    state = {f"module.{name}": tensor for name, tensor in network().state_dict().items()}
    torch.save({"net": state, "epoch": 3}, tmp_path / "model.pt")
    (experiment,) = plan(tmp_path / "model.pt")
    told = collect(experiment, tmp_path / "run")
    said = [event.message for event in told if isinstance(event, events.Notice)]
    assert "weights: read from 'net', prefix 'module.' removed" in said
    assert told[-1].state == "done"


def test_safetensors_are_read(tmp_path):
    tensorfile.write(tmp_path / "model.safetensors", network().state_dict())
    (experiment,) = plan(tmp_path / "model.safetensors")
    model = pretrained.load(network(), experiment.recipe)
    assert not model.training


def test_another_file_than_the_planned_one_is_refused(weights):
    (experiment,) = plan(weights)
    torch.save(network(capacity=1).state_dict(), weights)
    with pytest.raises(SpecError, match="has changed since"):
        pretrained.load(network(), experiment.recipe)


KINDS = {
    "complex64": lambda tensor: tensor.to(torch.complex64),
    "sparse_coo": lambda tensor: tensor.to_sparse(),
    "is not finite": lambda tensor: torch.full_like(tensor, 1e300, dtype=torch.float64),  # too large for float32
}


def spoil(state, name):
    if name == "lacks":
        state.pop(next(iter(state)))
    elif name == "unlike this network, extra":
        state["extra"] = torch.zeros(1)
    elif name == "not finite":
        next(iter(state.values())).fill_(float("nan"))
    elif name in KINDS:
        first = next(iter(state))
        state[first] = KINDS[name](state[first])
    else:
        first = next(iter(state))
        state[first] = state[first][:1]
    return state


@pytest.mark.filterwarnings("ignore:Validating sparse")
@pytest.mark.parametrize("fault", ["lacks", "unlike this network, extra", "not finite", "the network's", *KINDS])
def test_weights_that_do_not_fit_are_refused_in_one_line(fault, tmp_path):
    torch.save(spoil(network().state_dict(), fault), tmp_path / "model.pt")
    (experiment,) = plan(tmp_path / "model.pt")
    with pytest.raises(SpecError, match=fault) as caught:
        pretrained.load(network(), experiment.recipe)
    assert "\n" not in str(caught.value)


def whole_archive():
    stream = io.BytesIO()
    torch.save(network().state_dict(), stream)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not a state dict"),
        (b"hello", "not a state dict"),
        (bytes(range(256)), "not a state dict"),
        (b"PK nothing", "not a state dict"),
        (whole_archive()[:-200], "damaged or cut short"),
    ],
    ids=["empty", "text", "bytes", "archive", "cut"],
)
def test_a_file_of_something_else_is_refused_in_one_line(content, words, tmp_path):
    (tmp_path / "model.pt").write_bytes(content)
    with pytest.raises(SpecError, match=words) as caught:
        pretrained.read(tmp_path / "model.pt")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("saved", [[1, 2], network()], ids=["list", "model"])
def test_what_is_no_state_dict_is_refused_with_the_remedy(saved, tmp_path):
    torch.save(saved, tmp_path / "model.pt")
    with pytest.raises(
        SpecError, match=r"not a state dict: write torch.save\(model.state_dict\(\), FILE\), not the model"
    ):
        pretrained.read(tmp_path / "model.pt")


def test_seeds_that_draw_nothing_make_no_replicates(weights):
    assert [experiment.seed for experiment in plan(weights, seed=[3, 4])] == [3]


@pytest.mark.parametrize("path", ["", "nowhere.pt"])
def test_without_a_file_nothing_is_planned(path):
    with pytest.raises(SpecError, match="weights"):
        plan(path)
