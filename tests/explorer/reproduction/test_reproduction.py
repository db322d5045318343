"""What `reproduce` says of runs whose numbers are known."""

import csv
import io
import itertools
import re
from dataclasses import replace
from functools import partial

import pytest

from engine import registry
from engine.events import Accuracies, Leakage, RunEnded, RunStarted
from engine.service.reader import answer
from engine.spec.experiment import Data, Evaluation, Experiment
from engine.spec.recipes import recipe_for
from explorer.project.result_source import ResultSource
from explorer.reproduction import claims, page, settings, verdicts
from store.records import NewRun
from store.store import Store

EPSILON = 8 / 255
NUMBERS = {
    "natural": {"benign": (1.0, 0.97, 0.56), "adversarial": (0.04, 0.03, 0.54)},
    "pgd": {"benign": (0.99, 0.95, 0.60), "adversarial": (0.97, 0.72, 0.681)},
    "trades": {"benign": (0.995, 0.93, 0.58), "adversarial": (0.99, 0.83, 0.65)},
    "distributional": {"benign": (0.995, 0.93, 0.61), "adversarial": (0.84, 0.56, 0.63)},
    "ibp": {"benign": (0.98, 0.80, 0.58), "adversarial": (0.9, 0.6, 0.62), "certified": (0.8, 0.3, 0.70)},
}
"""Train accuracy, test accuracy, inference accuracy."""
IMAGES = {"train": 1900, "test": 514}


def experiment(defense, scale="paper", seed=0, capacity=8.0, size=None, epsilon=EPSILON, **recipe):
    views = tuple(NUMBERS[defense])
    return Experiment(
        data=Data(name="yale", size=size),
        network="yale-cnn",
        capacity=capacity,
        defense=defense,
        epsilon=0.0 if defense == "natural" else epsilon,
        seed=seed,
        recipe=recipe_for(defense, "yale", scale, recipe),
        evaluation=Evaluation(
            epsilon=EPSILON, views=views, certification=registry.DEFENSES[defense].certification or "ibp"
        ),
    )


def events(run, shift=0.0):
    yield RunStarted(run_id=run.run_id, experiment=run.to_dict(), device="cpu", time=100.0, versions={})
    for view, (train, test, leak) in NUMBERS[run.defense].items():
        for split, share in (("train", train), ("test", test)):
            yield Accuracies(run_id=run.run_id, view=view, split=split, accuracy=share, n=IMAGES[split])
        groups = {"": 0.0} | ({"-robust": 0.1, "-plain": -0.05} if getattr(run.recipe, "robust_share", 1) < 1 else {})
        for (rule, less), (group, more) in itertools.product((("oracle", 0.0), ("heldout", 0.01)), groups.items()):
            value = leak - less + shift + more
            yield Leakage(
                run_id=run.run_id,
                attack=f"confidence{group}",
                view=view,
                class_label=None,
                threshold_rule=rule,
                metric="inference_accuracy",
                value=value,
                ci_low=value - 0.03,
                ci_high=value + 0.03,
                leaks=True,
                n_member=1900,
                n_nonmember=514,
            )
    yield RunEnded(run_id=run.run_id, state="done", time=200.0)


def with_references(run, attack, view, auc, few):
    """What an attack finds in a model of a population: AUC and TPR at 1 % FPR, and at a rate that is not resolved."""
    about = {"run_id": run.run_id, "attack": attack, "view": view, "class_label": None, "threshold_rule": "none"}
    rest = {"ci_low": None, "ci_high": None, "leaks": None, "n_member": 1207, "n_nonmember": 514}
    found = (("auc", auc), ("tpr_at_fpr_0.01", few), ("tpr_at_fpr_0.001", 0.0))
    return [Leakage(**about, metric=metric, value=value + run.seed / 100, **rest) for metric, value in found]


