"""One experiment from its spec to its events: the page to read first."""

import math
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from engine import bounds, events, inference
from engine.data import datasets
from engine.data.datasets import Dataset
from engine.evaluation import calibration, exposed_images, plausibility, prediction_files, predictions, soundness, views
from engine.evaluation.prediction_files import PredictionsError
from engine.evaluation.predictions import SPLITS, Predictions
from engine.failures import in_one_line
from engine.inference import risk
from engine.inference.population import files as population_files
from engine.job_settings import ANSWERS, RunOptions
from engine.meter import INFERRING, Clock, Emit, Meter, notice
from engine.models import fingerprints, networks, precision, pretrained, weights
from engine.models.layout import lay_out
from engine.registry import ATTACKS, BENIGN
from engine.seeds import seed_of
from engine.spec.experiment import Experiment, Inference
from engine.spec.recipes import PretrainedRecipe
from engine.training import checkpoints, robust_share
from engine.training.loop import DivergedError, Stopped, train
from engine.validation import SpecError

Asked = Mapping[str, Mapping[str, Any]]
"""Of each inference attack the settings that change its numbers (`Inference.asked`)."""


@dataclass(frozen=True)
class RunContext:
    """The surroundings of one run."""

    folder: Path
    """Weights, checkpoints and predictions of this run."""
    options: RunOptions
    device: torch.device


def run(
    experiment: Experiment,
    context: RunContext,
    emit: Emit,
    should_stop: Callable[[], bool] = lambda: False,
    attacks: Asked | None = None,
) -> None:
    """Train, attack and audit one model; every fact leaves through `emit`, the last one being how the run ended.

    attacks: carried out on its answers; None: those of the experiment; those that need other runs wait for
    `infer_more`. Finished parts are found in the run's folder and not computed again. A failure of the run is an event
    too, not an exception; `Stopped` is reported as the state `queued`.
    """
    finish(experiment, context, emit, start(experiment, context, emit), should_stop, attacks)


def start(experiment: Experiment, context: RunContext, emit: Emit, together: int = 1) -> Clock:
    """Tell that the run begins, as one of so many of a stack, and what is known of its training already."""
    context.folder.mkdir(parents=True, exist_ok=True)
    clock = Clock.started()
    emit(
        events.RunStarted(
            run_id=experiment.run_id,
            experiment=experiment.to_dict(),
            device=device_label(context.device),
            time=clock.began,
            versions=versions(),
            together=together,
        )
    )
    for event in weights.history(context.folder):
        emit(event)
    return clock


def finish(
    experiment: Experiment,
    context: RunContext,
    emit: Emit,
    clock: Clock,
    should_stop: Callable[[], bool] = lambda: False,
    attacks: Asked | None = None,
) -> None:
    """All of a run that is not in its folder yet, to its end."""
    run_id = experiment.run_id
    state, error = "done", None
    try:
        answers = answer(experiment, context, emit, should_stop)
        for words in soundness.check(answers):
            notice(emit, run_id, words)
        if collapsed(answers):
            words = "the model gives one class to every image: its leakage says nothing; try more steps or warm-up"
            notice(emit, run_id, words)
        for event in told_by(answers, experiment):
            emit(event)
        wanted = experiment.inference.asked() if attacks is None else attacks
        alone = {attack: own for attack, own in wanted.items() if not ATTACKS[attack].references}
        infer(run_id, answers, alone, emit, should_stop)
    except Stopped:
        state = "queued"
    except DivergedError as reason:
        state, error = "diverged", str(reason)
    emit(events.RunEnded(run_id=run_id, state=state, time=clock.now, error=error))


def infer_more(
    run_id: str,
    folder: Path,
    attacks: Asked,
    emit: Emit,
    should_stop: Callable[[], bool] = lambda: False,
    population: Sequence[str] = (),
) -> None:
    """Carry out attacks on the answers that a run has kept in its folder, and nothing else; ends with `AttacksEnded`.

    population: the runs, whose folders lie beside it, that attacks with references compare it with. `SpecError` where
    the answers are not there or cannot be read.
    """
    path = folder / ANSWERS
    if not path.exists():
        raise SpecError(f"its answers are not kept here ({path})")
    try:
        others = [folder.parent / other / ANSWERS for other in population]
        failed = infer(run_id, prediction_files.load(path), attacks, emit, should_stop, (path, others))
        state, error = "done", "; ".join(failed) or None
    except PredictionsError as reason:
        raise SpecError(f"its answers cannot be read: {reason}") from None
    except Stopped:
        state, error = "queued", None
    emit(events.AttacksEnded(run_id=run_id, state=state, time=time.time(), error=error))


