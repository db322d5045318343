import pytest
import torch
from torch import nn
from torch.nn import functional as F

from engine.evaluation.pgd import pgd
from engine.registry import DEFENSES
from engine.spec.recipes import recipe_for


def model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(16, 3)).train()


def batch():
    generator = torch.Generator().manual_seed(1)
    return torch.rand(6, 1, 4, 4, generator=generator), torch.arange(6) % 3


def test_natural_is_the_mean_cross_entropy():
    x, y = batch()
    loss = DEFENSES["natural"].load()(model(), x, y, recipe_for("natural", "digits", "quick", {}), 0.0, 0)
    assert torch.equal(loss, F.cross_entropy(model()(x), y))


@pytest.mark.parametrize("mode", ["eval", "train"])
def test_pgd_is_the_cross_entropy_of_the_attacked_batch_only(mode):
    x, y = batch()
    settings = {"attack_steps": 3, "epsilon_warmup": 0, "random_start": False, "attack_batchnorm": mode}
    recipe = recipe_for("pgd", "digits", "quick", settings)
    loss = DEFENSES["pgd"].load()(model(), x, y, recipe, 0.1, 5)
    reference = model().train(mode == "train")
    adversarial = pgd(reference, x, y, epsilon=0.1, step_size=0.1 * recipe.attack_step_size, steps=3)
    assert torch.allclose(loss, F.cross_entropy(reference.train()(adversarial), y), atol=1e-6)


@pytest.mark.parametrize(("mode", "updates"), [("eval", 1), ("train", 4)])
def test_batchnorm_averages_are_updated_inside_the_attack_only_if_asked(mode, updates):
    x, y = batch()
    network = model()
    recipe = recipe_for("pgd", "digits", "quick", {"attack_steps": 3, "attack_batchnorm": mode})
    DEFENSES["pgd"].load()(network, x, y, recipe, 0.1, 1000)
    assert network[1].num_batches_tracked == updates
    assert network.training


def test_pgd_spends_two_k_plus_three_passes_a_step():
    x, y = batch()
    network = model()
    recipe = recipe_for("pgd", "digits", "quick", {"attack_steps": 5})
    passes = {"forward": 0, "weight": 0}
    network[0].register_forward_hook(lambda *_: passes.__setitem__("forward", passes["forward"] + 1))
    network[0].weight.register_hook(lambda _: passes.__setitem__("weight", passes["weight"] + 1))
    DEFENSES["pgd"].load()(network, x, y, recipe, 0.1, 1000).backward()
    # 5 attack forwards and 1 training forward; the weights are differentiated once.
    assert (passes["forward"], passes["weight"]) == (6, 1)
    assert recipe.passes_per_image == 13


def test_warmup_begins_without_a_perturbation():
    x, y = batch()
    recipe = recipe_for("pgd", "digits", "quick", {"epsilon_warmup": 10})
    loss = DEFENSES["pgd"].load()(model(), x, y, recipe, 0.3, 0)
    assert torch.allclose(loss, F.cross_entropy(model()(x), y))


@pytest.mark.parametrize("defense", ["natural", "pgd", "trades"])
def test_smoothed_labels_spread_a_share_over_all_classes(defense):
    """Cross-entropy against (1 - s) of the true class and s / classes of each; PGD with no budget, so no example."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(16, 3))
    x, y = torch.rand(5, 1, 4, 4), torch.tensor([0, 1, 2, 0, 1])
    recipe = recipe_for(defense, "digits", "quick", {"label_smoothing": 0.3, "epsilon_warmup": 0, "beta": 0})
    target = 0.7 * F.one_hot(y, 3) + 0.1
    wanted = -(target * model(x).log_softmax(1)).sum(1).mean()
    torch.testing.assert_close(DEFENSES[defense].load()(model, x, y, recipe, 0.0, 0), wanted)


@pytest.mark.parametrize(
    ("defense", "dataset", "decays", "padding"),
    [
        ("trades", "cifar10", "all", 4),
        ("trades", "yale", "all", 2),
        ("trades", "fashion-mnist", "all", 2),
        ("dual", "yale", "all", 2),
        ("dual", "fashion-mnist", "all", 2),
        ("pgd", "cifar10", "kernels", 2),
        ("ibp", "yale", "kernels", 2),
    ],
)
def test_the_papers_recipes_decay_and_pad_as_its_authors_do(defense, dataset, decays, padding):
    """Protocol B: kernels and 2 pixels in TensorFlow; in PyTorch (difference, dual) all parameters, and 4 pixels."""
    recipe = recipe_for(defense, dataset, "paper", {})
    assert (recipe.decays, recipe.padding) == (decays, padding)
