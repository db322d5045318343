"""Runs trained as one stack end as if each were trained alone."""

import dataclasses

import pytest
import torch
from torch import nn

from engine.data.datasets import Dataset, Split
from engine.models import networks
from engine.registry import DEFENSES, NETWORKS
from engine.spec.experiment import Data, Evaluation, Experiment
from engine.spec.recipes import recipe_for
from engine.training import checkpoints
from engine.training.loop import Stopped, train
from engine.training.together import Trainee, train_together
from tests.engine.training.test_loop import Recorder

TRAINED = sorted(name for name, row in DEFENSES.items() if row.trains)
SIZE, CLASSES = (8, 8), 4


def data(seed, n=50, channels=1):
    generator = torch.Generator().manual_seed(seed)
    train_split, test_split = (
        Split(
            images=torch.rand(size, channels, *SIZE, generator=generator),
            labels=torch.randint(0, CLASSES, (size,), generator=generator),
            index=torch.arange(size, dtype=torch.int32),
        )
        for size in (n, 20)
    )
    return Dataset(train_split, test_split, CLASSES, ("a", "b", "c", "d"))


def experiment(defense, seed, epsilon=0.1, **recipe):
    settings = {"steps": 20, "batch_size": 16, "attack_steps": 3, "epsilon_warmup": 5, "ramp_start": 2, "ramp_end": 9}
    settings |= {"robust_start": 2, "projections": 5, "milestones": (15,), "factors": (0.1,), "epsilon_first": 0.0}
    known = {field.name for field in dataclasses.fields(type(recipe_for(defense, "digits", "quick", {})))}
    settings = {name: value for name, value in (settings | recipe).items() if name in known}
    return Experiment(
        data=Data(name="digits", split="random"),
        network="small-cnn",
        capacity=1,
        defense=defense,
        epsilon=epsilon if DEFENSES[defense].budget != "none" else 0.0,
        seed=seed,
        recipe=recipe_for(defense, "digits", "quick", settings),
        evaluation=Evaluation(epsilon=0.1),
    )


def small(seed, channels=1, **settings):
    torch.manual_seed(seed)
    shape = {"in_channels": channels, "image_size": SIZE, "num_classes": CLASSES}
    return networks.build("small-cnn", **shape, capacity=1, **settings)


def narrow(seed):
    """With weights that keep intervals narrow."""
    return small(seed, initialisation="ibp")


def normalised(seed):
    """With BatchNorm."""
    torch.manual_seed(seed)
    layers = [nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten()]
    return nn.Sequential(*layers, nn.Linear(4 * 64, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, CLASSES))


def of_family(family):
    def make(seed):
        torch.manual_seed(seed)
        capacity = 0.1 if family != "small-cnn" else 1
        return networks.build(family, in_channels=1, image_size=SIZE, num_classes=CLASSES, capacity=capacity)

    make.__name__ = family
    return make


def trainees(tmp_path, make, specs, stops=None, sizes=()):
    found = []
    for place, spec in enumerate(specs):
        folder = tmp_path / f"run-{place}"
        folder.mkdir(parents=True, exist_ok=True)
        images = data(place, *sizes[place : place + 1])
        found.append(Trainee(make(place), images, spec, folder, Recorder([(stops or {}).get(place)])))
    return found


def wide(found):
    """The same in float64, where sums taken in another order differ by nothing that matters."""

    def doubled(split):
        return dataclasses.replace(split, images=split.images.double())

    for each in found:
        each.model.double()
    return [
        dataclasses.replace(
            each,
            data=dataclasses.replace(each.data, train=doubled(each.data.train), test=doubled(each.data.test)),
        )
        for each in found
    ]


def alone(found):
    for each in found:
        train(each.model, each.data, each.experiment, each.folder, each.watcher)
    return found


def difference(left, right):
    """Largest difference of any weight, of networks by the place."""
    return max(
        float((value.double() - other.double()).abs().max())
        for one, two in zip(left, right, strict=True)
        for value, other in zip(one.model.state_dict().values(), two.model.state_dict().values(), strict=True)
    )


CASES = [(defense, make, {}) for defense in TRAINED for make in (small, normalised)]
CASES += [("natural", of_family(family), {"batch_size": 4}) for family in NETWORKS]
CASES += [
    ("pgd", normalised, {"attack_batchnorm": "train", "augmentation": "crop-flip", "optimizer": "sgd"}),
    ("trades", small, {"gradient_clip": 0.5, "weight_decay": 1e-2, "robust_share": 0.5}),
    ("ibp", narrow, {}),
    ("natural", small, {"dropout": 0.3, "label_smoothing": 0.1}),
]


