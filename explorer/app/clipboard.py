"""Copying over ssh and tmux: the terminal is told (OSC 52), and a file holds the same text."""

import os
from pathlib import Path

from textual.app import App

from explorer.project.choices import state_folder


def copy(app: App, text: str, what: str) -> None:
    """Send the text to the person's clipboard and say how; whether it arrived cannot be known here."""
    if not text:
        app.notify("there is nothing to copy here", severity="warning")
        return
    app.copy_to_clipboard(text)
    path = state_folder() / "copy.txt"
    try:
        _write(path, text)
    except OSError as error:
        also = f"; {path} cannot be written: {error.strerror}"
    else:
        also = f"; also in {path}"
    words = f"Copied {what} (OSC 52{also}). If nothing arrived in tmux: set -g set-clipboard on"
    app.notify(words, timeout=8, markup=False)


def _write(path: Path, text: str) -> None:
    """For the person alone: what is copied may name their files."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as stream:
        stream.write(text if text.endswith("\n") else text + "\n")
