import dataclasses

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from engine import registry
from engine.data.datasets import Dataset, Split, pixels
from engine.evaluation import views
from engine.evaluation.pgd import frozen, pgd, tile_size
from engine.evaluation.predictions import Answers
from engine.run_warnings import RunWarning
from engine.spec.experiment import Evaluation
from engine.training.loop import DivergedError, Stopped

CLASSES = 4
EVALUATION = Evaluation(epsilon=0.2, steps=5, views=("benign", "adversarial", "targeted"))


@pytest.fixture
def model():
    torch.manual_seed(0)
    layers = [nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, CLASSES)]
    network = nn.Sequential(*layers).train()
    for _ in range(20):  # running statistics that differ from those of a batch
        network(torch.rand(16, 1, 6, 6) * 3)
    return network.eval()


@pytest.fixture
def split():
    generator = torch.Generator().manual_seed(1)
    labels = torch.arange(11) % CLASSES
    return Split(torch.rand(11, 1, 6, 6, generator=generator), labels, torch.arange(11, dtype=torch.int32))


@pytest.fixture
def small_tiles(monkeypatch):
    """Tiles that cut an image's targets apart."""
    monkeypatch.setattr(views, "tile_size", lambda *_: 4)


def ask(model, split, view, on_tile=lambda _: None):
    with frozen(model):
        return views.ask(model, split, view, EVALUATION, CLASSES, on_tile)


def one_by_one(model, split, targeted):
    """Image by image, and target by target in the order of the wrong classes."""
    found = []
    for x, y in zip(split.images, split.labels.tolist(), strict=True):
        for other in [wrong for wrong in range(CLASSES) if wrong != y] if targeted else [y]:
            label = torch.tensor([other])
            example = pgd(model, x[None], label, epsilon=0.2, step_size=0.2 / 8, steps=5, targeted=targeted)
            found.append(model(example)[0].detach().numpy())
    return np.stack(found).reshape(len(split), -1, CLASSES)


@pytest.mark.usefixtures("small_tiles")
def test_the_targeted_view_equals_a_loop_over_images_and_wrong_classes(model, split):
    found = ask(model, split, "targeted")
    assert found.logits.shape == (11, CLASSES - 1, CLASSES)
    assert np.allclose(found.logits, one_by_one(model, split, targeted=True), atol=1e-5)


@pytest.mark.usefixtures("small_tiles")
def test_the_adversarial_view_equals_a_loop_over_images(model, split):
    found = ask(model, split, "adversarial")
    assert found.logits.shape == (11, CLASSES)
    assert np.allclose(found.logits, one_by_one(model, split, targeted=False)[:, 0], atol=1e-5)


def test_the_benign_view_is_the_model_itself(model, split):
    assert np.allclose(ask(model, split, "benign").logits, model(split.images).detach().numpy(), atol=1e-6)


@pytest.mark.parametrize("view", registry.VIEWS)
@pytest.mark.parametrize("tile", [1, 3, 5, 1000])
def test_tiles_change_no_answer(model, split, view, tile, monkeypatch):
    whole = ask(model, split, view)
    monkeypatch.setattr(views, "tile_size", lambda *_: tile)
    assert np.allclose(ask(model, split, view).logits, whole.logits, atol=1e-5)


def test_targets_are_the_wrong_classes_in_their_order(model, split, monkeypatch):
    asked = []

    def spy(_model, x, y, target, _evaluation, _tally):
        asked.extend(zip(x[:, 0, 0, 0].tolist(), y.tolist(), target.tolist(), strict=True))
        return torch.zeros(len(x), CLASSES)

    monkeypatch.setattr(views, "targeted", spy)
    monkeypatch.setattr(views, "tile_size", lambda *_: 4)
    ask(model, split, "targeted")
    corners = split.images[:, 0, 0, 0].tolist()
    assert asked == [
        (corner, y, other)
        for corner, y in zip(corners, split.labels.tolist(), strict=True)
        for other in range(CLASSES)
        if other != y
    ]


@pytest.mark.parametrize("view", registry.VIEWS)
@pytest.mark.parametrize("tile", [1, 2, 4, 7, 100])
def test_told_images_add_up_to_those_answered(model, split, view, tile, monkeypatch):
    monkeypatch.setattr(views, "tile_size", lambda *_: tile)
    told = []
    ask(model, split, view, told.append)
    assert sum(told) == len(split)
    assert min(told) >= 0