@pytest.fixture
def told(tmp_path):
    """A function giving the settings of a preset whose runs were told to a database."""
    with Store(tmp_path / "explore.duckdb") as store:

        def tell(*runs, preset="table8", apart=0.01, more=lambda run: ()):
            store.enqueue(preset, [NewRun(experiment=run.to_dict(), place={}, run_id=run.run_id) for run in runs])
            for run in runs:
                store.apply([*events(run, shift=apart * run.seed), *more(run)])
            return settings.gather(ResultSource(partial(answer, store)), preset)

        yield tell


def said(found):
    return {(each.setting.experiment.defense, each.key): each.verdict for each in verdicts.compare(found)}


def test_numbers_of_the_papers_own_setting_are_reproduced_within_the_interval_or_differ(told):
    of = said(told(experiment("natural"), experiment("pgd")))
    assert of["pgd", ("adversarial", "oracle")] == "reproduced"  # .6883 within .681 ± .03
    assert of["natural", ("benign", "test")] == "reproduced"  # .9825 within .02 of .97
    assert of["pgd", ("adversarial", "test")] == "same direction"  # .7763 against .72; both above the natural
    assert verdicts.UNPRINTED not in of.values()


@pytest.mark.parametrize("changed", [{"scale": "quick"}, {"capacity": 4.0}, {"size": "48x42"}])
def test_another_setting_than_the_papers_reproduces_nothing(told, changed):
    of = said(told(experiment("natural", **changed), experiment("pgd", **changed)))
    assert set(of.values()) == {"same direction", "not told apart", "another setting"}
    assert of["pgd", ("adversarial", "oracle")] == "same direction"  # .681 against .54, each ± .03
    assert of["pgd", ("benign", "oracle")] == "not told apart"  # .60 against .56
    assert {verdict for (defense, _), verdict in of.items() if defense == "natural"} == {"another setting"}


def departing(run, **changed):
    """The run with other settings of its data or evaluation."""
    return replace(run, **{section: replace(getattr(run, section), **values) for section, values in changed.items()})


@pytest.mark.parametrize(
    ("run", "allowed"),
    [
        *((experiment("pgd"), True), (experiment("trades"), False), (experiment("distributional"), False)),
        *((experiment("trades", clean_gradient=False), True), (experiment("pgd", attack_steps=3), False)),
        (experiment("distributional", gamma_rule="batch-mean"), True),
        (replace(experiment("pgd"), network="fashion-cnn"), False),
        (departing(experiment("pgd"), evaluation={"temperature": 50.0}), False),
        (departing(experiment("pgd"), evaluation={"steps": 1}), False),
        (departing(experiment("pgd"), evaluation={"step_size": 1.0}), False),
        (departing(experiment("pgd"), data={"test_fraction": 0.1}), False),
        (departing(experiment("pgd"), data={"train_fraction": 0.99}), False),
    ],
)
def test_only_the_authors_own_setting_reproduces_their_numbers(told, run, allowed):
    of = said(told(run))
    assert of[run.defense, ("benign", "train")] == ("reproduced" if allowed else "another setting")
    assert ("reproduced" in of.values()) is allowed


def test_certified_numbers_by_another_method_than_the_authors_reproduce_nothing(told):
    run = experiment("ibp")
    other = departing(replace(run, seed=1), evaluation={"certification": "crown-ibp"})
    of = [said([setting]) for setting in told(run, other)]
    assert sorted(each["ibp", ("certified", "train")] for each in of) == ["another setting", "differs"]
    assert {each["ibp", ("benign", "train")] for each in of} == {"reproduced"}


def test_without_a_natural_model_trained_as_long_there_is_no_direction(told):
    ibp, column = experiment("ibp", "quick"), ("ibp", ("adversarial", "test"))
    assert said(told(ibp, experiment("natural", "quick")))[column] == "not told apart"
    assert said(told(experiment("natural", "quick", steps=12000)))[column] == "same direction"
    assert said(told(ibp, experiment("natural", "quick")))["ibp", ("certified", "test")] == "another setting"
    assert set(said(told(ibp, preset="figure4")).values()) == {"another setting"}


