"""A trained model's file: written once training is complete, and shared by runs that differ only in what is asked."""

import contextlib
import dataclasses
import os
import shutil
from pathlib import Path

from torch import nn

from engine import event_lines, events
from engine.models import tensorfile
from engine.spec.experiment import Experiment

FILE = "model.safetensors"
HISTORY_FILE = "history.jsonl"


def save(folder: Path, model: nn.Module, experiment: Experiment) -> None:
    """Write the weights into the run's folder."""
    labels = {"run_id": experiment.run_id, "training_id": experiment.training_id}
    tensorfile.write(folder / FILE, model.state_dict(), labels)


def load(folder: Path, model: nn.Module) -> bool:
    """Fill the model from the run's folder, in inference mode; False if nothing is there.

    Raises ValueError or RuntimeError for a file that cannot be read or is another network's.
    """
    if not (folder / FILE).exists():
        return False
    model.load_state_dict(tensorfile.read(folder / FILE)[0])
    model.eval()
    return True


def take_over(folder: Path, experiment: Experiment) -> str | None:
    """Give the run the weights and the history of another one that was trained alike; its id, or None.

    None if the run has weights of its own, or if no run beside it was trained alike.
    """
    if (folder / FILE).exists() or (found := trained_alike(folder, experiment)) is None:
        return None
    path, run_id = found
    _copy_history(path.with_name(HISTORY_FILE), folder / HISTORY_FILE, experiment.run_id)
    _link(path, folder / FILE)
    return run_id


def trained_alike(folder: Path, experiment: Experiment) -> tuple[Path, str] | None:
    """The weights of a run beside this one, or its own, that were trained as it would be, and whose they are."""
    for found in sorted(folder.parent.glob(f"{experiment.slug}-*/{FILE}")):
        with contextlib.suppress(ValueError, OSError):
            labels = tensorfile.read(found)[1]
            if labels.get("training_id") == experiment.training_id:
                return found, labels["run_id"]
    return None


def history(folder: Path) -> list[events.History]:
    """The history that earlier processes of this run have told.

    An engine that was killed may not have kept it, and training resumes behind it; telling it twice changes nothing.
    """
    path = folder / HISTORY_FILE
    lines = event_lines.read_lines(path) if path.exists() else ()
    return [event for _, event in lines if isinstance(event, events.History)]


def add_history(folder: Path, event: events.History) -> None:
    """Keep one point; a full disk loses it."""
    with contextlib.suppress(OSError), open(folder / HISTORY_FILE, "a", encoding="utf-8") as stream:
        stream.write("\n" + event_lines.to_json(event))  # a line torn by a kill spoils only itself


def _copy_history(found: Path, own: Path, run_id: str) -> None:
    points = (dataclasses.replace(event, run_id=run_id) for event in history(found.parent))
    own.write_text("".join(f"\n{event_lines.to_json(event)}" for event in points), encoding="utf-8")


def _link(found: Path, own: Path) -> None:
    """One file under both names, or a copy where the file system has no such thing."""
    temporary = own.with_name(f"{own.name}.partial")
    temporary.unlink(missing_ok=True)
    try:
        os.link(found, temporary)
    except OSError:
        shutil.copyfile(found, temporary)
    temporary.replace(own)
