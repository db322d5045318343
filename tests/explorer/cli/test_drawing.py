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
    assert "natural" in drawn
    assert "pgd" in drawn


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
        (["nosuch", "--chart", "capacity"], "no run or sweep matches"),
        (["--chart", "roc", "--run", "nosuch"], "no run matches"),
    ],
)
def test_what_cannot_be_drawn_is_one_line(told, tmp_path, arguments, said):
    answer = call(told, "figure", *arguments, "-o", tmp_path / "x.svg", check=2)
    assert said in answer.stderr
    assert answer.stderr.count("\n") == 1
    assert not (tmp_path / "x.svg").exists()
