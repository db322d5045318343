"""One experiment from its spec to its events: the page to read first."""

import platform
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from importlib import metadata
from pathlib import Path

import numpy as np
import torch
from torch import nn

from engine import bounds, events, inference
from engine.data import datasets, sources
from engine.data.datasets import Dataset
from engine.evaluation import calibration, exposed_images, plausibility, prediction_files, predictions, soundness, views
from engine.evaluation.prediction_files import PredictionsError
from engine.evaluation.predictions import SPLITS, Predictions
from engine.inference import risk
from engine.job_settings import Place
from engine.models import networks, pretrained, weights
from engine.seeds import seed_of
from engine.spec.experiment import Experiment
from engine.spec.recipes import PretrainedRecipe
from engine.training import checkpoints, robust_share
from engine.training.loop import DivergedError, Stopped, Watcher, train
from engine.validation import SpecError

Emit = Callable[[events.Event], None]
PROGRESS_SECONDS = 0.4
"""Progress leaves at most this often."""
INFERRING = 0.99
"""Where the bar stands during the inference attacks, which take seconds."""


@dataclass(frozen=True)
class Setting:
    """The surroundings of one run."""

    folder: Path
    """Weights, checkpoints and predictions of this run."""
    place: Place
    device: torch.device


def run(experiment: Experiment, setting: Setting, emit: Emit, should_stop: Callable[[], bool] = lambda: False) -> None:
    """Train, attack and audit one model; every fact leaves through `emit`, the last one being how the run ended.

    Finished parts are found in the run's folder and not computed again. A failure of the run is an event too, not an
    exception; `Stopped` is reported as the state `queued`.
    """
    run_id = experiment.run_id
    setting.folder.mkdir(parents=True, exist_ok=True)
    began, ticks = time.time(), time.monotonic()
    emit(
        events.RunStarted(
            run_id=run_id,
            experiment=experiment.to_dict(),
            device=device_label(setting.device),
            time=began,
            versions=versions(),
        )
    )
    for event in weights.history(setting.folder):
        emit(event)

    def inferring(label: str) -> None:
        if should_stop():
            raise Stopped
        emit(events.Progress(run_id=run_id, phase="infer", label=label, fraction=INFERRING, rate=0.0))

    state, error = "done", None
    try:
        answers = answer(experiment, setting, emit, should_stop)
        for words in soundness.check(answers):
            _notice(emit, run_id, words)
        if words := inference.scarcity(answers, experiment.inference):
            _notice(emit, run_id, words)
        facts = conclude(run_id, answers, experiment, lambda attack, view: inferring(f"{attack} ({view})"))
        if collapsed(answers):
            _notice(
                emit,
                run_id,
                "the model gives one class to every image: its leakage says nothing; try more steps or warm-up",
            )
        for event in facts:
            emit(event)
    except Stopped:
        state = "queued"
    except DivergedError as reason:
        state, error = "diverged", str(reason)
    # A clock that is set back meanwhile must not date the end before the start.
    emit(events.RunEnded(run_id=run_id, state=state, time=began + time.monotonic() - ticks, error=error))


def answer(experiment: Experiment, setting: Setting, emit: Emit, should_stop: Callable[[], bool]) -> Predictions:
    """The trained model's answers in every view, from the run's folder where they are already there."""
    path = setting.folder / "predictions.npz"
    if path.exists():
        try:
            return prediction_files.load(path)
        except PredictionsError as error:
            _notice(emit, experiment.run_id, f"predictions computed again: {error}")
    data = datasets.load(experiment.data, Path(setting.place.data_root)).to(setting.device)
    meter = Meter(experiment, data, setting.folder, emit, should_stop)
    for words in data.notes:
        meter.notice(words)
    model = trained(experiment, data, setting, meter)
    answers = views.predict(model, data, experiment.evaluation, meter.predicted)
    if (robust := robust_share.robust_images(experiment, len(data.train.labels))) is not None:
        answers = replace(answers, robust=robust.numpy())
    exposed_images.keep(model, data, answers, experiment.evaluation, setting.folder)
    predictions.save(path, answers)
    return answers


