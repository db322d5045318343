"""What a run leaves on the disk, from its settings and the registry alone."""

import math

from engine.registry import DATASETS, VIEWS
from engine.spec import parameters
from engine.spec.experiment import Data, Experiment


def images(data: Data) -> float:
    """Images that a trained model is asked about."""
    train, test = DATASETS[data.family].examples
    return train * data.train_fraction + test * data.test_fraction


def weight_bytes(experiment: Experiment) -> float:
    """Size of the trained model as float32; a network of one's own counts as the largest family."""
    pixels = math.prod(experiment.data.image_size or DATASETS[experiment.data.family].image_size)
    return 4 * parameters.parameters(experiment.network, experiment.capacity, pixels)


def kept_bytes(experiment: Experiment) -> float:
    """What a finished run leaves: weights, predictions, history and its rows in the database.

    Predictions hold label (8) and row (4) of each image, and in each view its logits and softmax (4 + 4 per class), of
    the targeted view the logits alone.
    The database takes about 25 bytes for an image in a view, 2.2 kB for a class in a view (73 facts of 30 bytes) and
    40 kB for the rest, the history's file 40 kB (measured on 60 runs of the demo).
    """
    count, classes = images(experiment.data), DATASETS[experiment.data.family].classes
    views = experiment.evaluation.views
    asked = [VIEWS[view] for view in views]
    numbers = sum(row.questions(classes) * (1 if row.of_each_wrong_class else 2) for row in asked)
    predictions = count * (12 + 4 * classes * numbers)
    rows = len(views) * (25 * count + 2_200 * classes)
    return weight_bytes(experiment) + predictions + rows + 80_000


def checkpoint_bytes(experiment: Experiment) -> float:
    """What a run needs besides while it trains: weights and optimiser (Adam: 2 numbers a weight, SGD: 1).

    Three times: the newest, the one before it, and the one being written.
    """
    optimizer = 2 if experiment.recipe.optimizer == "adam" else 1
    return 3 * (1 + optimizer) * weight_bytes(experiment)
