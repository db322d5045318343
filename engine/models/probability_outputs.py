"""Networks that answer with probabilities where logits belong: noticed, and made to answer with logits.

The loss, the attacks and the answers' softmax all want logits. Of probabilities they would take a second softmax, in
which the largest confidence of ten classes is 23 %, and whose gradient nearly vanishes.
"""

from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from engine.evaluation.predictions import are_probabilities

PROBES = 8
"""Images that a network is tried with."""
TOLERANCE = 1e-4
"""Sums of probabilities may be so far from one."""

_treated: WeakKeyDictionary[nn.Module, str] = WeakKeyDictionary()


def make_logits(model: nn.Module, image_shape: tuple[int, int, int]) -> None:
    """Have a network answer with logits if it answers with probabilities; `treatment` then tells what was done.

    A last `nn.Softmax` is replaced by nothing, which leaves the exact logits; of other probabilities the logarithm is
    answered, whose softmax they are. Names of parameters stay as they are, and so does the network's mode.
    image_shape: (channels, height, width).
    """
    images = torch.rand(PROBES, *image_shape, generator=torch.Generator().manual_seed(0))
    was_training = model.training
    model.eval()
    try:
        with torch.no_grad():
            answers = model(images)
            if are_probabilities(answers.numpy(force=True), TOLERANCE):
                _treated[model] = _without_softmax(model, images, answers) or _with_logarithm(model)
    finally:
        model.train(was_training)


def treatment(model: nn.Module) -> str:
    """What was done to a network that answers with probabilities; empty of others."""
    return _treated.get(model, "")


def _without_softmax(model: nn.Module, images: Tensor, answers: Tensor) -> str:
    """Take the softmax away that makes the answers, if it is a module of its own and not the network itself."""
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.Softmax):
                _leave_out(parent, name)
                if torch.allclose(model(images).softmax(1), answers, atol=1e-6):
                    return "the network ends in a softmax, which was left out: loss and attacks work on its logits"
                setattr(parent, name, child)
    return ""


def _leave_out(parent: nn.Module, name: str) -> None:
    """Take the last step of a chain out of it, so that bounds find a linear layer at the end; elsewhere do nothing."""
    if isinstance(parent, nn.Sequential) and name == [each for each, _ in parent.named_children()][-1]:
        delattr(parent, name)
    else:
        setattr(parent, name, nn.Identity())


def _with_logarithm(model: nn.Module) -> str:
    model.register_forward_hook(_logarithm)
    return "the network answers with probabilities: their logarithms were taken as its logits"


def _logarithm(_model: nn.Module, _images: tuple, answers: Tensor) -> Tensor:
    # The smallest normal number in the place of 0, whose logarithm and its gradient are finite.
    return answers.clamp(min=torch.finfo(answers.dtype).tiny).log()
