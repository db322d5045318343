"""Pictures of the most exposed training images, as anybody can read them."""

import numpy as np
import pytest
import torch

from engine.data import datasets
from engine.evaluation import exposed_images
from engine.evaluation.predictions import Answers, Predictions
from engine.events import RunEnded, Scores
from engine.experiment import RunContext, run
from engine.inference import risk
from engine.job_settings import RunOptions
from engine.models import networks, tensorfile
from engine.spec import sweeps

TINY = [
    "grid.capacity=0.5",
    "grid.epsilon=0.1",
    "recipe.steps=60",
    "data.test_fraction=0.3",
    "evaluation.steps=3",
    "inference.attacks=[]",
]


def parsed(path):
    """(height, width, channels) in [0, 1] of a P5 or P6 file."""
    magic, size, most, levels = path.read_bytes().split(b"\n", 3)
    width, height = map(int, size.split())
    channels = {b"P5": 1, b"P6": 3}[magic]
    assert most == b"255"
    return np.frombuffer(levels, np.uint8).reshape(height, width, channels) / 255


def told_by(folder, *overrides):
    table = {"name": "tiny", "dataset": "digits", "grid": {"defense": ["natural"]}}
    (experiment,) = sweeps.plan(table, "quick", [*TINY, *overrides], ".").experiments
    told = []
    run(experiment, RunContext(folder, RunOptions(data_root="."), torch.device("cpu")), told.append)
    assert isinstance(told[-1], RunEnded)
    assert told[-1].state == "done", told[-1].error
    return experiment, {event.view: event for event in told if isinstance(event, Scores)}


def most_exposed(scores):
    """Members by their highest risk of all views, then by the mean one, then by their number."""
    members = next(iter(scores.values())).member
    risks = np.array([view.risk[members] for view in scores.values()], np.float64)
    examples = next(iter(scores.values())).example[members]
    order = sorted(range(len(examples)), key=lambda row: (-risks[:, row].max(), -risks[:, row].mean(), examples[row]))
    return [int(examples[row]) for row in order]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished")
    return folder, *told_by(folder, 'evaluation.views=["benign", "adversarial", "targeted"]')


@pytest.fixture(scope="module")
def train(finished):
    return datasets.load(finished[1].data, ".").train


@pytest.fixture(scope="module")
def model(finished):
    folder, experiment, _ = finished
    model = networks.build(
        experiment.network, in_channels=1, image_size=(8, 8), num_classes=10, capacity=experiment.capacity
    )
    model.load_state_dict(tensorfile.read(folder / "model.safetensors")[0])
    return model.eval()


def test_the_twelve_most_exposed_images_are_kept_with_their_adversarial_ones(finished):
    folder, _, scores = finished
    names = {f"{example}-{kind}.pgm" for example in most_exposed(scores)[:12] for kind in ("image", "adversarial")}
    assert {path.name for path in (folder / "exposed").iterdir()} == names
    assert len(names) == 24


def test_a_picture_is_the_image_of_the_data_set(finished, train):
    folder, _, scores = finished
    for example in most_exposed(scores)[:12]:
        image = train.images[int((train.index == example).nonzero())][0].numpy()
        assert np.abs(parsed(folder / f"exposed/{example}-image.pgm")[..., 0] - image).max() <= 0.5 / 255 + 1e-6


def test_an_adversarial_picture_is_within_epsilon_of_the_image_and_differs(finished, train):
    folder, experiment, scores = finished
    for example in most_exposed(scores)[:12]:
        image = train.images[int((train.index == example).nonzero())][0].numpy()
        changed = np.abs(parsed(folder / f"exposed/{example}-adversarial.pgm")[..., 0] - image)
        assert changed.max() <= experiment.evaluation.epsilon + 0.5 / 255 + 1e-6
        assert changed.mean() > experiment.evaluation.epsilon / 10


@pytest.mark.parametrize(("kind", "view"), [("image", "benign"), ("adversarial", "adversarial")])
def test_the_model_answers_a_picture_as_it_answered_in_its_view(finished, model, kind, view):
    """Up to the rounding to 8 bit: the pictures are of the very examples, and of the very attack."""
    folder, _, scores = finished
    told = scores[view]
    for example in most_exposed(scores)[:12]:
        row = int(np.flatnonzero(told.member & (told.example == example))[0])
        picture = torch.from_numpy(parsed(folder / f"exposed/{example}-{kind}.pgm")[None, ..., 0]).float()
        with torch.no_grad():
            confidence = model(picture[None]).softmax(1)[0, int(told.label[row])]
        assert float(confidence) == pytest.approx(float(told.confidence[row]), abs=0.02)


def test_the_order_is_that_of_the_exposed_query_to_the_last_digit(monkeypatch):
    """Highest risk, then the mean in double precision, then the first; float32 would call these means equal."""
    found = {"benign": [0.5, 0.9, 0.9, 0.9], "adversarial": [0.5, 3e-9, 2e-9, 3e-9]}
    monkeypatch.setattr(risk, "risks", lambda _, view: {"train": np.array(found[view], np.float32)})
    answers = Predictions({}, {}, dict.fromkeys(found))
    assert exposed_images.most_exposed(answers).tolist() == [1, 3, 2, 0]


def test_without_the_adversarial_view_only_the_images_are_kept(tmp_path):
    _, scores = told_by(tmp_path, 'evaluation.views=["benign"]')
    names = {f"{example}-image.pgm" for example in most_exposed(scores)[:12]}
    assert {path.name for path in (tmp_path / "exposed").iterdir()} == names


def test_fewer_images_than_are_wanted_are_all_kept(tmp_path, finished, model, train):
    """Examples go by the number they have in the data set, not by their row."""
    rows = torch.tensor([5, 40, 77])
    few = datasets.Split(train.images[rows], train.labels[rows], train.index[rows])
    logits = {name: Answers.from_logits(np.zeros((3, 10), np.float32)) for name in ("train", "test")}
    labels, index = few.labels.numpy(), few.index.numpy()
    answers = Predictions(dict.fromkeys(logits, labels), dict.fromkeys(logits, index), {"benign": logits})
    data = datasets.Dataset(few, few, 10, tuple("0123456789"))
    exposed_images.keep(model, data, answers, finished[1].evaluation, tmp_path)
    assert {path.name for path in (tmp_path / "exposed").iterdir()} == {f"{example}-image.pgm" for example in index}
    for row, example in enumerate(index):
        assert np.allclose(
            parsed(tmp_path / f"exposed/{example}-image.pgm")[..., 0], few.images[row, 0], atol=0.5 / 255
        )
