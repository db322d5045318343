"""The New sweep form: what to run, how many runs that makes, and what they cost, before anything starts."""

import asyncio
import contextlib
import os
import shlex
from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, TextArea

from engine.job_settings import LOCAL
from engine.service import places
from engine.service.client import EngineRefused, EngineUnreachable
from engine.spec.sweeps import Sweep
from engine.validation import SpecError
from explorer.app.screens.confirm import Confirm
from explorer.app.screens.save_sweep import OpenSweep, SaveSweep
from explorer.app.screens.sweep_form import OF_PLACE, OWN, SweepForm
from explorer.app.widgets.field import Choice
from explorer.project.planning import Cost, Draft, SweepText, cost, plan
from explorer.project.submitting import place_here, submission
from explorer.results import text

WIDE = 110
"""Columns from which the plan stands beside the text."""
PLANNED_AFTER = 0.4
"""Seconds of quiet after which a change is planned: reading the data takes a moment."""
SAVED_SECONDS = 12.0
"""How long it is said where a sweep was saved: one may copy it."""


class NewSweep(ModalScreen[None]):
    """Every change is planned anew; the first enter on `start` shows what it means, the second starts it.

    The sweep stands in fields or as the text of its file, whichever is shown.
    """

    BINDINGS: ClassVar = [
        Binding("escape", "leave", show=False),
        # Taken before the focused field has them: what is typed right after them is for the next field.
        Binding("down,tab", "step(1)", show=False, priority=True),
        Binding("up,shift+tab", "step(-1)", show=False, priority=True),
        Binding("enter,f5", "start", show=False),
        Binding("f2", "save", show=False),
        Binding("f3", "other_view", show=False),
        Binding("f4", "open", show=False),
        Binding("f8", "mistake", show=False),
    ]
    HORIZONTAL_BREAKPOINTS: ClassVar = [(0, "-narrow"), (WIDE, "-wide")]

    def __init__(self) -> None:
        super().__init__()
        self.form = SweepForm()
        self.root = os.environ.get("MIA_DATA") or "data"
        self.preset = ""
        """The one that was last taken."""
        self.sweep: Sweep | None = None
        """What the form stands for; None while it cannot be planned or is being planned."""
        self.cost: Cost | None = None
        self.asked = False
        """Enter was pressed on this very sweep, be it while it was being planned."""
        self.row: int | None = None
        """The line of the text that is wrong."""
        self.starting = False

    def compose(self) -> ComposeResult:
        """What is typed, and what it amounts to."""
        yield self.form

    def on_mount(self) -> None:
        """Begin with the demo."""
        with contextlib.suppress(SpecError):  # then it is said when a run is to go elsewhere
            self.form.places += tuple(places.places(self.app.project.paths.root))
        self._take("demo")

    def _summarise(self, words: str, tone: str = "", more: str = "") -> None:
        self.form.summary.show([((words, tone),), ((more, "dim"),)])

    # What is typed

    def _show(self, draft: Draft | SweepText, keeps: bool = False) -> None:
        self.form.show(draft, keeps)
        self._changed()

    def _take(self, preset: str) -> None:
        """Begin with a preset, in the view that is shown."""
        self.preset, self.form.loose = preset, False
        scale, place = self.query_one("#scale", Choice).value, self.form.place
        draft = Draft.from_preset(preset, scale, self.root)
        draft = replace(draft, **{name: value for name, value in place.items() if value})
        self._show(replace(self.form.draft, text=draft.to_toml()) if self.form.as_text else draft)

    @on(Choice.Changed)
    def chosen(self, event: Choice.Changed) -> None:
        """Fill in the preset, if what is typed may go; what is typed stays at another scale and in one's own sweep."""
        chosen = event.value
        if event.select.id == "scale":
            if self.form.as_text and self.preset != OWN and not self.form.lost():
                self._take(self.preset)
            elif self.form.as_text:
                self._changed()
            else:
                self._show(Draft.from_table(self.form.base, chosen, **self.form.place), keeps=True)
        elif chosen == OWN:
            self.preset = OWN
            self._changed()
        elif chosen != self.preset:
            question = f"Take {chosen} instead?"
            self._unless_lost(question, "take it", OF_PLACE, lambda: self._take(chosen), self._point_at_preset)

    def _point_at_preset(self) -> None:
        with self.prevent(Choice.Changed):
            self.query_one("#preset", Choice).value = self.preset
        self.form.hint()

    @on(Input.Changed)
    @on(TextArea.Changed)
    def _changed(self) -> None:
        """Plan what stands there now."""
        self.sweep, self.cost, self.asked, self.row = None, None, False, None
        self.form.hint()
        self.run_worker(self._plan, exclusive=True, group="plan")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """The arrow keys and tab are the text's and a list's own."""
        return action != "step" or not isinstance(self.focused, (TextArea, OptionList))

    def action_step(self, step: int) -> None:
        """The next field, or the one before."""
        if step > 0:
            self.focus_next()
        else:
            self.focus_previous()

    def action_other_view(self) -> None:
        """The text of the fields, or the fields of the text where they can show it."""
        draft, loose = self.form.draft, bool(self.form.lost())
        try:
            other = draft.as_fields() if self.form.as_text else self.form.as_file(draft.to_toml())
        except SpecError as error:
            self.form.hint(draft.mistake(str(error))[1] if self.form.as_text else str(error))
            return
        self.form.loose = loose
        self._show(other)
        self.set_focus(self.form.editor if self.form.as_text else self.query_one("#name"))

    def action_mistake(self) -> None:
        """Go to the line that is wrong."""
        if self.form.as_text and self.row is not None:
            self.set_focus(self.form.editor)
            self.form.editor.move_cursor((self.row, len(self.form.editor.document.get_line(self.row))))

    @on(OptionList.OptionSelected)
    def clicked(self, event: OptionList.OptionSelected) -> None:
        """A click takes what is offered."""
        if event.option_list is self.form.editor.list:
            self.form.editor.action_complete()

    # What it amounts to

    async def _plan(self) -> None:
        draft = self.form.draft
        if wrong := self.form.wrong(draft):
            self._summarise(next(iter(wrong.values())), "bad", "mend it to go on")
            return
        self._summarise("planning …")
        await asyncio.sleep(PLANNED_AFTER)
        try:
            slots, gpu = self.form.room(draft)
            sweep = await asyncio.to_thread(plan, draft)
        except SpecError as error:
            self.row, words = draft.mistake(str(error)) if self.form.as_text else (None, str(error))
            self._summarise(words, "bad", "mend it to go on" if self.row is None else "f8 goes there")
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
        if self.form.place["on"] != LOCAL:
            words += f" · as far as {self.form.place['on']} has room"
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
        self.run_worker(self._start(self.sweep, self.form.draft), group="start")

    async def _start(self, sweep: Sweep, draft: Draft | SweepText) -> None:
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
        draft, typed = self.form.draft, self.form.typed
        try:
            content = draft.to_toml()
        except SpecError as error:
            self._summarise(str(error), "bad", "nothing was saved")
            return

        def told(path: Path | None) -> None:
            if path is not None:
                self.form.kept, self.form.loose = typed, False
                words = f"saved: mia-explore run {shlex.quote(str(path))} --scale {draft.scale}"
                self.app.notify(words, timeout=SAVED_SECONDS, markup=False)

        name = self.form.file_name if self.form.as_text and self.sweep is None else (self.sweep or draft).name
        self.app.push_screen(SaveSweep(name.strip(), content), told)

    def action_open(self) -> None:
        """Ask for a sweep file, and show its text."""

        def told(found: tuple[str, str] | None) -> None:
            if found is not None:
                self.form.file_name, content = found
                self.preset, self.form.loose = OWN, False
                self._show(self.form.as_file(content))
                self._point_at_preset()
                self.set_focus(self.form.editor)

        self._unless_lost("Open another sweep?", "open it", (), lambda: self.app.push_screen(OpenSweep(), told))

    def action_leave(self) -> None:
        """Ask first where something typed would be lost."""
        if self.starting:
            self.dismiss()
        else:
            self._unless_lost("Discard the new sweep?", "discard it", (), self.dismiss)

    def _unless_lost(
        self,
        question: str,
        yes: str,
        stays: Collection[str],
        go_on: Callable[[], Any],
        leave_it: Callable[[], Any] = lambda: None,
    ) -> None:
        """Go on at once where nothing typed would be lost, else ask."""
        if not (lost := self.form.lost(stays)):
            go_on()
            return
        words = f"What was typed is lost: {', '.join(lost)}. f2 in the form saves it as a file."
        self.app.push_screen(Confirm(question, words, yes), lambda loses: go_on() if loses else leave_it())
