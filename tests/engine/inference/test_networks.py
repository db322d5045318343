import numpy as np
import pytest
import torch
from scipy.stats import norm
from torch import nn
from torch.nn import functional as F

from engine.inference import networks
from engine.inference.networks import Task, fit

CLOSE = {"rtol": 1e-9, "atol": 1e-9}
"""Log-odds of networks whose products were summed in another order, in float64.

Training multiplies a rounding error by up to 1e5 on its way: of float32's 6e-8 that leaves less than three digits, how
many depends on how a CPU sums; of float64's 1e-16 it leaves ten.
"""


@pytest.fixture
def in_float64(monkeypatch):
    """Inputs and first weights of twice the width, so that all that is made of them has it too."""
    standardised, first_weights = networks._standardised, networks._first_weights
    monkeypatch.setattr(networks, "_standardised", lambda *parts: standardised(*parts).astype(np.float64))

    def doubled(*settings):
        return [weight.detach().double().requires_grad_() for weight in first_weights(*settings)]

    monkeypatch.setattr(networks, "_first_weights", doubled)


def task(each=60, width=10, shift=0.6, seed=(0, 0, 0), others=None):
    """Members whose every feature is a little higher."""
    generator = np.random.default_rng(sum(seed) + each)
    member = np.repeat([True, False], [each, others or each])
    features = generator.normal(size=(len(member), width)).astype(np.float32)
    features[member] += np.float32(shift)
    return Task(features, member, seed)


