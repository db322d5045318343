"""State dicts as public projects save them: under some key of a checkpoint, with names that a wrapper made longer."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

Tensors = Mapping[str, Tensor]

USUAL = ("state_dict", "model_state_dict", "model", "net", "network")
"""Keys under which training scripts keep the state dict, the first one preferred where several fit a network.

Other keys follow in the file's order, and last those of averaged weights, whose keys have `ema` in them.
"""
DEPTH = 3
"""Mappings within mappings that are looked into."""
WRAPPERS = ("module.", "_module.", "_orig_mod.", "_checkpoint_wrapped_module.", "_fsdp_wrapped_module.", "model.")
"""Of DataParallel and averaged copies, opacus, torch.compile, recomputation, FSDP; `model.` at the beginning only."""
COUNTERS = ("num_batches_tracked", "n_averaged", "total_ops", "total_params")
"""Tensors that no answer depends on: BatchNorm's count, which old files lack, an averaged copy's, a profiler's."""


@dataclass(frozen=True)
class Match:
    """A mapping of tensors under the names that come nearest to a network's."""

    tensors: Tensors
    done: tuple[str, ...]
    """What was done to the names, in words."""
    lacks: tuple[str, ...]
    """Names of the network that the mapping does not have."""
    extra: tuple[str, ...]
    """Names that the network does not have."""
    reshaped: tuple[str, ...]
    """Names of both whose shapes differ."""

    @property
    def faults(self) -> int:
        """0 where everything has its place."""
        return len(self.lacks) + len(self.extra) + len(self.reshaped)


def mappings(content: Any, place: str = "", depth: int = DEPTH) -> dict[str, Tensors]:
    """The tensors of every mapping in a file, by the keys that lead there (`model.state_dict`), preferred ones first.

    What else stands beside tensors (an epoch, settings, an optimiser's lists) is passed over.
    """
    if not isinstance(content, Mapping) or not depth:
        return {}
    names = [name for name in content if isinstance(name, str)]
    tensors = {name: content[name] for name in names if isinstance(content[name], Tensor)}
    found = {place: tensors} if tensors else {}
    for name in sorted(names, key=_rank):
        found |= mappings(content[name], f"{place}.{name}" if place else name, depth - 1)
    return found


def match(tensors: Tensors, wanted: Tensors, constants: Collection[str] = ()) -> Match:
    """The mapping under the names that fit the network best: as they are, or without prefixes that wrappers put there.

    wanted: the network's own state dict. constants: which of its names are not learned; if all others lie under one
    prefix, as in a network that normalises its images first, the mapping may be that part's.
    """
    best = None
    own = _shared_prefix(tuple(name for name in wanted if name not in constants))
    for names, done in _renamings(tuple(tensors), own):
        found = _compare(dict(zip(names, tensors.values(), strict=True)), wanted, done)
        if best is None or found.faults < best.faults:
            best = found
        if not best.faults:
            break
    return best


def _rank(key: str) -> tuple[bool, int]:
    return "ema" in key.lower(), USUAL.index(key) if key in USUAL else len(USUAL)


def _renamings(names: tuple[str, ...], own: str) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Every way to take wrappers off the names or to put them under `own`, the least first, and what was done."""
    known, waiting = {names}, [(names, ())]
    for shorter, done in waiting:  # which grows as we go
        yield shorter, done
        if own:
            yield tuple(own + name for name in shorter), (*done, f"put under {own!r}")
        for fewer, how in _unwrapped(shorter):
            if fewer not in known and len(set(fewer)) == len(fewer):
                known.add(fewer)
                waiting.append((fewer, (*done, how)))


def _unwrapped(names: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    """The names with one wrapper less, at their beginning or, for a part that was wrapped alone, within.

    At the beginning of all names any word may be one: `net.`, say.
    """
    for wrapper in filter(None, (*WRAPPERS, _shared_prefix(names))):
        yield tuple(name.removeprefix(wrapper) for name in names), f"prefix {wrapper!r} removed"
    for wrapper in WRAPPERS[:-1]:
        within = tuple(f".{name}".replace(f".{wrapper}", ".")[1:] for name in names)
        yield within, f"{wrapper!r} removed within names"


def _shared_prefix(names: tuple[str, ...]) -> str:
    """`net.` where every name begins so; '' otherwise."""
    first = {name.split(".", 1)[0] for name in names if "." in name}
    return f"{first.pop()}." if len(first) == 1 and all("." in name for name in names) else ""


def _compare(tensors: Tensors, wanted: Tensors, done: tuple[str, ...]) -> Match:
    tensors = {name: tensor for name, tensor in tensors.items() if name in wanted or not name.endswith(COUNTERS)}
    lacks = tuple(name for name in wanted if name not in tensors and not name.endswith(COUNTERS))
    extra = tuple(name for name in tensors if name not in wanted)
    reshaped = tuple(name for name in tensors if name in wanted and tensors[name].shape != wanted[name].shape)
    if extra and not lacks and not reshaped:
        taken = {name: tensor for name, tensor in tensors.items() if name in wanted}
        if repeated := [name for name in extra if _repeats(name, tensors[name], taken)]:
            extra = tuple(name for name in extra if name not in repeated)
            tensors, done = taken, (*done, f"{repeated[0]} and such left out, for they repeat others")
    return Match(tensors, done, lacks, extra, reshaped)


def _repeats(name: str, tensor: Tensor, taken: Tensors) -> bool:
    """Whether it is one of those taken under a second name, as where a network is a part of two others."""
    last = name.rpartition(".")[2]
    return any(other.rpartition(".")[2] == last and _alike(tensor, taken[other]) for other in taken)


def _alike(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors have the same bits, of whatever type they are."""
    if (one.shape, one.dtype, one.layout, other.layout) != (other.shape, other.dtype, torch.strided, torch.strided):
        return False
    return torch.equal(*(each.detach().contiguous().reshape(-1).view(torch.uint8) for each in (one, other)))
