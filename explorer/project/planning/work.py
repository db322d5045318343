"""How long a run takes and what it leaves on the disk, from its settings alone: a model of work, not a measurement."""

import math
from dataclasses import dataclass

from engine.spec import parameters
from engine.spec.experiment import Data, Evaluation, Experiment, Inference, questions_per_image
from engine.spec.recipes import Recipe

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
"""Loading and the first pass."""
SCORE_SECONDS = (0.03, 2e-5)
"""One attack that ranks scores, on one view: in any case, and for each image, which is resampled 1400 times."""
NETWORK_SECONDS = (6e-4, 6e-6)
"""An inference network, for each update between two looks at its validation loss: in any case, and for each input.

Both were measured on answers of digits, Fashion-MNIST and Yale models, on one core of the same server, times 1.5.
"""
LEAST_UPDATES, IMAGES_PER_UPDATE = 10, 16
"""Updates between two such looks: at least so many, and one for so many members of a class that are fitted on."""
GPU_CORES, GPU_BATCH_SECONDS = 100, 0.001
"""A guess, not measured: a GPU does what so many of these cores do, but no pass of a batch in less than this."""
GPU_TILE = 1024
"""Images that a GPU evaluates at once."""


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


def seconds(
    data: Data,
    network: str,
    capacity: float,
    recipe: Recipe,
    evaluation: Evaluation,
    inference: Inference,
    *,
    gpu: bool = False,
) -> float:
    """Seconds of one run on one CPU core, or on a GPU; of a network of one's own only the proportions mean a thing."""
    shape = shape_of(data)
    other = START_SECONDS + inference_seconds(shape, evaluation, inference)  # both on the CPU, wherever training is
    constant, linear, quadratic = PASS_NANOSECONDS.get(network, OWN_NETWORK)
    one_pass = shape.pixels * (constant + linear * capacity + quadratic * capacity**2) / 1e9
    updates = recipe.updates * recipe.passes_per_image
    asked = sum(evaluation.passes_per_image(view, shape.classes) for view in evaluation.views)
    passes = updates * min(recipe.batch_size, max(1.0, shape.train)) + shape.images * asked
    if not gpu:
        return other + passes * one_pass
    batches = updates + math.ceil(shape.images / GPU_TILE) * asked
    return other + max(passes * one_pass / GPU_CORES, batches * GPU_BATCH_SECONDS)


def inference_seconds(shape: Shape, evaluation: Evaluation, inference: Inference) -> float:
    """Seconds of the inference attacks on all views, on one CPU core.

    Attacks that rank scores take time for each image. Inference networks take it for each class, split and restart, and
    for each of their inputs: all answers to one image, so in the targeted view as many as classes squared.
    """
    views = evaluation.views
    least, each = SCORE_SECONDS
    ranking = sum(attack not in ("gap", "model-class") for attack in inference.attacks)
    total = ranking * len(views) * (least + each * shape.images)
    if "model-class" in inference.attacks:
        least, each = NETWORK_SECONDS
        fitted = min(inference.per_class, min(shape.train, shape.test) / shape.classes / 2)
        updates = max(LEAST_UPDATES, fitted / IMAGES_PER_UPDATE)
        networks = shape.classes * inference.network_splits * inference.restarts
        inputs = sum(shape.classes * questions_per_image(view, shape.classes) for view in views)
        total += networks * updates * (least * len(views) + each * inputs)
    return total


def weight_bytes(experiment: Experiment) -> float:
    """Size of the trained model as float32; a network of one's own counts as the largest family."""
    return 4 * parameters.parameters(experiment.network, experiment.capacity, shape_of(experiment.data).pixels)


def kept_bytes(experiment: Experiment) -> float:
    """What a finished run leaves: weights, predictions, history and its rows in the database.

    Predictions hold label (8) and row (4) of each image, and in each view its logits and softmax (4 + 4 per class), of
    the targeted view the logits alone.
    The database takes about 25 bytes for an image in a view, 2.2 kB for a class in a view (73 facts of 30 bytes) and
    40 kB for the rest, the history's file 40 kB (measured on 60 runs of the demo).
    """
    shape, views = shape_of(experiment.data), experiment.evaluation.views
    numbers = sum(questions_per_image(view, shape.classes) * (1 if view == "targeted" else 2) for view in views)
    predictions = shape.images * (12 + 4 * shape.classes * numbers)
    rows = len(views) * (25 * shape.images + 2_200 * shape.classes)
    return weight_bytes(experiment) + predictions + rows + 80_000


def checkpoint_bytes(experiment: Experiment) -> float:
    """What a run needs besides while it trains: weights and optimiser (Adam: 2 numbers a weight, SGD: 1).

    Three times: the newest, the one before it, and the one being written.
    """
    optimizer = 2 if experiment.recipe.optimizer == "adam" else 1
    return 3 * (1 + optimizer) * weight_bytes(experiment)