def plain_network(own, restart):
    """The same network by itself: the same draws, an ordinary module, no stack."""
    generator = torch.Generator().manual_seed(int(np.random.SeedSequence((*own.seed, restart)).generate_state(1)[0]))
    fitting, held = [], []
    for kind in (True, False):
        rows = np.flatnonzero(own.member == kind)
        rows = rows[torch.randperm(len(rows), generator=generator).numpy()]
        count = max(1, round(0.2 * len(rows)))
        held.extend(rows[:count])
        fitting.extend(rows[count:])
    mean, scale = own.features.mean(axis=0), own.features.std(axis=0)
    x, y = torch.from_numpy((own.features - mean) / scale).double(), torch.from_numpy(own.member).long()
    layers = [nn.Linear(*sizes) for sizes in zip((x.shape[1], 200, 20), (200, 20, 2), strict=True)]
    for layer in layers:
        drawn = torch.randn(layer.in_features, layer.out_features, generator=generator)
        layer.weight.data = (drawn * (2 / layer.in_features) ** 0.5).T.contiguous()
        layer.bias.data.zero_()
    model = nn.Sequential(layers[0], nn.ReLU(), layers[1], nn.ReLU(), layers[2]).double()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=1.0)
    size = 1 << (len(y) - 1).bit_length()
    updates, batch = max(10, size // 32), min(32, size // 2)
    fitting, lowest, since, best = np.array(fitting), np.inf, 0, None
    for _ in range(networks.ROUNDS):
        for draw in torch.rand(updates, batch, generator=generator):
            rows = fitting[(draw * len(fitting)).long().numpy()]
            optimizer.zero_grad()
            F.cross_entropy(model(x[rows]), y[rows]).backward()
            optimizer.step()
        with torch.no_grad():
            loss = F.cross_entropy(model(x[held]), y[held]).item()
        since += 1
        if loss < lowest:
            lowest, since, best = loss, 0, {name: value.clone() for name, value in model.state_dict().items()}
        if since >= 5:
            break
    model.load_state_dict(best)

    @torch.no_grad()
    def log_odds(features):
        return model(torch.from_numpy((features - mean) / scale).double()).diff(dim=1)[:, 0].numpy()

    return log_odds


@pytest.mark.parametrize(("each", "width", "rounds"), [(60, 10, 60), (37, 90, 3), (4, 5, 3)])
@pytest.mark.usefixtures("in_float64")
def test_one_network_is_the_ordinary_module_trained_by_an_ordinary_loop(monkeypatch, each, width, rounds):
    """In its first updates; one also until it stops, which is by itself."""
    monkeypatch.setattr(networks, "ROUNDS", rounds)
    own, strange = task(each, width), task(80, width, seed=(9,)).features
    assert np.allclose(fit([own], 1)[0].log_odds(strange), plain_network(own, 0)(strange), **CLOSE)


@pytest.mark.usefixtures("in_float64")
def test_restarts_are_networks_of_their_own_whose_log_odds_are_averaged():
    own, strange = task(), task(80, seed=(9,)).features
    plain = np.mean([plain_network(own, restart)(strange) for restart in range(3)], axis=0)
    assert np.allclose(fit([own], 3)[0].log_odds(strange), plain, **CLOSE)


@pytest.mark.parametrize(
    ("sizes", "rounds"),
    [([60] * 4, 5), ([33, 40, 64, 50], 5), ([2, 500, 60, 3, 2, 130], 60)],
    ids=["alike", "padded", "very different"],
)
@pytest.mark.usefixtures("in_float64")
def test_networks_trained_together_equal_the_same_trained_one_by_one(monkeypatch, sizes, rounds):
    """The last until all have stopped, each in a round of its own."""
    monkeypatch.setattr(networks, "ROUNDS", rounds)
    tasks = [task(each, seed=(5, index, 0)) for index, each in enumerate(sizes)]
    strange = task(50, seed=(9,)).features
    for own, together in zip(tasks, fit(tasks, 2), strict=True):
        assert np.allclose(together.log_odds(strange), fit([own], 2)[0].log_odds(strange), **CLOSE)


@pytest.mark.usefixtures("in_float64")
def test_order_and_company_change_nothing(monkeypatch):
    monkeypatch.setattr(networks, "ROUNDS", 5)
    tasks = [task(each, seed=(5, index, 0)) for index, each in enumerate((60, 7, 61, 7))]
    strange = task(50, seed=(9,)).features
    there, back = fit(tasks, 1), fit(tasks[::-1], 1)[::-1]
    for one, other in zip(there, back, strict=True):
        assert np.allclose(one.log_odds(strange), other.log_odds(strange), **CLOSE)


def test_the_seed_decides_and_nothing_else():
    strange = task(50, seed=(9,)).features
    first, again = (fit([task()], 2)[0].log_odds(strange) for _ in range(2))
    torch.manual_seed(99)
    own = task()
    third, other = (fit([Task(own.features, own.member, seed)], 2)[0] for seed in ((0, 0, 0), (0, 0, 1)))
    assert np.array_equal(first, again)
    assert np.array_equal(first, third.log_odds(strange))
    assert not np.allclose(first, other.log_odds(strange), atol=0.05)


@pytest.mark.parametrize("shift", [0.0, 0.3, 0.6])
def test_the_answers_are_nearly_as_good_as_they_can_be(shift):
    fitted, fresh = fit([task(200, shift=shift)], 2)[0], task(1000, shift=shift, seed=(7,))
    reached = ((fitted.log_odds(fresh.features) >= 0) == fresh.member).mean()
    possible = norm.cdf(shift * np.sqrt(10) / 2)  # of the best rule for two normal clouds
    assert possible - 0.05 <= reached <= possible + 0.03


def test_a_feature_that_is_constant_where_it_was_fitted_is_harmless():
    own, fresh = task(), task(50, seed=(9,)).features
    constant = np.full((len(own.features), 1), -10.0, np.float32)
    wider = Task(np.concatenate([own.features, constant], axis=1), own.member, own.seed)
    fitted = fit([wider], 1)[0]
    answers = [
        fitted.log_odds(np.column_stack([fresh, np.full(len(fresh), value, np.float32)])) for value in (-10, 0, 1e6)
    ]
    assert np.isfinite(answers).all()
    assert np.array_equal(answers[0], answers[1])
    assert np.array_equal(answers[0], answers[2])


def test_inputs_are_standardised_so_units_do_not_matter():
    own, fresh = task(), task(50, seed=(9,)).features
    scaled = Task(own.features * np.float32(64) + np.float32(32), own.member, own.seed)
    plain, moved = fit([own], 1)[0].log_odds(fresh), fit([scaled], 1)[0].log_odds(fresh * 64 + 32)
    assert np.allclose(plain, moved, rtol=0.05, atol=0.05)


@pytest.mark.parametrize(("members", "others"), [(2, 2), (2, 3), (3, 9)])
def test_the_smallest_classes_are_fitted(members, others):
    fitted = fit([task(members, others=others, seed=(1, label)) for label in range(5)], 3)
    for own in fitted:
        assert np.isfinite(own.log_odds(task(20, seed=(9,)).features)).all()


@pytest.fixture
def stacks(monkeypatch):
    """How many weights were trained at once, stack by stack."""
    sizes, draw = [], networks._first_weights

    def first_weights(*args):
        weights = draw(*args)
        sizes.append(sum(weight.numel() for weight in weights))
        return weights

    monkeypatch.setattr(networks, "_first_weights", first_weights)
    return sizes


def test_wide_inputs_are_trained_in_turns_within_the_bound(stacks, monkeypatch):
    monkeypatch.setattr(networks, "ROUNDS", 2)
    tasks = [task(7, width=1406, seed=(3, label)) for label in range(9)]  # 38 classes' targeted answers
    fit(tasks, 3)
    small_parts = 9 * 3 * (20 * 2 + 200 + 20 + 2)  # output layer and biases are not counted by the bound
    assert max(stacks) <= networks.STACK_WEIGHTS + small_parts
    assert sum(stacks) == 9 * 3 * (1406 * 200 + 200 + 200 * 20 + 20 + 20 * 2 + 2)
    assert len(stacks) > 1


@pytest.mark.usefixtures("in_float64")
def test_turns_change_nothing(monkeypatch, stacks):
    monkeypatch.setattr(networks, "ROUNDS", 5)
    tasks, strange = [task(30, seed=(5, index)) for index in range(5)], task(50, seed=(9,)).features
    together = fit(tasks, 2)
    monkeypatch.setattr(networks, "STACK_WEIGHTS", 1)
    apart = fit(tasks, 2)
    assert len(stacks) == 1 + 5
    for one, other in zip(together, apart, strict=True):
        assert np.allclose(one.log_odds(strange), other.log_odds(strange), **CLOSE)
