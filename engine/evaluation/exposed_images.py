"""Pictures of the training images that a model exposes most, kept in the run's folder for people to look at.

Plain PGM (grey) or PPM (colour) files, which need no library to be read: `exposed/17-image.pgm` is the training image
17 as the model saw it, `exposed/17-adversarial.pgm` its untargeted adversarial example.
"""

from pathlib import Path

import numpy as np
import torch
from torch import nn

from engine.data import pictures
from engine.data.datasets import Dataset, pixels
from engine.evaluation.attack import attack
from engine.evaluation.pgd import frozen
from engine.evaluation.predictions import Predictions
from engine.inference import risk
from engine.models.precision import arithmetic
from engine.spec.experiment import Evaluation

COUNT = 12
FOLDER = "exposed"


def keep(model: nn.Module, data: Dataset, answers: Predictions, evaluation: Evaluation, folder: Path) -> None:
    """Write the most exposed training images and, where that view was asked for, their adversarial examples."""
    chosen = most_exposed(answers)[:COUNT].copy()
    rows = torch.from_numpy(chosen).to(data.train.images.device)
    images = pixels(data.train.images[rows])
    batches = {"image": images}
    if "adversarial" in answers.views:
        with frozen(model), arithmetic("float32", images.device):
            batches["adversarial"], _, _ = attack(model, images, data.train.labels[rows], evaluation)
    place = folder / FOLDER
    place.mkdir(exist_ok=True)
    for kind, batch in batches.items():
        for example, image in zip(answers.index["train"][chosen].tolist(), batch, strict=True):
            pictures.write(place, f"{example}-{kind}", image)


def most_exposed(answers: Predictions) -> np.ndarray:
    """Rows of the training split, the most exposed first: highest risk of all views, then on average, then first."""
    risks = np.stack([risk.risks(answers, view)["train"] for view in answers.views])
    return np.lexsort((np.arange(risks.shape[1]), -risks.mean(axis=0, dtype=np.float64), -risks.max(axis=0)))
