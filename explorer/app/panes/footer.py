"""The last line: the keys that matter now, the focused pane's first."""

from explorer.app import actions
from explorer.app.widgets.box import Toned
from explorer.app.widgets.pane import Pane
from explorer.results.lines import Line


class Footer(Toned):
    """As many hints as fit, from the table of actions; `?` is always among them."""

    def __init__(self) -> None:
        super().__init__(id="footer")

    def draw(self, pane: Pane | None) -> None:
        """Bring the line up to date; `pane` has the focus."""
        self.show([self._hints(pane)])

    def _hints(self, pane: Pane | None) -> Line:
        welcome = pane is not None and pane.SCOPE == "welcome"  # nothing to filter, copy or export yet
        scopes = ("engine", "app") if welcome else ("engine", "app", "panes", "export", "copy", "chart", "list")
        own = actions.of([pane.SCOPE]) if pane is not None else []
        first = [actions.BY_ID["app.help"], actions.BY_ID["app.commands"]]
        rest = [
            a for a in (*first, *own, *actions.of(scopes)) if a.hint and not (a.engine and self.app.project.read_only)
        ]
        line, used = [], 0
        for action in dict.fromkeys(rest):
            key = self._key(action)
            words = f" {key} ", f"{action.hint} "
            if used + sum(map(len, words)) > self.size.width:
                break
            used += sum(map(len, words))
            line += [(words[0], "bold"), (words[1], "dim")]
        return tuple(line)

    def _key(self, action: actions.Action) -> str:
        """The action's key, or the keys of all that the hint speaks of."""
        key = self.app.key_of(action)
        if action.id == "panes.show-1" and key == "1":
            return "1-7"
        following = actions.BY_ID["chart.next"]
        return f"{key} {self.app.key_of(following)}" if action.id == "chart.previous" else key