def test_a_tile_may_stop_the_work(model, split):
    def stop(_images):
        raise Stopped

    with pytest.raises(Stopped):
        ask(model, split, "targeted", stop)


def test_two_classes_have_one_target_which_is_the_other(split):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(36, 2)).eval()
    two = Split(split.images, split.labels % 2, split.index)
    with frozen(model):
        towards = views.ask(model, two, "targeted", EVALUATION, 2)
        away = views.ask(model, two, "adversarial", EVALUATION, 2)
    assert towards.logits.shape == (11, 1, 2)
    # With two classes the way towards the one is the way from the other.
    assert np.allclose(towards.logits[:, 0], away.logits, atol=1e-5)


def test_predict_asks_every_view_of_both_splits_in_inference_mode(model, split):
    test = Split(split.images[:5].flip(0), split.labels[:5].flip(0), split.index[:5])
    told, warnings = {}, (RunWarning("membership", "5 of 5 test images are also training images"),)
    model.train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    found = views.predict(
        model,
        Dataset(split, test, CLASSES, tuple("abcd"), warnings),
        EVALUATION,
        lambda view, images: told.update({view: told.get(view, 0) + images}),
    )
    assert told == dict.fromkeys(EVALUATION.views, 11 + 5)
    assert found.num_classes == CLASSES
    assert set(warnings) <= set(found.warnings)
    assert found.labels["test"].tolist() == test.labels.tolist()
    assert found.index["train"].tolist() == list(range(11))
    assert model.training
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    model.eval()
    for view in EVALUATION.views:
        for name, own in (("train", split), ("test", test)):
            assert np.array_equal(found.views[view][name].logits, ask(model, own, view).logits)


def test_answers_that_are_not_finite_are_a_divergence_naming_the_view(model, split):
    with torch.no_grad():
        model[-1].bias[1] = torch.nan
    with pytest.raises(DivergedError, match="targeted answers are not finite"):
        ask(model, split, "targeted")


def test_bytes_are_asked_as_pixels_between_0_and_1(model, split):
    stored = Split((split.images * 255).byte(), split.labels, split.index)
    found = ask(model, stored, "benign")
    assert np.allclose(found.logits, model(stored.images.float() / 255).detach().numpy(), atol=1e-6)
    assert pixels(stored.images).dtype == torch.float32


def test_the_confidence_in_the_target_grows_and_its_examples_worst_is_told(model, split):
    benign, targeted = ask(model, split, "benign"), ask(model, split, "targeted")
    labels = split.labels.numpy()
    for row, label in enumerate(labels):
        wrong = [other for other in range(CLASSES) if other != label]
        reached = targeted.probabilities[row, np.arange(CLASSES - 1), wrong]
        assert (reached > benign.probabilities[row, wrong]).all()
    assert np.array_equal(targeted.confidence(labels), targeted.probabilities[np.arange(11), :, labels].min(axis=1))


def test_the_answers_are_float32_with_their_softmax(model, split):
    found = ask(model, split, "targeted")
    assert isinstance(found, Answers)
    assert found.logits.dtype == found.probabilities.dtype == np.float32
    wanted = F.softmax(torch.from_numpy(found.logits).double(), dim=-1).float().numpy()
    assert np.allclose(found.probabilities, wanted, atol=1e-7)


def test_the_tile_of_a_model_is_the_attacks(model, split, monkeypatch):
    sizes = []
    monkeypatch.setattr(views, "benign", lambda _m, x, *_: sizes.append(len(x)) or torch.zeros(len(x), CLASSES))
    ask(model, split, "benign")
    assert sizes == [min(11, tile_size(model, split.images[0]))]


@pytest.mark.parametrize("view", ["benign", "adversarial", "targeted"])
def test_a_temperature_divides_the_logits_of_the_same_examples(model, split, view):
    hot = dataclasses.replace(EVALUATION, temperature=5.0)
    with frozen(model):
        found = views.ask(model, split, view, hot, CLASSES)
    plain = ask(model, split, view)
    np.testing.assert_array_equal(found.logits, plain.logits / np.float32(5))
    np.testing.assert_array_equal(found.correct(split.labels.numpy()), plain.correct(split.labels.numpy()))