def trained(experiment: Experiment, data: Dataset, setting: Setting, meter: "Meter") -> nn.Module:
    """The experiment's model on the data's device: read if it is complete, else trained from its last checkpoint."""
    if sources.network_fingerprint(experiment.network) != experiment.network_fingerprint:
        raise SpecError(f"network: {experiment.network} has changed since this run was planned; submit the sweep again")
    torch.manual_seed(seed_of(experiment.seed, "network"))
    model = networks.build(
        experiment.network,
        in_channels=data.in_channels,
        image_size=data.image_size,
        num_classes=data.num_classes,
        capacity=experiment.capacity,
        initialisation=experiment.recipe.initialisation,
    ).to(setting.device)
    for method in experiment.bounded_by:
        bounds.require(model, datasets.pixels(data.train.images[0]), method)
    if isinstance(experiment.recipe, PretrainedRecipe):
        return pretrained.load(model, experiment.recipe, meter.notice)
    if found := weights.take_over(setting.folder, experiment):
        meter.taken_over(found)
    try:
        if weights.load(setting.folder, model):
            return model
    except (ValueError, RuntimeError) as error:
        meter.notice(f"model trained again: {error}")
    train(model, data, experiment, setting.folder, meter, checkpoint_seconds=setting.place.checkpoint_seconds)
    weights.save(setting.folder, model, experiment)
    checkpoints.discard(setting.folder)
    return model


def conclude(
    run_id: str,
    answers: Predictions,
    experiment: Experiment,
    on_attack: Callable[[str, str], None] = lambda *_: None,
) -> list[events.Event]:
    """Everything the answers say: accuracies and scores of each view, then what each inference attack finds."""
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
    for fact in inference.audit(answers, experiment.inference, on_attack):
        facts.append(events.Leakage(run_id=run_id, **asdict(fact)))
    return facts


def collapsed(answers: Predictions) -> bool:
    """Whether the model gives one and the same class to all of its training images."""
    guesses = answers.views["benign"]["train"].probabilities.argmax(axis=1)
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


class Meter(Watcher):
    """Turns what training and prediction tell into events, and weighs both so that one bar shows the whole run."""

    def __init__(
        self, experiment: Experiment, data: Dataset, folder: Path, emit: Emit, should_stop: Callable[[], bool]
    ):
        self._folder = folder
        self._run_id, self._recipe, self._emit, self.should_stop = (
            experiment.run_id,
            experiment.recipe,
            emit,
            should_stop,
        )
        self._batch = min(self._recipe.batch_size, len(data.train.labels))
        self._image_work = {
            view: experiment.evaluation.passes_per_image(view, data.num_classes) for view in experiment.evaluation.views
        }
        self._images = len(data.train.labels) + len(data.test.labels)
        self._train_work = self._recipe.updates * self._batch * self._recipe.passes_per_image
        self._total = self._train_work + self._images * sum(self._image_work.values())
        self._predicted = dict.fromkeys(self._image_work, 0)
        self._phase, self._phase_images, self._phase_start, self._said = "", 0, 0.0, 0.0

    def history(self, step: int, epoch: int, metrics: dict[str, float]) -> None:
        """Training metrics become history, kept in the run's folder too; a full disk keeps it to the event alone."""
        event = events.History(run_id=self._run_id, step=step, epoch=epoch, metrics=metrics)
        weights.add_history(self._folder, event)
        self._emit(event)

    def taken_over(self, run_id: str) -> None:
        """Training is not needed: another run's weights and history are in the folder."""
        self.notice(f"not trained again: the weights are those of {run_id}, which was trained alike")
        for event in weights.history(self._folder):
            self._emit(event)

    def notice(self, message: str) -> None:
        """A line for the log."""
        _notice(self._emit, self._run_id, message)

    def progress(self, step: int) -> None:
        """Training stands at `step`."""
        work = self._train_work * step / self._recipe.updates
        self._say("train", f"step {step}/{self._recipe.updates}", work, self._batch)

    def predicted(self, view: str, images: int) -> None:
        """`images` more images of a view are answered; raises `Stopped` if the run should stop."""
        if self.should_stop():
            raise Stopped
        self._predicted[view] += images
        done = sum(self._image_work[name] * count for name, count in self._predicted.items())
        self._say("predict", f"{view} {self._predicted[view]}/{self._images}", self._train_work + done, images)

    def _say(self, phase: str, label: str, work: float, images: int) -> None:
        now = time.monotonic()
        if phase != self._phase:
            self._phase, self._phase_images, self._phase_start = phase, 0, now
        else:
            self._phase_images += images
        if now - self._said < PROGRESS_SECONDS:
            return
        self._said = now
        seconds = now - self._phase_start
        rate = self._phase_images / seconds if seconds > 0 else 0.0
        fraction = INFERRING * min(1.0, work / self._total)
        self._emit(events.Progress(run_id=self._run_id, phase=phase, label=label, fraction=fraction, rate=rate))


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


def _notice(emit: Emit, run_id: str, message: str) -> None:
    emit(events.Notice(run_id=run_id, time=time.time(), message=message))
