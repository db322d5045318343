"""Many small inference networks trained at once: their weights are stacked, and a layer is one batched product.

Each network is fully connected with layers of 200, 20 and 2 (section 5.2.5) and has a random generator of its own, so
it comes out the same whichever networks are trained beside it. Optimiser, batches, inputs and stopping are not in the
paper; ours were chosen on a Fashion-MNIST run.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.optim import AdamW

LAYERS = (200, 20, 2)
BATCH = 32
ROUNDS = 60
"""Looks at the validation loss at most; between two of them every example is drawn about once."""
SHORTEST_ROUND = 10
"""Updates between two looks at least."""
PATIENCE = 5
"""Looks in a row that find no better validation loss after which a network has ended."""
LEARNING_RATE = 1e-3
WEIGHT_DECAY = 1.0
VALIDATION = 0.2
"""Share of each side of the fitting part that decides when to stop."""
STACK_WEIGHTS = 1 << 22
"""Weights trained at once; more networks go in turns, so that many classes and wide inputs do not fill the memory."""


@dataclass(frozen=True, eq=False)
class Task:
    """What networks are fitted on: rows of one class's features."""

    features: np.ndarray
    """float32 (examples, features)."""
    member: np.ndarray
    """bool (examples,): at least two of each kind."""
    seed: tuple[int, ...]
    """Draws validation part, first weights and batches."""

    @property
    def room(self) -> int:
        """The next power of two: tasks of like size are trained together, with batches and rounds of one size."""
        return 1 << (len(self.member) - 1).bit_length()


@dataclass(frozen=True, eq=False)
class Fitted:
    """Networks trained for one task, whose answers are averaged."""

    mean: np.ndarray
    scale: np.ndarray
    """(features,) each: inputs are standardised on the fitting part."""
    weights: list[Tensor]
    """Kernel (restarts, in, out) and bias (restarts, 1, out) of each layer."""

    @torch.no_grad()
    def log_odds(self, features: np.ndarray) -> np.ndarray:
        """float64 (examples,): how much the networks take each for a member; from 0 on the answer is "member"."""
        logits = _forward(self.weights, torch.from_numpy(_standardised(features, self.mean, self.scale))[None])
        return (logits[..., 1] - logits[..., 0]).mean(dim=0).double().numpy()


