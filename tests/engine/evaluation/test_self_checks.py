"""Each run checks its own attack: what it did nothing against is mended or said."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from engine import bounds
from engine.data.datasets import Dataset, Split
from engine.evaluation import attack, prediction_files, predictions, views
from engine.evaluation.pgd import frozen, pgd
from engine.models import probability_outputs
from engine.spec.experiment import Evaluation

CLASSES, SIDE = 4, 6
EVALUATION = Evaluation(epsilon=0.1, views=("benign", "adversarial", "targeted"))


def images_of(labels, seed):
    """Each class has a bright quarter of its own, dim enough for an attack to hide in some images."""
    x = 0.5 * torch.rand(len(labels), 1, SIDE, SIDE, generator=torch.Generator().manual_seed(seed))
    for image, label in zip(x, labels.tolist(), strict=True):
        row, column = divmod(label, 2)
        image[:, 3 * row : 3 * row + 3, 3 * column : 3 * column + 3] += 0.25
    return x


@pytest.fixture(scope="module")
def data():
    splits = []
    for seed, count in enumerate((80, 60)):
        labels = torch.arange(count) % CLASSES
        splits.append(Split(images_of(labels, seed), labels, torch.arange(count, dtype=torch.int32)))
    return Dataset(*splits, CLASSES, tuple("abcd"))


@pytest.fixture(scope="module")
def trained(data):
    """A small network that tells the classes apart."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(8 * SIDE**2, CLASSES))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(150):
        optimizer.zero_grad()
        F.cross_entropy(model(data.train.images), data.train.labels).backward()
        optimizer.step()
    return model.eval()


class Behind(nn.Module):
    """A network with something done to its images before it and to its answers behind it."""

    def __init__(self, model, before=None, behind=None):
        super().__init__()
        self.model, self.before, self.behind = copy.deepcopy(model), before or nn.Identity(), behind or nn.Identity()

    def forward(self, x):
        return self.behind(self.model(self.before(x)))


def predict(model, data, evaluation=EVALUATION):
    return views.predict(model.eval(), data, evaluation)


def accuracy(answers, data, view="adversarial", split="test"):
    return answers.views[view][split].correct(getattr(data, split).labels.numpy()).mean()


def words(answers, topic="attack", view="adversarial"):
    return "".join(each.message for each in answers.warnings if (each.topic, each.view) == (topic, view))


def test_a_healthy_run_says_nothing_and_keeps_the_papers_attack_to_the_bit(trained, data):
    answers = predict(trained, data)
    assert answers.warnings == ()
    assert 0.1 < accuracy(answers, data) < 0.95
    x, y = data.test.images, data.test.labels
    with frozen(trained):
        plain = pgd(trained, x, y, epsilon=0.1, step_size=0.1 / 8, steps=20)
        found, logits, _ = attack.attack(trained, x, y, EVALUATION)
    assert torch.equal(found, plain)
    assert torch.equal(logits, trained(plain).detach())


@pytest.mark.parametrize("factor", [50, 500])
def test_scaled_logits_leave_the_adversarial_accuracy_as_it_was(trained, data, factor):
    """The same classifier: cross-entropy's gradient is exactly 0 at nearly all images, which PGD then leaves alone."""
    scaled = Behind(trained, behind=lambda logits: factor * logits)
    with frozen(scaled):
        blind = pgd(scaled, data.test.images, data.test.labels, epsilon=0.1, step_size=0.1 / 8, steps=20)
    assert (blind == data.test.images).flatten(1).all(1).float().mean() > 0.5
    before, after = predict(trained, data), predict(scaled, data)
    for split in predictions.SPLITS:
        assert accuracy(after, data, split=split) == pytest.approx(accuracy(before, data, split=split), abs=0.05)
    assert "cross-entropy was flat at " in words(after)
    assert "nowhere" not in words(after)


@pytest.mark.parametrize(
    "flat",
    [lambda x: (x * 255).round() / 255, lambda x: (x * 255).int() / 255, torch.Tensor.detach],
    ids=["round", "int", "detach"],
)
def test_where_nothing_helps_the_run_says_how_many_images_were_left_alone(trained, data, flat):
    answers = predict(Behind(trained, before=flat), data)
    assert words(answers) == (
        "PGD moved 80 of 80 training and 60 of 60 test images nowhere: adversarial numbers overstate robustness"
    )
    assert words(answers, view="targeted").startswith(
        "PGD moved 240 of 240 training and 180 of 180 test pairs of image and target nowhere: targeted numbers"
    )


def test_an_attack_that_takes_no_confidence_is_said(trained, data):
    """Gradients that point the wrong way move every image, for nothing."""

    class Backwards(torch.autograd.Function):
        @staticmethod
        def forward(_context, x):
            return x.clone()

        @staticmethod
        def backward(_context, gradient):
            return -gradient

    answers = predict(Behind(trained, before=Backwards.apply), data)
    assert words(answers).startswith("PGD took no confidence from ")
    assert "that it moved: adversarial numbers may overstate robustness" in words(answers)
    assert words(answers, view="targeted").startswith("PGD gained no confidence for the target at ")


