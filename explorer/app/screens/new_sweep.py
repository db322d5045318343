"""The New sweep form: what to run, how many runs that makes, and what they cost, before anything starts."""

import asyncio
import contextlib
import os
import shlex
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.screen import ModalScreen
from textual.widgets import Input

from engine.job_settings import LOCAL
from engine.registry import training_defenses, written_datasets
from engine.service import places
from engine.service.client import EngineRefused, EngineUnreachable
from engine.spec.recipes import SCALES
from engine.spec.sweeps import Sweep, presets
from engine.validation import SpecError
from explorer.app.screens.confirm import Confirm
from explorer.app.screens.save_sweep import SaveSweep
from explorer.app.widgets.box import Box, Toned
from explorer.app.widgets.field import Choice, Field
from explorer.project.places import room
from explorer.project.planning import Cost, Draft, cost, errors, plan
from explorer.project.submitting import place_here, submission
from explorer.results import text

FIELDS = {
    "name": ("name", "what tables call the sweep"),
    "dataset": ("data set", ", ".join(written_datasets())),
    "data_root": ("data root", "the folder with the data sets"),
    "network": ("network", "blank: the data set's own; or module:callable"),
    "defenses": ("defenses", ", ".join(training_defenses())),
    "capacity": ("capacity", "such as 1, 2, 4; blank: the data set's own"),
    "epsilon": ("epsilon", "such as 2/255, 8/255 or 0.1"),
    "seed": ("seeds", "such as 0-2; intervals need two or more"),
    "train_fraction": ("fraction", "share of the training images, such as 0.5; blank: all"),
    "size": ("size", "of the images, such as 48x42; blank: as they are"),
    "steps": ("steps", "blank: the recipe's own; 900 * capacity^0.5"),
    "device": ("device", "auto, cpu, cuda, cuda:1, mps"),
    "on": ("on", "where runs may go, as project.toml names places; some with commas"),
}
"""Field of `Draft` -> its label, and what may stand in it."""
OWN = "own"
OWN_WORDS = "a sweep of one's own: everything typed stays as it is"
PLANNED_AFTER = 0.4
"""Seconds of quiet after which a change is planned: reading the data takes a moment."""
SAVED_SECONDS = 12.0
"""How long it is said where a sweep was saved: one may copy it."""


