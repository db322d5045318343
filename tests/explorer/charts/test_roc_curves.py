import itertools

import pytest

from explorer.charts import read_out, roc_curves
from explorer.charts.chart_lines import draw as lines_of
from explorer.project.choices import Choices
from explorer.results.lines import line_text

NATURAL, ROBUST = "digits-natural-c1-s0-aa01", "digits-pgd-c1-e0.1-s0-aa03"
POINTS = ((0.0, 0.0), (0.001, 0.01), (0.5, 0.7), (1.0, 1.0))


def points_of(*attacks, robust=()):
    """An answer of the store: a curve for each attack in the asked view, of the robust run for more of them."""

    def roc(run_id, view):
        found = (*attacks, *robust) if run_id == [ROBUST] else attacks
        every = itertools.product(found, view, POINTS)
        return [{"run_id": run_id[0], "attack": a, "view": v, "fpr": x, "tpr": y} for a, v, (x, y) in every]

    return roc


def facts_of(n_nonmember=1000, **values):
    """An answer of the store: what the confidence attack finds at all thresholds."""

    def leakage(run_id, view, metric):
        about = {"run_id": run_id[0], "attack": "confidence", "view": view[0], "threshold_rule": "none"}
        known = {"auc": 0.6, "tpr_at_fpr_0.01": 0.04, "tpr_at_fpr_0.001": 0.002} | values
        sizes = {"n_member": 600, "n_nonmember": n_nonmember}
        return [about | sizes | {"metric": name, "value": known[name], "leaks": name == "auc"} for name in metric]

    return leakage


@pytest.fixture
def roc(make_project, draw):
    """A function drawing the ROC chart of a small project."""

    def drawn(attacks=("margin",), robust=(), facts=None, **chosen):
        answers = {"roc": points_of(*attacks, robust=robust), "leakage": facts or facts_of()}
        return draw("roc", project=make_project(None, answers), **chosen)

    return drawn


def labels(drawing):
    return [curve.label for curve in drawing.chart.series]


def test_a_robust_run_stands_beside_its_natural_twin_without_being_asked_to(roc):
    drawing = roc(current=ROBUST)
    assert labels(drawing) == ["pgd eps 0.1", "natural"]
    assert [(curve.mark, curve.tone) for curve in drawing.chart.series] == [(0, "1"), (2, "dim")]
    assert drawing.title == "ROC  confidence (adversarial) · pgd-c1-e0.1-s0 against natural"
    assert drawing.chart.diagonal
    assert drawing.chart.x_log
    assert drawing.chart.y_log


def test_a_natural_run_stands_beside_the_robust_ones_that_it_is_the_twin_of(roc):
    assert labels(roc(current=NATURAL)) == ["natural", "pgd eps 0.1"]
    assert labels(roc(current="digits-natural-c2-s0-aa02")) == ["natural"]


def test_marked_runs_stand_beside_them_and_capacity_tells_those_of_one_setting_apart(roc):
    drawing = roc(current=ROBUST, marked=["digits-natural-c2-s0-aa02"])
    assert labels(drawing) == ["pgd eps 0.1", "natural c1", "natural c2"]
    assert len({(curve.mark, curve.tone) for curve in drawing.chart.series}) == 3


def test_the_curve_is_of_the_chosen_view(roc):
    drawing = roc(current=ROBUST, leak_view="benign")
    assert "(benign)" in drawing.title
    assert read_out.read_out(drawing, 0.5) == "FPR 50 %: ● pgd eps 0.1 70.0  ◆ natural 70.0"


def test_each_attack_with_references_has_a_curve_for_natural_against_robust(roc):
    drawing = roc(attacks=("margin", "lira"), current=ROBUST)
    assert labels(drawing) == ["pgd eps 0.1 margin", "pgd eps 0.1 lira", "natural margin", "natural lira"]
    assert len({(curve.mark, curve.tone) for curve in drawing.chart.series}) == 4
    assert "all attacks" in drawing.title


def test_of_more_attacks_than_can_be_told_apart_the_chosen_one_is_drawn(roc):
    many = ("margin", "lira", "rmia", "lira-joint", "one-run")
    drawing = roc(attacks=many, current=ROBUST, attack="rmia")
    assert labels(drawing) == ["pgd eps 0.1", "natural"]
    assert "rmia (adversarial)" in drawing.title


def test_the_legend_tells_area_and_low_rates_with_their_signs(roc):
    drawing = roc(current=ROBUST)
    long, short = drawing.chart.series[0].told
    assert long == "AUC 60.0, TPR 4.0≈ at 1 %, 0.2≈ at 0.1 %"
    assert short == "60.0/4.0≈/0.2≈"
    shown = [line_text(line) for line in lines_of(drawing.chart, 78, 11)]
    assert shown[0].startswith(f"● pgd eps 0.1 {long}")
    assert shown[1].startswith(f"◆ natural {long}")
    cramped = " ".join(line_text(line) for line in lines_of(drawing.chart, 60, 11)[:2])
    assert f"● pgd eps 0.1 {short}" in cramped
    assert roc_curves.TOLD in cramped


def test_a_rate_of_less_than_one_mistake_is_called_unresolved(roc):
    told = roc(current=ROBUST, facts=facts_of(n_nonmember=897)).chart.series[0].told
    assert told == ("AUC 60.0, TPR 4.0≈ at 1 %, unresolved at 0.1 %", "60.0/4.0≈/–")


def test_a_scale_chosen_for_one_chart_leaves_the_others_as_they_are(roc):
    drawing = roc(current=ROBUST, scales={"roc": "linear", "capacity": "log x"})
    assert not drawing.chart.x_log
    assert Choices(scales={"capacity": "log x"}).scale("roc") == "log xy"
    assert Choices(scales={"capacity": "nonsense"}).scale("capacity") == "linear"


def test_a_roc_curve_needs_scores(draw, run):
    assert draw("roc", {"roc": []}).empty == ("No adversarial scores of this run are stored.",)
    assert draw("roc", rows=[run("a-0001", state="queued")]).empty[0] == "No finished run under the cursor."
