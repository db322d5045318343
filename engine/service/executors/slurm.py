"""Jobs on a Slurm cluster, each handed over by `sbatch`, watched by one `squeue` for all, ended by `scancel`."""

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from engine.event_file import LATE
from engine.job_settings import JobId
from engine.service.executors import ClusterBusyError, Message
from engine.service.executors import slurm_commands as slurm
from engine.service.executors.handing import NEVER_BEGAN, HandingExecutor
from engine.service.executors.handover import Handover
from engine.service.executors.local import last_words
from engine.service.executors.slurm_commands import GOING, WAITING, QueueRow
from engine.service.places import SlurmPlace
from engine.service.project import Project
from engine.service.scheduler import MAX_STARTS
from engine.service.settings import EngineSettings
from engine.validation import SpecError, require

MISSES = 3
"""Looks in a row at which Slurm does not name a job before that counts as gone: one may be late."""
RESUMED = {"TIMEOUT", "PREEMPTED", "DEADLINE"}
"""Ends in which a process that got anywhere is not at fault."""


class SlurmExecutor(HandingExecutor):
    """Hands jobs to Slurm, where each is found again by its id, or before that has come by its name."""

    place: SlurmPlace

    def __init__(self, place: SlurmPlace, project: Project, settings: EngineSettings):
        super().__init__(place, project, settings)
        self._fruitless: Counter[JobId] = Counter()
        """Of jobs how many processes in a row got nowhere in the time that they had."""
        self._to_end: dict[Handover, bool] = {}
        """Jobs that Slurm is still to end, since it did not answer; whether softly."""

    def prepare(self) -> None:
        """See that the commands are there, that nodes can see the project, and that Slurm takes such jobs."""
        place, root = self.place, self._project.root
        if missing := slurm.missing():
            raise SpecError(f"on: {place.name}: no {', '.join(missing)} on this machine; is it a login node of Slurm?")
        if place.shared:
            shared = Path(place.shared).expanduser().resolve()
            require(shared.is_dir(), "shared", place.shared, "a folder that is there")
            fine = root.is_relative_to(shared)
            require(fine, "--project", str(root), f"a folder within {shared}, which the nodes of {place.name} see")
        try:
            slurm.test(place, root)
        except ClusterBusyError as error:
            raise SpecError(f"on: {place.name}: {error}") from None

    def _find_again(self, found: Sequence[Handover]) -> None:
        for handover in found:
            handover.sure = False
        super()._find_again(found)

    def _hand_over(self, handover: Handover) -> tuple[str, str]:
        try:
            name = f"{slurm.NAME}{handover.token}"
            own = slurm.submit(self.place, name, handover.folder, handover.log, handover.cpu_only)
        except ClusterBusyError:
            handover.sure = False  # it may have been taken all the same; the queue tells
            raise
        return own, "handed over"

    def _named(self, handover: Handover) -> str:
        return f"slurm {handover.cluster_id}"

    def _look(self) -> None:
        """One question about all jobs; then what each has said, and what has become of it."""
        try:
            rows = slurm.look()
        except ClusterBusyError as error:
            rows = None
            self._complain(str(error))
        else:
            for handover, softly in list(self._to_end.items()):
                self._scancel(handover, softly)
        by_id = {row.slurm_id: row for row in rows or ()}
        by_name = {row.name: row for row in rows or ()}
        for handover in list(self._here):
            self._tell(handover.heard())
            if not handover.left:
                self._finish(handover, ())
            elif rows is not None and not handover.cluster_id:
                self._find(handover, by_name.get(f"{slurm.NAME}{handover.token}"))
            elif rows is not None:
                self._see(handover, by_id.get(handover.cluster_id))

    def _find(self, handover: Handover, row: QueueRow | None) -> None:
        """Of a handover that Slurm may have or not: it has it if `sbatch` wrote an id, or the queue shows its name."""
        if handover.sure:
            return
        if slurm_id := slurm.written_id(handover.folder) or (row.slurm_id if row else ""):
            handover.cluster_id, handover.sure = slurm_id, True
            self._tell(handover.where(job=self._named(handover)))
            if handover.unwanted.issuperset(handover.left):
                self._scancel(handover, softly=False)
            return
        handover.misses += 1
        if handover.misses >= MISSES and handover.unwanted.issuperset(handover.left):
            self._finish(handover, handover.over(NEVER_BEGAN))
        elif handover.misses >= MISSES:
            handover.sure, handover.misses = True, 0

    def _see(self, handover: Handover, row: QueueRow | None) -> None:
        if row is None:
            handover.misses += 1
            if handover.misses >= MISSES:
                state = slurm.last_state(handover.cluster_id)
                self._gone(handover, state, f"{self._named(handover)} is gone from the queue without a word")
            return
        handover.misses = 0
        if row.state in WAITING:
            self._tell(handover.where(node="", waits=row.reason or row.state.lower()))
        elif row.state in GOING:
            self._tell(handover.where(node=row.node, waits=""))
        else:
            self._gone(handover, row.state, f"{self._named(handover)} ended on {row.node} as {row.state}")

    def _gone(self, handover: Handover, state: str, reason: str) -> None:
        """Slurm has ended it: it is what its process said, as soon as all of that has come."""
        now = time.monotonic()
        handover.gone_at = handover.gone_at or now
        if state == "COMPLETED" and not handover.held and now < handover.gone_at + LATE:
            return  # a shared file system may still hold its last words back
        self._tell(handover.heard())
        words = last_words(handover.log, 0)
        if state.startswith("CANCELLED") and not handover.unwanted.issuperset(handover.left):
            self._finish(handover, handover.failed("cancelled", f"{self._named(handover)} was cancelled in Slurm"))
        elif (state in RESUMED or handover.stopping) and self._may_go_on(handover):
            self._finish(handover, handover.over("") if handover.held else handover.failed("queued", None))
        else:
            self._finish(handover, handover.over(f"{reason}: {words}" if words else reason))

    def _may_go_on(self, handover: Handover) -> bool:
        """Whether a process that was ended for want of time is no crash: it got somewhere, or one of the last did."""
        of = handover.jobs[0]
        self._fruitless[of] = 0 if handover.moved > 1 or handover.held else self._fruitless[of] + 1
        return self._fruitless[of] < MAX_STARTS

    def _finish(self, handover: Handover, messages: Iterable[Message]) -> None:
        self._to_end.pop(handover, None)
        super()._finish(handover, messages)

    def _end_one(self, handover: Handover, job_id: JobId, softly: bool) -> None:
        begun = bool(handover.placed.get("node"))
        if not handover.cluster_id and handover.sure:
            self._finish(handover, handover.over(NEVER_BEGAN))
        elif begun and not handover.unwanted.issuperset(handover.left):
            handover.tell(f"cancel {job_id.run_id}")
        elif handover.cluster_id:
            self._scancel(handover, softly and begun)

    def _scancel(self, handover: Handover, softly: bool) -> None:
        """End a job of Slurm's, at the next look if Slurm does not answer now."""
        self._to_end.pop(handover, None)
        try:
            slurm.cancel(handover.cluster_id, softly=softly)
        except ClusterBusyError as error:
            self._to_end[handover] = softly
            self._complain(str(error))
