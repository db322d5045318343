"""Jobs on a Ray cluster, each a task of its desk there (`ray_desk`), spoken to by a process of its own (`ray_line`)."""

import contextlib
import time

from engine.event_file import LATE
from engine.job_settings import JobId
from engine.service.executors import ClusterBusyError
from engine.service.executors.handing import NEVER_BEGAN, HandingExecutor
from engine.service.executors.handover import Handover
from engine.service.executors.local import describe_exit, last_words
from engine.service.executors.ray_desk import CANCELLED, Seen
from engine.service.executors.ray_line import RayLine, Told, require_installed
from engine.service.places import RayPlace
from engine.service.project import Project
from engine.service.settings import EngineSettings
from engine.validation import SpecError

IDLE = 30.0
"""Seconds after which a line that nobody needs is closed."""
ID, DESK = "id", "desk"
"""Files of a job's folder: Ray's name for it; before that, the name of the desk that it goes to."""


class RayExecutor(HandingExecutor):
    """Hands jobs to Ray, whose tasks are never tried again by Ray itself: a lost node is a crash as any other."""

    place: RayPlace

    def __init__(self, place: RayPlace, project: Project, settings: EngineSettings):
        super().__init__(place, project, settings)
        self._line = RayLine()
        self._files: dict[str, int] = {}
        """How many files of each job have come home."""
        self._used_at = time.monotonic()

    def prepare(self) -> None:
        """See that the cluster answers, has such nodes, and has there what a job needs."""
        try:
            require_installed(self.place)
            self._line.ask(self.place, "prepare", str(self._project.root))
        except (ClusterBusyError, SpecError) as error:
            raise SpecError(f"on: {self.place.name}: {error}") from None
        self._used_at = time.monotonic()
        self._asked.put(lambda: None)  # the thread takes note of the line

    def _until_look(self, looked: float) -> float | None:
        rest = super()._until_look(looked)
        return max(0.0, self._used_at + IDLE - time.monotonic()) if rest is None and self._line.is_open else rest

    def _find_again(self, found: list[Handover]) -> None:
        for handover in found:
            with contextlib.suppress(OSError):
                self._line.desk = (handover.folder / DESK).read_text()
                handover.cluster_id = (handover.folder / ID).read_text()
        super()._find_again(found)

    def _hand_over(self, handover: Handover) -> tuple[str, str]:
        self._used_at = time.monotonic()
        (handover.folder / DESK).write_text(self._line.desk)
        task, waits = self._line.ask(self.place, "start", str(handover.folder))
        (handover.folder / ID).write_text(task)
        return task, waits

    def _named(self, handover: Handover) -> str:
        return f"ray {handover.cluster_id[:8]}"

    def _look(self) -> None:
        """One question about all jobs; then what each has said, and what has become of it."""
        if not self._here:
            self._line.close()
        elif time.monotonic() >= self._again_at:
            self._used_at = time.monotonic()
            try:
                self._ask_and_see()
            except ClusterBusyError as error:
                self._busy(str(error))

    def _ask_and_see(self) -> None:
        handed = {own.token: own for own in self._here if own.cluster_id}
        ours = {token: Told(str(own.folder), str(own.log), self._files.get(token, 0)) for token, own in handed.items()}
        over = [own.token for own in self._over]
        stands: dict[str, Seen] = self._line.ask(self.place, "look", str(self._project.root), ours, over)
        self._complain("")
        for token, handover in handed.items():
            self._see(handover, stands.get(token))

    def _see(self, handover: Handover, seen: Seen | None) -> None:
        if seen is None:
            self._finish(handover, handover.over(f"the cluster does not know {self._named(handover)} any more"))
            return
        self._files[handover.token] = seen.files
        if seen.node and not handover.placed.get("node"):
            self._tell(handover.where(job=self._named(handover), node=seen.node, waits=""))
        elif not handover.placed:  # an earlier engine handed it over
            self._tell(handover.where(job=self._named(handover), waits="for free nodes"))
        self._tell(handover.heard())
        if not handover.left:
            self._finish(handover, ())
        elif seen.over:
            self._gone(handover, seen)

    def _gone(self, handover: Handover, seen: Seen) -> None:
        """Its task is over: it is what its process said."""
        handover.gone_at = handover.gone_at or time.monotonic()
        late = self.place.shared and seen.code == 0 and not handover.held
        if late and time.monotonic() < handover.gone_at + LATE:
            return  # a shared file system may still hold its last words back
        name = self._named(handover)
        if seen.reason == CANCELLED and not handover.unwanted.issuperset(handover.left):
            self._finish(handover, handover.failed("cancelled", f"{name} was cancelled in Ray"))
            return
        reason = (
            f"{name}: {seen.reason}" if seen.code is None else describe_exit(seen.code, last_words(handover.log, 0))
        )
        self._finish(handover, handover.over(reason))

    def _end_one(self, handover: Handover, job_id: JobId, softly: bool) -> None:
        begun, token = bool(handover.placed.get("node")), handover.token
        try:
            if not handover.cluster_id:
                self._finish(handover, handover.over(NEVER_BEGAN))
            elif begun and not handover.unwanted.issuperset(handover.left):
                self._line.ask(self.place, "say", token, f"cancel {job_id.run_id}")
            elif begun and softly:
                self._line.ask(self.place, "say", token, "stop")
            else:
                self._line.ask(self.place, "cancel", token)
        except (ClusterBusyError, SpecError) as error:
            if not softly:  # whoever cancels need not wait for the cluster; what it still has is ended when it answers
                self._finish(handover, handover.over(str(error)))

    def _finish(self, handover: Handover, messages: object) -> None:
        self._files.pop(handover.token, None)
        super()._finish(handover, messages)

    def _forget(self, job_id: JobId) -> None:
        before = list(self._over)
        super()._forget(job_id)
        for handover in [own for own in before if own not in self._over]:
            with contextlib.suppress(ClusterBusyError, SpecError):  # the next look does it
                self._line.ask(self.place, "forget", handover.token)
