"""What a run says against its own numbers: attacks that did nothing, answers that are not the same twice."""

from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import nn

from engine import registry
from engine.data.datasets import Split, pixels
from engine.evaluation.attack import Tally
from engine.evaluation.predictions import Answers, Predictions
from engine.models import probability_outputs
from engine.run_warnings import RunWarning

ASKED_TWICE = 64
"""Images of each split that the model is asked about twice."""
SAME = 1e-4
"""Answers to the same images may differ by so much of the largest logit."""
HONEST = 0.05
"""Share of images that a sound attack may leave with the confidence they had; healthy models have less than 0.1 %."""
WORDS = {"train": "training", "test": "test"}

Counts = Mapping[str, tuple[int, int]]
"""Split -> so many, of so many."""


def of_output(model: nn.Module, splits: Mapping[str, Split]) -> list[RunWarning]:
    """What is odd about the model's answers; the model is in inference mode."""
    said = [probability_outputs.treatment(model), _random(model, splits)]
    words = "; ".join(filter(None, said))
    return [RunWarning("output", words)] if words else []


def _random(model: nn.Module, splits: Mapping[str, Split]) -> str:
    """Whether answers differ between two calls on the same images."""
    counts = {name: _differing(model, split) for name, split in splits.items()}
    if not any(n for n, _ in counts.values()):
        return ""
    return (
        f"the network answers {_of(counts, 'images')} otherwise when asked twice (random layers?): every number is "
        "that of one draw, and the attacks, which follow one draw too, overstate robustness"
    )


def _differing(model: nn.Module, split: Split) -> tuple[int, int]:
    images = pixels(split.images[:ASKED_TWICE])
    with torch.no_grad():
        first, second = (model(images).float() for _ in range(2))
    apart = (first - second).abs().amax(1) > SAME * first.abs().amax()
    return int(apart.sum()), len(images)


def of_attacks(answers: Predictions, tallies: Mapping[str, Mapping[str, Tally]]) -> list[RunWarning]:
    """What the attacks behind the adversarial and the targeted view left undone; one warning for each of them."""
    said = {
        view: "; ".join(_of_attack(answers, view, tallies[view])) for view in tallies if registry.VIEWS[view].attacks
    }
    return [RunWarning("attack", words, view) for view, words in said.items() if words]


def _of_attack(answers: Predictions, view: str, tally: Mapping[str, Tally]) -> list[str]:
    targeted = registry.VIEWS[view].of_each_wrong_class
    what = "pairs of image and target" if targeted else "images"

    def counted(number: Callable[[Tally], int]) -> str:
        """The words for a count; empty where it is 0."""
        counts = {split: (number(own), own.asked) for split, own in tally.items()}
        return _of(counts, what) if any(n for n, _ in counts.values()) else ""

    said = []
    if words := counted(lambda own: own.unmoved):
        said.append(f"PGD moved {words} nowhere: {view} numbers overstate robustness")
    if words := counted(lambda own: own.undefined):
        said.append(f"the gradient was not finite at {words}: zeros took its place there")
    if words := counted(lambda own: own.flat):
        more = f" (float64 at {counted(lambda own: own.wide)})" if counted(lambda own: own.wide) else ""
        said.append(f"cross-entropy was flat at {words}: attacked by the log-odds there{more}")
    kept = {split: (max(0, _kept(answers, view, split) - own.unmoved), own.asked) for split, own in tally.items()}
    if any(own.asked and n > HONEST * asked for own, (n, asked) in zip(tally.values(), kept.values(), strict=True)):
        lost = "gained no confidence for the target at" if targeted else "took no confidence from"
        said.append(f"PGD {lost} {_of(kept, what)} that it moved: {view} numbers may overstate robustness")
    return said


def _kept(answers: Predictions, view: str, split: str) -> int:
    """Images whose log-odds the attack did not lower; of the targeted view pairs whose target's it did not raise."""
    before, after = (answers.views[name][split] for name in (registry.BENIGN, view))
    labels = answers.labels[split]
    if not registry.VIEWS[view].of_each_wrong_class:
        return int((after.margin(labels) >= _less(before.margin(labels))).sum())
    gained = 0
    for place in range(answers.num_classes - 1):
        target = place + (place >= labels)
        found = Answers.from_logits(after.logits[:, place]).margin(target)
        gained += int((_less(found) > before.margin(target)).sum())
    return len(labels) * (answers.num_classes - 1) - gained


def _less(margin: np.ndarray) -> np.ndarray:
    """Margins less what the order of float32 sums makes of them."""
    return margin - 1e-5 * (1 + np.abs(margin))


def _of(counts: Counts, what: str) -> str:
    """`3 of 600 training and 12 of 1197 test images`."""
    return " and ".join(f"{n} of {asked} {WORDS[split]}" for split, (n, asked) in counts.items()) + f" {what}"
