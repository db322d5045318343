"""Files of weights made as public projects make them: read, and said what was done; never executed."""

import argparse
import builtins
import datetime
import os
import pathlib
import types
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from engine.models import fingerprints, networks, pretrained, state_dicts, tensorfile
from engine.spec.recipes import PretrainedRecipe
from engine.validation import SpecError


def network(capacity=0.5, seed=0):
    torch.manual_seed(seed)
    return networks.build("small-cnn", in_channels=1, image_size=(8, 8), num_classes=10, capacity=capacity).eval()


STATE = network().state_dict()


def under(prefix, state=STATE):
    return {f"{prefix}{name}": tensor for name, tensor in state.items()}


def other():
    return network(seed=1).state_dict()


def fill(path, model):
    """The notices of filling a model from a file."""
    said = []
    recipe = PretrainedRecipe(weights=str(path), fingerprint=fingerprints.weights_fingerprint(path))
    pretrained.load(model, recipe, said.append)
    return said


def read_as(content, path, model=None):
    """What is said of a file with that content, whose network must come out equal to the one saved."""
    torch.save(content, path)
    model = model or network(seed=2)
    said = fill(path, model)
    assert all(torch.equal(model.state_dict()[name], tensor) for name, tensor in STATE.items())
    return said


def adam():
    model = network()
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.zeros(1, 1, 8, 8)).sum().backward()
    optimizer.step()
    return optimizer.state_dict()


def lightning():
    return {
        "epoch": 3,
        "pytorch-lightning_version": "2.5.0",
        "state_dict": under("model."),
        "loops": {"fit_loop": {"state_dict": {}, "epoch_progress": {"total": {"ready": 3}}}},
        "callbacks": {
            "ModelCheckpoint": {"best_model_score": torch.tensor(0.9), "dirpath": pathlib.PurePosixPath("a")}
        },
        "optimizer_states": [adam()],
        "hyper_parameters": types.SimpleNamespace(lr=1e-3, optimizer=torch.optim.Adam),
    }


def robustness():
    """`robustness` saves an AttackerModel in DataParallel, in which the attacker holds the network once more."""
    return {"model": under("module.model.") | under("module.attacker.model."), "optimizer": adam(), "epoch": 150}


def averaged():
    """torch's copy for weights averaged over training, which counts its updates beside them."""
    return torch.optim.swa_utils.AveragedModel(network()).state_dict()


def timm():
    return {
        "epoch": 3,
        "arch": "small",
        "state_dict_ema": other(),
        "state_dict": dict(STATE),
        "optimizer": adam(),
        "args": argparse.Namespace(lr=0.1, model="small"),
        "metric": np.float64(0.97),
    }


PROJECTS = {
    "plain": (STATE, None),
    "data-parallel": (nn.DataParallel(network()).state_dict(), "prefix 'module.' removed"),
    "opacus": (under("_module."), "prefix '_module.' removed"),
    "compiled": (under("_orig_mod."), "prefix '_orig_mod.' removed"),
    "compiled-then-parallel": (under("module._orig_mod."), "prefix 'module.' removed, prefix '_orig_mod.' removed"),
    "parallel-then-compiled": (under("_orig_mod.module."), "prefix '_orig_mod.' removed, prefix 'module.' removed"),
    "recomputed": (under("_checkpoint_wrapped_module."), "prefix '_checkpoint_wrapped_module.' removed"),
    "averaged": (averaged(), "prefix 'module.' removed"),
    "profiled": (STATE | {"total_ops": torch.zeros(1), "0.total_params": torch.zeros(1)}, None),
    "of-one's-own": ({"state_dict": under("classifier.")}, "read from 'state_dict', prefix 'classifier.' removed"),
    "lightning": (lightning(), "read from 'state_dict', prefix 'model.' removed"),
    "robustness": (
        robustness(),
        "read from 'model', prefix 'module.' removed, prefix 'model.' removed, "
        "attacker.model.0.weight and such left out, for they repeat others",
    ),
    "timm": (timm(), "read from 'state_dict'; 'state_dict_ema' would fit too"),
    "net": ({"net": under("module."), "acc": 93.2, "epoch": 1}, "read from 'net', prefix 'module.' removed"),
    "ema": ({"ema": dict(STATE), "updates": 5}, "read from 'ema'"),
    "nested": ({"checkpoint": {"model_state_dict": STATE}}, "read from 'checkpoint.model_state_dict'"),
    "beside": (STATE | {"epoch": 3, "date": datetime.date(2026, 1, 1)}, None),
    "numpy": (
        {"state_dict": STATE, "best": np.float32(0.5), "n": np.int64(3), "ok": np.bool_(1)},
        "read from 'state_dict'",
    ),
}


