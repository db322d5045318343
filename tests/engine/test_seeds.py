import torch
from hypothesis import given
from hypothesis import strategies as st

from engine.seeds import permutation, seed_of, seed_torch


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_seeds_are_functions_of_every_part(first, second):
    assert seed_of(first, "step", second) == seed_of(first, "step", second)
    assert 0 <= seed_of(first, second) < 2**63
    if first != second:
        assert seed_of(first, "step", 0) != seed_of(second, "step", 0)
        assert seed_of(0, "step", first) != seed_of(0, "step", second)


def test_permutations_hold_everything_once_and_leave_torchs_generator_alone():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    order = permutation(100, 0, "epoch", 3)
    assert sorted(order.tolist()) == list(range(100))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(order, permutation(100, 0, "epoch", 3))
    assert not torch.equal(order, permutation(100, 0, "epoch", 4))


def test_seeding_decides_every_draw_that_follows():
    draws = []
    for step in (1, 2, 1):
        seed_torch(torch.device("cpu"), 0, "step", step)
        draws.append((torch.rand(3), torch.empty(3).uniform_(-1, 1), torch.randint(0, 9, (3,))))
    assert all(torch.equal(left, right) for left, right in zip(draws[0], draws[2], strict=True))
    assert not torch.equal(draws[0][0], draws[1][0])
