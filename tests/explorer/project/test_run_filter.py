import pytest

from explorer.project import run_filter
from explorer.project.choices import Choices
from explorer.project.selection import Selection


@pytest.fixture
def left(make_project):
    """A function giving the last letter of the runs that a filter lets through."""

    def ids(typed):
        project = make_project()
        shown = Selection(project, Choices(filter=typed)).visible()
        return "".join(run.run_id[-1] for run in shown)

    return ids


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("defense=pgd", "3456"),
        ("defense=pgd capacity>2", "56"),
        ("defense=pgd state=failed", "5"),
        ("state=fail", "5"),
        ("defense!=pgd", "12"),
        ("capacity=1,4", "135"),
        ("capacity>=2 capacity<8 pgd", "45"),
        ("epsilon=0.1", "3456"),
        ("epsilon=25.5/255", "3456"),
        ("state=done leakage>58", "23"),
        ("leakage<=57.0001", "1"),
        ("queued capacity>1", "6"),
        ("capacity>", "123456"),
        ("sweep=other", ""),
    ],
)
def test_settings_and_plain_words_filter_together(left, typed, found):
    assert left(typed) == found


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("capcity>2", "no field capcity: capacity?"),
        ("zzz=2", "no field zzz: dataset, network"),
        ("capacity>x", "capacity>x: x is no number"),
        ("epsilon=8/0", "epsilon=8/0: 8/0 is no number"),
        ("defense>pgd", "defense takes = and !="),
        ("pgd capacity>2", ""),
    ],
)
def test_what_cannot_be_asked_is_said_and_lets_nothing_through(left, typed, said):
    assert run_filter.trouble(typed).startswith(said)
    assert bool(said) is bool(run_filter.trouble(typed))
    if said:
        assert left(typed) == ""


@pytest.mark.parametrize(
    ("typed", "whole"),
    [("cap", "capacity="), ("pgd de", "pgd defense="), ("defense=n", "defense=natural"), ("pgd", None), ("c", None)],
)
def test_fields_and_values_are_completed(make_project, typed, whole):
    assert run_filter.completed(typed, make_project().runs.values()) == whole
