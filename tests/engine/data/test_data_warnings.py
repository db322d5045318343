"""What is wrong with the images reaches the run's events."""

import numpy as np
import pytest
import torch
from PIL import Image

from engine import events
from engine.experiment import RunContext, run
from engine.job_settings import RunOptions
from engine.spec import sweeps

SETTINGS = [
    "grid.capacity=0.5",
    'grid.defense=["natural"]',
    "recipe.steps=5",
    'evaluation.views=["benign"]',
    'inference.attacks=["confidence"]',
]


def told_of(images, folder):
    """The events of a short run on a folder of images."""
    table = {"name": images.name, "dataset": f"folder:{images}", "network": "small-cnn"}
    (experiment,) = sweeps.plan(table, "quick", SETTINGS, ".").experiments
    told = []
    run(experiment, RunContext(folder, RunOptions(data_root="."), torch.device("cpu")), told.append)
    assert told[-1].state == "done", told[-1].error
    return told


@pytest.fixture
def copied(tmp_path):
    """20 random training images of each of two classes; three of them are test images too."""
    drawn = np.random.default_rng(0).integers(0, 256, (60, 12, 12), np.uint8)
    for at, image in enumerate([*drawn[:40], *drawn[40:], *drawn[:3]]):
        split, label = "train" if at < 40 else "test", "ab"[at % 2] if at < 60 else "ab"[(at - 60) % 2]
        path = tmp_path / "copied" / split / label / f"{at:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    return tmp_path / "copied"


def test_images_turned_are_said_in_the_log_and_make_no_number_doubtful(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    for at, image in enumerate(np.random.default_rng(0).integers(0, 256, (60, 12, 12), np.uint8)):
        path = tmp_path / "held" / ("train" if at < 40 else "test") / "ab"[at % 2] / f"{at:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path, exif=exif)
    told = told_of(tmp_path / "held", tmp_path / "run")
    assert [event.warnings for event in told if isinstance(event, events.Warnings)] == [[]]
    said = [event.message for event in told if isinstance(event, events.Notice)]
    assert "turned as their EXIF orientation says: 60 of 60 images" in said


def test_a_run_says_how_many_of_its_non_members_are_members(copied, tmp_path):
    told = told_of(copied, tmp_path / "run")
    (warnings,) = (event.warnings for event in told if isinstance(event, events.Warnings))
    said = {warning["topic"]: warning["message"] for warning in warnings}
    assert said["membership"].startswith(
        "3 of 23 test images are also training images (test/a/60.png equals train/a/00.png)"
    )
