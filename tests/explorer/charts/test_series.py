from hypothesis import given
from hypothesis import strategies as st
from rows import typed

from explorer.charts import series
from explorer.results import text

rows = st.lists(
    st.fixed_dictionaries(
        {
            "dataset": st.sampled_from(["digits", "yale"]),
            "network": st.sampled_from(["small-cnn", "mlp"]),
            "train_fraction": st.sampled_from([1.0, 0.5, 0.25]),
            "defense": st.sampled_from(["natural", "pgd", "trades"]),
            "epsilon": st.sampled_from([0.0, 8 / 255, 0.0314, 0.1]),
        }
    ).map(lambda columns: typed("capacity", columns)),
    min_size=1,
    max_size=12,
)


@given(rows)
def test_labels_tell_all_curves_apart(found):
    keys = set(map(series.key, found))
    assert len({series.label(key, keys) for key in keys}) == len(keys)


@given(rows, st.randoms())
def test_styles_depend_on_the_curves_and_not_on_their_order(found, random):
    shuffled = list(found)
    random.shuffle(shuffled)
    assert series.looks(found) == series.looks(shuffled)


@given(rows)
def test_marks_and_tones_together_tell_curves_apart(found):
    styles = series.looks(found)
    robust = [style for key, style in styles.items() if key[3] != "natural"]
    natural = [style for key, style in styles.items() if key[3] == "natural"]
    assert len(set(robust)) == len(robust)
    assert all(tone == "dim" for _, tone in natural)
    assert all(mark != series.NATURAL_SHAPE and tone != "dim" for mark, tone in robust)
    assert len(set(natural[:8])) == len(natural[:8])


def test_the_natural_baseline_is_a_grey_diamond():
    columns = {"dataset": "digits", "network": "n", "train_fraction": 1.0, "defense": "natural", "epsilon": 0.0}
    row = typed("capacity", columns)
    assert series.looks([row]) == {series.key(row): (series.NATURAL_SHAPE, "dim")}


def test_labels_are_as_short_as_they_can_be():
    one = ("digits", "small-cnn", 1.0, "pgd", 8 / 255)
    assert series.label(one, [one]) == "pgd 8/255"
    assert series.label(one, [one, ("yale", *one[1:])]) == "pgd 8/255 digits"
    assert series.label(one, [one, (*one[:2], 0.5, *one[3:])]) == "pgd 8/255 data 100%"
    assert series.label(("digits", "small-cnn", 1.0, "natural", 0.0), [one]) == "natural"


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("xy"), st.sampled_from("uv")), unique=True, max_size=8)
)
def test_hints_tell_equal_labels_apart(curves):
    labels = text.told_apart([name for name, *_ in curves], [hints for _, *hints in curves])
    assert len(set(labels)) == len(curves)
    for label, (name, *_) in zip(labels, curves, strict=True):
        assert label.split()[0] == name


def test_hints_are_left_out_where_they_tell_nothing():
    assert text.told_apart(["a", "b", "b"], [("x", "1"), ("x", "1"), ("x", "2")]) == ["a", "b 1", "b 2"]