def stack_size(features: int, restarts: int) -> int:
    """Tasks whose networks are trained at once."""
    return max(1, STACK_WEIGHTS // (restarts * (features + LAYERS[1]) * LAYERS[0]))


def fit(tasks: Sequence[Task], restarts: int, on_round: Callable[[], None] = lambda: None) -> list[Fitted]:
    """Train so many networks for every task; all tasks have the same number of features.

    on_round: called before each round of a stack; it may raise to stop.
    """
    together = stack_size(tasks[0].features.shape[1], restarts)
    found: dict[int, Fitted] = {}
    in_order = sorted(range(len(tasks)), key=lambda index: tasks[index].room)
    for _, group in groupby(in_order, key=lambda index: tasks[index].room):
        alike = list(group)
        for start in range(0, len(alike), together):
            some = alike[start : start + together]
            found |= dict(zip(some, _fit([tasks[index] for index in some], restarts, on_round), strict=True))
    return [found[index] for index in range(len(tasks))]


def _fit(tasks: Sequence[Task], restarts: int, on_round: Callable[[], None]) -> Iterator[Fitted]:
    moments = [(task.features.mean(axis=0), task.features.std(axis=0)) for task in tasks]
    inputs = [_standardised(task.features, *moment) for task, moment in zip(tasks, moments, strict=True)]
    best = _Stack(inputs, tasks, restarts).train(on_round)
    for index, moment in enumerate(moments):
        yield Fitted(*moment, [weight[index * restarts : (index + 1) * restarts] for weight in best])


def _standardised(features: np.ndarray, mean: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """A feature that never changes in the fitting part says nothing there, and must not explode elsewhere."""
    known = scale > 1e-6
    return np.where(known, (features - mean) / np.where(known, scale, 1.0), 0.0).astype(np.float32)


class _Stack:
    """Networks being trained side by side, `restarts` for each task."""

    def __init__(self, inputs: Sequence[np.ndarray], tasks: Sequence[Task], restarts: int):
        self.batch = min(BATCH, tasks[0].room // 2)
        self.updates = max(SHORTEST_ROUND, tasks[0].room // BATCH)
        self.generators = [
            torch.Generator().manual_seed(int(np.random.SeedSequence((*task.seed, restart)).generate_state(1)[0]))
            for task in tasks
            for restart in range(restarts)
        ]
        self.task = torch.arange(len(tasks)).repeat_interleave(restarts)
        self.inputs, _ = _padded([torch.from_numpy(own) for own in inputs])
        self.member, _ = _padded([torch.from_numpy(task.member).long() for task in tasks])
        parts = [_parts(tasks[t].member, g) for t, g in zip(self.task.tolist(), self.generators, strict=True)]
        self.fitting, self.fitting_count = _padded([fitting for fitting, _ in parts])
        self.held, self.held_count = _padded([held for _, held in parts])
        self.weights = _first_weights(self.inputs.shape[2], self.generators)
        self.running = torch.arange(len(self.generators))
        """Networks that have not ended; the weights are theirs."""

    def train(self, on_round: Callable[[], None]) -> list[Tensor]:
        """Adam until no network's validation loss falls any more; the weights that each had at its lowest."""
        best = [weight.detach().clone() for weight in self.weights]
        optimizer = AdamW(self.weights, LEARNING_RATE, weight_decay=WEIGHT_DECAY, fused=True)
        lowest = torch.full((len(self.running),), torch.inf, dtype=self.weights[0].dtype)
        since = torch.zeros(len(self.running), dtype=torch.long)
        for _ in range(ROUNDS):
            on_round()
            for rows in self._batches():
                optimizer.zero_grad()
                self._losses(rows).mean(dim=1).sum().backward()
                optimizer.step()
            loss = self._validation_losses()
            better = loss < lowest[self.running]
            improved = self.running[better]
            lowest[improved] = loss[better]
            since[self.running] += 1
            since[improved] = 0
            for kept, weight in zip(best, self.weights, strict=True):
                kept[improved] = weight.detach()[better]
            if not (going := since[self.running] < PATIENCE).any():
                break
            if not going.all():
                optimizer = self._leave_out(~going, optimizer)
        return best

    def _leave_out(self, ended: Tensor, optimizer: AdamW) -> AdamW:
        """Go on without the networks that have ended; the others' weights and moments stay as they are."""
        keep = ~ended
        self.running = self.running[keep]
        weights = [weight.detach()[keep].requires_grad_() for weight in self.weights]
        shorter = AdamW(weights, LEARNING_RATE, weight_decay=WEIGHT_DECAY, fused=True)
        for old, new in zip(self.weights, weights, strict=True):
            state = optimizer.state[old]
            shorter.state[new] = {name: value[keep] if value.ndim else value for name, value in state.items()}
        self.weights = weights
        return shorter

    def _batches(self) -> Tensor:
        """Rows (updates, running networks, batch), drawn with replacement from each network's fitting rows."""
        size = (self.updates, self.batch)
        draws = torch.stack([torch.rand(size, generator=self.generators[own]) for own in self.running.tolist()], dim=1)
        places = (draws * self.fitting_count[self.running, None]).long()
        return torch.gather(self.fitting[self.running].expand(self.updates, -1, -1), 2, places)

    def _losses(self, rows: Tensor) -> Tensor:
        """Cross-entropy (running networks, rows) of each network on rows of its own task."""
        places = (rows + self.task[self.running, None] * self.inputs.shape[1]).flatten()
        inputs = self.inputs.flatten(0, 1).index_select(0, places)
        logits = _forward(self.weights, inputs.view(*rows.shape, -1)).flatten(0, 1)
        losses = F.cross_entropy(logits, self.member.flatten().index_select(0, places), reduction="none")
        return losses.view(rows.shape)

    @torch.no_grad()
    def _validation_losses(self) -> Tensor:
        """Mean cross-entropy (running networks,) on the rows held out for stopping."""
        count = self.held_count[self.running]
        real = torch.arange(self.held.shape[1]) < count[:, None]
        return (self._losses(self.held[self.running]) * real).sum(dim=1) / count


def _parts(member: np.ndarray, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Rows to fit on and rows that decide when to stop, both kinds in each."""
    fitting, held = [], []
    for kind in (True, False):
        rows = torch.from_numpy(np.flatnonzero(member == kind))
        rows = rows[torch.randperm(len(rows), generator=generator)]
        count = max(1, round(VALIDATION * len(rows)))
        held.append(rows[:count])
        fitting.append(rows[count:])
    return torch.cat(fitting), torch.cat(held)


def _padded(parts: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """The parts as one tensor, zeros after the shorter ones, and how long each is."""
    return torch.nn.utils.rnn.pad_sequence(parts, batch_first=True), torch.tensor([len(own) for own in parts])


def _first_weights(width: int, generators: Sequence[torch.Generator]) -> list[Tensor]:
    """He's normal kernels and zero biases, drawn network by network."""
    weights = []
    for fan_in, out in zip((width, *LAYERS), LAYERS, strict=False):
        kernels = [torch.randn(fan_in, out, generator=generator) * (2 / fan_in) ** 0.5 for generator in generators]
        weights += [torch.stack(kernels), torch.zeros(len(generators), 1, out)]
    return [weight.requires_grad_() for weight in weights]


def _forward(weights: Sequence[Tensor], inputs: Tensor) -> Tensor:
    """Logits (networks, rows, 2) of inputs (networks or 1, rows, features)."""
    for layer in range(0, len(weights), 2):
        inputs = torch.relu(inputs) if layer else inputs.expand(len(weights[0]), -1, -1)
        inputs = torch.baddbmm(weights[layer + 1], inputs, weights[layer])
    return inputs
