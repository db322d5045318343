"""The smallest experiment that tests give to an engine or a store."""

from engine.spec.experiment import Data, Evaluation, Experiment
from engine.spec.recipes import recipe_for


def make_experiment(seed):
    """A natural model on digits, of its own seed."""
    return Experiment(
        data=Data(name="digits"),
        network="small-cnn",
        capacity=1.0,
        defense="natural",
        epsilon=0.0,
        seed=seed,
        recipe=recipe_for("natural", "digits", "quick", {}),
        evaluation=Evaluation(epsilon=0.1),
    )
