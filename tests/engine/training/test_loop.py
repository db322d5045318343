import os

import numpy as np
import pytest
import torch
from torch import nn

from engine import registry
from engine.data.datasets import Dataset, Split
from engine.models import networks, precision, tensorfile
from engine.models.layout import lay_out
from engine.spec.experiment import Data, Evaluation, Experiment
from engine.spec.recipes import recipe_for
from engine.training import checkpoints, loop
from engine.training.defenses import pgd
from engine.training.loop import DivergedError, Stopped, Watcher, build_optimizer, crop_flip, train


def data(n=60):
    generator = torch.Generator().manual_seed(0)
    splits = [
        Split(
            images=torch.randint(0, 256, (size, 1, 6, 6), generator=generator, dtype=torch.uint8),
            labels=torch.arange(size) % 3,
            index=torch.arange(size, dtype=torch.int32),
        )
        for size in (n, 20)
    ]
    return Dataset(train=splits[0], test=splits[1], num_classes=3, class_names=("a", "b", "c"))


def network():
    torch.manual_seed(0)
    layers = [nn.Conv2d(1, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(), nn.Dropout(0.2), nn.Flatten()]
    return nn.Sequential(*layers, nn.Linear(6 * 36, 3))


def experiment(defense="pgd", **recipe):
    settings = {"steps": 45, "batch_size": 16, "learning_rate": 1e-3, "attack_steps": 2} | recipe
    return Experiment(
        data=Data(name="digits"),
        network="small-cnn",
        capacity=1,
        defense=defense,
        epsilon=0.0 if defense == "natural" else 0.1,
        seed=3,
        recipe=recipe_for(defense, "digits", "quick", settings),
        evaluation=Evaluation(epsilon=0.1),
    )


class Recorder(Watcher):
    def __init__(self, stops=()):
        self.points, self.notices, self.step, self.stops = {}, [], 0, set(stops)

    def history(self, step, epoch, metrics):
        self.points[step] = (epoch, metrics)

    def progress(self, step):
        self.step = step

    def notice(self, message):
        self.notices.append(message)

    def should_stop(self):
        return self.step in self.stops and not self.stops.discard(self.step)


def weights(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


def equal(left, right):
    return all(torch.equal(left[name], right[name]) for name in left)


def channels_last():
    torch.manual_seed(0)
    model = networks.build("fashion-cnn", in_channels=1, image_size=(6, 6), num_classes=3, capacity=0.25)
    return lay_out(model, "fashion-cnn", asked=True)


@pytest.mark.parametrize(
    ("network", "recipe"),
    [
        (network, {"optimizer": "adam", "weight_decay": 1e-3}),
        (network, {"optimizer": "sgd", "augmentation": "crop-flip", "attack_batchnorm": "train"}),
        (channels_last, {"optimizer": "adam"}),
        (channels_last, {"optimizer": "sgd"}),
    ],
    ids=["adam", "sgd", "adam-channels-last", "sgd-channels-last"],
)
def test_a_run_stopped_anywhere_ends_with_the_same_bits_and_history(tmp_path, network, recipe):
    whole, recorder = network(), Recorder()
    (tmp_path / "whole").mkdir()
    train(whole, data(), experiment(**recipe), tmp_path / "whole", recorder)
    folder = tmp_path / "parts"
    folder.mkdir()
    points = {}
    for stop in (1, 7, 44, None):
        parts, part = network(), Recorder([stop])
        torch.manual_seed(stop or 99)
        if stop is None:
            train(parts, data(), experiment(**recipe), folder, part)
        else:
            with pytest.raises(Stopped):
                train(parts, data(), experiment(**recipe), folder, part)
        points |= part.points
    assert equal(weights(whole), weights(parts))
    assert points == recorder.points


def test_repeated_checkpoints_do_not_change_the_result(tmp_path):
    once, often = network(), network()
    for model, name, seconds in ((once, "a", 1e9), (often, "b", 0)):
        (tmp_path / name).mkdir()
        train(model, data(), experiment(), tmp_path / name, Recorder(), checkpoint_seconds=seconds)
    assert equal(weights(once), weights(often))


def test_a_damaged_checkpoint_falls_back_to_the_one_before_and_says_so(tmp_path):
    model, recorder = network(), Recorder([9])
    with pytest.raises(Stopped):
        train(model, data(), experiment(), tmp_path, recorder, checkpoint_seconds=0)
    newest = tmp_path / checkpoints.CURRENT
    newest.write_bytes(newest.read_bytes()[:-10])
    model, recorder = network(), Recorder()
    train(model, data(), experiment(), tmp_path, recorder)
    assert len(recorder.notices) == 1
    assert "checkpoint.safetensors is damaged" in recorder.notices[0]
    assert min(recorder.points) == 9
    clean = network()
    (tmp_path / "clean").mkdir()
    train(clean, data(), experiment(), tmp_path / "clean", Recorder())
    assert equal(weights(model), weights(clean))


def test_a_checkpoint_of_another_network_is_passed_over(tmp_path):
    with pytest.raises(Stopped):
        train(network(), data(), experiment(), tmp_path, Recorder([9]))
    torch.manual_seed(0)
    other = nn.Sequential(nn.Flatten(), nn.Linear(36, 3))
    recorder = Recorder()
    train(other, data(), experiment(), tmp_path, recorder)
    assert "does not fit this network" in recorder.notices[0]
    assert min(recorder.points) == 1


def test_a_full_disk_is_said_and_training_goes_on_with_the_last_checkpoint_kept(tmp_path, monkeypatch):
    with pytest.raises(Stopped):
        train(network(), data(), experiment(), tmp_path, Recorder([9]))
    kept = (tmp_path / checkpoints.CURRENT).read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tensorfile, "write", full)
    recorder = Recorder()
    train(network(), data(), experiment(), tmp_path, recorder, checkpoint_seconds=0)
    assert recorder.step == 45
    assert "No space left on device" in recorder.notices[0]
    assert (tmp_path / checkpoints.CURRENT).read_bytes() == kept


def test_a_loss_that_is_not_finite_ends_the_run_naming_the_step(tmp_path, monkeypatch):
    def explode(model, x, y, recipe, epsilon, step):
        return model(x).sum() * (float("nan") if step >= 12 else 0.0)

    monkeypatch.setattr(pgd, "loss", explode)
    with pytest.raises(DivergedError, match="diverged at step 13: the loss is nan"):
        train(network(), data(), experiment(steps=2000), tmp_path, Recorder())


def test_history_has_losses_rates_and_accuracies(tmp_path):
    recorder = Recorder()
    train(network(), data(), experiment("natural", steps=40), tmp_path, recorder)
    assert sorted(recorder.points) == list(range(1, 41))
    epoch, metrics = recorder.points[40]
    assert epoch == 13
    assert metrics.keys() == {"loss", "learning_rate", "train_accuracy", "test_accuracy"}
    assert recorder.points[1][1]["loss"] > metrics["loss"]


def test_training_memorises_a_small_set(tmp_path):
    recorder = Recorder()
    train(network(), data(), experiment("natural", steps=600), tmp_path, recorder)
    assert recorder.points[600][1]["train_accuracy"] > 0.95


@pytest.mark.parametrize("reach", ["kernels", "all"])
def test_decay_reaches_kernels_only_unless_all_is_asked_for(reach):
    model = network()
    recipe = recipe_for("natural", "digits", "quick", {"weight_decay": 0.1, "decays": reach})
    optimizer = build_optimizer(list(model.parameters()), recipe)
    decayed = {
        id(parameter) for group in optimizer.param_groups if group["weight_decay"] for parameter in group["params"]
    }
    names = {name for name, parameter in model.named_parameters() if id(parameter) in decayed}
    everything = {name for name, _ in model.named_parameters()}
    assert names == ({"0.weight", "5.weight"} if reach == "kernels" else everything)


def test_adam_step_equals_the_formula_with_l2_in_the_gradient(tmp_path):
    model = nn.Sequential(nn.Flatten(), nn.Linear(36, 3))
    before = weights(model)
    spec = experiment("natural", steps=1, weight_decay=0.1, batch_size=60)
    order = loop.permutation(60, 3, "epoch", 0)
    images, labels = data().train.images[order].double() / 255, data().train.labels[order]
    w = before["1.weight"].double().requires_grad_()
    loss = nn.functional.cross_entropy(images.flatten(1) @ w.T + before["1.bias"].double(), labels)
    (gradient,) = torch.autograd.grad(loss + 0.05 * w.square().sum(), w)
    expected = w - 1e-3 * gradient / (gradient.abs() + 1e-8)
    train(model, data(), spec, tmp_path, Recorder())
    assert torch.allclose(model[1].weight.double(), expected, atol=1e-6)


@pytest.mark.parametrize(("pad", "rows_reached"), [(2, {1, 2, 3, 4, 5}), (4, {0, 1, 2, 3, 4, 5})])
def test_crop_flip_moves_each_image_by_at_most_the_padding_and_pads_with_zeros(pad, rows_reached):
    torch.manual_seed(0)
    x = torch.zeros(200, 2, 6, 6)
    x[:, 1, 3, 3] = 1
    moved = crop_flip(x, pad)
    assert moved.shape == x.shape
    assert (moved[:, 0] == 0).all()
    inside = moved.sum((1, 2, 3)) == 1  # a pixel may also have left the image
    assert inside.all() == (pad == 2)
    rows, columns = np.divmod(moved[inside, 1].flatten(1).argmax(1).numpy(), 6)
    assert set(rows) == rows_reached
    assert set(columns) == {0, 1, 2, 3, 4, 5}


def test_training_pads_by_what_the_recipe_says(tmp_path, monkeypatch):
    pads = []
    monkeypatch.setattr(loop, "crop_flip", lambda x, pad, _: pads.append(pad) or x)
    for padding in ({}, {"padding": 4}):
        spec = experiment("natural", steps=1, augmentation="crop-flip", **padding)
        train(network(), data(), spec, tmp_path / str(padding), Recorder())
    assert pads == [2, 4]


def test_checkpoint_writes_leave_no_partial_files(tmp_path):
    with pytest.raises(Stopped):
        train(network(), data(), experiment(), tmp_path, Recorder([20]), checkpoint_seconds=0)
    assert sorted(os.listdir(tmp_path)) == [checkpoints.PREVIOUS, checkpoints.CURRENT]


# Countermeasures


def test_stopping_early_gives_the_model_that_stands_there_on_the_whole_schedule(tmp_path):
    """One checkpoint at the step at which the whole training is asked to stop, the other stopped by its recipe."""
    schedule = {"milestones": (15, 30), "factors": (0.1, 0.01)}
    whole, early, recorder = network(), network(), Recorder()
    with pytest.raises(Stopped):
        train(whole, data(), experiment(**schedule), tmp_path / "whole", StopAt(20))
    train(early, data(), experiment(**schedule, stop_after=20), tmp_path / "early", recorder)
    assert recorder.step == max(recorder.points) == 20
    assert all(map(torch.equal, whole.state_dict().values(), early.state_dict().values()))


class StopAt(Recorder):
    def __init__(self, step):
        super().__init__()
        self.last = step

    def should_stop(self):
        return self.step == self.last


def test_dropout_thins_the_last_layers_inputs_in_training_mode_only():
    model, x = nn.Sequential(nn.Flatten(), nn.Linear(36, 400), nn.Linear(400, 400, bias=False)), torch.ones(1, 1, 6, 6)
    nn.init.eye_(model[2].weight)
    whole = model(x)
    with loop.thinned(model.train(), 0.25):
        torch.manual_seed(0)
        found = model(x)
        model.eval()
        assert torch.equal(model(x), whole)
    left = found != 0
    assert torch.allclose(found[left], whole[left] / 0.75)
    assert 0.6 < left.float().mean() < 0.9
    assert torch.equal(model.train()(x), whole)


@pytest.mark.parametrize("settings", [{"dropout": 0.5}, {"precision": "bfloat16"}], ids=["dropout", "bfloat16"])
def test_a_setting_of_every_step_counts_and_resumes_to_the_same_bits(tmp_path, monkeypatch, settings):
    monkeypatch.setattr(precision, "cpu_multiplies_bfloat16", lambda: True)  # emulated where it is not so
    whole = train(network(), data(), experiment(**settings), tmp_path / "whole", Recorder())
    parts = tmp_path / "parts"
    with pytest.raises(Stopped):
        train(network(), data(), experiment(**settings), parts, Recorder(stops={20}))
    resumed = train(network(), data(), experiment(**settings), parts, Recorder())
    plain = train(network(), data(), experiment(), tmp_path / "plain", Recorder())
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), resumed.parameters(), strict=True))
    assert not torch.equal(whole[0].weight, plain[0].weight)


@pytest.mark.parametrize("defense", [name for name, row in registry.DEFENSES.items() if row.trains])
def test_every_defense_trains_in_bfloat16(tmp_path, monkeypatch, defense):
    monkeypatch.setattr(precision, "cpu_multiplies_bfloat16", lambda: True)
    settings = {"steps": 8, "ramp_start": 0, "ramp_end": 2, "robust_start": 0}
    found = [
        train(channels_last(), data(), experiment(defense, **settings, precision=asked), tmp_path / asked, Recorder())
        for asked in ("float32", "bfloat16")
    ]
    plain, cast = (torch.cat([each.flatten() for each in model.parameters()]) for model in found)
    assert 0 < (plain - cast).norm() < 0.05 * plain.norm()