def infer(
    run_id: str,
    answers: Predictions,
    attacks: Asked,
    emit: Emit,
    should_stop: Callable[[], bool],
    files: tuple[Path, Sequence[Path]] | None = None,
) -> list[str]:
    """Carry out inference attacks one after another; a line for each that failed, which leaves the others alone.

    files: the run's own answers and those of the others of its population, for attacks with references.
    """
    together = cache(population_files.population)

    def begin(attack: str, view: str) -> None:
        if should_stop():
            raise Stopped
        label = f"{attack} ({view})"
        emit(events.Progress(run_id=run_id, phase="infer", label=label, fraction=INFERRING, rate=0.0))

    failed = []
    for attack, own in attacks.items():
        about = {"run_id": run_id, "attack": attack, "settings": own}
        emit(events.AttackStarted(**about, time=time.time()))
        try:
            settings = Inference(attacks=(attack,), **own)
            if words := inference.scarcity(answers, settings):
                notice(emit, run_id, words)
            if ATTACKS[attack].references:
                path, others = files or (Path(), ())
                found = list(inference.audit_in(together(path, tuple(others)), settings, begin))
            else:
                found = list(inference.audit(answers, settings, begin))
            if broken := next((fact.metric for fact in found if math.isnan(getattr(fact, "value", 0.0))), None):
                raise SpecError(f"its {broken} is NaN")
        except Stopped:
            raise
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one attack, the run's other facts stand
            failed.append(f"{attack}: {in_one_line(error)}")
            notice(emit, run_id, f"the attack {failed[-1]}")
            emit(events.AttackEnded(**about, state="failed", time=time.time(), error=in_one_line(error)))
        else:
            for fact in found:
                emit(fact.of_run(run_id))
            emit(events.AttackEnded(**about, state="done", time=time.time()))
    return failed


def answer(experiment: Experiment, context: RunContext, emit: Emit, should_stop: Callable[[], bool]) -> Predictions:
    """The trained model's answers in every view, from the run's folder where they are already there."""
    path = context.folder / ANSWERS
    if path.exists():
        try:
            return prediction_files.load(path)
        except PredictionsError as error:
            notice(emit, experiment.run_id, f"predictions computed again: {error}")
    data = images(experiment, context)
    meter = Meter(experiment, data, context.folder, emit, should_stop)
    for words in data.notes:
        meter.notice(words)
    model = trained(experiment, data, context, meter)
    return keep(
        experiment, context.folder, model, data, views.predict(model, data, experiment.evaluation, meter.predicted)
    )


def images(experiment: Experiment, context: RunContext) -> Dataset:
    """Its images on its device, with all that is to be known of what is trained with them there."""
    data = datasets.load(experiment.data, Path(context.options.data_root), experiment.seed).to(context.device)
    warnings = (*data.warnings, *precision.warnings(experiment.recipe.precision, context.device))
    return replace(data, warnings=warnings)


def keep(experiment: Experiment, folder: Path, model: nn.Module, data: Dataset, answers: Predictions) -> Predictions:
    """Write a model's answers and the images that they expose into the run's folder; the answers as they are there."""
    if (robust := robust_share.robust_images(experiment, len(data.train.labels))) is not None:
        answers = replace(answers, robust=robust.numpy())
    exposed_images.keep(model, data, answers, experiment.evaluation, folder)
    predictions.save(folder / ANSWERS, answers)
    return answers


def trained(experiment: Experiment, data: Dataset, context: RunContext, meter: Meter) -> nn.Module:
    """The experiment's model on the data's device: read if it is complete, else trained from its last checkpoint."""
    model = untrained(experiment, data)
    if isinstance(experiment.recipe, PretrainedRecipe):
        return pretrained.load(model, experiment.recipe, meter.notice)
    if found := weights.take_over(context.folder, experiment):
        meter.taken_over(found)
    try:
        if weights.load(context.folder, model):
            return model
    except (ValueError, RuntimeError) as error:
        meter.notice(f"model trained again: {error}")
    train(model, data, experiment, context.folder, meter, checkpoint_seconds=context.options.checkpoint_seconds)
    weights.save(context.folder, model, experiment)
    checkpoints.discard(context.folder)
    return model


