"""What an attacker sees of one view: a score for every member and non-member, with its class."""

from dataclasses import dataclass

import numpy as np

from engine.predictions import Predictions


@dataclass(frozen=True)
class ViewScores:
    """Confidences of the true class for one view; a higher one speaks for membership."""

    view: str
    member: np.ndarray
    """float32 (members,)."""
    nonmember: np.ndarray
    """float32 (non-members,)."""
    member_label: np.ndarray
    """int64 (members,): true classes."""
    nonmember_label: np.ndarray
    """int64 (non-members,)."""

    @classmethod
    def of(cls, predictions: Predictions, view: str) -> "ViewScores":
        """The confidences of one view; float32 as stored, so a saved file gives the very same numbers."""
        answers, labels = predictions.views[view], predictions.labels
        return cls(
            view,
            answers["train"].confidence(labels["train"]),
            answers["test"].confidence(labels["test"]),
            labels["train"],
            labels["test"],
        )
