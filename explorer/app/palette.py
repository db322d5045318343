"""The commands of ctrl+p: every action that has a name and is possible now."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from rich.cells import cell_len
from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from engine.run_states import FAILED, RETRIED, WAITING
from explorer.app import actions
from explorer.app.actions import Action
from explorer.app.screens.main import MainScreen
from explorer.results.run_words import may_be_tighter, short_name
from store.rows import Run

GROUPS = (
    *("run", "sweep", "engine", "runs", "chart", "classes", "gpu", "log"),
    *("view", "export", "copy", "theme", "help", "app"),
)
"""Groups in the order in which they are offered."""
ANYWHERE = ("app.help", "app.detach", "app.leave", "app.theme")
"""What makes sense above a dialog as well."""
NEED_RUNS = ("runs", "chart", "classes", "list")
"""Scopes that are about runs, of which there are none on the first day."""

KEYS_AT = 60
"""Column of the keys."""

Test = Callable[[MainScreen], bool]


def _run_is(*states: str) -> Test:
    """The run under the cursor is in one of the states, and an engine is there to be told."""
    return lambda main: _engine(main) and (run := _run(main)) is not None and run.state in states


def _run(main: MainScreen) -> Run | None:
    return main.app.selection.current


def _engine(main: MainScreen) -> bool:
    return main.app.project.link == "engine"


def _paused(main: MainScreen) -> bool:
    status = main.app.project.status
    return status is not None and status.paused


POSSIBLE: dict[str, Test] = {
    "engine.retry": _run_is(*RETRIED),
    "engine.cancel": _run_is(*WAITING),
    "engine.first": _run_is("queued"),
    "engine.attack": _run_is("done"),
    "engine.certify": lambda main: (run := _run(main)) is None or may_be_tighter(run),
    "engine.retry-failed": lambda main: main.app.project.tracker.count(*FAILED) > 0,
    "engine.pause": lambda main: _engine(main) and not _paused(main),
    "engine.resume": lambda main: _engine(main) and _paused(main),
    "engine.start": lambda main: not _engine(main),
    "engine.stop": _engine,
    "engine.cancel-all": lambda main: bool(main.app.project.tracker.count(*WAITING)),
    "engine.repeat": lambda main: _run(main) is not None,
    "copy.line": lambda main: main.pane is not None,
    "copy.pane": lambda main: main.pane is not None,
    "export.again": lambda main: bool(main.app.choices.last_export),
}
"""When an action makes sense, where that is not always."""


@dataclass(frozen=True)
class PaletteEntry:
    """One line of the palette."""

    title: str
    keys: str
    run: Callable[[], None]


def possible(action: Action, main: MainScreen) -> bool:
    """Whether an action can be carried out now."""
    project = main.app.project
    if not action.title or (action.engine and project.read_only):
        return False
    if not hasattr(main.target(action), action.method):
        return False
    if "{run}" in action.title and _run(main) is None:
        return False
    if action.scope in NEED_RUNS and not project.runs:
        return False
    return POSSIBLE.get(action.id, lambda _: True)(main)


def entries(main: MainScreen) -> list[PaletteEntry]:
    """What is possible now, by group and then in the order of the table of actions."""
    found = [entry for action in actions.ACTIONS if possible(action, main) for entry in _entries(action, main)]
    return sorted(found, key=lambda entry: GROUPS.index(entry.title.partition(":")[0]))


def _entries(action: Action, main: MainScreen) -> Iterator[PaletteEntry]:
    """The action, or one entry for each of its choices."""
    keys = actions.keys_of(action, main.app.settings.keymap)
    title = action.title.replace("{run}", _name(main))
    if "{choice}" not in title:
        yield PaletteEntry(title, keys, partial(main.action_act, action.id))
        return
    choices = getattr(main.target(action), action.method.replace("action_", "choices_", 1), list)
    for label, argument in choices():
        yield PaletteEntry(title.replace("{choice}", label), keys, partial(main.action_act, action.id, argument))


def _name(main: MainScreen) -> str:
    run = _run(main)
    return short_name(run, main.app.project.datasets) if run else ""


class ActionProvider(Provider):
    """Feeds Textual's command palette."""

    def _entries(self) -> list[PaletteEntry]:
        main = self.app.screen_stack[0]
        if self.screen is main:
            return entries(main)
        known = [actions.BY_ID[action_id] for action_id in ANYWHERE]
        return [entry for action in known for entry in _entries(action, main)]

    async def discover(self) -> Hits:
        """Everything, before anything is typed."""
        for entry in self._entries():
            yield DiscoveryHit(_with_keys(Content(entry.title), entry), entry.run, entry.title)

    async def search(self, query: str) -> Hits:
        """What matches, letters in between allowed."""
        matcher = self.matcher(query)
        for entry in self._entries():
            if (score := matcher.match(entry.title)) > 0:
                yield Hit(score, _with_keys(matcher.highlight(entry.title), entry), entry.run, entry.title)


def _with_keys(title: Content, entry: PaletteEntry) -> Content:
    """The title, and its keys in a column at the right: one line, so that many fit."""
    gap = max(2, KEYS_AT - cell_len(entry.title))
    return Content.assemble(title, " " * gap, (entry.keys, "not bold dim"))
