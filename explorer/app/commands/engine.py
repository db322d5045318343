"""What changes the engine's work: new sweeps, retries, the queue, and the engine itself."""

import asyncio

from engine.run_states import FAILED, WAITING
from engine.service import protocol
from explorer.app.screens.confirm import Confirm, cancelling, certifying
from explorer.app.screens.main import MainScreen
from explorer.project import run_commands
from explorer.project.open_project import OpenProject
from explorer.project.places import GO_ON
from store.rows import Run


class EngineCommands:
    """Actions of the scope `engine`; what was done is said in one line."""

    def __init__(self, main: MainScreen):
        self.main = main

    @property
    def project(self) -> OpenProject:
        """The project."""
        return self.main.app.project

    @property
    def run(self) -> Run | None:
        """The run under the cursor."""
        return self.project.runs.get(self.main.app.choices.current)

    def _say(self, words: str, severity: str = "information") -> None:
        self.main.notify(words, severity=severity, markup=False)

    def _without_run(self) -> bool:
        """Say so where there is no run under the cursor."""
        if self.run is None:
            self._say("there is no run under the cursor", "warning")
        return self.run is None

    # Sweeps

    def action_new(self) -> None:
        """Plan a sweep."""
        from explorer.app.screens.new_sweep import NewSweep

        self.main.app.push_screen(NewSweep())

    async def action_demo(self, sure: bool = False) -> None:
        """Submit the packaged demo, beside other runs only if that is sure; nothing is computed twice."""
        from engine.spec import sweeps
        from explorer.project.submitting import data_folder, place_here, submission

        root = data_folder()
        detail = f"24 small models on digits join the {len(self.project.runs)} runs of this project."
        if not sure and self.project.runs and not await self._sure("Run the demo here?", detail, "run it"):
            return
        if self.project.link != "engine":
            self._say("starting the engine …")
        sweep = await asyncio.to_thread(lambda: sweeps.plan(sweeps.read("demo"), "quick", (), root))
        fresh = (await self.project.call(submission(sweep, place_here(root)))).run_ids
        self._say(f"{sweep.name}: {len(sweep.experiments)} runs, {len(fresh)} of them new")

    async def action_repeat(self) -> None:
        """The sweep of the run under the cursor, with seeds it does not have."""
        if self._without_run():
            return
        sweep = self.run.sweep
        count = sum(run.sweep == sweep for run in self.project.runs.values())
        detail = f"Its {count} runs are queued again with seeds that are new."
        if await self._sure(f"Repeat {sweep}?", detail, "repeat it"):
            self._say(await run_commands.repeat_sweep(self.project, self.run.run_id))

    # Runs

    async def action_retry(self) -> None:
        """The run under the cursor again; where no engine is at work, have one first of all."""
        if self.project.link != "engine":
            await self.action_start()
        elif not self._without_run():
            self._say(await run_commands.retry(self.project, [self.run.run_id]))

    async def action_retry_failed(self) -> None:
        """All that failed or diverged; asks."""
        failed = [run_id for run_id, run in self.project.runs.items() if run.state in FAILED]
        if not failed:
            self._say("no run failed")
        elif await self._sure(
            f"Retry {len(failed)} that failed?", "Each goes on from what it has saved.", "retry them"
        ):
            self._say(await run_commands.retry(self.project, failed))

    async def action_cancel(self) -> None:
        """End the run under the cursor, or take it out of the queue; asks."""
        if self._without_run():
            return
        run = self.run
        if run.state not in WAITING:
            self._say(f"{run.name} is {run.state}: nothing to cancel", "warning")
            return
        if await self.main.app.push_screen_wait(cancelling(run)):
            self._say(await run_commands.cancel(self.project, [run.run_id]))

    async def action_cancel_all(self) -> None:
        """End all runs at work and empty the queue; asks."""
        ids = [run_id for run_id, run in self.project.runs.items() if run.state in WAITING]
        if not ids:
            self._say("nothing waits or runs")
            return
        detail = "What they have saved stays, and r takes one up again."
        if await self._sure(f"Cancel all {len(ids)} runs?", detail, "cancel them"):
            self._say(await run_commands.cancel(self.project, ids))

    async def _sure(self, question: str, detail: str, yes: str) -> bool:
        return await self.main.app.push_screen_wait(Confirm(question, detail, yes))

    async def action_certify(self) -> None:
        """The run under the cursor once more, by a tighter bound; asks."""
        if not self._without_run() and await self.main.app.push_screen_wait(certifying(run := self.run)):
            self._say(await run_commands.certify(self.project, run.run_id))

    async def action_attack(self) -> None:
        """All inference attacks on the run under the cursor; asks."""
        if self._without_run():
            return
        run, detail = (
            self.run,
            "Those that it lacks are queued, on the answers that it has kept; no training is repeated.",
        )
        if await self._sure(f"Attack {run.name} with all?", detail, "attack it"):
            self._say(await run_commands.attack(self.project, run.run_id))

    async def action_first(self) -> None:
        """Before all others that wait."""
        if not self._without_run():
            self._say(await run_commands.prioritise(self.project, [self.run.run_id]))

    # The engine

    async def action_pause(self) -> None:
        """Start no more runs."""
        await self._tell(protocol.Pause(), "the engine starts no more runs; those at work go on")

    async def action_resume(self) -> None:
        """Start runs again."""
        await self._tell(protocol.Resume(), "the engine starts runs again")

    async def action_start(self) -> None:
        """Have an engine at work."""
        if self.project.link == "engine":
            self._say("the engine is at work")
        elif await self.project.start_engine():
            self._say("engine started; interrupted runs go on from their checkpoints")
        else:
            self._say(self.project.trouble or "the engine could not be started", "error")

    async def action_stop(self) -> None:
        """End the engine once its jobs have saved; asks."""
        if self.project.link != "engine":
            self._say("no engine runs here", "warning")
            return
        placed = self.project.placed
        count = sum(run.state == "running" and run.run_id not in placed for run in self.project.runs.values())
        detail = (
            f"{count} running {'job writes a checkpoint' if count == 1 else 'jobs write checkpoints'} and "
            f"{'is' if count == 1 else 'are'} queued for the next engine. The app stays and shows the results."
            f"{' ' + GO_ON if placed else ''}"
        )
        if await self._sure("Stop the engine?", detail, "stop it"):
            await self.project.call(protocol.Stop())
            self._say("the engine ends as soon as its jobs have saved")

    async def _tell(self, command: protocol.Command, said: str) -> None:
        """Give a command to the engine at work; none is started for it."""
        if self.project.link != "engine":
            self._say("no engine runs here", "warning")
            return
        await self.project.call(command)
        await self.project.refresh_status()
        self._say(said)
