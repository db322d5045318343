import pytest
from hypothesis import given
from hypothesis import strategies as st

from explorer.results import text


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (None, "—"),
        (0.4, "0s"),
        (48, "48s"),
        (161, "2m41s"),
        (31 * 60, "31m"),
        (6720, "1h52"),
        (2 * 86400 + 3 * 3600, "2d03h"),
        (-5, "0s"),
    ],
)
def test_durations_have_at_most_two_units(seconds, said):
    assert text.duration(seconds) == said


@pytest.mark.parametrize(("n", "said"), [(5, "5 B"), (1500, "1.5 kB"), (78_600_000_000, "78.6 GB"), (2e12, "2.0 TB")])
def test_sizes(n, said):
    assert text.size(n) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [
        *((8 / 255, "8/255"), (round(8 / 255, 6), "8/255"), (16 / 255, "16/255"), (1 / 255, "1/255")),
        *((0.5 / 255, "0.5/255"), (1.5 / 255, "1.5/255"), (2.5 / 255, "0.009804"), (0.05, "0.05")),
        *((round(quarters / 4 / 255, 6), f"{quarters / 4:g}/255") for quarters in range(1, 8)),
        *((0.0, "0"), (0.1, "0.1"), (0.0314, "0.0314"), (17 / 255, "17/255"), (20 / 255, "20/255"), (1.0, "1")),
        *((0.2, "0.2"), (0.4, "0.4"), (0.06275, "0.06275"), (254 / 255, "254/255")),
    ],
)
def test_budgets_are_written_as_their_field_writes_them(value, said):
    assert text.epsilon(value) == said


@given(st.floats(0, 1), st.floats(0, 1))
def test_budgets_written_alike_are_alike(one, other):
    if text.epsilon(one) == text.epsilon(other):
        assert abs(one - other) <= 1e-3 * max(one, other)


@given(st.floats(-10, 1e9))
def test_durations_are_short(seconds):
    assert len(text.duration(seconds)) <= 9


def test_words_with_numbers_in_them_are_sorted_by_the_numbers():
    words = ["steps 1000", "steps 200", "weight decay 1e-05", "weight decay 0.001", "", "steps 200, temperature 2"]
    found = sorted(words, key=text.natural_order)
    assert found == ["", "steps 200", "steps 200, temperature 2", "steps 1000", *words[2:4]]
