"""The two lines at the top: whose project, what is at work, and when it will be done."""

import time

from rich.cells import cell_len

from engine.run_states import FAILED
from explorer.app import actions
from explorer.app.widgets.box import Toned
from explorer.machine import machine_text
from explorer.project import progress
from explorer.project.open_project import OpenProject
from explorer.results.lines import Line, bar, cut

LEAST = (60, 15)
"""Columns and rows that the app needs to be of use."""
LEAVE = actions.BY_ID["app.leave"]
COUNTED = {
    "running": (("running",), "busy"),
    "queued": (("queued",), ""),
    "done": (("done",), ""),
    "failed": (FAILED, "bad"),
    "cancelled": (("cancelled",), "dim"),
}
"""States by the word that counts them, and its tone."""


class Header(Toned):
    """Counts and time left; a red line instead where the engine was lost."""

    def __init__(self) -> None:
        super().__init__(id="header")

    def draw(self, held: OpenProject | None = None) -> None:
        """Bring the lines up to date; `held` is the project as it was when the view was paused."""
        self.show([self._first(held), self._second()])

    def _first(self, held: OpenProject | None) -> Line:
        project, tracker = self.app.project, self.app.project.tracker
        name = project.paths.root.name
        said = f"PAUSED · {project.news - held.news} new  " if held is not None else ""
        left = ((" mia-explore  ", "bold"), (said, "warn"), (name, "accent"))
        counts = {name: tracker.count(*states) for name, (states, _) in COUNTED.items()}
        parts = [(f"{count} {name}", COUNTED[name][1]) for name, count in counts.items() if count]
        right = [part for pair in zip(parts, [(" · ", "dim")] * len(parts), strict=True) for part in pair][:-1]
        return spread(left, (*right, (" ", "")) if project.runs else (), self.size.width)

    def _second(self) -> Line:
        project = self.app.project
        (width, height), (columns, rows) = self.screen.size, LEAST
        if width < columns or height < rows:
            words = f" {columns}x{rows} needed, {width}x{height} now · {self.app.key_of(LEAVE)} leave"
            return spread(((words, "warn"),), (), self.size.width)
        if project.link == "lost":
            since = time.strftime("%H:%M:%S", time.localtime(project.lost_at))
            offer = "mia-explore engine start" if project.read_only else "r restarts it from the checkpoints"
            return spread(((f" {project.trouble} · data safe to {since} · {offer}", "bad"),), (), self.size.width)
        right = self._sweep()
        room = self.size.width - sum(cell_len(part) for part, _ in right) - 3
        machine = self.app.machine
        words = f" {machine_text.summary(machine, room)}" if machine else " "
        return spread(((words, ""),), right, self.size.width)

    def _sweep(self) -> Line:
        tracker, project = self.app.project.tracker, self.app.project
        if project.status is not None and (project.status.paused or project.status.hold):
            return (("engine: " + (project.status.hold or "paused · ctrl+p, engine: Resume"), "warn"), (" ", ""))
        if trouble := project.query_cache.trouble or (project.trouble if project.link == "files" else ""):
            return (("⚠ " + trouble, "bad"), (" ", ""))
        work = progress.work(project.runs, tracker)
        if work is None or project.link == "files":
            words = {
                "empty": "no engine",
                "files": "no engine · results from files",
                "engine": "engine idle",
                "opening": "opening …",
            }
            return ((("read-only · " if project.read_only else "") + words.get(project.link, ""), "dim"), (" ", ""))
        return ((f"{work.ended}/{work.total} ", ""), (bar(work.share, 10), "busy"), (f" {work.eta} ", ""))


def spread(left: Line, right: Line, width: int) -> Line:
    """Two groups at the ends of a line of exactly so many cells; the left one gives way first."""
    length = sum(cell_len(part) for part, _ in right)
    if not right or length >= width:
        return cut(right or left, width)
    return (*cut(left, width - length - 1), (" ", ""), *right)
