"""Everything a key or a palette entry can do, in one table: bindings, footer, help and palette are made from it.

An action's id is `scope.name`; the object that stands for the scope carries it out in its method `action_name`. Scopes
named after a pane belong to that pane, the others to the objects in `explorer.app.commands`. The chart's keys work in
every pane, but one that has an action of the same name keeps the key to itself: `v` is the next view of what has the
focus.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from textual.binding import Binding
from textual.keys import format_key


@dataclass(frozen=True)
class Action:
    """One thing the app can do."""

    id: str
    keys: str
    """Comma-separated keys, the first one shown; empty for palette only."""
    does: str
    """What help says, as a verb phrase: `sort by the next column`."""
    title: str = ""
    """The palette's entry, `group: Verb phrase`; `{run}` is the run under the cursor. Empty: not in the palette."""
    hint: str = ""
    """One or two words for the footer; empty: not there."""
    lists: str = ""
    """Title of the list to choose from that opens where no choice is given; empty: there is none."""
    engine: bool = False
    """Changes the engine's work, so a read-only app has it not."""

    @property
    def scope(self) -> str:
        """Who carries it out."""
        return self.id.partition(".")[0]

    @property
    def method(self) -> str:
        """The method's name there."""
        name = re.sub(r"-\d$", "", self.id.partition(".")[2])
        return "action_" + name.replace("-", "_")

    @property
    def place(self) -> tuple[str, ...]:
        """The number behind its name, `1` of `show-1`, which the method is given; empty where there is none."""
        return tuple(self.id[-1:]) if self.id[-1:].isdigit() else ()

    @property
    def key(self) -> str:
        """The first key, as people write it."""
        return shown(self.keys.partition(",")[0])