@pytest.mark.parametrize("project", PROJECTS)
def test_weights_are_read_as_projects_save_them_and_what_was_done_is_said(project, tmp_path):
    content, words = PROJECTS[project]
    assert read_as(content, tmp_path / "model.pt") == ([f"weights: {words}"] if words else [])


def test_safetensors_with_a_prefix_are_read(tmp_path):
    tensorfile.write(tmp_path / "model.safetensors", under("model."))
    model = network(seed=2)
    assert fill(tmp_path / "model.safetensors", model) == ["weights: prefix 'model.' removed"]
    assert torch.equal(model.state_dict()["0.weight"], STATE["0.weight"])


def test_a_prefix_of_some_names_only_is_removed_where_all_fit_then():
    mixed = {name if name.startswith("0.") else f"module.{name}": tensor for name, tensor in STATE.items()}
    found = state_dicts.match(mixed, STATE)
    assert not found.faults
    assert found.tensors.keys() == STATE.keys()


def test_a_part_that_was_wrapped_alone_is_found():
    saved = {f"features.module.{name}": tensor for name, tensor in STATE.items()}
    wanted = under("features.")
    found = state_dicts.match(saved, wanted)
    assert (found.faults, found.done) == (0, ("'module.' removed within names",))


def test_a_prefix_that_is_the_networks_own_stays():
    wanted = under("model.")
    assert state_dicts.match(under("model."), wanted).done == ()
    assert state_dicts.match(under("module.model."), wanted).done == ("prefix 'module.' removed",)
    assert state_dicts.match(STATE, wanted).done == ("put under 'model.'",)


class Normalising(nn.Module):
    """A network that takes pixels and normalises them itself, as attack libraries ask for."""

    def __init__(self, persistent):
        super().__init__()
        self.register_buffer("mean", torch.full((1, 1, 1, 1), 0.3), persistent=persistent)
        self.inner = network(seed=2)

    def forward(self, x):
        return self.inner(x - self.mean)


def test_weights_of_a_network_go_into_one_that_normalises_before_it(tmp_path):
    torch.save(under("module."), tmp_path / "model.pt")
    model = Normalising(persistent=False)
    words = ["weights: prefix 'module.' removed, put under 'inner.'"]
    assert fill(tmp_path / "model.pt", model) == words
    assert torch.equal(model.inner[0].weight, STATE["0.weight"])
    with pytest.raises(SpecError, match=r"lacks mean: where that is a constant .* persistent=False"):
        fill(tmp_path / "model.pt", Normalising(persistent=True))


def test_averaged_weights_come_last_and_a_mapping_that_fits_before_one_that_does_not(tmp_path):
    content = {"ema_model": other(), "student": dict(STATE)}
    assert read_as(content, tmp_path / "model.pt") == ["weights: read from 'student'; 'ema_model' would fit too"]
    content = {"state_dict": network(capacity=1).state_dict(), "ema": dict(STATE)}
    assert read_as(content, tmp_path / "model.pt") == ["weights: read from 'ema'"]


def normalised():
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)).eval()


def test_files_from_before_batches_were_counted_are_read(tmp_path):
    saved = {name: tensor for name, tensor in normalised().state_dict().items() if "num_batches" not in name}
    torch.save(saved, tmp_path / "model.pt")
    model = normalised()
    assert fill(tmp_path / "model.pt", model) == []
    assert torch.equal(model[0].weight, saved["0.weight"])


def test_a_networks_other_statistics_may_not_be_missing(tmp_path):
    saved = {name: tensor for name, tensor in normalised().state_dict().items() if "running_var" not in name}
    torch.save(saved, tmp_path / "model.pt")
    with pytest.raises(SpecError, match=r"lacks 1\.running_var: it is another network's"):
        fill(tmp_path / "model.pt", normalised())


def test_a_step_that_the_network_has_not_is_named(tmp_path):
    """A network that normalises its input is another one: without that step its answers would be wrong."""
    steps = {"module.normalizer.new_mean": torch.zeros(1), "module.normalizer.new_std": torch.ones(1)}
    torch.save({"model": robustness()["model"] | steps}, tmp_path / "model.pt")
    with pytest.raises(SpecError, match=r"has, unlike this network, normalizer\.new_mean") as caught:
        fill(tmp_path / "model.pt", network())
    assert "lacks" not in str(caught.value)


def test_another_network_is_told_in_names_without_prefixes(tmp_path):
    torch.save({"state_dict": under("module.", network(capacity=1).state_dict())}, tmp_path / "model.pt")
    with pytest.raises(SpecError, match=r": 0.weight is \(8, 1, 3, 3\), the network's \(4, 1, 3, 3\): it is another"):
        fill(tmp_path / "model.pt", network())


