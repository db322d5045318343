"""How long a run takes and what it leaves on the disk, from its settings alone: a model of work, not a measurement."""

import math
from dataclasses import dataclass

from engine.recipes import Recipe
from engine.spec import Data, Evaluation, Experiment

PASS_NANOSECONDS = {
    "small-cnn": (75, 8, 9),
    "yale-cnn": (42, 5, 0.3),
    "fashion-cnn": (60, 45, 96),
    "wide-resnet": (255, 630, 840),
}
"""One forward or backward pass, per image and pixel, on one CPU core: a + b c + d c^2 at capacity c.

Fitted to training updates, attack steps and evaluation tiles of batches of 20 to 256 images on one core of an AMD EPYC
server with torch 2.15, times 1.5: what quick runs of digits, Fashion-MNIST and Yale took there with two at work at once
beyond the bare passes (1.3 to 2).
"""
OWN_NETWORK = PASS_NANOSECONDS["fashion-cnn"]
"""A network of one's own is taken to grow with its capacity as this one; its speed is unknown."""
START_SECONDS = 0.5
"""Loading, the first pass and the inference attacks."""
GPU_CORES, GPU_BATCH_SECONDS = 100, 0.001
"""A guess, not measured: a GPU does what so many of these cores do, but no pass of a batch in less than this."""
GPU_TILE = 1024
"""Images that a GPU evaluates at once."""

PARAMETERS = {
    "small-cnn": (1152, 160, 256, 640),
    "yale-cnn": (1143, 50, 6.25, 7600),
    "fashion-cnn": (27648, 300, 400, 2000),
    "wide-resnet": (463_000, 3_000, 0, 0),
}
"""Numbers of a trained network: a c^2 + b c + d c pixels + e at capacity c; counted in `engine.networks`."""


@dataclass(frozen=True)
class Shape:
    """What a data set's size means for a run."""

    train: float
    """Images trained on."""
    test: float
    pixels: int
    """Height times width."""
    classes: int

    @property
    def images(self) -> float:
        """Images that a trained model is asked about."""
        return self.train + self.test


SHAPES = {
    "digits": Shape(600, 1197, 8 * 8, 10),
    "yale": Shape(1900, 514, 192 * 168, 38),
    "fashion-mnist": Shape(60_000, 10_000, 28 * 28, 10),
    "cifar10": Shape(50_000, 10_000, 32 * 32, 10),
    "folder": Shape(10_000, 2_500, 64 * 64, 10),
}
"""Whole data sets. A folder's is a guess: nobody has looked into it yet."""


def shape_of(data: Data) -> Shape:
    """The images that are used, in the size asked for."""
    whole = SHAPES[data.family]
    pixels = math.prod(data.image_size) if data.image_size else whole.pixels
    return Shape(whole.train * data.train_fraction, whole.test * data.test_fraction, pixels, whole.classes)


def view_passes(evaluation: Evaluation) -> float:
    """Passes that one image costs in all views, as `engine.views.passes_per_image`, which needs torch."""
    return sum(1.0 if view == "benign" else 2.0 * evaluation.steps + 1.0 for view in evaluation.views)


def seconds(
    data: Data, network: str, capacity: float, recipe: Recipe, evaluation: Evaluation, *, gpu: bool = False
) -> float:
    """Seconds of one run on one CPU core, or on a GPU; of a network of one's own only the proportions mean a thing."""
    shape = shape_of(data)
    constant, linear, quadratic = PASS_NANOSECONDS.get(network, OWN_NETWORK)
    one_pass = shape.pixels * (constant + linear * capacity + quadratic * capacity**2) / 1e9
    updates = recipe.steps * recipe.passes_per_image
    passes = updates * min(recipe.batch_size, max(1.0, shape.train)) + shape.images * view_passes(evaluation)
    if not gpu:
        return START_SECONDS + passes * one_pass
    batches = updates + math.ceil(shape.images / GPU_TILE) * view_passes(evaluation)
    return START_SECONDS + max(passes * one_pass / GPU_CORES, batches * GPU_BATCH_SECONDS)


def weight_bytes(experiment: Experiment) -> float:
    """Size of the trained model as float32; a network of one's own counts as the largest family."""
    quadratic, linear, head, constant = PARAMETERS.get(experiment.network, PARAMETERS["wide-resnet"])
    c, pixels = experiment.capacity, shape_of(experiment.data).pixels
    return 4 * (quadratic * c**2 + linear * c + head * c * pixels + constant)


def kept_bytes(experiment: Experiment) -> float:
    """What a finished run leaves: weights, predictions, history and its rows in the database.

    Predictions hold label (8) and row (4) of each image, and in each view its logits and softmax (4 + 4 per class).
    The database takes about 25 bytes for an image in a view and 40 kB for the rest, the history's file 40 kB (measured
    on 60 runs of the demo).
    """
    shape, views = shape_of(experiment.data), len(experiment.evaluation.views)
    predictions = shape.images * (12 + 8 * shape.classes * views)
    return weight_bytes(experiment) + predictions + 25 * shape.images * views + 80_000


def checkpoint_bytes(experiment: Experiment) -> float:
    """What a run needs besides while it trains: weights and optimiser (Adam: 2 numbers a weight, SGD: 1).

    Three times: the newest, the one before it, and the one being written.
    """
    optimizer = 2 if experiment.recipe.optimizer == "adam" else 1
    return 3 * (1 + optimizer) * weight_bytes(experiment)