def test_the_other_direction_differs(told, monkeypatch):
    monkeypatch.setitem(NUMBERS, "pgd", {"benign": (0.99, 0.95, 0.48), "adversarial": (0.02, 0.01, 0.681)})
    of = said(told(experiment("natural", "quick"), experiment("pgd", "quick")))
    assert of["pgd", ("adversarial", "train")] == "differs"  # .02 against .04
    assert of["pgd", ("benign", "oracle")] == "differs"


@pytest.mark.parametrize(
    ("seeds", "apart", "over", "half"),
    [(1, 0.01, "examples", 0.03), (2, 0.01, "examples", 0.03), (3, 0.01, "examples", 0.03), (3, 0.02, "seeds", 0.0497)],
)
def test_seeds_are_one_setting_with_the_wider_interval_of_two_seeds_none_over_them(told, seeds, apart, over, half):
    (found,) = told(*(experiment("pgd", seed=seed) for seed in range(seeds)), apart=apart)
    number = found.number("adversarial", "oracle")
    assert number.value == pytest.approx(0.681 + apart * (seeds - 1) / 2)
    assert (number.value - number.low, number.high - number.value) == pytest.approx((half, half), abs=1e-4)
    assert number.over == over
    assert [run.seed for run in found.runs] == list(range(seeds))


def test_accuracies_have_an_interval_over_their_images(told):
    (found,) = told(experiment("pgd"))
    number = found.number("adversarial", "test")
    assert (number.low, number.high) == pytest.approx((0.6797, 0.7571), abs=1e-4)
    assert number.over == "examples"


def test_an_interval_over_seeds_ends_where_shares_do(told):
    (found,) = told(*(experiment("pgd", seed=seed) for seed in range(3)), apart=0.15)
    number = found.number("adversarial", "oracle")
    assert (number.over, number.high) == ("seeds", 1.0)


def test_another_recipe_is_another_setting(told):
    run = experiment("pgd")
    other = replace(run, recipe=replace(run.recipe, attack_steps=3), seed=1)
    assert [found.scale for found in told(run, other)] in (["paper", "own"], ["own", "paper"])


def test_claims_hold_or_not_or_are_not_told_apart(told):
    found = claims.findings(told(experiment("natural"), experiment("pgd"), experiment("ibp")))
    of = {(each.claim.words, each.about.split()[0]): each for each in found}
    assert of["I_A is higher than the natural model's", "pgd"].words == "holds"
    assert of["I_A is higher than I_B", "pgd"].words == "holds"
    assert of["I_V is higher than I_B", "ibp"].words == "holds"
    wider = of["the adversarial generalisation gap is wider than the benign one", "pgd"]
    assert (wider.more.value, wider.less.value) == pytest.approx((0.25, 0.04))
    assert wider.verdict == "holds"
    assert of["adversarial test accuracy is no lower than the certified one", "ibp"].verdict == "holds"


def test_growth_compares_the_ends_of_each_curve(told):
    runs = [experiment("ibp", capacity=capacity) for capacity in (8.0, 1.0, 4.0)]
    (grown,) = [each for each in claims.findings(told(*runs)) if each.claim.where == "Figure 4"]
    assert grown.about.endswith("capacity 8 over 1")
    assert grown.words == "not told apart"


def test_models_trained_for_different_steps_are_not_told_apart(told):
    found = claims.findings(told(experiment("natural", "quick"), experiment("ibp", "quick")))
    (above,) = [each for each in found if each.claim.words.endswith("natural model's")]
    assert above.words == "not told apart (trained for 12000 and 2000 steps)"


FOUND = {
    "natural": {("lira", "benign"): (0.60, 0.05), ("lira", "adversarial"): (0.55, 0.02)},
    "pgd": {
        ("lira", "benign"): (0.62, 0.08),
        ("lira", "adversarial"): (0.70, 0.04),
        ("lira-joint", "adversarial"): (0.69, 0.04),
    },
}
"""What attacks with references find in each view: AUC and TPR at 1 % FPR."""


def population(models):
    drawn = [
        departing(experiment(defense, seed=seed), data={"split": "random"}) for defense in FOUND for seed in models
    ]
    return drawn, lambda run: [
        fact for attack, numbers in FOUND[run.defense].items() for fact in with_references(run, *attack, *numbers)
    ]