class NewSweep(ModalScreen[None]):
    """Every change is planned anew; the first enter on `start` shows what it means, the second starts it."""

    BINDINGS: ClassVar = [
        Binding("escape", "leave", show=False),
        Binding("down", "app.focus_next", show=False),
        Binding("up", "app.focus_previous", show=False),
        Binding("enter", "start", show=False),
        Binding("f2", "save", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.root = os.environ.get("MIA_DATA") or "data"
        self.presets = {name: table["description"] for name, table in presets().items()} | {OWN: OWN_WORDS}
        """What to start from, each with what it is."""
        self.places: tuple[str, ...] = (LOCAL,)
        """Where runs of the project may go."""
        self.sweep: Sweep | None = None
        """What the form stands for; None while it cannot be planned or is being planned."""
        self.cost: Cost | None = None
        self.asked = False
        """Enter was pressed on this very sweep, be it while it was being planned."""
        self.kept: dict[str, str] = {}
        """What stood in the fields when it was last filled in or saved."""
        self.starting = False

    # Drawing

    def compose(self) -> ComposeResult:
        """A preset to start from, the fields, and what they amount to."""
        yield Box(
            "New sweep",
            "↑↓ tab field  ←→ space choose  enter start  f2 save as TOML  esc leave",
            Field("from", Choice(self.presets, "demo", id="preset")),
            Field("scale", Choice(SCALES, "quick", id="scale")),
            *(Field(label, Input(compact=True, id=name)) for name, (label, _) in FIELDS.items()),
            Toned(id="hint"),
            Toned(id="summary"),
            id="new-sweep",
        )

    def on_mount(self) -> None:
        """Begin with the demo."""
        with contextlib.suppress(SpecError):  # then it is said when a run is to go elsewhere
            self.places += tuple(places.places(self.app.project.paths.root))
        self._fill()

    def on_descendant_focus(self) -> None:
        """The hint follows the focus."""
        self._hint()

    def _hint(self) -> None:
        """What may stand in the focused field, or what is wrong with it; other wrong fields have a cross."""
        wrong = self._wrong(self.draft)
        for field in self.query(Field):
            field.wrong = field.widget.id in wrong
            field.draw()
        here = self.focused.id if self.focused is not None else ""
        offered = {"preset": self.presets[self.query_one("#preset", Choice).value], "scale": "how long to train"}
        offered["on"] = f"{', '.join(self.places)}; some with commas: the first that has room"
        hint = offered.get(here) or FIELDS.get(here, ("", ""))[1]
        line = ((f"  {wrong[here]}", "bad"),) if here in wrong else ((f"  {hint}", "dim"),)
        self.query_one("#hint", Toned).show([line], layout=True)

    def _wrong(self, draft: Draft) -> dict[str, str]:
        """Field -> what is wrong with it."""
        found = errors(draft)
        try:
            self._room(draft)
        except SpecError as error:
            found.setdefault("on", str(error))
        return found

    def _room(self, draft: Draft) -> tuple[int, bool]:
        return room(self.app.project.status, self.app.project.paths.root, draft.on)

    def _summarise(self, words: str, tone: str = "", more: str = "") -> None:
        self.query_one("#summary", Toned).show([((f"  {words}", tone),), ((f"  {more}", "dim"),)])

    # What is typed

    @property
    def typed(self) -> dict[str, str]:
        """What stands in the fields."""
        return {name: self.query_one(f"#{name}", Input).value for name in FIELDS}

    @property
    def draft(self) -> Draft:
        """The form as it stands."""
        preset, typed = self.query_one("#preset", Choice).value, self.typed
        defenses = tuple(typed.pop("defenses").replace(",", " ").split())
        scale = self.query_one("#scale", Choice).value
        preset = "" if preset == OWN else preset
        return Draft(preset=preset, scale=scale, defenses=defenses, **typed)

    @on(Choice.Changed)
    def _fill(self, event: Choice.Changed | None = None) -> None:
        """Fill the fields from the preset; what was typed stays at another scale, and in a sweep of one's own."""
        stays = event is not None and event.select.id == "scale"
        preset, scale = self.query_one("#preset", Choice).value, self.query_one("#scale", Choice).value
        if preset != OWN:
            draft, before = Draft.from_preset(preset, scale, self.root), self.kept
            self.kept = {name: getattr(draft, name) for name in FIELDS} | {"defenses": ", ".join(draft.defenses)}
            with self.prevent(Input.Changed):
                for name, value in self.kept.items():
                    line = self.query_one(f"#{name}", Input)
                    line.value = line.value if stays and line.value != before.get(name, "") else value
        self._changed()

    @on(Input.Changed)
    def _changed(self) -> None:
        """Plan what stands there now."""
        self.sweep, self.cost, self.asked = None, None, False
        self._hint()
        self.run_worker(self._plan, exclusive=True, group="plan")

    # What it amounts to

    async def _plan(self) -> None:
        draft = self.draft
        if wrong := self._wrong(draft):
            self._summarise(next(iter(wrong.values())), "bad", "mend it to go on")
            return
        self._summarise("planning …")
        await asyncio.sleep(PLANNED_AFTER)
        try:
            slots, gpu = self._room(draft)
            sweep = await asyncio.to_thread(plan, draft)
        except SpecError as error:
            self._summarise(str(error), "bad", "mend it to go on")
            return
        finished = [run for run in self.app.project.runs.values() if run.state == "done"]
        self.sweep = sweep
        self.cost = await asyncio.to_thread(cost, sweep.experiments, finished, slots, gpu)
        self._show_cost()

    def _show_cost(self) -> None:
        price = self.cost
        known = f", {price.known} of them done already" if price.known else ""
        counted = "1 run" if price.runs == 1 else f"{price.runs} runs"
        words = f"{counted}{known} · {price.time} · {text.size(price.disk)} of disk"
        status = self.app.project.status
        if status is not None and price.disk > status.disk_free:
            words += f", only {text.size(status.disk_free)} free"
        if self.draft.on != LOCAL:
            words += f" · as far as {self.draft.on} has room"
        if self.asked:
            self._summarise(f"Enter again starts {words}.", "warn", price.basis)
        else:
            self._summarise(words, "bold", price.basis)

    # What is done with it

    @on(Input.Submitted)
    def action_start(self) -> None:
        """Ask once, then start; while the plan is being made the question waits for it."""
        if self.starting:
            return
        if self.sweep is None or self.cost is None or not self.asked:
            self.asked = True
            if self.cost is not None:
                self._show_cost()
            return
        self.starting = True
        self.run_worker(self._start(self.sweep, self.draft), group="start")

    async def _start(self, sweep: Sweep, draft: Draft) -> None:
        self._summarise("asking the engine …")
        place = place_here(Path(draft.data_root.strip()).expanduser(), draft.device.strip(), draft.on)
        try:
            fresh = (await self.app.project.call(submission(sweep, place))).run_ids
        except (EngineRefused, EngineUnreachable) as error:
            self._summarise(str(error), "bad", "nothing was started")
            self.starting = self.asked = False
            return
        known = len(sweep.experiments) - len(fresh)
        already = f", {known} known already" if known else ""
        self.app.notify(f"{sweep.name}: {len(fresh)} runs queued{already}", markup=False)
        self.dismiss()

    def action_save(self) -> None:
        """Ask where the sweep goes as a file that `mia-explore run` reads."""
        draft, typed = self.draft, self.typed
        try:
            content = draft.to_toml()
        except SpecError as error:
            self._summarise(str(error), "bad", "nothing was saved")
            return

        def told(path: Path | None) -> None:
            if path is not None:
                self.kept = typed
                words = f"saved: mia-explore run {shlex.quote(str(path))} --scale {draft.scale}"
                self.app.notify(words, timeout=SAVED_SECONDS, markup=False)

        self.app.push_screen(SaveSweep(draft.name.strip(), content), told)

    def action_leave(self) -> None:
        """Ask first where something typed would be lost."""
        lost = [FIELDS[name][0] for name, value in self.typed.items() if value != self.kept[name]]
        if not lost or self.starting:
            self.dismiss()
            return

        def leave(discards: bool | None) -> None:
            if discards:
                self.dismiss()

        words = f"What was typed is lost: {', '.join(lost)}. f2 in the form saves it as a file."
        self.app.push_screen(Confirm("Discard the new sweep?", words, "discard it"), leave)