def untrained(experiment: Experiment, data: Dataset) -> nn.Module:
    """The network as the experiment's seed draws it, on the data's device; `SpecError` if it cannot be bounded."""
    if fingerprints.network_fingerprint(experiment.network) != experiment.network_fingerprint:
        raise SpecError(f"network: {experiment.network} has changed since this run was planned; submit the sweep again")
    torch.manual_seed(seed_of(experiment.seed, "network"))
    model = networks.build(
        experiment.network,
        in_channels=data.in_channels,
        image_size=data.image_size,
        num_classes=data.num_classes,
        capacity=experiment.capacity,
        initialisation=experiment.recipe.initialisation,
    ).to(data.train.images.device)
    lay_out(model, experiment.network, experiment.recipe.channels_last)
    for method in experiment.bounded_by:
        bounds.require(model, datasets.pixels(data.train.images[0]), method)
    return model


def told_by(answers: Predictions, experiment: Experiment) -> list[events.Event]:
    """What the answers say by themselves: the names of classes, warnings, accuracies and scores of each view."""
    run_id = experiment.run_id
    facts: list[events.Event] = []
    if answers.class_names:
        facts.append(events.ClassNames(run_id=run_id, names=list(answers.class_names)))
    # A file of weights may have been trained on the test images, or with its classes in another order.
    foreign = plausibility.warnings(answers) if isinstance(experiment.recipe, PretrainedRecipe) else ()
    warnings = [each.to_dict() for each in (*answers.warnings, *foreign)]
    facts.append(events.Warnings(run_id=run_id, warnings=warnings))
    for view, splits in answers.views.items():
        correct = {split: splits[split].correct(answers.labels[split]) for split in SPLITS}
        for split in SPLITS:
            facts.append(
                events.Accuracies(
                    run_id=run_id,
                    view=view,
                    split=split,
                    accuracy=float(correct[split].mean()),
                    n=len(correct[split]),
                    calibration_error=calibration.expected_error(splits[split], answers.labels[split]),
                )
            )
        facts.append(scores_event(run_id, view, answers, correct))
    return facts


def collapsed(answers: Predictions) -> bool:
    """Whether the model gives one and the same class to all of its training images."""
    guesses = answers.views[BENIGN]["train"].probabilities.argmax(axis=1)
    return bool((guesses == guesses[0]).all()) and len(np.unique(answers.labels["train"])) > 1


def scores_event(run_id: str, view: str, answers: Predictions, correct: dict[str, np.ndarray]) -> events.Scores:
    """One view's columns for every example, members first."""
    splits, labels = answers.views[view], answers.labels

    def column(values: dict[str, np.ndarray], name: str) -> np.ndarray:
        return np.concatenate([values[split] for split in SPLITS]).astype(events.SCORE_TYPES[name])

    return events.Scores(
        run_id=run_id,
        view=view,
        example=column(dict(answers.index), "example"),
        member=np.repeat([True, False], [len(labels[split]) for split in SPLITS]),
        label=column(dict(labels), "label"),
        confidence=column({split: splits[split].confidence(labels[split]) for split in SPLITS}, "confidence"),
        margin=column({split: splits[split].margin(labels[split]) for split in SPLITS}, "margin"),
        correct=column(correct, "correct"),
        risk=column(risk.risks(answers, view), "risk"),
    )


def choose_device(wanted: str) -> torch.device:
    """The device for `auto`, `cpu`, `cuda`, `cuda:1` or `mps`."""
    if wanted != "auto":
        return torch.device(wanted)
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def device_label(device: torch.device) -> str:
    """The device with its name: `cuda:0 NVIDIA H200`."""
    if device.type == "cuda":
        return f"cuda:{device.index or 0} {torch.cuda.get_device_name(device)}"
    return str(device)


def versions() -> dict[str, str]:
    """Releases that computed a run."""
    try:
        ours = metadata.version("mia-explore")
    except metadata.PackageNotFoundError:
        ours = "source"
    return {
        "python": platform.python_version(),
        # Plain text: torch's own type would make whoever unpickles the event import torch.
        "torch": str(torch.__version__),
        "numpy": np.__version__,
        "mia-explore": ours,
    }
