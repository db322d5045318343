"""The README's key table says what the table of actions says."""

from pathlib import Path

from explorer.app import actions

README = Path(__file__).parents[2] / "README.md"
SCOPES = ("app", "panes", "copy", "export", "list", "runs", "chart", "classes", "gpu", "log", "engine")


def rows():
    """The key table's rows, one for each action that has a key on the main screen."""
    for action in actions.of(SCOPES):
        if action.keys:
            keys = " ".join(f"`{actions.shown(key)}`" for key in action.keys.split(","))
            yield f"| {action.scope} | {keys} | {action.does} |"


def test_the_key_table_is_that_of_the_actions():
    text = README.read_text(encoding="utf-8")
    missing = [row for row in rows() if row not in text]
    assert not missing, "\n".join(["the README's key table lacks:", *missing])
