"""Figures of made-up runs."""

import re

import pytest
from command_line import call

from explorer.charts.kinds_of_chart import DRAW


@pytest.mark.parametrize("kind", sorted(DRAW.keys() - {"setting"}))
def test_a_chart_of_the_app_is_drawn_for_papers(told, tmp_path, kind):
    target = tmp_path / f"{kind}.svg"
    said = call(told, "figure", "--chart", kind, "-o", target).stderr
    assert said.startswith(f"{target}: ")
    drawn = re.sub(r"<!--.*?-->", "", target.read_text(), flags=re.DOTALL)
    assert all(word in drawn for word in (("pgd", "members") if kind == "histogram" else ("natural", "pgd")))


def test_the_same_numbers_give_the_same_bytes(told, tmp_path):
    for name in ("a.pdf", "b.pdf"):
        call(told, "figure", "small", "--chart", "capacity", "--metric", "auc", "-o", tmp_path / name)
    assert (tmp_path / "a.pdf").read_bytes() == (tmp_path / "b.pdf").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "a SWEEP, or --chart"),
        (["small", "--view", "benign"], "nothing without --chart"),
        (["nosuch"], "a sweep with finished runs"),
        (["--chart", "setting"], "No setting varies"),
        (["nosuch", "--chart", "capacity"], "no sweep with finished runs"),
        (["--chart", "roc", "--run", "nosuch"], "no run matches"),
    ],
)
def test_what_cannot_be_drawn_is_one_line(told, tmp_path, arguments, said):
    answer = call(told, "figure", *arguments, "-o", tmp_path / "x.svg", check=2)
    assert said in answer.stderr
    assert answer.stderr.count("\n") == 1
    assert not (tmp_path / "x.svg").exists()


def test_a_page_has_the_finding_the_figures_and_the_tables_and_is_the_same_each_time(told, tmp_path):
    for name in ("a.html", "b.html"):
        call(told, "page", "-o", tmp_path / name)
    text = (tmp_path / "a.html").read_text()
    assert text == (tmp_path / "b.html").read_text()
    assert "pgd eps 0.2 leaks 11.0 points more than natural at capacity 2" in text
    assert text.count("<svg ") >= 4
    assert "digits-natural-c1-s0-" in text
    assert len(text) < 250_000


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["-o", "x.txt"], "ends in .html"), (["nosuch", "-o", "x.html"], "no sweep with finished runs"), ([], "'-o'")],
)
def test_what_is_no_page_is_one_line(told, arguments, said):
    answer = call(told, "page", *arguments, check=2)
    assert said in answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_screenshot_shows_the_screen_after_the_keys(told, tmp_path):
    target = tmp_path / "screen.svg"
    said = call(told, "screenshot", "-o", target, "--size", "120x40", "--keys", "z").stderr
    assert said == f"{target}: 120 columns, 40 rows\n"
    drawn = target.read_text().replace("&#160;", " ")
    assert "leaks 11.0 points more than natural" in drawn
    assert "1 Runs" in drawn
    assert "2 Capacity" not in drawn  # the list alone: it was zoomed


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["-o", "x.png"], "ends in .svg"), (["-o", "x.svg", "--size", "big"], "such as 120x40"), ([], "'-o'")],
)
def test_what_is_no_screenshot_is_one_line(told, arguments, said):
    answer = call(told, "screenshot", *arguments, check=2)
    assert said in answer.stderr
