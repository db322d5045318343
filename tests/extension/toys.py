"""One toy of each kind: a row and its code. Torch and numpy are imported where they are used: the app reads rows."""

from dataclasses import dataclass

from engine.registry import AttackRow, DatasetRow, DefenseRow, NetworkRow, ViewRow
from engine.spec.recipes.settings import Recipe


def stripes(_data, _root):
    """Noise on stripes that lie, stand, or are missing; 60 images train and 60 test."""
    import numpy as np
    import torch

    from engine.data.pool import Pool, reader

    labels, rows = np.arange(120) % 3, np.arange(120)
    images = np.random.default_rng(0).random((120, 1, 8, 8), dtype=np.float32) * 0.8
    images[labels == 0, :, ::2] += 0.2
    images[labels == 1, :, :, ::2] += 0.2
    return Pool(labels, rows[:60], rows[60:], ("lying", "standing", "none"), reader(torch.from_numpy(images)))


def one_layer(in_channels, image_size, num_classes, capacity):
    """One hidden layer."""
    from torch import nn

    pixels, hidden = in_channels * image_size[0] * image_size[1], round(16 * capacity)
    return nn.Sequential(nn.Flatten(), nn.Linear(pixels, hidden), nn.ReLU(), nn.Linear(hidden, num_classes))


@dataclass(frozen=True, kw_only=True)
class NoiseRecipe(Recipe):
    """Training on noise beside the images."""

    spread: float = 1.0
    """In units of epsilon."""


def noise(model, x, y, recipe, epsilon, _step):
    """Mean cross-entropy of the noisy batch."""
    import torch
    from torch.nn import functional

    return functional.cross_entropy(model(x + recipe.spread * epsilon * torch.randn_like(x)), y)


def brighter(model, x, _y, _target, evaluation, _tally):
    """Logits of the images, each pixel brighter by epsilon."""
    return model((x + evaluation.epsilon).clamp(max=1))


def top(answers, _labels):
    """The most probable class's confidence, of several answers the lowest: (examples,)."""
    from engine.evaluation.predictions import worst

    return worst(answers.probabilities.max(axis=-1))


STRIPES = DatasetRow(
    name="stripes",
    words="noise on stripes",
    code="toys:stripes",
    network="one-layer",
    capacity=1.0,
    epsilon=0.1,
    recipes="digits",
    examples=(60, 60),
    image_size=(8, 8),
    classes=3,
)
ONE_LAYER = NetworkRow(name="one-layer", words="one hidden layer", code="toys:one_layer", parameters=(0, 64, 16, 3))
NOISE = DefenseRow(name="noise", words="training on noise", code="toys:noise", recipe="toys:NoiseRecipe")
BRIGHTER = ViewRow(name="brighter", words="brighter images", code="toys:brighter", short="bri", letter="L")
TOP = AttackRow(
    name="top-class",
    words="a threshold on the top confidence of each class",
    short="top-class",
    code="engine.inference.threshold_class:audit",
    score="toys:top",
    settings=("per_class", "splits", "seed"),
    by_class="top",
)
