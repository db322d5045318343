"""The machine's gauges in words, bars and sparklines that fit a width."""

import os
import re
from collections.abc import Callable, Sequence

from rich.cells import cell_len

from explorer.machine.gauges import Gpu, MachineReading
from explorer.results import text
from explorer.results.lines import bar

GIB, GB = 2**30, 10**9
SPARKS = "▁▂▃▄▅▆▇█"
UNKNOWN = "—"


def summary(machine: MachineReading, width: int) -> str:
    """The machine in one phrase of at most so many cells, all GPUs in it or, where there are none, the processors."""
    if not machine.gpus:
        return _first_fit([f"{processors(machine)} · RAM {ram(machine)}G", processors(machine)], width)
    phrases = ["  ".join(form(gpu) for gpu in machine.gpus) for form in FORMS]
    return _first_fit([*phrases, _together(machine.gpus)], width)


def _first_fit(phrases: Sequence[str], width: int) -> str:
    return next((phrase for phrase in phrases if cell_len(phrase) <= width), phrases[-1][: max(0, width)])


def _with_bar(gpu: Gpu, name: str) -> str:
    busy = f"{bar(gpu.utilisation or 0.0, 10)} {percent(gpu.utilisation)}"
    return f"GPU{gpu.index} {name}{busy} {memory(gpu)} {degrees(gpu)}"


FORMS: tuple[Callable[[Gpu], str], ...] = (
    lambda gpu: _with_bar(gpu, f"{short_name(gpu.name)} "),
    lambda gpu: _with_bar(gpu, ""),
    lambda gpu: f"GPU{gpu.index} {percent(gpu.utilisation)} {memory(gpu)} {degrees(gpu)}",
    lambda gpu: f"GPU{gpu.index} {percent(gpu.utilisation)} {memory(gpu)}",
    lambda gpu: f"GPU{gpu.index} {percent(gpu.utilisation)}",
)
"""One GPU in ever fewer cells."""


def _together(gpus: Sequence[Gpu]) -> str:
    """All of them with one block each for their utilisation, and the mean."""
    known = [gpu.utilisation for gpu in gpus if gpu.utilisation is not None]
    mean = percent(sum(known) / len(known)) if known else UNKNOWN
    return f"{len(gpus)} GPUs {sparkline([gpu.utilisation for gpu in gpus], len(gpus), len(gpus))} {mean}"


def short_name(name: str | None) -> str:
    """What people call a GPU: `H100` for `NVIDIA H100 80GB HBM3`, `RTX 4090` for `NVIDIA GeForce RTX 4090`."""
    words = re.sub(r"-(SXM|PCI|\d+GB).*", "", name or "").split()
    makers = ("NVIDIA", "GeForce", "Tesla", "Quadro")
    kept = [word for word in words if word not in makers and not re.fullmatch(r"\d+GB|HBM\w*|PCIe|SXM\w*", word)]
    return " ".join(kept) or UNKNOWN


def percent(share: float | None) -> str:
    """A share as whole percent in a fixed width."""
    return f"{UNKNOWN:>3s}" if share is None else f"{share:.0%}".rjust(3)


def memory(gpu: Gpu) -> str:
    """Used and all memory in whole GiB: `31/80G`."""
    return f"{_of(gpu.memory_used, gpu.memory_total)}G"


def ram(machine: MachineReading) -> str:
    """The same of the machine itself, without the unit."""
    return _of(machine.memory_used, machine.memory_total)


def _of(used: float | None, total: float | None) -> str:
    shown = UNKNOWN if used is None else f"{used / GIB:.0f}"
    return f"{shown}/{UNKNOWN if total is None else f'{total / GIB:.0f}'}"


def gib(amount: float | None) -> str:
    """Bytes in GiB with one digit, without the unit."""
    return UNKNOWN if amount is None else f"{amount / GIB:.1f}"


def degrees(gpu: Gpu) -> str:
    """The temperature."""
    return UNKNOWN if gpu.temperature is None else f"{gpu.temperature:.0f}°C"


def watts(gpu: Gpu) -> str:
    """The power."""
    return UNKNOWN if gpu.watts is None else f"{gpu.watts:.0f}W"


def processors(machine: MachineReading) -> str:
    """Processors, and how busy they are where that is told."""
    count = os.cpu_count() or 1
    busy = "" if machine.cpu is None else f" {machine.cpu:.0%}"
    return f"CPU {count} core{'s' if count > 1 else ''}{busy}"


def disk(machine: MachineReading) -> str:
    """Room on the project's disk."""
    free = machine.disk_free
    if free is None:
        return f"disk {UNKNOWN}"
    return f"disk {f'{free / GB:.0f} GB' if free >= 10 * GB else text.size(free)} free"


def sparkline(cells: Sequence[float | None], width: int, whole: int) -> str:
    """`whole` cells, of which the newest are given, in at most `width` characters, the newest at the right.

    Where there is less room neighbours are put together; a blank is a time of which nothing is known.
    """
    fold = max(1, -(-whole // max(1, width)))
    padded = [None] * (whole - len(cells)) + list(cells)
    groups = [padded[max(0, end - fold) : end] for end in range(whole, 0, -fold)]
    return "".join(_spark([value for value in group if value is not None]) for group in reversed(groups))


def _spark(values: Sequence[float]) -> str:
    if not values:
        return " "
    share = sum(values) / len(values)
    return SPARKS[min(len(SPARKS) - 1, max(0, int(share * len(SPARKS))))]
