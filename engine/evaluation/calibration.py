"""How far a model's confidence is from how often it is right."""

import numpy as np

from engine.evaluation.predictions import Answers

BINS = 15


def expected_error(answers: Answers, labels: np.ndarray) -> float:
    """Expected calibration error (Guo et al. 2017, Eq 3): mean over answers of |accuracy - confidence| of their bin.

    Confidence is the most probable class's, in 15 bins of equal width, each with its upper end. Every answer of the
    targeted view counts for itself; the certified view's are its worst cases.
    """
    confidence = answers.probabilities.max(axis=-1).astype(np.float64).ravel()
    right = (labels == answers.probabilities.argmax(axis=-1).T).T.ravel()
    bins = np.clip(np.ceil(BINS * confidence).astype(int) - 1, 0, BINS - 1)
    return float(np.abs(np.bincount(bins, weights=right - confidence)).sum() / len(confidence))
