"""LiRA, RMIA and the joint attack: against naive formulas, against planted truth, and where nothing is to be found."""

import numpy as np
import pytest
from scipy import stats
from sklearn.linear_model import LogisticRegression

from engine.inference import ranking
from engine.inference.population import joint, lira, rmia
from engine.inference.population.references import Population, References, probabilities
from engine.inference.ranking import Ranking
from engine.spec.experiment import Inference


def halves(models: int, images: int, generator: np.random.Generator) -> np.ndarray:
    """Members (models, images): pairs of models that trained on one half each."""
    half = generator.permuted(np.broadcast_to(np.arange(images) < images // 2, (models // 2, images)), axis=1)
    return np.stack([half, ~half], axis=1).reshape(models, images)


def population(
    models: int, images: int, shift: float, views: tuple[str, ...] = ("benign",), seed: int = 0
) -> Population:
    """Normal log-odds about a mean of each image, moved by `shift` where a model trained on it."""
    generator = np.random.default_rng(seed)
    member = halves(models, images, generator)
    base = generator.normal(0, 3, images)
    odds = {view: base + generator.normal(size=(models, images)) + shift * member for view in views}
    return Population.of(odds, member)


def found(scores: np.ndarray, member: np.ndarray, rate: float = 0.01) -> tuple[float, float]:
    """AUC, and TPR at a rate."""
    positives = Ranking.of(scores[member], scores[~member]).positives()
    return float(ranking.auc(*positives)), ranking.tpr_at(*positives, rate)


def together(odds: np.ndarray, known: References) -> np.ndarray:
    """The joint attack, its weights fitted on the references."""
    judges = known.judges()
    weights = joint.fitted(
        [(joint.log_ratios(each.odds, each.references, Inference()), each.member) for each in judges]
    )
    return joint.log_ratios(odds, known, Inference()) @ weights


SCORES = {
    "lira": lambda odds, known: lira.online(odds, known, "level"),
    "nig": lambda odds, known: lira.online(odds, known, "nig"),
    "global": lambda odds, known: lira.online(odds, known, "global"),
    "offline": lambda odds, known: lira.offline(odds, known, "nig"),
    "rmia": rmia.online,
    "joint": together,
}


def naive_moments(odds: np.ndarray, member: np.ndarray, target: int, image: int) -> list[tuple[np.ndarray, float]]:
    """An image's log-odds in and out, of the first so many models of each side that every image has."""
    others = [m for m in range(len(member)) if m != target and not (member[m] != member[target]).all()]
    sides = []
    for wanted in (True, False):
        counts = [sum(member[m, i] == wanted for m in others) for i in range(member.shape[1])]
        own = [odds[m, image] for m in others if member[m, image] == wanted]
        sides.append(np.array(own[: min(counts)]))
    return sides


def test_scores_are_those_of_the_formulas_taken_image_by_image():
    whole, target = population(8, 40, 0.5), 3
    odds, member = whole.odds[..., 0], whole.member
    sides = [naive_moments(odds, member, target, image) for image in range(40)]
    sigmas = [np.sqrt(np.mean([np.var(side[k], ddof=1) for side in sides])) for k in (0, 1)]
    for image, (inside, outside) in enumerate(sides):
        x = odds[target, image]
        known, one = whole.references(target), whole.odds[target]
        naive = stats.norm.logpdf(x, inside.mean(), sigmas[0]) - stats.norm.logpdf(x, outside.mean(), sigmas[1])
        assert lira.online(one, known, "global")[image] == pytest.approx(naive, abs=1e-9)
        naive = stats.norm.logpdf(x, inside.mean(), inside.std()) - stats.norm.logpdf(x, outside.mean(), outside.std())
        assert lira.online(one, known, "image")[image] == pytest.approx(naive, abs=1e-9)
        naive = stats.norm.logcdf(x, outside.mean(), sigmas[1])
        assert lira.offline(one, known, "global")[image] == pytest.approx(naive, abs=1e-9)
        p, p_in, p_out = (1 / (1 + np.exp(-values)) for values in (x, inside, outside))
        naive = np.log(p / np.concatenate([p_in, p_out]).mean())
        assert rmia.online(one, known)[image] == pytest.approx(naive, abs=1e-9)
        naive = np.log(p / (0.5 * (1.3 * p_out.mean() + 0.7)))
        assert rmia.offline(one, known, 0.3)[image] == pytest.approx(naive, abs=1e-9)


def test_moments_of_a_level_are_those_of_the_formulas_taken_image_by_image():
    whole = population(8, 60, 0.5)
    known, odds = whole.references(0), whole.odds[0]
    pairs = [naive_moments(whole.odds[..., 0], whole.member, 0, image) for image in range(60)]
    n = [len(side) for side in pairs[0]]
    levels = [np.concatenate(pair).mean() for pair in pairs]
    order = sorted(range(60), key=lambda image: levels[image])
    around = {image: order[max(0, place - 3) : place + 4] for place, image in enumerate(order)}
    gaps = np.array([inside.mean() - outside.mean() for inside, outside in pairs])
    usual = {image: gaps[own].mean() for image, own in around.items()}
    scores = lira.online(odds, known, "level")
    for image, own in around.items():
        spread = [np.mean([np.var(pairs[other][k], ddof=1) for other in own]) for k in (0, 1)]
        luck = spread[0] / n[0] + spread[1] / n[1]
        each = {
            other: sum(np.mean([np.var(pairs[one][k], ddof=1) for one in around[other]]) / n[k] for k in (0, 1))
            for other in own
        }
        truth = np.mean([(gaps[other] - usual[other]) ** 2 for other in own]) - np.mean(list(each.values()))
        share = max(truth, 0) / (max(truth, 0) + luck)
        gap = usual[image] + share * (gaps[image] - usual[image])
        off = (n[0] * spread[0] + n[1] * spread[1]) / sum(n) ** 2
        logs = []
        for k, sign in ((0, n[1]), (1, -n[0])):
            wide = spread[k] + off + max(truth, 0) * (1 - share) * (sign / sum(n)) ** 2
            logs.append(stats.norm.logpdf(odds[image, 0], levels[image] + gap * sign / sum(n), np.sqrt(wide)))
        assert scores[image] == pytest.approx(logs[0] - logs[1], abs=1e-9)


def test_few_references_gain_by_images_as_hard():
    """Hard images are moved most by membership: known from the others, though each image has few references."""
    generator = np.random.default_rng(5)
    member = halves(10, 3000, generator)
    base = generator.normal(0, 3, 3000)
    shift = np.where(base < -2, 3.0, 0.0)
    odds = base + generator.normal(size=member.shape) * np.where(base < -2, 1.5, 0.5) + shift * member
    whole = Population.of({"benign": odds}, member)
    level, nig = (found(SCORES[name](whole.odds[0], whole.references(0)), member[0]) for name in ("lira", "nig"))
    assert level[1] > 1.2 * nig[1]


def test_a_memorised_image_is_found_among_thousands():
    generator = np.random.default_rng(6)
    member = halves(12, 4000, generator)
    odds = generator.normal(0, 2, 4000) + generator.normal(size=member.shape)
    planted = int(np.flatnonzero(member[0])[0])
    odds[:, planted] += 12.0 * member[:, planted]
    whole = Population.of({"benign": odds}, member)
    for name in ("lira", "nig", "global"):
        scores = SCORES[name](whole.odds[0], whole.references(0))
        assert (scores[~member[0]] >= scores[planted]).mean() < 0.001, name


def test_references_without_members_leave_the_offline_attacks():
    generator = np.random.default_rng(7)
    member = halves(8, 500, generator)
    member[1:] = False
    base = generator.normal(0, 2, 500)
    whole = Population.of({"benign": base + generator.normal(size=member.shape) + 1.5 * member}, member)
    known, odds = whole.references(0), whole.odds[0]
    assert known.enough
    assert not known.online
    assert next(known.judges()).member.sum() == 0
    assert lira.attack(odds, known, Inference()).tolist() == lira.offline(odds, known, "level").tolist()
    assert found(lira.attack(odds, known, Inference()), member[0])[0] > 0.75


def test_the_scale_of_the_offline_ratio_is_tuned_on_a_reference():
    generator = np.random.default_rng(8)
    member = generator.random((7, 600)) < 0.3
    base = generator.normal(0, 3, 600)
    whole = Population.of({"benign": base + generator.normal(size=member.shape) + 1.0 * member}, member)
    known = whole.references(0)
    judge = next(known.judges())
    areas = [
        found(rmia.offline(judge.odds, judge.references, scale), judge.member)[0] for scale in (0, rmia.tuned(known), 1)
    ]
    assert areas[1] >= max(areas)


def test_weights_of_views_are_those_that_scikit_learn_fits():
    draw = np.random.default_rng(1)
    member = draw.random(3000) < 0.4
    ratios = np.stack(
        [draw.normal(size=3000) + member, draw.normal(size=3000), draw.normal(size=3000) - member], axis=1
    )
    theirs = LogisticRegression(C=1e6, tol=1e-10, max_iter=1000).fit(ratios, member).coef_[0]
    assert joint.fitted([(ratios[:1000], member[:1000]), (ratios[1000:], member[1000:])]) == pytest.approx(
        theirs, abs=0.01
    )


def test_student_of_a_prior_without_weight_is_that_of_the_references_alone():
    known = population(64, 400, 0.0).references(0)
    side = known.inside
    wide = lira.SPREADS["nig"](known)[0]
    assert (wide.freedom > side.count).all()
    # One variance for all images: the prior grows sure of it, and the t becomes the normal with a mean not quite known.
    close = stats.norm.logpdf(side.mean[:, 0] + 1, side.mean[:, 0], np.sqrt(lira.pooled(side) * (1 + 1 / side.count)))
    assert wide.log_density(side.mean[:, 0] + 1) == pytest.approx(close, abs=0.15)


@pytest.mark.parametrize("name", ["lira", "nig", "global", "offline", "joint"])
def test_many_references_reach_the_best_that_two_normals_allow_and_not_more(name):
    whole, shift = population(200, 3000, 1.0), 1.0
    areas, rates = zip(
        *(found(SCORES[name](whole.odds[t], whole.references(t)), whole.member[t]) for t in range(4)), strict=True
    )
    assert np.mean(areas) == pytest.approx(stats.norm.cdf(shift / np.sqrt(2)), abs=0.012)
    assert np.mean(rates) == pytest.approx(1 - stats.norm.cdf(stats.norm.ppf(0.99) - shift), abs=0.025)


@pytest.mark.parametrize("name", list(SCORES))
def test_where_nothing_leaks_half_of_all_pairs_are_in_order(name):
    areas = []
    for seed in range(12):
        whole = population(8, 500, 0.0, ("benign", "adversarial") if name == "joint" else ("benign",), seed)
        areas += [found(SCORES[name](whole.odds[t], whole.references(t)), whole.member[t])[0] for t in (0, 5)]
    error = np.std(areas, ddof=1) / np.sqrt(len(areas))
    assert abs(np.mean(areas) - 0.5) < 4 * error


def test_two_views_that_err_apart_leak_more_together():
    whole = population(60, 2000, 1.0, ("benign", "adversarial"))
    both = found(together(whole.odds[0], whole.references(0)), whole.member[0])[0]
    one = whole.of_views("benign")
    assert both > found(SCORES["lira"](one.odds[0], one.references(0)), one.member[0])[0] + 0.05
    assert both == pytest.approx(stats.norm.cdf(1.0), abs=0.02)


def test_the_share_of_images_that_are_outdone_ranks_as_the_ratio():
    ratios = np.random.default_rng(2).normal(0, 2, 300)
    shares = rmia.share(ratios)
    naive = [(ratios[i] > np.log(2) + ratios).mean() for i in range(300)]
    assert shares == pytest.approx(naive, abs=1e-12)
    order = np.argsort(ratios)
    assert (np.diff(shares[order]) >= 0).all()


def test_a_targets_complement_is_none_of_its_references():
    whole = population(8, 20, 0.0)
    assert whole.usable(2).tolist() == [0, 1, 4, 5, 6, 7]
    assert whole.usable(2, 5).tolist() == [0, 1, 6, 7]


def test_equal_numbers_of_models_on_each_image_do_not_tell_a_targets_members():
    """The design of many public shadow models: each image in just half of the models, without complements."""
    generator = np.random.default_rng(3)
    member = generator.permuted(np.broadcast_to(np.arange(8)[:, None] < 4, (8, 200)), axis=0)
    whole = Population.of({"benign": generator.normal(size=(8, 200))}, member)
    known = whole.references(0)
    assert len(set(known.inside.count)) == len(set(known.outside.count)) == 1


def test_coins_leave_each_image_its_own_number_of_references():
    generator = np.random.default_rng(4)
    member = generator.random((6, 300)) < 0.5
    known = Population.of({"benign": generator.normal(size=(6, 300))}, member).references(0)
    assert (known.inside.count + known.outside.count == 5).all()
    assert known.inside.count.tolist() == member[1:].sum(axis=0).tolist()
    for name, score in SCORES.items():
        assert np.isfinite(score(generator.normal(size=(300, 1)), known)).all(), name


def test_a_softmax_that_is_one_counts_as_the_surest_answer():
    odds = np.array([[0.0, np.inf], [1.0, 2.0], [-np.inf, 3.0], [0.5, 0.5]])
    whole = Population.of({"benign": odds}, np.array([[1, 0], [0, 1], [1, 1], [0, 0]], bool))
    assert (whole.odds.min(), whole.odds.max()) == (0.0, 3.0)
    assert probabilities(np.array([-1e4, 0.0, 1e4])).tolist() == [0.0, 0.5, 1.0]


def test_tiles_change_nothing(monkeypatch):
    whole = population(6, 50, 0.5, ("benign", "adversarial"))
    before = whole.references(1).inside
    monkeypatch.setattr("engine.inference.population.references.TILE", 7 * 4 * 2)
    after = whole.references(1).inside
    for name in ("count", "mean", "scatter", "likelihood"):
        assert getattr(after, name) == pytest.approx(getattr(before, name), abs=1e-12)


def test_every_view_is_of_all_models_and_images():
    with pytest.raises(ValueError, match=r"adversarial: \(2, 3\) .*allowed: \(models, images\)"):
        Population.of({"benign": np.zeros((2, 4)), "adversarial": np.zeros((2, 3))}, np.zeros((2, 4), bool))
