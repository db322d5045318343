import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from engine.evaluation.pgd import frozen, pgd, tile_size


def tiny(classes=3, batchnorm=False):
    torch.manual_seed(0)
    layers = [nn.Conv2d(1, 4, 3, padding=1), *([nn.BatchNorm2d(4)] if batchnorm else []), nn.ReLU(), nn.Flatten()]
    return nn.Sequential(*layers, nn.Linear(4 * 16, classes)).eval()


def batch(n=5, classes=3):
    generator = torch.Generator().manual_seed(1)
    return torch.rand(n, 1, 4, 4, generator=generator), torch.arange(n) % classes


def plain_pgd(model, x, y, epsilon, step_size, steps):
    """Towards y where the step size is below 0."""
    adversarial = x.clone()
    for _ in range(steps):
        adversarial = adversarial.detach().requires_grad_()
        F.cross_entropy(model(adversarial), y).backward()
        adversarial = adversarial.detach() + step_size * adversarial.grad.sign()
        adversarial = x + torch.clamp(adversarial - x, -epsilon, epsilon)
        adversarial = torch.clamp(adversarial, 0, 1)
    return adversarial


@given(st.floats(0, 1), st.integers(1, 5), st.floats(0.01, 2), st.booleans(), st.booleans())
@settings(deadline=None)
def test_examples_stay_in_the_ball_and_among_pixels(epsilon, steps, ratio, random_start, targeted):
    x, y = batch()
    settings = {"step_size": ratio * epsilon, "steps": steps, "random_start": random_start, "targeted": targeted}
    found = pgd(tiny(), x, y, epsilon=epsilon, **settings)
    assert ((found - x).abs() <= epsilon + 1e-6).all()
    assert ((found >= 0) & (found <= 1)).all()
    assert found.shape == x.shape
    assert not found.requires_grad


def test_equals_a_plain_loop_over_backward():
    x, y = batch()
    ours = pgd(tiny(), x, y, epsilon=0.1, step_size=0.0125, steps=20)
    assert torch.allclose(ours, plain_pgd(tiny(), x, y, 0.1, 0.0125, 20), atol=1e-6)


def test_towards_a_class_equals_a_plain_loop_that_descends():
    x, y = batch()
    ours = pgd(tiny(), x, (y + 1) % 3, epsilon=0.1, step_size=0.0125, steps=20, targeted=True)
    assert torch.allclose(ours, plain_pgd(tiny(), x, (y + 1) % 3, 0.1, -0.0125, 20), atol=1e-6)


@pytest.mark.parametrize("targeted", [False, True])
def test_one_step_follows_the_gradient_found_by_finite_differences(targeted):
    model, (x, y) = tiny().double(), batch(1)
    x = x.double().clamp(0.2, 0.8)
    found = pgd(model, x, y, epsilon=0.01, step_size=0.01, steps=1, targeted=targeted)
    for index in range(16):
        nudge = torch.zeros(16, dtype=torch.double)
        nudge[index] = 1e-6
        nudge = nudge.reshape(x.shape)
        slope = F.cross_entropy(model(x + nudge), y) - F.cross_entropy(model(x - nudge), y)
        assert torch.sign((found - x).flatten()[index]) == torch.sign(-slope if targeted else slope)


def test_the_attack_raises_the_loss_and_more_steps_raise_it_no_less_than_one():
    model, (x, y) = tiny(), batch(30)
    losses = [
        F.cross_entropy(model(pgd(model, x, y, epsilon=0.3, step_size=0.3 / 8, steps=steps)), y) for steps in (1, 20)
    ]
    assert F.cross_entropy(model(x), y) < losses[0] < losses[1]


def test_towards_a_class_its_loss_falls_for_every_image():
    model, (x, y) = tiny(), batch(30)
    for step in (1, 2):
        target = (y + step) % 3
        losses = [F.cross_entropy(model(x), target, reduction="none")]
        for steps in (1, 20):
            found = pgd(model, x, target, epsilon=0.3, step_size=0.3 / 8, steps=steps, targeted=True)
            losses.append(F.cross_entropy(model(found), target, reduction="none"))
        assert (losses[1] < losses[0]).all()
        assert (losses[2] < losses[1]).all()


def test_images_of_a_batch_are_attacked_each_by_itself():
    model, (x, y) = tiny(), batch(6)
    settings = {"epsilon": 0.2, "step_size": 0.025, "steps": 8, "targeted": True}
    together = pgd(model, x, y, **settings)
    alone = torch.cat([pgd(model, x[i : i + 1], y[i : i + 1], **settings) for i in range(6)])
    assert torch.allclose(together, alone, atol=1e-6)


def test_zero_epsilon_changes_nothing():
    x, y = batch()
    assert torch.equal(pgd(tiny(), x, y, epsilon=0.0, step_size=0.0, steps=3), x)


@pytest.mark.parametrize("clip", [True, False])
def test_the_first_gradient_is_taken_at_a_clipped_start_only_if_asked(clip):
    model, (x, y) = tiny(), batch()
    seen = []
    model.register_forward_hook(lambda _module, inputs, _output: seen.append(inputs[0].detach()))
    pgd(model, x.round(), y, epsilon=0.5, step_size=0.1, steps=2, random_start=True, clip_start=clip)
    assert bool(((seen[0] >= 0) & (seen[0] <= 1)).all()) is clip
    assert ((seen[1] >= 0) & (seen[1] <= 1)).all()


def test_random_start_follows_torchs_seed():
    model, (x, y) = tiny(), batch()
    draws = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        draws.append(pgd(model, x, y, epsilon=0.2, step_size=0.01, steps=1, random_start=True))
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])


@pytest.mark.parametrize("targeted", [False, True])
def test_no_gradient_reaches_the_weights_and_each_step_costs_one_forward(targeted):
    model, (x, y) = tiny(), batch()
    forwards = []
    model.register_forward_hook(lambda *_: forwards.append(1))
    with frozen(model):
        found = pgd(model, x, y, epsilon=0.1, step_size=0.02, steps=7, targeted=targeted)
    assert not found.requires_grad
    assert x.grad is None
    assert len(forwards) == 7
    assert all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.parametrize("training", [True, False])
def test_frozen_gives_back_mode_and_gradients(training):
    model = tiny(batchnorm=True).train(training)
    model[0].bias.requires_grad_(False)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with frozen(model):
        assert not model.training
        assert not any(parameter.requires_grad for parameter in model.parameters())
        model(batch()[0])
    assert model.training is training
    assert [name for name, parameter in model.named_parameters() if not parameter.requires_grad] == ["0.bias"]
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_tiles_shrink_with_the_largest_layer():
    image = torch.zeros(1, 4, 4)
    wide = nn.Sequential(nn.Conv2d(1, 4096, 3, padding=1), nn.Flatten(), nn.Linear(4096 * 16, 2))
    assert tile_size(wide, image) == 8
    assert tile_size(tiny(), image) == 256