class Bomb:
    """Runs a command, or python, where somebody unpickles it."""

    def __init__(self, function, argument):
        self.how = (function, (argument,))

    def __reduce__(self):
        return self.how


@pytest.mark.parametrize("function", [os.system, builtins.eval, builtins.exec], ids=["system", "eval", "exec"])
def test_nothing_in_a_file_is_executed(function, tmp_path):
    mark = tmp_path / "mark"
    argument = f"touch {mark}" if function is os.system else f"open({str(mark)!r}, 'w')"
    torch.save({"state_dict": STATE, "args": Bomb(function, argument)}, tmp_path / "model.pt")
    if function is os.system:
        with pytest.raises(
            SpecError, match=r"holds posix\.system, which is not loaded: write torch\.save\(model\.state"
        ):
            fill(tmp_path / "model.pt", network())
    else:
        assert fill(tmp_path / "model.pt", network()) == ["weights: read from 'state_dict'"]
    assert not mark.exists()


def test_a_whole_model_is_named_with_the_remedy(tmp_path):
    torch.save({"net": network(), "epoch": 3}, tmp_path / "model.pt")
    with pytest.raises(SpecError, match=r"holds torch\.nn\.modules\.container\.Sequential, not a state dict") as caught:
        fill(tmp_path / "model.pt", network())
    assert "torch.save(model.state_dict(), FILE)" in str(caught.value)


@pytest.mark.filterwarnings("ignore:`torch.jit:FutureWarning")
def test_a_script_is_named_with_the_remedy(tmp_path):
    torch.jit.trace(network(), torch.zeros(1, 1, 8, 8)).save(str(tmp_path / "model.pt"))
    with pytest.raises(SpecError, match="a TorchScript archive: write"):
        fill(tmp_path / "model.pt", network())


def test_an_old_file_is_read_and_its_objects_named(tmp_path):
    torch.save(under("module."), tmp_path / "model.pt", _use_new_zipfile_serialization=False)
    assert fill(tmp_path / "model.pt", network()) == ["weights: prefix 'module.' removed"]
    content = {"net": STATE, "args": argparse.Namespace(lr=1)}
    torch.save(content, tmp_path / "model.pt", _use_new_zipfile_serialization=False)
    with pytest.raises(SpecError, match=r"holds argparse\.Namespace, which is not loaded"):
        fill(tmp_path / "model.pt", network())


def test_stand_ins_are_forgotten_afterwards(tmp_path):
    before = set(torch.serialization.get_safe_globals())
    read_as(timm(), tmp_path / "model.pt")
    assert set(torch.serialization.get_safe_globals()) == before


def test_a_file_that_changed_is_refused_before_it_is_read(tmp_path):
    torch.save(STATE, tmp_path / "model.pt")
    recipe = replace(PretrainedRecipe(weights=str(tmp_path / "model.pt")), fingerprint="other")
    with pytest.raises(SpecError, match="has changed since"):
        pretrained.load(network(), recipe)


@pytest.mark.parametrize("place", ["", "\x1b]0;taken\x07"], ids=["tensor", "mapping"])
def test_names_in_a_file_command_no_terminal(place, tmp_path):
    extra = {"\x1b]0;owned\x07\n" + "x" * 10_000: torch.zeros(1)}
    torch.save({place: dict(STATE)} if place else STATE | extra, tmp_path / "model.pt")
    if place:
        (said,) = fill(tmp_path / "model.pt", network())
    else:
        with pytest.raises(SpecError, match="unlike this network") as caught:
            fill(tmp_path / "model.pt", network())
        said = str(caught.value)
    assert said.isprintable()
    assert len(said) < 1100


@pytest.mark.filterwarnings("ignore:Validating sparse")
def test_a_further_tensor_of_any_kind_is_named_not_compared_with_a_fault(tmp_path):
    kinds = [torch.int64, torch.complex64, torch.float8_e4m3fn, torch.bool]
    first = STATE["0.bias"]
    for extra in (*(first.to(kind) for kind in kinds), first.to_sparse(), torch.zeros(3)):
        torch.save(STATE | {"more.bias": extra}, tmp_path / "model.pt")
        with pytest.raises(SpecError, match=r"unlike this network, more\.bias"):
            fill(tmp_path / "model.pt", network())
    float8 = {name: tensor.to(torch.float8_e4m3fn) for name, tensor in STATE.items()}
    torch.save(float8 | {f"copy.{name}": tensor for name, tensor in float8.items()}, tmp_path / "model.pt")
    assert fill(tmp_path / "model.pt", network()) == [
        "weights: copy.0.weight and such left out, for they repeat others"
    ]
