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


def run_of(row, submission):
    """The run that came to the project with that number."""
    names = ("dataset", "network", "train_fraction", "defense", "epsilon")
    told = {name: getattr(row, name) for name in names}
    return typed("runs", told | {"run_id": f"r{submission}", "submission": submission})


@given(rows, st.randoms())
def test_looks_depend_on_what_came_first_and_not_on_the_order_of_a_list(found, random):
    runs = [run_of(row, at) for at, row in enumerate(found)]
    shuffled = [*runs, *found]
    random.shuffle(shuffled)
    assert series.looks(runs) == series.looks(shuffled)


@given(rows, st.integers(0, 12), st.sampled_from(["queued", "done", "cancelled"]))
def test_runs_that_come_later_or_end_change_no_look(found, count, state):
    runs = [run_of(row, at) for at, row in enumerate(found)]
    before = series.looks(runs[:count])
    after = series.looks([*(run._replace(state=state) for run in runs[:count]), *runs[count:]])
    assert before == {key: after[key] for key in before}


@given(rows)
def test_marks_and_tones_together_tell_robust_settings_apart_and_natural_ones_are_grey_diamonds(found):
    styles = series.looks(found)
    robust = [style for key, style in styles.items() if key[3] != "natural"]
    assert len(set(robust)) == len(robust)
    assert all(mark != series.NATURAL_LOOK[0] and tone != "dim" for mark, tone in robust)
    assert {style for key, style in styles.items() if key[3] == "natural"} <= {(2, "dim")}


@given(st.lists(st.sampled_from([(2, "dim"), (0, "1"), (7, "1"), (1, "2")]), max_size=8))
def test_curves_of_one_look_that_stand_together_keep_its_colour_and_have_shapes_of_their_own(given_looks):
    apart = series.looks_apart(given_looks)
    assert [tone for _, tone in apart] == [tone for _, tone in given_looks]
    assert all(look in apart for look in given_looks)
    if all(given_looks.count(look) < 4 for look in given_looks):
        assert len(set(apart)) == len(apart)


def test_shapes_alone_tell_curves_apart_while_there_are_enough():
    apart = series.looks_apart([(2, "dim"), (2, "dim"), (0, "1"), (0, "1"), (1, "2")])
    assert len({shape for shape, _ in apart}) == len(apart)


def test_labels_are_as_short_as_they_can_be():
    one = ("digits", "small-cnn", 1.0, "pgd", 8 / 255)
    assert series.label(one, [one]) == "pgd eps 8/255"
    assert series.label(one, [one, ("yale", *one[1:])]) == "pgd eps 8/255 digits"
    assert series.label(one, [one, (*one[:2], 0.5, *one[3:])]) == "pgd eps 8/255 data 100%"
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
