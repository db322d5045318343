"""Models asked together answer as each by itself."""

import dataclasses

import numpy as np
import pytest
import torch

from engine.data.datasets import Dataset, Split
from engine.evaluation import together, views
from engine.evaluation.together import Asked, predict_together
from engine.models import networks
from engine.spec.experiment import Evaluation

CLASSES = 3


def asked(place, count=30, epsilon=0.1, view=("benign", "adversarial", "targeted", "certified"), on_tile=None):
    generator = torch.Generator().manual_seed(place)
    splits = [
        Split(
            images=torch.rand(size, 1, 8, 8, generator=generator),
            labels=torch.randint(0, CLASSES, (size,), generator=generator),
            index=torch.arange(size, dtype=torch.int32),
        )
        for size in (count, 20)
    ]
    torch.manual_seed(place)
    model = networks.build("small-cnn", in_channels=1, image_size=(8, 8), num_classes=CLASSES, capacity=1).eval()
    evaluation = Evaluation(epsilon=epsilon, views=view, certification="ibp", steps=5)
    return Asked(model, Dataset(*splits, CLASSES, ("a", "b", "c")), evaluation, on_tile or (lambda *_: None))


def same(left, right):
    for view, splits in left.views.items():
        for split, answers in splits.items():
            assert np.allclose(answers.logits, right.views[view][split].logits, atol=1e-4), (view, split)


def test_answers_are_those_of_each_model_by_itself_whatever_differs(monkeypatch):
    monkeypatch.setattr(views, "_tile_size", lambda *_: 24)
    all_ = [asked(0), asked(1, count=37), asked(2, epsilon=0.3), asked(3, epsilon=0.0)]
    for each, found in zip(all_, predict_together(all_), strict=True):
        same(views.predict(each.model, each.data, each.evaluation), found)


def test_all_images_of_a_view_are_told(monkeypatch):
    monkeypatch.setattr(views, "_tile_size", lambda *_: 16)
    told = []
    all_ = [asked(place, on_tile=lambda view, count: told.append((view, count))) for place in (0, 1)]
    predict_together(all_)
    for view in all_[0].evaluation.views:
        assert sum(count for name, count in told if name == view) == 2 * 50


def test_one_that_stops_or_diverges_leaves_the_others_alone():
    def stop(view, _):
        if view == "adversarial":
            raise KeyError("stopped")

    all_ = [asked(0), asked(1, on_tile=stop), asked(2)]
    with torch.no_grad():
        all_[2].model[0].weight.fill_(torch.nan)
    first, second, third = predict_together(all_)
    same(views.predict(all_[0].model, all_[0].data, all_[0].evaluation), first)
    assert isinstance(second, KeyError)
    assert "not finite" in str(third)


def test_without_memory_for_all_each_climbs_by_itself(monkeypatch):
    def none(*_, **__):
        raise MemoryError

    monkeypatch.setattr(together.Stack, "map", none)
    all_ = [asked(0), asked(1)]
    for each, found in zip(all_, predict_together(all_), strict=True):
        same(views.predict(each.model, each.data, each.evaluation), found)


def test_what_is_wrong_in_the_code_of_a_stack_is_not_hidden(monkeypatch):
    monkeypatch.setattr(together, "climbed", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        predict_together([dataclasses.replace(asked(place)) for place in (0, 1)])