RUN_TABS = ("Summary", "Leakage", "Classes", "History", "Images", "Files", "Log")
"""The tabs of a run's page, each by its number."""
ACTIONS: tuple[Action, ...] = (
    Action("app.help", "question_mark,f1", "help: every key, this pane's first", "help: Show keys", "help"),
    Action("app.commands", "ctrl+p", "commands: everything by name", "", "commands"),
    Action("panes.show-1", "1", "Runs: show and focus", "view: Go to Runs", "panes"),
    Action("panes.show-2", "2", "Chart: show and focus", "view: Go to Chart"),
    Action("panes.show-3", "3", "Classes: show and focus; again hides", "view: Go to Classes"),
    Action("panes.show-4", "4", "Queue: show and focus; again hides", "view: Go to Queue"),
    Action("panes.show-5", "5", "GPU: show and focus; again hides", "view: Go to GPU"),
    Action("panes.show-6", "6", "Log: show and focus; again hides", "view: Go to Log"),
    Action("panes.show-7", "7", "Images: show and focus; again hides", "view: Go to Images"),
    Action("panes.layout", "b", "next layout: story, work, charts", "view: Layout — {choice}", "layout"),
    Action("panes.next", "tab", "next pane"),
    Action("panes.previous", "shift+tab", "previous pane"),
    Action(
        "panes.filter", "slash", "filter or search this pane; tab: text or regex", "view: Filter this pane", "filter"
    ),
    Action("panes.zoom", "z", "zoom this pane; again restores", "view: Zoom pane", "zoom"),
    Action("panes.back", "escape", "undo one layer: filter, zoom, crosshair", ""),
    Action("panes.reset", "", "panes and choices as on the first day", "view: Reset layout"),
    Action("panes.pause", "p", "pause the view; the work goes on", "view: Pause or go on", "pause"),
    Action("copy.line", "y", "copy the row, line or read-out under the cursor", "copy: Row under the cursor", "copy"),
    Action("copy.pane", "Y", "copy the whole pane as text", "copy: Whole pane"),
    Action("copy.run", "", "copy the run's settings as TOML", "copy: {run} as TOML"),
    Action("copy.diagnostics", "", "copy versions, engine and terminal", "app: Copy diagnostics"),
    Action("export.dialog", "e", "export a table to a file", "export: Choose table and file", "export"),
    Action("export.again", "E", "repeat the last export", "export: Repeat the last one"),
    Action(
        "export.everything",
        "",
        "export every table as CSV to the project's csv folder",
        "export: Everything to a folder",
    ),
    Action("export.screen", "", "save the screen as SVG", "export: Screen as SVG"),
    Action("app.detach", "d", "detach: leave, the work goes on", "app: Detach", "detach"),
    Action("app.leave", "q,ctrl+q", "leave; asks what to do with work in progress", "app: Quit", "quit"),
    Action("app.suspend", "ctrl+z", "suspend to the shell; `fg` comes back", "app: Suspend"),
    Action("app.theme", "", "change colours", "theme: {choice}"),
    Action("app.check", "", "check GPU, data, disk and terminal", "app: Check this machine"),
    Action("list.down", "j,down", "move down"),
    Action("list.up", "k,up", "move up"),
    Action("list.top", "g,home", "move to the top"),
    Action("list.end", "G,end", "move to the end"),
    Action("list.page-down", "pagedown", "move a page down"),
    Action("list.page-up", "pageup", "move a page up"),
    Action("list.sort-next", "s", "sort by the next column", "view: Sort by the next column", "sort"),
    Action("list.sort-reverse", "S", "reverse the order", "view: Reverse the order"),
    Action("runs.overlay", "space", "put the run on the chart or take it off", "", "on chart"),
    Action("runs.overlay-all", "A", "all visible runs on the chart, or none", "runs: All on the chart, or none"),
    Action("runs.open", "enter", "the run in full, or why it failed", "run: Show {run}", "open"),
    Action("runs.saved-filter", "f", "next saved filter: all, running, failed, this sweep", "runs: Filter — {choice}"),
    Action("runs.seeds", "o", "the seeds of a setting in a line each, or in one", "runs: Open or fold seeds"),
    Action(
        "runs.all-seeds", "O", "the seeds of all settings in a line each, or in one", "runs: Open or fold all seeds"
    ),
    Action("runs.columns", "W", "which columns: choose them from a list", "runs: Choose columns"),
    Action("runs.mark", "M", "mark the run for a comparison", "runs: Mark {run} for a comparison"),
    Action(
        "runs.compare",
        "C",
        "compare the marked runs, or this one, with the natural twin",
        "run: Compare {run}",
    ),
    Action(
        "runs.views",
        "V",
        "the table of views: accuracies and leakage, as in the paper's Tables 8 to 10",
        "runs: Show the table of views",
    ),
    Action("runs.log", "L", "the run's own log in the pager", "run: Open the log of {run} in the pager"),
    Action("chart.previous", "left_square_bracket", "previous chart", "", "chart"),
    Action(
        "chart.next",
        "right_square_bracket",
        "next chart: Capacity, Epsilon, History, ROC, Histogram, Trade-off, Setting",
        "chart: Show {choice}",
    ),
    Action("chart.left", "h,left", "crosshair to the previous x"),
    Action("chart.right", "l,right", "crosshair to the next x"),
    Action("chart.zoom-in", "plus", "zoom in at the crosshair", "chart: Zoom in"),
    Action("chart.zoom-out", "minus", "zoom out", "chart: Zoom out"),
    Action("chart.zoom-reset", "0", "whole chart", "chart: Reset zoom"),
    Action("chart.pan-left", "shift+left,less_than_sign", "pan left"),
    Action("chart.pan-right", "shift+right,greater_than_sign", "pan right"),
    Action("chart.same-axes", "equals_sign", "same axis from chart to chart", "chart: Match axes"),
    Action("chart.metric", "m", "the metric, from a list", "chart: Metric — {choice}", "metric", lists="Metric"),
    Action("chart.attack", "a", "the attack, from a list", "chart: Attack — {choice}", "attack", lists="Attack"),
    Action(
        "chart.view",
        "v",
        "the view of the model's answers, from a list",
        "chart: View — {choice}",
        lists="What the model is asked for",
    ),
    Action("chart.rule", "T", "threshold rule: oracle (the paper's) or held-out", "chart: Threshold — {choice}"),
    Action("chart.scale", "x", "axis scale: linear, log x, log y, both", "chart: Axis — {choice}", "scale"),
    Action("chart.interval", "c", "interval: bars, band, off", "chart: Interval — {choice}"),
    Action("chart.smooth", "w", "smoothing of histories: off, .6, .9", "chart: Smoothing — {choice}"),
    Action("chart.curve", "", "hide or show a curve; a click on it in the legend does", "chart: Curve — {choice}"),
    Action("chart.paper", "P", "the paper's points: show or hide", "chart: The paper's points"),
    Action("chart.read", "", "the chart's numbers as text, copied", "chart: Read out"),
    Action("classes.view", "v", "the table, from a list", "classes: Table — {choice}", "table", lists="Classes"),
    Action(
        "classes.rule", "T", "threshold rule of classes: held-out or oracle", "classes: Other threshold rule", "rule"
    ),
    Action("gpu.view", "v", "what is shown, from a list", "gpu: Show {choice}", "view", lists="GPU"),
    Action("log.follow", "F", "follow the end: on, off", "log: Follow the end", "follow"),
    Action("log.pager", "o", "the engine's log in the pager", "log: Open in the pager", "pager"),
    Action("welcome.choose", "enter", "do what is under the cursor", "", "choose"),
    Action("welcome.open", "o", "open the results in another folder", "app: Open another folder", "open"),
    Action("detail.tab-next", "tab,right,l", "next tab", "", "next tab"),
    Action("detail.tab-previous", "shift+tab,left,h", "previous tab"),
    *(Action(f"detail.tab-{place}", str(place), f"the tab {name}") for place, name in enumerate(RUN_TABS, 1)),
    Action("detail.retry", "r", "retry the run", "", "retry", engine=True),
    Action("detail.cancel", "X", "cancel the run (asks)", "", "cancel", engine=True),
    Action(
        "detail.certify",
        "b",
        "certify with a tighter bound (crown-ibp): a run of its own (asks)",
        "",
        "certify",
        engine=True,
    ),
    Action("detail.metric", "m", "history: the metric, from a list", "", "metric", lists="Metric of the history"),
    Action("detail.smooth", "w", "history: smoothing off, .6, .9", "", "smooth"),
    Action("detail.scale", "x", "history: linear or log y", "", "log y"),
    Action("detail.image", "i", "the most exposed training images, then the next of them", "", "image"),
    Action("detail.next", "right_square_bracket", "next run of the list", "", "next run"),
    Action("detail.previous", "left_square_bracket", "previous run of the list"),
    Action("detail.copy", "y", "copy the settings as a sweep file", "", "copy"),
    Action("detail.copy-page", "Y", "copy the whole page as text"),
    Action("detail.compare", "C,c", "compare with the natural twin", "", "compare"),
    Action("detail.log", "L", "the run's own log in the pager", "", "log"),
    Action("detail.back", "escape", "back", "", "back"),
    Action("failure.retry", "r", "retry the run as it was", "", "retry", engine=True),
    Action("failure.half", "b", "run it with half of the batch size (asks)", "", "half batch", engine=True),
    Action("failure.copy", "y", "copy the sheet and the end of the log", "", "copy"),
    Action("failure.log", "L", "the run's own log in the pager", "", "log"),
    Action("failure.whole", "enter", "the run in full", "", "whole run"),
    Action("failure.back", "escape", "close", "", "close"),
    Action("compare.left", "h,left", "previous runs", "", "left"),
    Action("compare.right", "l,right", "next runs", "", "right"),
    Action("compare.all", "a", "everything, or only what differs", "", "everything"),
    Action("compare.copy", "y", "copy the comparison as text", "", "copy"),
    Action("compare.back", "escape", "back", "", "back"),
    Action("views.rule", "T", "threshold rule: oracle (the paper's) or held-out", "", "rule"),
    Action("views.copy", "y", "copy the whole table as text", "", "copy"),
    Action("views.back", "escape", "back", "", "back"),
    Action("check.copy", "y", "copy the findings as text", "", "copy"),
    Action("check.back", "escape", "close", "", "close"),
    Action("engine.new", "n", "new sweep", "sweep: New", "new", engine=True),
    Action("engine.demo", "t", "try it: the demo on small digits", "sweep: Demo on small digits", "try", engine=True),
    Action("engine.retry", "r", "retry the run under the cursor; start a lost engine", "run: Retry {run}", engine=True),
    Action("engine.retry-failed", "", "retry every failed run (asks)", "runs: Retry all that failed", "", engine=True),
    Action("engine.cancel", "X", "cancel the run under the cursor (asks)", "run: Cancel {run}", "", engine=True),
    Action(
        "engine.cancel-all", "", "cancel all that wait or run (asks)", "runs: Cancel all that wait or run", engine=True
    ),
    Action("engine.first", "U", "let the queued run under the cursor start next", "run: Start {run} next", engine=True),
    Action(
        "engine.certify",
        "",
        "certify the run once more, by crown-ibp: a run of its own (asks)",
        "run: Certify {run} with a tighter bound",
        engine=True,
    ),
    Action(
        "engine.attack", "", "ask the run all attacks that it lacks (asks)", "run: Attack {run} with all", engine=True
    ),
    Action("engine.pause", "", "start no more runs; those that run go on", "engine: Pause", "", engine=True),
    Action("engine.resume", "", "start runs again", "engine: Resume", "", engine=True),
    Action("engine.start", "", "start the engine", "engine: Start", "", engine=True),
    Action("engine.stop", "", "stop after checkpoints (asks)", "engine: Stop", "", engine=True),
    Action("engine.repeat", "", "the run's sweep again with new seeds", "sweep: Repeat with a new seed", engine=True),
)
BY_ID = {action.id: action for action in ACTIONS}


