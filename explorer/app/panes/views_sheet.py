"""The table of views on a screen of its own: as much of it side by side as fits, the paper's lines below ours."""

from collections.abc import Sequence

from rich.cells import cell_len

from explorer.app.widgets.page import Page
from explorer.app.widgets.sheet import Sheet
from explorer.results import text, views_table
from explorer.results.lines import Line, heading, plain
from explorer.results.rendering import screen, words_below
from explorer.results.table import Block, Column
from store.summaries import ViewsRow


class ViewsSheet(Sheet):
    """A block for each network and its data, as the paper would print them one after the other."""

    SCOPE = "views"

    def __init__(self, run_ids: Sequence[str] | None) -> None:
        """Of these runs only; None: of all."""
        super().__init__()
        self.run_ids = run_ids
        self.rule = "oracle"
        """Threshold rule of the inference accuracies where there is room for one."""
        self.one_rule = False
        """Whether that is so."""

    def rows(self) -> list[ViewsRow] | None:
        """Rows of the query `views`; None before the answer."""
        return self.project.rows("views", **({} if self.run_ids is None else {"run_id": list(self.run_ids)}))

    def page(self, width: int, height: int) -> Page:  # noqa: ARG002
        """The table, or why there is none."""
        rows = self.rows()
        if not rows:
            words = "asking …" if rows is None else "No finished run yet: every number here is measured after training."
            return Page([plain(f" {words}", "dim")], title="Views", note=self.keys(width))
        table = views_table.table(rows, width - 1, self.rule)
        self.one_rule = _of_rules(table.fitted(width - 1)) < _of_rules(table.columns)
        head, lines = screen(table, width, indent=1, titled=lambda block: _headings(block, width))
        lines = [*lines[1:], (), *words_below(table, width)]
        return Page(lines, head=head, title=self._title(rows), note=self.keys(width))

    def _title(self, rows: Sequence[ViewsRow]) -> str:
        settings = "1 setting" if len(rows) == 1 else f"{len(rows)} settings"
        among = "" if self.run_ids is None else f" of {len(self.run_ids)} listed runs"
        return f"Views · {settings}{among}, means over seeds"


def _of_rules(columns: Sequence[Column]) -> int:
    """How many columns there are of numbers with a threshold rule."""
    return sum(column.group.lower() in text.RULES.values() for column in columns)


def _headings(block: Block, width: int) -> list[Line]:
    """A blank line, the block's title and how the paper's model differs, below it where there is no room behind."""
    if cell_len(block.title + block.note) + 8 <= width:
        return [(), heading(block.title, width, block.note)]
    return [(), heading(block.title, width), plain(f" {block.note}", "dim")]
