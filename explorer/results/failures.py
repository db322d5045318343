"""Why a run failed, in plain words: what its one-line error means and what helps."""

import re
import signal
from collections.abc import Callable
from dataclasses import dataclass, replace

from engine.service.scheduler import MAX_STARTS
from store.rows import Run

_STARTS = f"Its process was started {MAX_STARTS} times"


@dataclass(frozen=True)
class Explanation:
    """One kind of failure, told to a person."""

    title: str
    """What happened, in a few words."""
    what: str
    """What happened, in a sentence or two."""
    advice: str
    """What helps, as far as it is not a key of the sheet."""
    smaller_batch: bool = False
    """Whether training with half of the batch may help."""


def explain(run: Run) -> Explanation:
    """The explanation of a failed or diverged run."""
    error = run.error or "its process left no word"
    if run.state == "diverged":
        return _diverged(error)
    other = _DATA if error.startswith((f"{run.dataset}:", "folder:")) else _OTHER
    kind = next((kind for pattern, kind in _KINDS.items() if re.search(pattern, error)), other)
    if not isinstance(kind, Explanation):
        return kind(error)
    sentence = error if error.endswith((".", "!", "?")) else f"{error}."
    return replace(kind, what=kind.what.format(error=error, sentence=sentence))


def _diverged(error: str) -> Explanation:
    step = re.search(r"at step (\d+): the loss is (.+)", error)
    what = (
        f"At step {step[1]} the training loss was {step[2]}, no finite number any more; nothing after it has a meaning."
        if step
        else f"{error[:1].upper()}{error[1:]}."
    )
    advice = "The same settings diverge again; a smaller learning rate or a longer epsilon warm-up helps most."
    return Explanation("Training diverged", what, advice, smaller_batch=step is not None)


def _gpu_memory(error: str) -> Explanation:
    size = r"(\d[\d.]* [KMG]?i?B|\d[\d.]* bytes)"
    asked = re.search(rf"Tried to allocate {size}", error)
    room = re.search(rf"total capacity of {size} of which {size} is free", error)
    held = re.search(rf"this process has {size} memory in use", error)
    parts = [f"It asked for {asked[1]} of GPU memory" if asked else "It asked for more GPU memory than there was"]
    parts[0] += f"; {room[2]} of {room[1]} was free." if room else "."
    parts += [f"This run held {held[1]} itself."] if held else []
    advice = "Fewer runs at once on one GPU (slots), or another program leaving it, make room too."
    return Explanation("CUDA out of memory", " ".join(parts), advice, smaller_batch=True)


def _killed(error: str) -> Explanation:
    found = re.match(r"killed by signal (\d+) \((.*?)\)(?:: (.*))?", error)
    number, name, words = found.groups()
    last = f" Its last words: {words}" if words else ""
    if int(number) == signal.SIGKILL:
        what = f"{_STARTS}, the last time it was killed (signal 9). Mostly that is a kernel short of memory.{last}"
        advice = "Fewer runs at once make room too."
        return Explanation("Killed, probably out of memory", what, advice, smaller_batch=True)
    what = f"{_STARTS}, the last time signal {number} ({name}) ended it.{last}"
    advice = "A crash like this comes from a library or a driver, or from somebody who ended it on purpose."
    return Explanation("Its process was killed", what, advice)


_DATA = Explanation(
    "Data set missing or unreadable",
    "{sentence}",
    "Put the files where it looks, then retry. `mia-explore check` says where that is.",
)
_OTHER = Explanation("It failed", "{sentence}", "The log has the whole story.")
_KINDS: dict[str, Explanation | Callable[[str], Explanation]] = {
    r"^out of GPU memory|CUDA out of memory|MPS backend out of memory": _gpu_memory,
    r"can't allocate memory|^MemoryError|Cannot allocate memory": Explanation(
        "Out of memory",
        "The machine had no memory left for what the run asked for: {error}",
        "Fewer runs at once make room too.",
        smaller_batch=True,
    ),
    r"^killed by signal \d+ \(": _killed,
    r"^its process ended with code": Explanation(
        "Its process ended",
        _STARTS + "; {sentence}",
        "Code that calls exit, or a library that does, ends a run like this.",
    ),
    r"^its process could not be started": Explanation(
        "Its process could not be started", "{sentence}", "Mostly too many processes or open files."
    ),
    r"^the disk is full|No space left on device": Explanation(
        "Disk full",
        "There was no room on the project's disk for what the run had to write.",
        "Make room first; the run goes on from what it has saved.",
    ),
    r"have changed since this experiment": Explanation(
        "Data set changed",
        "{sentence} A run computes on the data it was planned for, or not at all.",
        "Put the old files back and retry, or submit the sweep again: with other data it is another experiment.",
    ),
    r"^network.* has changed since": Explanation(
        "Network changed", "{sentence}", "Put the old source file back and retry, or submit the sweep again."
    ),
    r"^network": Explanation(
        "Your network does not work",
        "{sentence}",
        "It is imported from the folder the sweep was submitted in. A change of its own file makes another experiment: "
        "submit the sweep again; a package that was missing can be installed and the run retried.",
    ),
    r"^it came in by import|^the imported file ends": Explanation(
        "Came in by import, unfinished",
        "{sentence}",
        "Import the whole file when its run has ended, or submit its sweep to compute it here.",
    ),
    r"^device: |^place\.": Explanation(
        "It cannot run here", "{sentence}", "Submit its sweep again, with a device of this machine."
    ),
    r"^another process is still at work": Explanation(
        "Its folder is in use",
        "{sentence}",
        "It is mostly left from an engine that was killed and ends by itself; then retry.",
    ),
}
"""How an error of each kind reads, first match first; the patterns are those of the engine's texts."""
