import pytest

from engine.control.project import Project
from explorer.charts import metrics
from explorer.project.live import Live
from explorer.view import View


class Asked(Live):
    def __init__(self, tmp_path, rows):
        super().__init__(Project.at(tmp_path))
        self.given, self.asked = rows, []

    def rows(self, name, max_age=None, **params):
        self.asked.append((name, params))
        return self.given


@pytest.fixture
def row(run):
    return run(
        "a",
        benign_inference_accuracy=0.55,
        adversarial_inference_accuracy=0.6,
        benign_test_accuracy=0.97,
        adversarial_test_accuracy=0.8,
        adversarial_train_accuracy=0.9,
    )


@pytest.mark.parametrize(
    ("chosen", "value"),
    [
        ({}, 0.6),
        ({"leak_view": "benign"}, 0.55),
        ({"metric": "advantage"}, pytest.approx(0.2)),
        ({"metric": "benign_test"}, 0.97),
        ({"metric": "adversarial_train", "attack": "confidence-class", "rule": "heldout"}, 0.9),
        ({"metric": "unheard of"}, 0.6),
    ],
)
def test_the_list_of_runs_has_the_headline_numbers(row, chosen, value):
    assert metrics.of_run(row, View(**chosen)) == value
    assert metrics.in_rows(View(**chosen))


@pytest.mark.parametrize(
    "chosen", [{"rule": "heldout"}, {"attack": "confidence-class"}, {"leak_view": "targeted"}, {"metric": "auc"}]
)
def test_another_number_is_never_passed_off_as_the_chosen_one(row, chosen):
    assert metrics.of_run(row, View(**chosen)) is None
    assert not metrics.in_rows(View(**chosen))


def test_a_view_without_a_number_has_none_even_where_another_view_has_one(run):
    assert metrics.of_run(run("a", benign_inference_accuracy=0.55), View()) is None


def test_what_the_list_has_not_is_asked_for_once_for_all_runs(tmp_path, row):
    facts = [
        {"run_id": "a", "class_label": None, "value": 0.58},
        {"run_id": "a", "class_label": 3, "value": 0.7},
        {"run_id": "b", "class_label": None, "value": 0.52},
    ]
    live = Asked(tmp_path, facts)
    value_of = metrics.of_runs(live, View(rule="heldout"))
    assert [value_of({"run_id": name}) for name in "abc"] == [0.58, 0.52, None]
    wanted = {
        "metric": "inference_accuracy",
        "attack": "confidence",
        "view": "adversarial",
        "threshold_rule": "heldout",
    }
    assert live.asked == [("leakage", wanted)]
    assert metrics.of_runs(live, View())(row) == 0.6
    assert len(live.asked) == 1


def test_nothing_is_known_before_the_answer(tmp_path, row):
    assert metrics.of_runs(Asked(tmp_path, None), View(rule="heldout"))(row) is None


def test_the_columns_wanted_name_the_attack_only_for_what_an_attack_infers():
    assert metrics.wanted(View(metric="benign_test")) == {"measure": "accuracy", "view": "benign", "split": "test"}
    assert metrics.wanted(View(rule="heldout", leak_view="benign")) == {
        **{"measure": "inference_accuracy", "attack": "confidence", "view": "benign", "threshold_rule": "heldout"},
    }


@pytest.mark.parametrize("metric", [metric.id for metric in metrics.METRICS])
@pytest.mark.parametrize("rule", ["oracle", "heldout"])
def test_titles_name_the_threshold_rule_and_shrink(metric, rule):
    titles = metrics.titles(View(metric=metric, rule=rule))
    assert metrics.title(View(metric=metric, rule=rule)) == titles[0]
    assert [len(title) for title in titles] == sorted((len(title) for title in titles), reverse=True)
    if metrics.BY_ID[metric].inference:
        assert all(title.endswith(metrics.RULES[rule]) and "confidence" in title for title in titles)
