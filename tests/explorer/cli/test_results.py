"""Commands that tell of finished runs."""

import pytest
from command_line import call


def test_the_finding_is_a_line_its_words_and_the_table_behind_it(told):
    line, words, table, _ = call(told, "show", "finding").stdout.split("\n\n")
    assert line == (
        "pgd eps 0.2 leaks 11.0 points more than natural at capacity 2 (95 % 8.2 to 13.8): inference accuracy with the "
        "oracle threshold, best attack confidence on adversarial answers, clearest of 4"
    )
    assert "4 for more, 0 for less" in words.replace("\n", " ")
    assert len(table.splitlines()) == 2 + 4


def test_the_finding_as_markdown_and_of_a_sweep(told):
    line, _, table = call(told, "show", "finding", "small", "--markdown").stdout.split("\n\n")
    assert line.startswith("**pgd eps 0.2 leaks 11.0 points")
    assert table.splitlines()[1].startswith("| --- |")


def test_the_finding_of_a_run_is_beside_its_natural_twin(told):
    robust, natural = (call(told, "show", "finding", f"{name}-s1").stdout for name in ("pgd-c1-e0.2", "natural-c1"))
    assert robust.startswith("pgd eps 0.2 leaks 9.0 points more than natural at")
    assert natural.startswith("natural leaks 5.1 points more than a guess")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["finding", "nosuch"], "nosuch: no run or sweep matches"),
        (["finding", "pgd"], "12 runs match"),
        (["natural-c1-s1", "small"], "nothing more behind a run"),
    ],
)
def test_what_there_is_not_is_one_line(told, arguments, said):
    answer = call(told, "show", *arguments, check=2)
    assert said in answer.stderr
    assert answer.stderr.count("\n") == 1


def test_a_table_may_be_of_one_sweep(told):
    assert "pgd" in call(told, "show", "capacity", "small").stdout
    assert call(told, "show", "capacity", "another").stderr == "no finished runs\n"
