"""Weights that somebody else trained, for a network that is built here."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from engine import datafiles, tensorfile
from engine.recipes import PretrainedRecipe
from engine.validation import SpecError

WRAPPERS = ("state_dict", "model_state_dict", "model")
"""Keys under which training scripts keep the state dict among other things."""


def load(model: nn.Module, recipe: PretrainedRecipe) -> nn.Module:
    """The model with the recipe's weights, in inference mode; `SpecError` in one line for a file that does not fit."""
    path = Path(recipe.weights)
    if datafiles.weights_fingerprint(path) != recipe.fingerprint:
        raise SpecError(f"recipe.weights: {path} has changed since this run was planned; submit the sweep again")
    found, wanted = read(path), model.state_dict()
    _refuse(path, "lacks", sorted(wanted.keys() - found.keys()))
    _refuse(path, "has no place for", sorted(found.keys() - wanted.keys()))
    for name, tensor in found.items():
        if tensor.shape != wanted[name].shape:
            shapes = f"{tuple(tensor.shape)}, the network's {tuple(wanted[name].shape)}"
            raise SpecError(f"recipe.weights: {path}: {name} is {shapes}")
        if tensor.layout != torch.strided or not torch.can_cast(tensor.dtype, wanted[name].dtype):
            raise SpecError(f"recipe.weights: {path}: {name} is {tensor.dtype}, {tensor.layout}: no plain numbers")
        if not torch.isfinite(tensor.to(wanted[name].dtype)).all():
            raise SpecError(f"recipe.weights: {path}: {name} is not finite")
    model.load_state_dict(found)
    return model.eval()


def read(path: Path) -> dict[str, Tensor]:
    """The state dict in a file of `torch.save` or safetensors; nothing in it is executed."""
    try:
        content = tensorfile.read(path)[0] if path.suffix == ".safetensors" else _torch_file(path)
    except (OSError, ValueError) as error:
        raise SpecError(f"recipe.weights: {path}: not readable ({str(error).splitlines()[0]})") from None
    for wrapper in WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
    if not isinstance(content, Mapping) or not all(isinstance(value, Tensor) for value in content.values()):
        raise SpecError(f"recipe.weights: {path}: not a state dict (save model.state_dict(), not the model)")
    return dict(content)


def _torch_file(path: Path) -> Any:
    """What `torch.save` wrote; None for what is not tensors alone, ValueError for an archive that is cut short."""
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError):
        raise ValueError("damaged or cut short") from None
    except Exception:  # noqa: BLE001 - a whole model, a text or an empty file: each fails in a way of its own
        return None


def _refuse(path: Path, fault: str, names: list[str]) -> None:
    if names:
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        raise SpecError(f"recipe.weights: {path} {fault} {', '.join(names[:3])}{more}, so it is another network's")
