"""Results as one HTML file for somebody without a terminal. Nothing in it comes from elsewhere; names are escaped."""

import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import TYPE_CHECKING

from explorer.reproduction.figures import write
from explorer.results import marks
from explorer.results.finding import LeakageFinding
from explorer.results.table import Block, Cell, Column, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK = "#010203"
"""Stands for the colour of the page's text in a figure, whatever the reader's setting makes that."""
LONG = 300
"""Cells of a line."""
STYLE = """
:root { color-scheme: light dark; --ink: #1a1a1a; --paper: #fff; --rule: #ccc; --quiet: #666; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e6e6; --paper: #16181c; --rule: #444; --quiet: #999; }
}
body { color: var(--ink); background: var(--paper); font: 15px/1.5 system-ui, sans-serif; max-width: 72rem;
  margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.2rem; } h2 { font-size: 1.1rem; margin-top: 2.5rem; }
.finding { font-size: 1.4rem; line-height: 1.35; margin: 1rem 0; text-wrap: pretty; }
.quiet, figcaption { color: var(--quiet); font-size: 0.85rem; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(26rem, 100%), 1fr)); gap: 1.5rem; }
figure { margin: 0; } svg { width: 100%; height: auto; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: 0.85rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: 600; padding: 0.5rem 0; }
th, td { text-align: left; padding: 0.15rem 0.9rem 0.15rem 0; white-space: nowrap;
  border-bottom: 1px solid var(--rule); }
.right { text-align: right; }
th button { all: unset; cursor: pointer; font-weight: 600; }
th button:focus-visible { outline: 2px solid; }
th[aria-sort=ascending] button::after { content: " \\25B2"; }
th[aria-sort=descending] button::after { content: " \\25BC"; }
@media print {
  :root { --ink: #000; --paper: #fff; --rule: #bbb; --quiet: #444; }
  body { max-width: none; margin: 0; font-size: 10pt; } figure, tr { break-inside: avoid; } .wide { overflow: visible; }
  table { font-size: 7pt; }
}
"""
SCRIPT = r"""
for (const button of document.querySelectorAll("th button")) button.addEventListener("click", () => {
  const head = button.parentElement, body = head.closest("table").tBodies[0];
  const down = head.getAttribute("aria-sort") === "ascending", at = head.cellIndex;
  const text = row => row.cells[at].textContent;
  const number = words => parseFloat(words.replace("+", "")) / (/^\d+\/(\d+)$/.exec(words) || [1, 1])[1];
  const order = (one, other) => {
    const [a, b] = [text(one), text(other)], [x, y] = [number(a), number(b)];
    if (isNaN(x) !== isNaN(y)) return isNaN(x) - isNaN(y);
    return (down ? -1 : 1) * (isNaN(x) ? a.localeCompare(b, undefined, {numeric: true}) : x - y);
  };
  body.append(...[...body.rows].sort(order));
  for (const each of head.parentElement.cells) each.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", down ? "descending" : "ascending");
});
"""
POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"


@dataclass(frozen=True)
class CaptionedFigure:
    """A figure with the words below it, its text drawn in `INK`."""

    figure: "Figure"
    caption: str


def page(
    title: str,
    about: str,
    finding: LeakageFinding | None,
    pictures: Sequence[CaptionedFigure],
    tables: Sequence[tuple[str, Table]],
) -> str:
    """The whole file.

    about: a line on what it is of. tables: each with its heading; below it stand its legend and warnings.
    """
    said = [_of_finding(finding)] if finding else ["<p>Nothing has been audited yet.</p>"]
    if pictures:
        drawn = "\n".join(_figure(picture, f"f{index}-") for index, picture in enumerate(pictures, start=1))
        said.append(f'<h2>Figures</h2>\n<div class="figures">\n{drawn}\n</div>')
    said += [f"<h2>{escape(heading)}</h2>\n{_table(table)}" for heading, table in tables]
    body = "\n".join(said)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<style>{STYLE}</style>
</head>
<body>
<h1>{escape(title)}</h1>
<p class="quiet">{escape(about)}</p>
{body}
<script>{SCRIPT}</script>
</body>
</html>
"""


def _of_finding(finding: LeakageFinding) -> str:
    words = escape(" ".join(finding.sentences()))
    return f'<p class="finding">{escape(finding.line(LONG))}.</p>\n<p>{words}</p>\n{_table(finding.table())}'


def _figure(picture: CaptionedFigure, prefix: str) -> str:
    """The figure's SVG without its own header; what it names is named so as nothing else on the page is."""
    stream = io.StringIO()
    write(picture.figure, stream, "svg")
    drawn = stream.getvalue()
    drawn = re.sub(r"<metadata>.*?</metadata>", "", drawn[drawn.index("<svg ") :], flags=re.DOTALL)
    drawn = re.sub(r'(\bid="|href="#|url\(#)', rf"\1{prefix}", drawn)
    drawn = drawn.replace(INK, "currentColor")
    drawn = drawn.replace("<svg ", f'<svg role="img" aria-label="{escape(picture.caption)}" ', 1)
    return f"<figure>\n{drawn}<figcaption>{escape(picture.caption)}</figcaption>\n</figure>"


def _table(table: Table) -> str:
    """A table for each block, which a click on a heading sorts; the words below them once."""
    table = table.merged()
    blocks = [_block(replace(table, blocks=(block,)).filled(), block, table.missing) for block in table.blocks]
    warned = "<br>\n".join(map(escape, marks.lines(table.messages, LONG)))
    words = [*([warned] if warned else []), *map(escape, table.legend)]
    return "\n".join([*blocks, *(f'<p class="quiet">{said}</p>' for said in words)])


def _block(own: Table, block: Block, missing: str) -> str:
    title = " · ".join(filter(None, (block.title, block.note)))
    caption = f"<caption>{escape(title)}</caption>\n" if title else ""
    rows = "\n".join(f"<tr>{''.join(_cells(row, own.columns, missing))}</tr>" for row in own.rows)
    heads = "".join(
        f'<th scope="col"{_side(column)}><button>{escape(column.heading)}</button></th>' for column in own.columns
    )
    return (
        f'<div class="wide"><table>\n{caption}<thead><tr>{heads}</tr></thead>\n<tbody>\n{rows}\n</tbody></table></div>'
    )


def _cells(row: Sequence[Cell | None], columns: Iterable[Column], missing: str) -> Iterable[str]:
    for cell, column in zip(row, columns, strict=True):
        yield f"<td{_side(column)}>{escape(cell.whole if cell else missing)}</td>"


def _side(column: Column) -> str:
    return ' class="right"' if column.right else ""