def test_populations_tell_whether_the_robust_model_leaks_more_and_which_view_does(told):
    drawn, more = population(range(4))
    found = {
        (each.claim.words, each.about.rpartition(": ")[2]): each
        for each in claims.findings(told(*drawn, more=more))
        if each.claim.where == "not in the paper"
    }
    of = {key: (each.more.value, each.less.value, each.verdict) for key, each in found.items()}
    assert {about for _, about in of} == {"AUC", "TPR at 1 % FPR"}
    robust, joint = "a robust model leaks more than the natural one, by lira", "all views together leak more"
    assert of[robust, "AUC"] == (pytest.approx(0.715), pytest.approx(0.615), "holds")
    assert of[robust, "TPR at 1 % FPR"] == (pytest.approx(0.055), pytest.approx(0.065), "does not hold")
    assert of["adversarial answers leak more than benign ones, by lira", "AUC"][2] == "holds"
    assert [words for (claim, _), (*_, words) in of.items() if claim.startswith(joint)] == [
        *("does not hold", "not told apart")
    ]


def test_two_models_tell_nothing_of_a_population(told):
    drawn, more = population(range(2))
    found = [each for each in claims.findings(told(*drawn, more=more)) if each.claim.where == "not in the paper"]
    assert {each.verdict for each in found} == {"not told apart"}


def test_the_page_has_what_each_attack_finds_on_the_models_of_a_population(told):
    drawn, more = population(range(4))
    text = page.page({"table8": told(*drawn, more=more)}, {"table8": "d"}, "c", "runs.csv")
    line = "| pgd 8/255, yale, capacity 8, members random 0.5 | 4 | lira | adversarial | 71.5 [69.4, 73.6]s | 5.5 "
    assert line in text
    assert "10.0 [10.0, 10.0]s | holds" in text
    alone = {"yale": told(experiment("pgd"), preset="yale")}
    assert "Each model attacked" not in page.page(alone, {"yale": "d"}, "c", "runs.csv")


def test_the_pages_numbers_are_the_databases_and_the_same_runs_give_the_same_bytes(told):
    found = told(experiment("natural", "quick"), experiment("pgd", "quick"), experiment("ibp", "quick"))
    written = {"table8": found, "figure4": []}, {"table8": "Yale", "figure4": "Figure"}, "mia-explore x", "runs.csv"
    text = page.page(*written)
    assert text == page.page(*written)
    lines = [line for line in text.splitlines() if re.match(r"\| (natural|pgd|ibp) ?[0-9/]* ?(\(.*\))? \| 1 \|", line)]
    assert len(lines) == 3
    for line, row in zip(lines, (NUMBERS[defense] for defense in ("natural", "pgd", "ibp")), strict=True):
        shown = [cell.split()[0] for cell in line.strip("| ").split(" | ")[2:] if cell.strip()]
        accuracies = [f"{100 * share:.1f}" for numbers in row.values() for share in numbers[:2]]
        assert shown == accuracies + [f"{100 * numbers[2]:.1f}" for numbers in row.values()]
    assert "69.68" in text


def test_the_page_begins_with_what_was_run_what_differs_and_what_is_not_known(told, monkeypatch):
    monkeypatch.setitem(NUMBERS, "pgd", {"benign": (0.99, 0.95, 0.48), "adversarial": (0.97, 0.72, 0.681)})
    found = told(experiment("natural", "quick"), experiment("pgd", "quick"))
    text = page.page({"table8": found, "figure4": []}, {"table8": "d", "figure4": "d"}, "c", "runs.csv")
    top = text[: text.index("## How to read")]
    assert "**Run**: 2 runs of 2 models and 1 presets, quick scale, on cpu, 1970-01-01." in top
    assert "4 same direction, 1 differs, 1 not told apart, 6 another setting" in top
    assert "* pgd 8/255, yale, capacity 8: I_B 48.0 (56.0), the paper's 61.7 (55.9)" in top
    assert "**Not run**: figure4." in top
    assert "0 of 2 models are of the authors' own setting" in top
    assert "every leakage here is a floor" in top
    assert len(top.splitlines()) < 60


