"""Checkpoints of a training run: all that the next step depends on, in one file that is whole or absent."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from engine.models import tensorfile

CURRENT, PREVIOUS = "checkpoint.safetensors", "checkpoint-previous.safetensors"
PASSED_OVER = "checkpoint {name} passed over: {error}; going on from an earlier point"


@dataclass
class TrainingState:
    """Where training stands.

    The learning rate, the order of the images and every random draw are functions of the experiment's seed and the
    step, so weights, optimiser and step are the whole state.
    """

    model: nn.Module
    optimizer: torch.optim.Optimizer
    step: int
    """Updates done."""
    losses: Tensor
    """Losses of the updates since the last history point, in a ring of that length on the model's device."""

    def tensors(self) -> dict[str, Tensor]:
        """Everything but the step, by name."""
        named = {f"weights/{name}": value for name, value in self.model.state_dict().items()}
        for index, entries in self.optimizer.state_dict()["state"].items():
            named |= {f"optimizer/{index}/{key}": value for key, value in entries.items() if value is not None}
        return named | {"losses": self.losses}

    def restore(self, tensors: dict[str, Tensor], step: int) -> None:
        """Take over what `tensors` holds; ValueError if it does not fit this model and optimiser."""
        weights = {name[8:]: value for name, value in tensors.items() if name.startswith("weights/")}
        saved: dict[int, dict[str, Tensor]] = {}
        for name, value in tensors.items():
            if name.startswith("optimizer/"):
                _, index, key = name.split("/")
                saved.setdefault(int(index), {})[key] = value
        try:
            self.model.load_state_dict(weights)
            groups = self.optimizer.state_dict()["param_groups"]
            self.optimizer.load_state_dict({"state": saved, "param_groups": groups})
            self.losses.copy_(tensors["losses"])
            lay_moments_out(self.optimizer)
        except (RuntimeError, KeyError) as error:
            raise ValueError(f"it does not fit this network: {str(error).splitlines()[0]}") from None
        self.step = step


def lay_moments_out(optimizer: torch.optim.Optimizer) -> None:
    """Put the optimiser's tensors in memory as their parameters are: the fused step takes that for granted."""
    for parameter, entries in optimizer.state.items():
        for key, value in entries.items():
            if isinstance(value, Tensor) and value.shape == parameter.shape:
                entries[key] = torch.empty_like(parameter, dtype=value.dtype).copy_(value)


@dataclass(frozen=True)
class SavedState:
    """What a file holds."""

    step: int
    tensors: dict[str, Tensor]
    stack: tuple[str, ...]
    """The runs that were trained together with this one, itself included; empty for a run by itself."""


def save(folder: Path, tensors: dict[str, Tensor], step: int, stack: Sequence[str] = ()) -> None:
    """Write a state; the one before it stays as a second chance. OSError if it cannot be written, losing nothing."""
    fresh = folder / f"{CURRENT}.new"
    tensorfile.write(fresh, tensors, {"step": str(step), "stack": " ".join(stack)})
    if (folder / CURRENT).exists():
        (folder / CURRENT).replace(folder / PREVIOUS)
    fresh.replace(folder / CURRENT)


def readable(folder: Path, notice: Callable[[str], None]) -> Iterator[SavedState]:
    """The folder's checkpoints, the newest first; a damaged one is passed over with a line to `notice`.

    Training from an earlier point gives the same result.
    """
    for name in (CURRENT, PREVIOUS):
        if not (folder / name).exists():
            continue
        try:
            tensors, metadata = tensorfile.read(folder / name)
            found = SavedState(int(metadata["step"]), tensors, tuple(metadata.get("stack", "").split()))
        except (ValueError, KeyError, OSError) as error:
            notice(PASSED_OVER.format(name=name, error=error))
            continue
        yield found


def resume(folder: Path, state: TrainingState, notice: Callable[[str], None]) -> None:
    """Bring `state` to the newest checkpoint of the folder that can be read and fits; else it stays as it is."""
    for checkpoint in readable(folder, notice):
        try:
            state.restore(checkpoint.tensors, checkpoint.step)
        except ValueError as error:
            notice(PASSED_OVER.format(name=f"at step {checkpoint.step}", error=error))
            continue
        return


def discard(folder: Path) -> None:
    """Remove the checkpoints of a run whose training is complete."""
    for name in (CURRENT, PREVIOUS):
        (folder / name).unlink(missing_ok=True)