def shown(key: str) -> str:
    """A key as people write it: Textual's own way, but for `enter` and `^p`."""
    modifiers, plus, plain = key.rpartition("+")
    name = plain if plain == "enter" else format_key(plain)
    return f"^{name}" if modifiers == "ctrl" else f"{modifiers}{plus}{name}"


def keys_of(action: Action, keymap: Mapping[str, str]) -> str:
    """All keys of an action as people write them, those of the config file instead of its own."""
    keys = keymap.get(action.id) or action.keys
    return " ".join(shown(key.strip()) for key in keys.split(",")) if keys else ""


def elsewhere(key: str, keymap: Mapping[str, str]) -> list[Action]:
    """What a key does in panes, wherever that is."""
    return [action for action in ACTIONS if key in (keymap.get(action.id) or action.keys).split(",")]


def bindings(*scopes: str) -> list[Binding]:
    """Key bindings of the scopes' actions, all through `act`; they have the actions' ids, so keys can be remapped."""
    return [
        Binding(action.keys, f"screen.act({action.id!r})", action.does, show=False, id=action.id)
        for action in ACTIONS
        if action.scope in scopes and action.keys
    ]


def of(scopes: Iterable[str]) -> list[Action]:
    """The scopes' actions in the table's order."""
    wanted = set(scopes)
    return [action for action in ACTIONS if action.scope in wanted]