def test_the_runs_are_listed_with_their_settings(told):
    found = told(experiment("natural", "quick"), experiment("pgd", "quick", seed=1))
    rows = list(csv.DictReader(io.StringIO(page.listing({"table8": found, "figure4": []}))))
    assert [row["run_id"] for row in rows] == [setting.runs[0].run_id for setting in found]
    pgd = rows[1]
    assert [pgd[name] for name in ("preset", "defense", "epsilon", "seed", "scale", "steps", "device", "ended")] == [
        *("table8", "pgd", str(EPSILON), "1", "quick", "2000", "cpu", "1970-01-01")
    ]
    assert "attack steps" in pgd["departures"]


def test_each_claim_is_counted_once_for_all_presets(told):
    runs = [experiment(defense) for defense in ("natural", "pgd", "ibp")]
    own = {"table8": told(*runs), "methods": told(*runs[:2], preset="methods")}
    text = page.page(own, dict.fromkeys(own, "d"), "c", "runs.csv")
    short = text[text.index("## In short") : text.index("## What is not known")]
    assert "| I_A is higher than the natural model's | Tables 2 to 4, 8 | 2 | 0 | 0 |" in short
    assert "| I_A is higher than I_B | Tables 2 to 4 | 1 | 0 | 0 |" in short
    assert "| I_V is higher than I_A | Table 8 | 1 | 0 | 0 |" in short
    assert "grows" not in short
    assert "nothing yet" in page.page({"table8": []}, {"table8": "d"}, "c", "runs.csv")


def test_nothing_is_claimed_of_models_that_give_one_class_to_every_image(told, monkeypatch):
    monkeypatch.setitem(NUMBERS, "ibp", dict.fromkeys(("benign", "adversarial", "certified"), (0.026, 0.027, 0.504)))
    found = told(*(experiment(defense) for defense in ("natural", "pgd", "ibp")))
    assert [setting.collapsed for setting in found] == [False, False, True]
    assert not any("ibp" in finding.about for finding in claims.findings(found))
    text = page.page({"table8": found}, {"table8": "d"}, "c", "runs.csv")
    assert "Not counted, for they give one class to every image: ibp 8/255, yale, capacity 8." in text


def test_the_csv_is_complete_and_at_full_precision(told):
    found = told(experiment("natural"), experiment("pgd"))
    rows = list(csv.DictReader(io.StringIO(page.rows("table8", found))))
    assert len(rows) == 2 * 6
    row = next(row for row in rows if (row["defense"], row["number"]) == ("pgd", "adversarial_inference_accuracy"))
    assert float(row["ours"]) == 0.681
    assert float(row["published"]) == 0.6882561949621135
    assert float(row["difference"]) == 0.681 - 0.6882561949621135
    assert (row["verdict"], row["departures"], row["ci_over"]) == ("reproduced", "", "examples")
    assert row["run_ids"] == experiment("pgd").run_id
    assert row["ended"] == "1970-01-01"


def test_groups_of_members_stand_apart_and_settings_in_the_order_of_their_numbers(told):
    whole = experiment("pgd", "quick")
    shares = [replace(whole, recipe=replace(whole.recipe, robust_share=share, share_of="data")) for share in (0.5, 0.1)]
    found = told(whole, *shares)
    words = ["robust share 0.1, share of data", "robust share 0.5, share of data"]
    assert [setting.row.setting for setting in found] == [None, *words]
    text = page.page({"mixed": found}, {"mixed": "Shares"}, "x", "runs.csv")
    lines = [line for line in text.splitlines() if line.startswith("| pgd 8/255, yale, capacity 8, robust share")]
    apart = "| 69.0 [66.0, 72.0]e | 54.0 [51.0, 57.0]e | 77.1 [74.1, 80.1]e | 62.1 [59.1, 65.1]e |"
    assert [line.endswith(apart) for line in lines[-2:]] == [True, True]
