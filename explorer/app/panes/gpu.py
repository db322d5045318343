"""Pane 5: every GPU with its gauges, our runs and other people's processes on it, and the machine around them."""

import os

from engine.job_settings import LOCAL
from engine.service.protocol import DeviceStatus
from explorer.app import actions
from explorer.app.widgets.page import Page
from explorer.app.widgets.pane import Pane
from explorer.machine import gauges, machine_text
from explorer.machine.machine_text import gib
from explorer.machine.machine_watch import CELLS, GaugeHistory, memory_share
from explorer.project.places import cluster_words
from explorer.results.lines import Line, bar, cut, plain, wrapped
from explorer.results.run_words import short_name

LABEL = 8
"""Cells before the values of a line."""
LONGEST = 60
"""Cells of the longest bar: one for each cell of the history."""


class GpuPane(Pane):
    """Bars of what the GPUs do now, or histories of the last ten minutes; `v` changes between them."""

    NUMBER, NAME, SCOPE = "5", "GPU", "gpu"
    HELP = (
        "Utilisation, memory, temperature and power of every GPU, read every 2 s and shown in coarse steps while "
        "nothing runs here; which runs of this project are on it, processes of others, and how many "
        "runs clusters have. v shows the last 10 min."
    )
    BINDINGS = actions.bindings("gpu")

    def __init__(self) -> None:
        super().__init__()
        self.past = False
        """Histories rather than bars."""

    def page(self, width: int, height: int) -> Page:
        """All GPUs and the machine, or why there is no GPU."""
        machine = self.host.machine
        if machine is None:
            return Page([plain(" reading the gauges …", "dim")])
        if not machine.gpus:
            return Page([*self._none(machine, width, height), *self._host(machine, width), *self._elsewhere(width)])
        found: list[Line] = []
        for gpu in machine.gpus:
            found += [*self._gauges(gpu, width), *self._users(gpu, width), *([plain("")] if height > 12 else [])]
        if not self.past and len(found) + 2 > height:  # room for one line each
            found = [line for gpu in machine.gpus for line in (self._brief(gpu, width), *self._users(gpu, width))]
        title = "last 10 min" if self.past else "now"
        lines = [*found, *self._host(machine, width), *self._elsewhere(width)]
        return Page(lines, title=title, note="v bars or histories")

    def _none(self, machine: gauges.MachineReading, width: int, height: int) -> list[Line]:
        why = machine.trouble or "the driver knows of none"
        words = f"No NVIDIA GPU seen ({why}). CPU runs work; the demo takes about 2 min."
        return [*wrapped(words, width - 1, first=" ", hang=1), *([plain("")] if height > 6 else [])]

    # One GPU

    def _brief(self, gpu: gauges.Gpu, width: int) -> Line:
        name = f" GPU{gpu.index} {machine_text.short_name(gpu.name)} "
        facts = f" {machine_text.percent(gpu.utilisation)} {machine_text.memory(gpu)} {self._warmth(gpu)}"
        room = width - len(name) - len(facts) - 1
        drawn = bar(gpu.utilisation or 0.0, min(room, LONGEST)) if room > 3 else ""
        return ((name, "bold"), (drawn, "busy"), (facts, ""))

    def _warmth(self, gpu: gauges.Gpu) -> str:
        return f"{machine_text.degrees(gpu)} {machine_text.watts(gpu)}"

    def _gauges(self, gpu: gauges.Gpu, width: int) -> list[Line]:
        """Name, utilisation and memory on a line each."""
        amount = f" {gib(gpu.memory_used)}/{gib(gpu.memory_total)} GiB"
        room = max(4, min(LONGEST, width - LABEL - len(amount) - 1))
        watch = self.host.machine_watch
        if self.past:
            drawn = [_spark(past.get(gpu.index), room) for past in (watch.utilisation, watch.memory)]
        else:
            drawn = [bar(share or 0.0, room) for share in (gpu.utilisation, memory_share(gpu))]
        name = f" GPU{gpu.index} {machine_text.short_name(gpu.name)}"
        return [
            ((name, "bold"), (f"  {self._warmth(gpu)}", "")),
            (_label("util"), (drawn[0], "busy"), (f" {machine_text.percent(gpu.utilisation)}", "")),
            (_label("mem"), (drawn[1], "busy"), (amount, "")),
        ]

    def _users(self, gpu: gauges.Gpu, width: int) -> list[Line]:
        """Our runs on a GPU, then the processes of others."""
        status, lines = self.project.status, list[Line]()
        ours = [process for process in gpu.processes if status and same_session(process.pid, status.pid)]
        if device := self._device(gpu.index):
            held = f"{gib(sum(process.memory or 0 for process in ours))} GiB  " if ours else ""
            lines += self._runs(device, "runs", width, held)
        for process in gpu.processes:
            if process in ours:
                continue
            parts = [process.user or "user unknown", process.name, f"pid {process.pid}", f"{gib(process.memory)} GiB"]
            lines.append(cut((_label("other"), ("  ".join(filter(None, parts)), "")), width))
        return lines

    # The engine's devices

    def _device(self, index: int) -> DeviceStatus | None:
        """The engine's device that is this GPU; None where the engine has not the same GPUs as the driver."""
        status, machine = self.project.status, self.host.machine
        devices = [device for device in status.devices if device.name.startswith("cuda:")] if status else []
        if machine is None or len(devices) != len(machine.gpus):
            return None
        return next((device for device in devices if device.name == f"cuda:{index}"), None)

    def _elsewhere(self, width: int) -> list[Line]:
        """Devices that are none of the GPUs above, and clusters."""
        status, machine = self.project.status, self.host.machine
        if status is None or machine is None:
            return []
        shown = [device for gpu in machine.gpus if (device := self._device(gpu.index))]
        others = [device for device in status.devices if device not in shown and device.place == LOCAL]
        lines = [line for device in others for line in self._runs(device, device.name, width)]
        for own in status.devices:
            if own.place != LOCAL:
                words = cluster_words(own, self.project.placed.values())
                lines += wrapped(words, width, first=f" {own.name} ", hang=LABEL)
        return lines

    def _runs(self, device: DeviceStatus, label: str, width: int, before: str = "") -> list[Line]:
        rows, datasets = self.project.runs, self.project.datasets
        names = [short_name(rows[run], datasets) if run in rows else run for run in device.running]
        slots = f"{device.taken} of {device.slots} slot{'s' if device.slots > 1 else ''} taken"
        words = f"{before}{slots}{': ' if names else ''}{', '.join(names)}"
        return wrapped(words, width, first=f" {label}", hang=LABEL)

    def _host(self, machine: gauges.MachineReading, width: int) -> list[Line]:
        memory = f"RAM {machine_text.ram(machine)} GiB"
        words = ", ".join([machine_text.processors(machine), memory, machine_text.disk(machine)])
        return wrapped(words, width, first=" host", hang=LABEL)

    # Acting

    def choices_view(self) -> list[tuple[str, bool]]:
        """Bars or histories."""
        return [("what is in use now, as bars", False), ("the last 10 minutes, as histories", True)]

    def present(self, _: str) -> bool:
        """Which of them is shown."""
        return self.past

    def action_view(self, past: bool) -> None:
        """Histories, or else bars."""
        self.past = past


def _spark(history: GaugeHistory | None, room: int) -> str:
    return machine_text.sparkline(history.cells if history else [], room, CELLS).ljust(min(room, CELLS))


def _label(word: str) -> tuple[str, str]:
    return f" {word}".ljust(LABEL), "dim"


def same_session(pid: int, other: int) -> bool:
    """Whether two processes belong to one session: the jobs of an engine stay in the session it was started in."""
    try:
        return os.getsid(pid) == os.getsid(other)
    except OSError:
        return False
