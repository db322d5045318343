import pytest
from rows import typed

from explorer.results import exposed_table, marks
from explorer.results.rendering import plain
from explorer.results.text import VIEWS


def row(example, risk=0.8, **views):
    """A row of the query; `benign=(confidence, risk)`."""
    given = {"run_id": "r", "example": example, "label": 1, "class_name": "rose", "risk": risk, "mean_risk": risk}
    for view in VIEWS:
        given[f"{view}_confidence"], given[f"{view}_risk"] = views.get(view, (None, None))
    return typed("exposed", given)


class Store:
    """Answers `exposed` page by page."""

    def __init__(self, rows):
        self.rows, self.asked = rows, []

    def __call__(self, name, run_id, limit, offset=0):
        self.asked.append((name, limit, offset))
        return self.rows[offset : offset + limit]


def test_the_store_ranks_where_no_view_is_chosen():
    store = Store([row(example) for example in range(5)])
    assert [found.example for found in exposed_table.most_exposed(store, "r", 3)] == [0, 1, 2]
    assert store.asked == [("exposed", 3, 0)]


def test_a_view_ranks_by_its_own_risk_over_all_pages(monkeypatch):
    monkeypatch.setattr(exposed_table, "PAGE", 4)
    risks = [0.5, 0.9, 0.1, 0.9, None, 0.95, 0.2, 0.3]
    store = Store([row(example, benign=(1.0, risk)) for example, risk in enumerate(risks)])
    assert [found.example for found in exposed_table.most_exposed(store, "r", 4, "benign")] == [5, 1, 3, 0]
    assert [offset for _, _, offset in store.asked] == [0, 4, 8]


@pytest.mark.parametrize("view", [None, "benign"])
def test_a_run_without_examples_has_none(view):
    assert exposed_table.most_exposed(Store([]), "r", 3, view) == []


def test_why_there_is_nothing_to_rank():
    assert "after training" in exposed_table.why_none([], "running")
    assert "after training" in exposed_table.why_none([], "queued")
    assert exposed_table.why_none([], "failed") == "no risk is stored"
    assert "before risks were measured" in exposed_table.why_none([row(1, risk=None)], "done")
    assert exposed_table.why_none([row(1)], "done") is None


def test_the_table_has_every_view_there_is_and_no_other():
    rows = [row(17, benign=(0.999, 0.6), adversarial=(0.4, 0.8)), row(3, benign=(0.9, None), adversarial=(0.1, 0.7))]
    views = exposed_table.views(rows)
    assert views == ["benign", "adversarial"]
    head, _, first, second = plain(exposed_table.table(rows, views)).splitlines()[:4]
    assert head.split() == ["rank", "image", "class", "risk", "benign", "risk", "B", "adversarial", "risk", "A"]
    assert first.split() == ["1", "17", "1", "rose", "80.0", "99.9", "60.0", "40.0", "80.0"]
    assert second.split() == ["2", "3", "1", "rose", "80.0", "90.0", "—", "10.0", "70.0"]


def test_one_view_is_not_told_twice():
    table = plain(exposed_table.table([row(17, adversarial=(0.4, 0.8))], ["adversarial"]))
    assert table.splitlines()[0].split() == ["rank", "image", "class", "adversarial", "risk", "A"]
    assert "highest" not in table


@pytest.mark.parametrize("views", [VIEWS, VIEWS[:1]])
def test_the_legend_says_what_a_risk_is_in_short_lines(views):
    legend = plain(exposed_table.table([row(1)], views)).rpartition("\n\n")[2]
    assert "at 50 % the answer tells nothing" in " ".join(legend.split())
    assert max(map(len, legend.splitlines())) <= marks.LINE
