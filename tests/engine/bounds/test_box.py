import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from engine.bounds.box import box, difference_rows, worst_logits, worst_loss


def test_the_box_is_cut_to_pixels_only_if_asked():
    x = torch.tensor([0.05, 0.5, 0.98])
    low, high = box(x, 0.1)
    assert torch.allclose(low, torch.tensor([0.0, 0.4, 0.88]))
    assert torch.allclose(high, torch.tensor([0.15, 0.6, 1.0]))
    assert box(x, 0.1, clip=False)[0][0] < 0


@given(st.integers(2, 6), st.integers(0, 2**31))
def test_rows_worst_logits_and_loss_say_the_same(classes, seed):
    generator = torch.Generator().manual_seed(seed)
    y = torch.randint(classes, (7,), generator=generator)
    logits = torch.randn(7, classes, generator=generator) * 3
    margins = (difference_rows(classes, y) @ logits[..., None])[..., 0]
    worst = worst_logits(margins, y)
    assert torch.allclose(worst, logits - logits.gather(1, y[:, None]), atol=1e-5)
    assert torch.allclose(worst_loss(margins), F.cross_entropy(logits, y, reduction="none"), atol=1e-5)
    confidence = 1 / (1 + torch.exp(-margins).sum(dim=1))
    assert torch.allclose(worst.softmax(dim=1).gather(1, y[:, None])[:, 0], confidence)


def test_a_margin_of_zero_certifies_nothing():
    y = torch.tensor([0, 1])
    assert (worst_logits(torch.zeros(2, 2), y).argmax(dim=1) != y).all()
    assert (worst_logits(torch.full((2, 2), 1e-30), y).argmax(dim=1) == y).all()
