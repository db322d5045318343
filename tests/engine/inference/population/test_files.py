"""Files of answers as a population: anybody's are compared where they fit, and what does not fit is said."""

from dataclasses import replace

import numpy as np
import pytest

from engine.evaluation import predictions
from engine.evaluation.predictions import Answers, Predictions
from engine.inference.population.files import fitting, shadows
from engine.validation import SpecError


def answers(member, seed=0, views=("benign",), images=None, labels=None):
    """A model that trained on some of the images."""
    draw = np.random.default_rng(seed)
    images = np.arange(len(member)) if images is None else images
    labels = images % 3 if labels is None else labels
    rows = {"train": np.flatnonzero(member), "test": np.flatnonzero(~member)}
    logits = draw.normal(size=(len(member), 3)).astype(np.float32)
    return Predictions(
        {split: labels[own].astype(np.int64) for split, own in rows.items()},
        {split: images[own].astype(np.int32) for split, own in rows.items()},
        {view: {split: Answers.from_logits(logits[own]) for split, own in rows.items()} for view in views},
    )


@pytest.fixture
def members():
    draw = np.random.default_rng(1)
    return np.stack([draw.permutation(np.arange(60) < 30) for _ in range(5)])


@pytest.fixture
def models(members):
    return [(f"m{seed}", answers(member, seed)) for seed, member in enumerate(members)]


def test_files_that_fit_are_a_population_with_nothing_to_say(models, members):
    whole, notes = fitting(models)
    assert notes == []
    assert np.array_equal(whole.member, members)
    for (_, own), odds in zip(models, whole.odds[..., 0], strict=True):
        for split in ("train", "test"):
            assert odds[own.index[split]] == pytest.approx(own.views["benign"][split].margin(own.labels[split]))


def test_images_and_views_that_not_all_have_are_left_out_and_said(models, members):
    part = np.arange(50)
    models[2] = ("fewer", answers(members[2][:50], 2, images=part))
    models[0] = ("first", answers(members[0], 0, views=("benign", "adversarial")))
    whole, notes = fitting(models)
    assert whole.images.tolist() == part.tolist()
    assert whole.views == ("benign",)
    assert notes == [
        "50 of 60 images are in all files; nothing is told of the others",
        "views that not all files have are not compared: adversarial",
    ]


def test_references_trained_on_somewhat_more_are_said(models):
    draw = np.random.default_rng(2)
    big = [answers(draw.permutation(np.arange(2000) < n), seed) for seed, n in enumerate((800, 800, 1000, 800))]
    _, notes = fitting(zip("abcd", big, strict=True))
    assert notes == ["c: trained on 1000 images, a on 800"]


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (lambda member: answers(member, labels=(np.arange(60) + 1) % 3), "x: image 0 is of another class than in m0"),
        (lambda member: answers(np.arange(60) < 10), "x: trained on 10 images, m0 on 30; a reference is trained on as"),
        (lambda member: answers(member, images=np.arange(60) + 90), "no image is in all of the 6 files"),
        (lambda member: answers(member, images=np.arange(60) // 2 * 2), "x: train_index and test_index name an image"),
        (lambda member: answers(member, views=("adversarial",)), "no view is in all of the 6 files"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_one_line(models, members, other, words):
    with pytest.raises(SpecError, match=words):
        fitting([*models, ("x", other(members[1]))])


def test_other_classes_and_the_target_itself_under_another_name_are_refused(models):
    with pytest.raises(SpecError, match="copy: the answers of m0 itself"):
        fitting([*models, ("copy", models[0][1])])
    splits = models[1][1].views["benign"]
    four = {split: Answers.from_logits(np.pad(own.logits, ((0, 0), (0, 1)))) for split, own in splits.items()}
    with pytest.raises(SpecError, match="m1: 4 classes, m0 has 3"):
        fitting([models[0], ("m1", replace(models[1][1], views={"benign": four}))])


def test_a_folder_stands_for_its_files_without_the_target(models, tmp_path):
    for name, own in models:
        predictions.save(tmp_path / f"{name}.npz", own)
    whole, notes = shadows(tmp_path / "m0.npz", models[0][1], [tmp_path])
    assert (len(whole), notes) == (5, [])
    with pytest.raises(SpecError, match="references: files found: 2; it takes 3 and more"):
        shadows(tmp_path / "m0.npz", models[0][1], [tmp_path / "m1.npz", tmp_path / "m2.npz"])
    with pytest.raises(SpecError, match=r"references: .*elsewhere: no such file or folder"):
        shadows(tmp_path / "m0.npz", models[0][1], [tmp_path, tmp_path / "elsewhere"])
