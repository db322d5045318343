"""Weights that somebody else trained, for a network that is built here."""

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn

import torch
from torch import Tensor, nn

from engine.models import fingerprints, state_dicts, tensorfile
from engine.models.state_dicts import Match
from engine.spec.recipes import PretrainedRecipe
from engine.text import printable
from engine.validation import SpecError

REMEDY = "write torch.save(model.state_dict(), FILE), not the model, where it was trained"

LONGEST = 1000
"""Letters of a line."""


class StandIn:
    """In the place of an object that is no tensor, number or text: its class is not imported and does nothing here."""

    def __new__(cls, *_: Any, **__: Any) -> "StandIn":
        """An object for whatever its class would be called with."""
        return object.__new__(cls)

    def __init__(self, *_: Any, **__: Any) -> None: ...

    def __setstate__(self, _: Any) -> None: ...


def load(model: nn.Module, recipe: PretrainedRecipe, notice: Callable[[str], None] = lambda _: None) -> nn.Module:
    """The model with the recipe's weights, in inference mode; `SpecError` in one line for a file that does not fit.

    notice: is told where in the file they were found and what was done to their names, if anything.
    """
    path = Path(recipe.weights)
    if fingerprints.weights_fingerprint(path) != recipe.fingerprint:
        _refuse(path, "has changed since this run was planned; submit the sweep again")
    state = model.state_dict()
    wanted = {name: tensor for name, tensor in state.items() if isinstance(tensor, Tensor)}
    learned = {name for name, _ in model.named_parameters(remove_duplicate=False)}
    constants = {name for name in wanted.keys() - learned if not name.endswith(("running_mean", "running_var"))}
    found = {place: state_dicts.match(tensors, wanted, constants) for place, tensors in read(path).items()}
    fitting = [place for place, match in found.items() if not match.faults]
    if not fitting:
        _refuse(path, _misfit(min(found.values(), key=lambda match: match.faults), wanted, constants))
    taken = found[fitting[0]]
    for name, tensor in taken.tensors.items():
        if tensor.layout != torch.strided or not torch.can_cast(tensor.dtype, wanted[name].dtype):
            _refuse(path, f"{name} is {tensor.dtype}, {tensor.layout}: no plain numbers")
        if not torch.isfinite(tensor.to(wanted[name].dtype)).all():
            _refuse(path, f"{name} is not finite")
    if done := [*([f"read from {fitting[0]!r}"] if fitting[0] else []), *taken.done]:
        others = "".join(f"; {place!r} would fit too" for place in fitting[1:])
        notice(_line(f"weights: {', '.join(done)}{others}"))
    model.load_state_dict({**state, **taken.tensors})
    return model.eval()


def read(path: Path) -> dict[str, state_dicts.Tensors]:
    """Every mapping of tensors in a file of `torch.save` or safetensors, as `dialects.mappings`; nothing is executed.

    Raises `SpecError` for a file without any.
    """
    try:
        content = tensorfile.read(path)[0] if path.suffix == ".safetensors" else _torch_file(path)
    except (OSError, ValueError) as error:
        _refuse(path, f"not readable ({str(error).splitlines()[0]})")
    if not (found := state_dicts.mappings(content)):
        objects = _classes(content)
        held = f"holds {', '.join(objects[:3])}, " if objects else ""
        _refuse(path, f"{held}not a state dict: {REMEDY}")
    return found


def _torch_file(path: Path) -> Any:
    """What `torch.save` wrote, objects of foreign classes as stand-ins; None for what it did not write.

    ValueError for what cannot be read so, or is cut short.
    """
    try:
        foreign = torch.serialization.get_unsafe_globals_in_checkpoint(path)
    except Exception:  # noqa: BLE001 - a file of torch before 1.6, a damaged one, or none of torch's at all
        foreign = []
    try:
        stands = [(type(name, (StandIn,), {}), name) for name in foreign]
        with warnings.catch_warnings(), torch.serialization.safe_globals(stands):
            warnings.simplefilter("ignore")  # that a pickle's protocol is unusual
            return torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError) as error:
        script = "TorchScript" in str(error)
        raise ValueError(f"a TorchScript archive: {REMEDY}" if script else "damaged or cut short") from None
    except Exception as error:  # noqa: BLE001 - a text or an empty file, an object that is built in a way of its own
        if names := foreign or _named(str(error)):
            raise ValueError(f"holds {', '.join(sorted(names)[:3])}, which is not loaded: {REMEDY}") from None
        return None


def _named(message: str) -> list[str]:
    """The class that torch says it does not load."""
    return message.partition("GLOBAL ")[2].split()[:1]


def _classes(content: Any) -> list[str]:
    """Names of the foreign classes of a file's objects, two levels deep."""
    values = [content, *(content.values() if isinstance(content, Mapping) else ())]
    return list(dict.fromkeys(type(value).__name__ for value in values if isinstance(value, StandIn)))


def _misfit(match: Match, wanted: state_dicts.Tensors, constants: set[str]) -> str:
    """In which names or shapes the nearest mapping is another network's; or that it lacks what may be constants."""
    if match.faults == len(match.lacks) and constants.issuperset(match.lacks):
        names = ", ".join(match.lacks[:3])
        return f"lacks {names}: where that is a constant of the network, register it with persistent=False"
    faults = [
        f"{fault} {', '.join(names[:3])}{f' and {len(names) - 3} more' if len(names) > 3 else ''}"
        for fault, names in (("lacks", match.lacks), ("has, unlike this network,", match.extra))
        if names
    ]
    faults += [
        f"{name} is {tuple(match.tensors[name].shape)}, the network's {tuple(wanted[name].shape)}"
        for name in match.reshaped[:1]
    ]
    return f"{'; '.join(faults)}: it is another network's, or one of another size"


def _refuse(path: Path, fault: str) -> NoReturn:
    raise SpecError(_line(f"recipe.weights: {path}: {fault}"))


def _line(words: str) -> str:
    """One line to print, whatever the file calls its tensors and classes."""
    return printable(words if len(words) <= LONGEST else f"{words[:LONGEST]}…")
