from html.parser import HTMLParser

import pytest

from explorer.charts.chart import Chart, Series
from explorer.reproduction import chart_figure, web_page
from explorer.results.table import Block, Cell, Column, Table

HOSTILE = '<script>alert("x")</script>$\\frac{$&_'
VOID = {"meta", "br"}


class Outline(HTMLParser):
    """What a page holds; every element must be closed in the order in which elements were opened."""

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.ids, self.words, self.links = [], [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.ids += [value for name, value in attrs if name == "id"]
        self.links += [value for name, value in attrs if name in ("src", "href", "xlink:href")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


def outline(told):
    found = Outline()
    found.feed(told)
    found.close()
    assert found.open == []
    return found


def picture(name):
    chart = Chart((Series(name, 0, "1", (1.0, 2.0), (0.5, 0.6)),), x_ticks=((1.0, name), (2.0, "2")))
    return web_page.CaptionedFigure(chart_figure.draw(chart, "", name, web_page.INK), name)


def test_hostile_names_are_words_and_figures_share_no_names():
    table = Table(
        [Column(HOSTILE), Column("n", right=True)],
        [Block([(Cell(HOSTILE), Cell("1")), (Cell("b"), None)], HOSTILE)],
        legend=(HOSTILE,),
        messages=(HOSTILE,),
    )
    told = web_page.page(HOSTILE, HOSTILE, None, [picture(HOSTILE), picture("b")], [(HOSTILE, table)])
    found = outline(told)
    assert found.tags.count("script") == 1
    assert sum(HOSTILE in words for words in found.words) >= 8
    assert len(set(found.ids)) == len(found.ids)
    assert all(link.startswith("#") and link[1:] in found.ids for link in found.links)
    assert "url(http" not in told
    assert web_page.INK not in told
    assert "currentColor" in told


@pytest.mark.parametrize("heading", ["n", "a name"])
def test_every_heading_sorts_and_what_is_missing_has_its_sign(heading):
    table = Table([Column(heading), Column("b")], [Block([(Cell("1"), None), (None, Cell("2"))])])
    told = web_page.page("t", "", None, [], [("Numbers", table)])
    assert f'<th scope="col"><button>{heading}</button></th>' in told
    assert "<td>1</td><td>-</td>" in told
    assert "Nothing has been audited yet." in told