def test_a_gradient_that_is_no_number_is_set_to_zero_and_said(trained, data):
    """The root of a black pixel has an infinite slope; times 0 that is no number."""
    dark = (replace(split, images=split.images * (torch.arange(SIDE) > 0)) for split in (data.train, data.test))
    black = Dataset(*dark, CLASSES, data.class_names)
    rooted = Behind(trained, before=lambda x: x + 0 * (x * 0).sqrt())
    answers = predict(rooted, black)
    assert "the gradient was not finite at 80 of 80 training and 60 of 60 test images" in words(answers)
    assert np.isfinite(answers.views["adversarial"]["test"].logits).all()


def test_answers_that_differ_between_two_calls_are_said(trained, data):
    noisy = Behind(trained, behind=lambda logits: logits + torch.rand_like(logits))
    said = words(predict(noisy, data), "output", None)
    assert said.startswith("the network answers 64 of 64 training and 60 of 60 test images otherwise when asked twice")


def test_without_a_budget_nothing_can_move_and_nothing_is_said(trained, data):
    assert predict(trained, data, Evaluation(epsilon=0.0)).warnings == ()


def test_warnings_survive_the_file(trained, data, tmp_path):
    answers = predict(Behind(trained, before=lambda x: (x * 255).round() / 255), data)
    predictions.save(tmp_path / "predictions.npz", answers)
    assert prediction_files.load(tmp_path / "predictions.npz").warnings == answers.warnings


# Probabilities where logits belong


def logits_of(model):
    probability_outputs.make_logits(model, (1, SIDE, SIDE))
    return model.eval()


@pytest.mark.parametrize("scale", [1, 50])
def test_a_last_softmax_is_left_out_and_the_numbers_are_those_of_its_logits(trained, data, scale):
    plain = Behind(trained, behind=lambda logits: scale * logits)
    soft = logits_of(nn.Sequential(Behind(trained, behind=lambda logits: scale * logits), nn.Softmax(dim=1)))
    before, after = predict(plain, data), predict(soft, data)
    assert len(soft) == 1
    for view in EVALUATION.views:
        assert np.array_equal(after.views[view]["test"].logits, before.views[view]["test"].logits)
    assert words(after, "output", None) == (
        "the network ends in a softmax, which was left out: loss and attacks work on its logits"
    )


def test_probabilities_from_code_become_their_logarithms(trained, data):
    soft = logits_of(Behind(trained, behind=lambda logits: logits.softmax(1)))
    before, after = predict(trained, data), predict(soft, data)
    for view in ("benign", "adversarial"):
        confidence = [one.views[view]["test"].confidence(data.test.labels.numpy()) for one in (before, after)]
        assert np.allclose(*confidence, atol=1e-3)
    assert "answers with probabilities: their logarithms were taken" in words(after, "output", None)
    assert list(soft.state_dict()) == [f"model.{name}" for name in trained.state_dict()]


def test_very_sure_probabilities_are_attacked_in_float64(trained, data):
    soft = logits_of(Behind(trained, behind=lambda logits: (50 * logits).softmax(1)))
    plain, after = predict(trained, data), predict(soft, data)
    assert accuracy(after, data) == pytest.approx(accuracy(plain, data), abs=0.05)
    assert "(float64 at " in words(after)


@pytest.mark.parametrize("method", ["ibp", "dual", "crown-ibp"])
def test_bounds_are_those_of_the_logits(trained, data, method):
    x, y = data.test.images[:4], data.test.labels[:4]
    wanted = bounds.margins(trained, x, x + 0.01, y, method).detach()
    last = logits_of(nn.Sequential(copy.deepcopy(trained), nn.Softmax(dim=1)))
    code = logits_of(Behind(trained, behind=lambda logits: logits.softmax(1)))
    for soft in (last, code):
        assert torch.allclose(bounds.margins(soft, x, x + 0.01, y, method).detach(), wanted, atol=1e-4)


@pytest.mark.parametrize("behind", [nn.LogSoftmax(dim=1), nn.Identity(), nn.Sigmoid(), nn.ReLU()])
def test_other_answers_are_left_as_they_are_and_nothing_is_said(trained, data, behind):
    model = Behind(trained, behind=behind)
    wanted = model(data.test.images)
    assert torch.equal(logits_of(model)(data.test.images), wanted)
    assert probability_outputs.treatment(model) == ""


def test_a_softmax_inside_a_network_stays(data):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(SIDE**2, 8), nn.Softmax(dim=1), nn.Linear(8, CLASSES), nn.Softmax(1))
    logits_of(model)
    assert [type(layer) for layer in model] == [nn.Flatten, nn.Linear, nn.Softmax, nn.Linear]
