"""Populations from files of answers: those that runs keep, or anybody's."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from itertools import chain
from pathlib import Path

import numpy as np

from engine.evaluation import prediction_files
from engine.evaluation.predictions import SPLITS, Predictions
from engine.inference.population.references import Population
from engine.validation import SpecError

LEAST = 4
"""Models of the smallest population: a target and its complement, and a reference of each side."""
ALIKE = 0.05
"""Share by which numbers of members may differ before it is said, besides what coins do."""


@dataclass(frozen=True, eq=False)
class _Model:
    """What one file says, images in ascending order."""

    name: str
    classes: int
    images: np.ndarray
    labels: np.ndarray
    member: np.ndarray
    odds: Mapping[str, np.ndarray]

    @classmethod
    def of(cls, name: str, answers: Predictions) -> "_Model":
        images, labels = (np.concatenate([own[split] for split in SPLITS]) for own in (answers.index, answers.labels))
        if len(np.unique(images)) < len(images):
            raise SpecError(
                f"{name}: train_index and test_index name an image twice; they must number all images in one way, "
                "members or not"
            )
        member = np.repeat([True, False], [len(answers.index[split]) for split in SPLITS])
        order = np.argsort(images, kind="stable")
        odds = {
            view: np.concatenate([splits[split].margin(answers.labels[split]) for split in SPLITS])[order]
            for view, splits in answers.views.items()
        }
        return cls(name, answers.num_classes, images[order], labels[order], member[order], odds)

    def about(self, images: np.ndarray) -> np.ndarray:
        """Places of these images, all of which it has."""
        return np.searchsorted(self.images, images)


def population(target: Path, others: Sequence[Path]) -> Population:
    """The answers of runs, the target's first; `SpecError` where they differ in more than their members.

    Others that are not there, or were trained on more or fewer images, are left out. Images are told by their rows in
    the data set, which all files must share; those of a target with the data set's own split are numbered as in these.
    """
    own = prediction_files.load(target)
    loaded = ((path.parent.name, prediction_files.load(path)) for path in others if path != target and path.exists())
    alike = (each for each in loaded if _alike(*(len(one.index["train"]) for one in (own, each[1]))))
    first = next(alike, None)
    named = [] if first is None else chain([(target.parent.name, _numbered_as(first[1], own)), first], alike)
    models = [_Model.of(*each) for each in named]
    if len(models) < LEAST:
        known = max(len(models) - 1, 0)
        raise SpecError(f"{known} of the others in its population have answered; it takes {LEAST - 1} and more")
    whole, notes = _fitting(models)
    if notes:
        raise SpecError(notes[0])
    return whole


def _numbered_as(other: Predictions, own: Predictions) -> Predictions:
    """Answers whose training and test images are numbered apart, as they are in those of models that draw members."""
    train, test = (own.index[split] for split in SPLITS)
    if not np.intersect1d(train, test).size:
        return own
    images = np.sort(np.concatenate([other.index[split] for split in SPLITS]))
    behind = images[min(len(train), len(images) - 1)] - test.min()
    return replace(own, index={"train": train, "test": test + behind})


def shadows(target: Path, answers: Predictions, references: Iterable[Path]) -> tuple[Population, list[str]]:
    """Anybody's files: the target, and references, or folders of them, with a line on each thing that does not fit.

    `SpecError` where they cannot be compared at all.
    """
    files = [path for path in _files(references) if path.resolve() != target.resolve()]
    if len(files) < LEAST - 1:
        raise SpecError(f"references: files found: {len(files)}; it takes {LEAST - 1} and more")
    return fitting([(target.name, answers), *((path.name, prediction_files.load(path)) for path in files)])


def fitting(named: Iterable[tuple[str, Predictions]]) -> tuple[Population, list[str]]:
    """Models' answers about the images and in the views that all of them have, the target's first.

    With a line on each difference that bears on the numbers; `SpecError` where they are not about the same classes and
    images, or were trained on twice or half as many.
    """
    return _fitting([_Model.of(*each) for each in named])


def _fitting(models: Sequence[_Model]) -> tuple[Population, list[str]]:
    images = reduce(np.intersect1d, (model.images for model in models))
    views = [view for view in models[0].odds if all(view in model.odds for model in models)]
    notes = [note for model in models[1:] for note in _differences(models[0], model)]
    if not len(images) or not views:
        raise SpecError(f"references: no {'view' if len(images) else 'image'} is in all of the {len(models)} files")
    most = max(len(model.images) for model in models)
    if len(images) < most:
        notes.append(f"{len(images)} of {most} images are in all files; nothing is told of the others")
    if left_out := sorted({view for model in models for view in model.odds} - set(views)):
        notes.append(f"views that not all files have are not compared: {', '.join(left_out)}")
    places = [model.about(images) for model in models]
    odds = {view: np.stack([own.odds[view][at] for own, at in zip(models, places, strict=True)]) for view in views}
    member = np.stack([own.member[at] for own, at in zip(models, places, strict=True)])
    if member[0].all() or not member[0].any():
        raise SpecError(f"{models[0].name}: of the {len(images)} images in all files all or none are its members")
    return Population.of(odds, member, images), notes


def _differences(target: _Model, other: _Model) -> Iterator[str]:
    """What does not quite fit; `SpecError` for what does not fit at all."""
    if other.classes != target.classes:
        raise SpecError(f"{other.name}: {other.classes} classes, {target.name} has {target.classes}")
    images = np.intersect1d(target.images, other.images)
    apart = target.labels[target.about(images)] != other.labels[other.about(images)]
    if apart.any():
        raise SpecError(f"{other.name}: image {images[apart.argmax()]} is of another class than in {target.name}")
    own, theirs = int(target.member.sum()), int(other.member.sum())
    words = f"{other.name}: trained on {theirs} images, {target.name} on {own}"
    if max(own, theirs) > 2 * min(own, theirs):
        raise SpecError(f"{words}; a reference is trained on as many")
    if not _alike(own, theirs):
        yield words
    same = np.array_equal(target.images, other.images) and np.array_equal(target.member, other.member)
    if same and all(np.array_equal(odds, other.odds.get(view)) for view, odds in target.odds.items()):
        raise SpecError(f"{other.name}: the answers of {target.name} itself")


def _alike(members: int, theirs: int) -> bool:
    """Whether models were trained on about as many images."""
    return abs(members - theirs) <= ALIKE * members + 4 * members**0.5


def _files(references: Iterable[Path]) -> Iterator[Path]:
    for path in references:
        if not path.exists():
            raise SpecError(f"references: {path}: no such file or folder")
        yield from sorted(path.glob("*.npz")) if path.is_dir() else [path]
