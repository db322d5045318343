"""What stands in the panes' place while a project is empty: what can be begun here, and what works on this machine."""

from dataclasses import dataclass
from functools import cache

from textual import events

from explorer.app import actions
from explorer.app.panes import findings
from explorer.app.widgets.page import Page
from explorer.app.widgets.sheet import Sheet
from explorer.results import text
from explorer.results.lines import Line, cut, plain, sized, wrapped

WIDEST = 100
DOES = 54
"""Cells of what an entry does, before the word about it."""


@dataclass(frozen=True)
class FirstStep:
    """One thing to begin with."""

    id: str
    """The action's."""
    does: str
    about: str = ""


class Welcome(Sheet):
    """A list of three things to do, and the findings of the check-up as they come."""

    NUMBER, NAME, SCOPE = "", "Welcome", "welcome"
    HELP = "This project has no runs yet. Its panes appear with the first one, whoever starts it."
    BINDINGS = actions.bindings("welcome")

    def __init__(self) -> None:
        super().__init__()
        self.chosen = 0
        """The entry under the cursor; the last one is the check-up."""
        self.rows: list[int] = []
        """The entries' lines."""

    def entries(self) -> list[FirstStep]:
        """What can be done here now."""
        start = (
            FirstStep("engine.demo", f"Try it: {demo_runs()} small models on digits", "about 2 min on two CPU cores"),
            FirstStep("engine.new", "Plan a sweep: data × defense × capacity × epsilon", "cost shown first"),
        )
        elsewhere = FirstStep(
            "welcome.open", "Open results: another folder", "as read-only" if self.project.read_only else ""
        )
        return [*(() if self.project.read_only else start), elsewhere]

    # Drawing

    def page(self, width: int, height: int) -> Page:
        """Everything in a column in the middle."""
        room = min(width - 4, WIDEST)
        entries = self.entries()
        lines = [*[()] * max(1, height // 12), *self._greeting(room), ()]
        self.rows = [len(lines) + index for index in range(len(entries))]
        self.chosen = min(self.chosen, len(entries))
        lines += [self._entry(entry, index == self.chosen, room) for index, entry in enumerate(entries)]
        self.rows.append(len(lines) + 1)
        lines += [(), self._checks(room)]
        found = findings.summary(self.host.checkup.findings, room - 4, height - len(lines) - 3)
        lines += [(("    ", ""), *line) for line in found]
        keys = self.host.key_of(actions.BY_ID["app.help"]), self.host.key_of(actions.BY_ID["app.commands"])
        lines += [(), plain(f"Everything in this app is on {keys[0]} and in {keys[1]}", "dim")]
        margin = (" " * ((width - room) // 2), "")
        return Page([(margin, *line) for line in lines], cursor=self.rows[self.chosen], title="Nothing here yet")

    def _greeting(self, room: int) -> list[Line]:
        place = text.path(self.project.paths.root, room - 40)
        lines = wrapped("Membership-inference attacks on robust models, from your shell.", room, "bold")
        if not self.project.read_only:
            return [*lines, *wrapped(f"This folder ({place}) has no runs. Pick one:", room)]
        words = (
            f"This folder ({place}) has no runs, and this app is read-only: it waits for runs and starts none. "
            "To start some, leave (q) and open it again without --read-only."
        )
        return [*lines, *wrapped(words, room)]

    def _entry(self, entry: FirstStep, chosen: bool, room: int) -> Line:
        key = self.host.key_of(actions.BY_ID[entry.id])
        head = (("▸ " if chosen else "  ", "accent"), (key.ljust(3), "bold"))
        does = sized(entry.does, max(1, min(DOES, room - 6 - len(entry.about))))
        return cut((*head, (does, ""), (f" {entry.about}", "dim")), room)

    def _checks(self, room: int) -> Line:
        chosen = self.chosen == len(self.entries())
        head = (("▸ " if chosen else "  ", "accent"), ("Checks", "bold"))
        counts = (f"  {findings.counts(self.host.checkup)}", "")
        return cut((*head, counts, ("   enter: every remedy" if chosen else "", "dim")), room)

    def on_show(self, event: events.Show) -> None:  # noqa: ARG002
        """Look what works, once it is shown."""
        self.host.checkup.start()
        self.draw()

    # Acting

    def cursor_moved(self, index: int) -> None:
        """The next entry that way."""
        here = self.rows[self.chosen]
        later = [number for number, row in enumerate(self.rows) if row >= index]
        earlier = [number for number, row in enumerate(self.rows) if row <= index]
        self.chosen = (later or [len(self.rows) - 1])[0] if index > here else (earlier or [0])[-1]

    def action_choose(self) -> None:
        """Do what is under the cursor."""
        entries = self.entries()
        wanted = entries[self.chosen].id if self.chosen < len(entries) else "app.check"
        self.call_later(self.run_action, f"screen.act({wanted!r})")


@cache
def demo_runs() -> int:
    """How many runs the demo has."""
    from engine.spec import sweeps

    return sweeps.runs_of(sweeps.presets()["demo"], "quick")
