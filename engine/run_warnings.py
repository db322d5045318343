"""What a reader of a run's numbers must know before believing them: a word for each number that could mislead."""

from dataclasses import asdict, dataclass

from engine.text import printable

TOPICS = ("attack", "output", "membership", "data", "accuracy", "bounds", "precision")
"""What warnings are about: an attack that did nothing, answers that are no logits, members among the non-members,
images that were changed or left out, accuracies that no trained model has, certificates, training in another
arithmetic than was asked for."""


@dataclass(frozen=True)
class RunWarning:
    """One warning; it stands beside every number of its view, or of the whole run."""

    topic: str
    """One of `TOPICS`; a run has one warning for each topic and view, and a later one takes an earlier one's place."""
    message: str
    """One line for people, with the numbers in it."""
    view: str | None = None
    """The view whose numbers it speaks of; None: all of them."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "message", printable(self.message))

    def to_dict(self) -> dict[str, str | None]:
        """As events and files hold it."""
        return asdict(self)
