"""The dialog about a run that failed."""

import asyncio
from pathlib import Path

from textual.screen import ModalScreen

from explorer.app import actions
from explorer.app.panes.failure_sheet import FailureSheet
from explorer.app.screens.confirm import Confirm
from explorer.app.screens.run_detail import RunDetail
from explorer.app.screens.sheet_screen import SheetScreen
from explorer.project import run_commands
from explorer.results import run_folder

REPORT_LINES = 40
"""Lines of the log that go into a copied report."""


class FailedRun(SheetScreen, ModalScreen[None]):
    """Why a run failed or diverged, and what can be done about it."""

    SCOPE = "failure"
    BINDINGS = actions.bindings("failure")

    def __init__(self, run_id: str) -> None:
        super().__init__()
        self.page = FailureSheet(run_id)

    def on_mount(self) -> None:
        """Look at the run's folder."""
        self.run_worker(self._read_folder())

    async def _read_folder(self) -> None:
        self.page.folder = await asyncio.to_thread(run_folder.read, self._folder)
        self.draw()

    @property
    def _folder(self) -> Path:
        return self.app.project.paths.run_folder(self.page.run_id)

    def possible(self, action: actions.Action) -> bool:
        """Half of the batch where that may help."""
        return super().possible(action) and (action.id != "failure.half" or self.page.half is not None)

    async def action_retry(self) -> None:
        """Queue it again and close."""
        self.say(await run_commands.retry(self.app.project, [self.page.run_id]))
        self.dismiss()

    async def action_half(self) -> None:
        """Queue the experiment with half of the batch size and close; asks."""
        run_id, half = self.page.run_id, self.page.half
        words = f"Batches of {half} make another experiment, with an id and a row of its own."
        question = Confirm(f"Run {self.app.project.runs[run_id].name} with half of the batch?", words, "queue it")
        if not await self.app.push_screen_wait(question):
            return
        self.say(await run_commands.half_batch(self.app.project, run_id))
        self.dismiss()

    def action_copy(self) -> None:
        """The sheet and the end of the log."""
        folder = self.page.folder
        tail = folder.log.lines[-REPORT_LINES:] if folder else ()
        parts = [self.page.shown.title, self.page.run_id, self.page.text().strip("\n"), "", "job.log:", *tail]
        self.copy("\n".join(parts) + "\n", "the report")

    def action_log(self) -> None:
        """What the run's process printed."""
        self.app.page_log(self.page.run_id)

    def action_whole(self) -> None:
        """Everything about the run instead."""
        self.app.switch_screen(RunDetail(self.page.run_id))
