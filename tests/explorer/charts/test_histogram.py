import math

import pytest

from explorer.charts.chart_lines import draw as lines_of
from explorer.results.lines import line_text

ROBUST = "digits-pgd-c1-e0.1-s0-aa03"
COUNTS = ((1, 6), (3, 3), (6, 1))


@pytest.fixture
def histogram(make_project, draw):
    """A function drawing the histogram of a small project whose scores lie in three bins."""

    def drawn(counts=COUNTS, threshold=0.9, **chosen):
        def bins(run_id, view, attack):
            about = {"run_id": run_id[0], "attack": attack[0], "view": view[0]}
            return [
                about | {"low": float(at), "high": at + 1.0, "members": members, "nonmembers": others}
                for at, (members, others) in enumerate(counts)
            ]

        def leakage(run_id, view, attack, metric):
            about = {"run_id": run_id[0], "attack": attack[0], "view": view[0], "metric": metric[0]}
            return [about | {"threshold_rule": "oracle", "value": threshold}]

        project = make_project(None, {"histogram": bins, "leakage": leakage})
        return draw("histogram", project=project, current=ROBUST, **chosen)

    return drawn


def test_members_and_others_are_steps_over_the_same_bins_in_shares_of_each(histogram):
    members, others = histogram().chart.series
    assert members.x == others.x == (0.0, 1.0, 1.0, 2.0, 2.0, 3.0)
    assert members.y == (0.1, 0.1, 0.3, 0.3, 0.6, 0.6)
    assert others.y == (0.6, 0.6, 0.3, 0.3, 0.1, 0.1)
    assert (members.label, others.label) == ("10 members", "10 non-members")
    assert (members.mark, members.tone) == (0, "1")
    assert (others.mark, others.tone) != (members.mark, members.tone)


def test_the_confidences_threshold_stands_among_its_log_odds_with_its_name(histogram):
    drawing = histogram()
    assert drawing.chart.threshold == pytest.approx(math.log(9))
    assert drawing.chart.threshold_label == "threshold 2.2 (oracle)"
    assert drawing.chart.x_label == "log-odds of the confidence"
    lines = [line_text(line) for line in lines_of(drawing.chart, 78, 11)]
    assert "│ threshold 2.2 (oracle)" in lines[0]
    assert any("│" in line[50:60] for line in lines[1:])


def test_a_rule_with_many_thresholds_has_none_drawn(histogram):
    assert histogram(rule="heldout").chart.threshold is None
    assert histogram(threshold=1.0).chart.threshold is None


def test_an_attack_with_references_is_drawn_by_its_own_scores(histogram):
    drawing = histogram(attack="lira", threshold=1.5)
    assert drawing.title == "Histogram  lira (adversarial) · pgd-c1-e0.1-s0"
    assert drawing.chart.x_label == "score of lira"
    assert drawing.chart.threshold == 1.5
    assert histogram(attack="gap").title.startswith("Histogram  confidence (adversarial)")


def test_no_members_are_no_shares(histogram):
    members, _ = histogram(counts=((0, 4), (0, 1))).chart.series
    assert members.y == (0.0, 0.0, 0.0, 0.0)


def test_a_histogram_needs_scores(draw, run):
    assert draw("histogram", {"histogram": []}).empty == ("No adversarial scores of this run are stored.",)
    assert draw("histogram", rows=[run("a-0001", state="queued")]).empty[0] == "No finished run under the cursor."
