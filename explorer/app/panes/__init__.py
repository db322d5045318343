"""The main screen's panes: one widget per file, each a page of lines drawn from what is known."""
