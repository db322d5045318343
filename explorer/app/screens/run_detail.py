"""The screen of one run: everything that is known of it, kept up to date while it goes on."""

import asyncio
import time

from textual.screen import Screen

from engine.run_states import RETRIED, WAITING
from explorer.app import actions
from explorer.app.actions import RUN_TABS
from explorer.app.panes.run_page import RunPage
from explorer.app.screens.compare import push_with_twin
from explorer.app.screens.confirm import cancelling, certifying
from explorer.app.screens.sheet_screen import SheetScreen
from explorer.charts.history import title_of
from explorer.project import run_commands
from explorer.project.choices import SMOOTHINGS
from explorer.results import run_folder, run_words
from explorer.results.sweep_file import sweep_file

OF_HISTORY = ("detail.metric", "detail.smooth", "detail.scale")
"""Actions on the history, where it is shown."""
FILES_SECONDS = 2.0
"""The folder of a run at work is looked at this often."""


class RunDetail(SheetScreen, Screen):
    """One run in full, in tabs; `[` and `]` go through the list of runs and keep the tab."""

    SCOPE = "detail"
    BINDINGS = actions.bindings("detail")

    def __init__(self, run_id: str) -> None:
        super().__init__()
        self.page = RunPage(run_id)
        self._looked_at: tuple[str, str, float] | None = None
        """Run, state and time when the folder was last looked at."""

    def pulse(self) -> None:
        """Draw where something changed, and look at the folder of a run at work now and then."""
        self._look_at_files()
        super().pulse()

    def possible(self, action: actions.Action) -> bool:
        """Nothing of a history that is not shown, no cancelling of what ended, and so on."""
        run = self.app.project.runs.get(self.page.run_id)
        wanted = {"detail.retry": RETRIED, "detail.cancel": WAITING}.get(action.id)
        seen = action.id not in OF_HISTORY or self.page.has_history
        tighter = action.id != "detail.certify" or run is None or run_words.may_be_tighter(run)
        fits = wanted is None or (run is not None and run.state in wanted)
        return super().possible(action) and seen and tighter and fits

    # The folder is read in a thread

    def _look_at_files(self) -> None:
        run_id, now = self.page.run_id, time.monotonic()
        run = self.app.project.runs.get(run_id)
        if run is None:
            return
        if self._looked_at is not None and self._looked_at[:2] == (run_id, run.state):
            due = run.state == "running" and now - self._looked_at[2] >= FILES_SECONDS
            if not due:
                return
        self._looked_at = (run_id, run.state, now)
        self.run_worker(self._read_folder(run_id), group="folder", exclusive=True)

    async def _read_folder(self, run_id: str) -> None:
        folder = await asyncio.to_thread(run_folder.read, self.app.project.paths.run_folder(run_id))
        if run_id == self.page.run_id and folder != self.page.folder:
            self.page.folder = folder
            self.draw()

    # Actions

    def action_tab_next(self) -> None:
        """The next tab."""
        self._step_tab(1)

    def action_tab_previous(self) -> None:
        """The tab before."""
        self._step_tab(-1)

    def _step_tab(self, step: int) -> None:
        self.page.show(RUN_TABS[(RUN_TABS.index(self.page.tab) + step) % len(RUN_TABS)])

    def action_tab(self, place: str) -> None:
        """The tab of that number."""
        self.page.show(RUN_TABS[int(place) - 1])

    def choices_metric(self) -> list[tuple[str, str]]:
        """What of the history can be drawn."""
        return [(title_of(name), name) for name in self.page.metrics()]

    def present(self, _: str) -> str:
        """The metric that is drawn."""
        return self.page.metric

    def action_metric(self, name: str) -> None:
        """The named metric of the history."""
        self.page.metric = name

    def action_smooth(self) -> None:
        """The next smoothing of histories, here and on the chart."""
        choices = self.app.choices
        now = SMOOTHINGS.index(choices.smooth) if choices.smooth in SMOOTHINGS else 0
        choices.smooth = SMOOTHINGS[(now + 1) % len(SMOOTHINGS)]

    def action_scale(self) -> None:
        """A linear or a logarithmic y axis."""
        self.page.log_y = not self.page.log_y

    def action_image(self) -> None:
        """The most exposed training images, then the next of them."""
        self.page.next_image()

    def action_next(self) -> None:
        """The next run of the list."""
        self._step(1)

    def action_previous(self) -> None:
        """The run before."""
        self._step(-1)

    def _step(self, step: int) -> None:
        run_id = self.app.selection.step(self.page.run_id, step)
        if run_id is None:
            return
        self.page.run_id = run_id
        self.page.folder, self.page.image = None, 0
        self.page.show_from(0)
        self._look_at_files()
        self.app.screen_stack[0].draw()  # its cursor went along

    async def action_copy(self) -> None:
        """The settings as a sweep file."""
        run_id = self.page.run_id
        rows = await self.app.project.query("run", run_id=run_id)
        if rows:
            self.copy(sweep_file(rows[0].spec), f"{run_id} as a sweep file")

    def action_copy_page(self) -> None:
        """The page as text."""
        self.copy(self.page.text(), "the page")

    def action_compare(self) -> None:
        """Beside its natural twin."""
        push_with_twin(self.app, self.page.run_id)

    def action_log(self) -> None:
        """What the run's process printed."""
        self.app.page_log(self.page.run_id)

    async def action_retry(self) -> None:
        """Queue it again."""
        self.say(await run_commands.retry(self.app.project, [self.page.run_id]))

    async def action_certify(self) -> None:
        """Once more, by a tighter bound; asks."""
        if await self.app.push_screen_wait(certifying(self.page.run)):
            self.say(await run_commands.certify(self.app.project, self.page.run_id))

    async def action_cancel(self) -> None:
        """End it; asks."""
        if await self.app.push_screen_wait(cancelling(self.page.run)):
            self.say(await run_commands.cancel(self.app.project, [self.page.run_id]))