@pytest.mark.parametrize(("defense", "make", "recipe"), CASES, ids=lambda case: getattr(case, "__name__", None))
def test_a_stack_ends_where_its_runs_end_alone(tmp_path, monkeypatch, defense, make, recipe):
    monkeypatch.setattr("engine.training.loop.pixels", lambda images: images)  # float64 stays
    monkeypatch.setattr("engine.training.together.pixels", lambda images: images)
    monkeypatch.setattr("engine.training.loop.tile_size", lambda *_: 64)
    specs = [experiment(defense, seed, epsilon, **recipe) for seed, epsilon in ((0, 0.1), (1, 0.1), (2, 0.05))]
    one = alone(wide(trainees(tmp_path / "alone", make, specs)))
    all_ = wide(trainees(tmp_path / "stack", make, specs))
    assert train_together(all_) == all_
    assert difference(one, all_) < 1e-4
    for left, right in zip(one, all_, strict=True):
        assert left.watcher.points.keys() == right.watcher.points.keys()
        for step, (epoch, metrics) in left.watcher.points.items():
            assert right.watcher.points[step][0] == epoch
            assert right.watcher.points[step][1] == pytest.approx(metrics, abs=1e-3)
        assert not right.watcher.notices
        assert not right.model.training


def together(found):
    """Those that are trained to the end, and of the others why not."""
    ends = {}
    return train_together(found, ends.__setitem__), ends


def specs(count=3, **recipe):
    return [experiment("pgd", seed, steps=45, **recipe) for seed in range(count)]


def equal(left, right):
    return all(torch.equal(value, right.state_dict()[name]) for name, value in left.state_dict().items())


@pytest.mark.parametrize("recipe", [{"optimizer": "adam"}, {"optimizer": "sgd"}], ids=["adam", "sgd"])
def test_a_stack_stopped_anywhere_ends_with_the_same_bits_and_history(tmp_path, recipe):
    whole = trainees(tmp_path / "whole", normalised, specs(**recipe))
    train_together(whole)
    points = [{} for _ in whole]
    for stop in (1, 7, 44, None):
        parts = trainees(tmp_path / "parts", normalised, specs(**recipe), stops=dict.fromkeys(range(3), stop))
        left, ends = together(parts)
        assert left == ([] if stop else parts)
        assert [type(end) for end in ends.values()] == ([Stopped] * 3 if stop else [])
        for kept, each in zip(points, parts, strict=True):
            kept.update(each.watcher.points)
    assert all(equal(one.model, other.model) for one, other in zip(whole, parts, strict=True))
    assert points == [each.watcher.points for each in whole]


def test_one_that_stops_leaves_the_others_alone_and_can_go_on_by_itself(tmp_path):
    undisturbed = trainees(tmp_path / "undisturbed", small, specs())
    train_together(undisturbed)
    found = trainees(tmp_path / "stopped", small, specs(), stops={1: 20})
    left, ends = together(found)
    assert left == [found[0], found[2]]
    assert [type(end) for end in ends.values()] == [Stopped]
    assert difference([undisturbed[0], undisturbed[2]], [found[0], found[2]]) < 1e-3
    (again,) = trainees(tmp_path / "again", small, specs()[1:2])
    again = dataclasses.replace(again, model=small(1), data=data(1), folder=found[1].folder)
    train(again.model, again.data, again.experiment, again.folder, again.watcher)
    assert min(again.watcher.points) == 21
    assert difference([undisturbed[1]], [again]) < 1e-2


def test_one_that_diverges_leaves_the_others_alone(tmp_path):
    undisturbed = trainees(tmp_path / "undisturbed", small, specs())
    train_together(undisturbed)
    found = trainees(tmp_path / "spoiled", small, specs())
    with torch.no_grad():
        found[1].model[0].weight.fill_(torch.nan)
    left, ends = together(found)
    assert left == [found[0], found[2]]
    assert str(ends[found[1]]) == "diverged at step 1: the loss is nan"
    assert difference([undisturbed[0], undisturbed[2]], [found[0], found[2]]) < 1e-3


def test_splits_of_any_size_keep_their_own_epochs(tmp_path):
    sizes = (50, 33, 16)
    one = alone(trainees(tmp_path / "alone", small, specs(), sizes=sizes))
    all_ = trainees(tmp_path / "stack", small, specs(), sizes=sizes)
    train_together(all_)
    for left, right in zip(one, all_, strict=True):
        assert [epoch for epoch, _ in left.watcher.points.values()] == [
            epoch for epoch, _ in right.watcher.points.values()
        ]
    assert difference(one, all_) < 1e-2


def test_a_stack_goes_on_from_the_newest_step_that_all_have(tmp_path):
    whole = trainees(tmp_path / "whole", small, specs())
    train_together(whole)
    stopped = trainees(tmp_path / "parts", small, specs(), stops=dict.fromkeys(range(3), 20))
    train_together(stopped, checkpoint_seconds=0)
    newest = tmp_path / "parts" / "run-1" / checkpoints.CURRENT
    newest.write_bytes(newest.read_bytes()[:-10])
    parts = trainees(tmp_path / "parts", small, specs())
    train_together(parts)
    assert [min(each.watcher.points) for each in parts] == [20] * 3  # 19 was the last that all could read
    assert [len(each.watcher.notices) for each in parts] == [0, 1, 0]
    assert all(equal(one.model, other.model) for one, other in zip(whole, parts, strict=True))


def test_a_checkpoint_says_who_was_trained_together(tmp_path):
    found = trainees(tmp_path, small, specs(), stops=dict.fromkeys(range(3), 5))
    train_together(found)
    names = tuple(each.experiment.run_id for each in found)
    for each in found:
        kept, _ = checkpoints.readable(each.folder, each.watcher.notice)
        assert (kept.step, kept.stack) == (5, names)
