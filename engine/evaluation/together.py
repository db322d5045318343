"""Asking many models at once: their PGD climbs as one stack, all else as for a model by itself."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from engine import registry
from engine.data.datasets import Dataset
from engine.evaluation.attack import Climbed, Tally, climbed, size_of
from engine.evaluation.pgd import frozen
from engine.evaluation.predictions import SPLITS, Answers, Predictions
from engine.evaluation.views import Questions, answering, predictions_of
from engine.models import memory
from engine.models.precision import arithmetic
from engine.models.stack import Stack
from engine.spec.experiment import Evaluation


@dataclass(frozen=True, eq=False)
class Asked:
    """What `views.predict` is given for one model."""

    model: nn.Module
    data: Dataset
    evaluation: Evaluation
    on_tile: Callable[[str, int], None]


def predict_together(asked: Sequence[Asked]) -> list[Predictions | Exception]:
    """Every view of every image of each model, as `views.predict` gives it, or the exception that ended its asking.

    Models of one make, whose evaluations differ in epsilon alone.
    """
    views: list[dict[str, dict[str, Answers]]] = [{} for _ in asked]
    tallies = [{view: {split: Tally() for split in SPLITS} for view in each.evaluation.views} for each in asked]
    ends: dict[int, Exception] = {}
    with ExitStack() as contexts:
        for each in asked:
            contexts.enter_context(frozen(each.model))
        contexts.enter_context(arithmetic("float32", asked[0].data.train.images.device))
        stack = Stack([each.model for each in asked])
        for view in asked[0].evaluation.views:
            for split in SPLITS:
                places = [place for place in range(len(asked)) if place not in ends]
                own = {place: tallies[place][view][split] for place in places}
                for place, found in _ask(stack, asked, view, split, own).items():
                    if isinstance(found, Exception):
                        ends[place] = found
                    else:
                        views[place].setdefault(view, {})[split] = found
        return [
            ends.get(place) or predictions_of(each.model, each.data, views[place], tallies[place])
            for place, each in enumerate(asked)
        ]


def _ask(
    stack: Stack, asked: Sequence[Asked], view: str, split: str, tallies: Mapping[int, Tally]
) -> dict[int, Answers | Exception]:
    """One view of one split of the models at the tallies' places."""
    found: dict[int, Answers | Exception] = {}
    askings = {}
    for place, tally in tallies.items():
        each = asked[place]
        told, images = partial(each.on_tile, view), getattr(each.data, split)
        askings[place] = answering(
            each.model, images, view, each.evaluation, each.data.num_classes, told, tally, len(asked)
        )
    climbs: dict[int, Climbed] = {}
    waiting: dict[int, Questions] = {}
    while askings:
        for place, asking in list(askings.items()):
            try:
                waiting[place] = asking.send(climbs.get(place)) if place in waiting else next(asking)
            except StopIteration as end:
                found[place] = end.value
            except Exception as error:  # noqa: BLE001 - what ends the asking of one model leaves the others alone
                found[place] = error
            if place in found:
                del askings[place]
                waiting.pop(place, None)
        climbs = _climb(stack, view, [each.evaluation for each in asked], waiting)
    return found


def _climb(
    stack: Stack, view: str, evaluations: Sequence[Evaluation], waiting: Mapping[int, Questions]
) -> dict[int, Climbed]:
    """Where the PGD of each one's questions ends; nothing where models had better climb by themselves."""
    direction = registry.VIEWS[view].climbs
    if not direction or len(waiting) < 2:
        return {}
    longest = max(len(each.y) for each in waiting.values())
    some = next(iter(waiting.values()))
    rows = [_padded(waiting.get(place, some), direction, longest) for place in range(len(stack))]
    sizes = [size_of(evaluation, direction == "towards") for evaluation in evaluations]
    steps = sizes[0]["steps"]

    def of_one(model: nn.Module, x: Tensor, y: Tensor, epsilon: Tensor, step_size: Tensor) -> Climbed:
        return climbed(model, x, y, epsilon=epsilon, step_size=step_size, steps=steps)

    x, y = torch.stack([x for x, _ in rows], dim=1), torch.stack([y for _, y in rows])
    if x.device.type == "cpu":
        x = x.flatten(1, 2).contiguous(memory_format=torch.channels_last).unflatten(1, x.shape[1:3])
    budgets = (x.new_tensor([size[name] for size in sizes]) for name in ("epsilon", "step_size"))
    try:
        examples, undefined = stack.map(of_one, x, y, *budgets, axes=(1, 0, 0, 0))
    except (RuntimeError, MemoryError) as error:
        if not memory.is_short(error):
            raise
        return {}
    return {place: (examples[place, : len(each.y)], undefined[place, : len(each.y)]) for place, each in waiting.items()}


def _padded(questions: Questions, direction: str, count: int) -> tuple[Tensor, Tensor]:
    """Images and classes of as many questions, of which the last one is repeated."""
    rows = torch.arange(count, device=questions.y.device).clamp(max=len(questions.y) - 1)
    classes = questions.target if direction == "towards" else questions.y
    return questions.x[rows], classes[rows]
