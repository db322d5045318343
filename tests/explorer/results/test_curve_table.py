import pytest
from rows import typed

from explorer.results import classes_over_seeds, curve_table
from explorer.results.rendering import plain
from explorer.results.settings_apart import HASHED

MODEL = {
    "dataset": "yale",
    "network": "yale-cnn",
    "defense": "pgd",
    "epsilon": 8 / 255,
    "evaluation_epsilon": 8 / 255,
    "size": None,
    "train_fraction": 1.0,
    "capacity": 8.0,
    "certification": None,
    "setting": None,
    "settings": "a",
}


def row(metric="accuracy", view="benign", split=None, attack=None, rule=None, mean=0.5, std=None, **model):
    fact = {"metric": metric, "view": view, "split": split, "attack": attack, "threshold_rule": rule}
    return MODEL | model | fact | {"mean": mean, "std": std, "n_seeds": 1, "published": None, "n_leaking": None}


def leak(view, rule="oracle", **more):
    return row("inference_accuracy", view, attack="confidence", rule=rule, **more)


def curve(rows, by):
    return plain(curve_table.table([typed("capacity", row) for row in rows], by))


def classes(rows):
    return classes_over_seeds.as_text(
        [typed("classes", {key: value for key, value in row.items() if key != "split"}) for row in rows]
    )


def lines(table):
    return [line.split() for line in table.splitlines()]


def test_a_model_is_one_line_and_the_running_column_is_last_of_its_head():
    rows = [row(split="train", mean=1.0), leak("benign", mean=0.617), leak("adversarial", mean=0.688, std=0.01)]
    header, _, line = lines(curve(rows, "capacity"))
    assert header == ["dataset", "defense", "epsilon", "capacity", "attack", "eps", "seeds", "train", "I_B", "I_A"]
    assert line == ["yale", "pgd", "8/255", "8", "8/255", "1", "100.0", "61.7", "68.8", "±1.0"]
    assert lines(curve(rows, "epsilon"))[0][:4] == ["dataset", "capacity", "defense", "epsilon"]


def test_blocks_hold_everything_but_the_running_setting():
    rows = [
        leak("benign", defense=defense, epsilon=epsilon, capacity=capacity)
        for capacity in (1.0, 10.0, 2.0)
        for defense, epsilon in (("pgd", 0.2), ("pgd", 0.1), ("natural", 0.0))
    ]
    by_capacity = [line[1:4] for line in lines(curve(rows, "capacity"))[2:]]
    assert by_capacity == [
        [defense, epsilon, capacity]
        for defense, epsilon in (("natural", "-"), ("pgd", "0.1"), ("pgd", "0.2"))
        for capacity in ("1", "2", "10")
    ]
    by_epsilon = [line[1:4] for line in lines(curve(rows, "epsilon"))[2:]]
    assert by_epsilon[:3] == [["1", "natural", "-"], ["1", "pgd", "0.1"], ["1", "pgd", "0.2"]]


def test_the_papers_numbers_stand_beside_ours_where_it_has_them():
    published = leak("benign") | {"published": 0.6169}
    assert lines(curve([published], "capacity"))[2][-1] == "61.7"
    assert "paper" not in curve([leak("benign")], "capacity")


def test_models_that_differ_in_what_is_not_shown_get_a_column_that_tells_them_apart():
    for setting, other in (("settings", "b"), ("train_fraction", 0.2), ("network", "small-cnn")):
        rows = [leak("benign", mean=0.6), leak("benign", mean=0.7, **{setting: other})]
        table = lines(curve(rows, "capacity").split("\n\n")[0])
        assert len(table) == 4
        assert setting in table[0]
    both = [
        class_row(view, label=None, mean=mean, train_fraction=fraction)
        for view in ("benign", "adversarial")
        for mean, fraction in ((0.6, 1.0), (0.7, 0.2))
    ]
    assert lines(classes(both))[2][1:] == ["70.0", "70.0", "60.0", "60.0"]


@pytest.mark.parametrize("column", ["size", "network", "train_fraction"])
def test_neighbours_of_two_defenses_that_differ_in_their_images_or_network_have_it_named(column):
    natural = {"defense": "natural", "epsilon": 0.0, "settings": "b"}
    other = {"size": "8x8", "network": "small-cnn", "train_fraction": 0.2}[column]
    same = [leak("benign"), leak("benign", **natural)]
    assert column not in curve(same, "capacity")
    differing = [leak("benign"), leak("benign", **natural, **{column: other})]
    for by in ("capacity", "epsilon"):
        table = curve(differing, by)
        assert column in lines(table)[0]
        assert str(other) in table
        assert "settings" not in table


def test_sizes_tell_models_apart_without_their_hash_and_a_hash_is_explained():
    sizes = [leak("benign", size=size, settings=size or "c") for size in ("16x16", "8x8", None)]
    table = curve(sizes, "capacity")
    assert [line[line.index("8/255", 3) + 1] for line in lines(table)[2:]] == ["full", "8x8", "16x16"]
    assert "settings" not in table
    assert HASHED in curve([leak("benign"), leak("benign", settings="b")], "capacity")


@pytest.mark.parametrize(("leaking", "marked"), [(None, False), (0, True), (1, True), (2, False), (3, False)])
def test_a_number_that_most_seeds_do_not_tell_apart_from_a_guess_is_marked(leaking, marked):
    rows = [leak("benign", mean=0.52) | {"n_leaking": leaking, "n_seeds": 3}]
    assert lines(curve(rows, "capacity"))[2][-1] == ("52.0≈" if marked else "52.0")


def test_marks_do_not_push_digits_of_a_column_aside():
    rows = [leak("benign", mean=mean, capacity=mean) | {"n_leaking": mean > 0.6} for mean in (0.5, 0.7)]
    table = curve(rows, "capacity").splitlines()
    assert table[2].index("50.0≈") == table[3].index("70.0")
    assert table[0].rstrip().endswith("I_B")


def class_row(view="benign", label=0, attack="confidence-class", mean=0.6, rule="heldout", **more):
    model = {key: more.pop(key) for key in MODEL if key in more}
    found = row("inference_accuracy", view, attack=attack, rule=rule, mean=mean, **model)
    return found | {"class_label": label, "class_name": None, "n_member": 500, "n_nonmember": 400} | more


def test_class_tables_show_heldout_thresholds_of_the_largest_capacity_with_all_last():
    rows = [
        class_row(view, label, mean=mean, rule=rule, capacity=capacity, class_name="n01 fish" if label == 10 else None)
        for view in ("benign", "adversarial")
        for rule, mean in (("heldout", 0.55), ("oracle", 0.9))
        for capacity in (1.0, 2.0)
        for label in (None, 0, 1, 10)
    ]
    table, others = classes(rows).split("\n\n")
    table = lines(table)
    assert table[0] == ["class", "pgd", "8/255", "I_B", "pgd", "8/255", "I_A"]
    assert [line[0] for line in table[2:]] == ["0", "1", "10", "all"]
    assert table[4][1:3] == ["n01", "fish"]
    assert {value for line in table[2:] for value in line[-2:]} == {"55.0"}
    assert others == "smaller capacities (yale 1): classes.csv"


def test_models_attacked_with_several_budgets_are_told_apart():
    rows = [class_row(defense="natural", epsilon=0.0, evaluation_epsilon=epsilon) for epsilon in (0.1, 0.2)]
    header = classes(rows).splitlines()[0]
    assert "natural attacked 0.1 I_B" in header
    assert "natural attacked 0.2 I_B" in header


def test_where_networks_were_at_work_each_model_has_a_table_of_the_papers_strategies():
    strategies = [("confidence-class", "benign"), ("model-class", "benign"), ("confidence-class", "adversarial")]
    strategies += [("model-class", "adversarial"), ("model-class", "targeted"), ("confidence-class", "targeted")]
    rows = [
        class_row(view, label, attack, 0.5 + index / 100 + (label or 0) / 10, dataset=dataset, defense=defense)
        | {"n_member": 30 + index}
        for dataset in ("yale", "digits")
        for defense in ("natural", "pgd")
        for index, (attack, view) in enumerate(strategies)
        for label in (None, 0, 1)
    ]
    blocks = classes(rows).split("\n\n")
    assert [title.split(" · ")[:2] for title in blocks[::2]] == [
        *(["digits", "natural 8/255"], ["digits", "pgd 8/255"]),
        *(["yale", "natural 8/255"], ["yale", "pgd 8/255"]),
    ]
    assert blocks[0].endswith("capacity 8 · attacked with eps 8/255 · 1 seed")
    header, _, zero, one, whole = blocks[1].splitlines()
    assert " ".join(header.split()) == "class members/others conf B model B conf A model A model T"
    assert zero.split() == ["0", "30/400", "50.0", "51.0", "52.0", "53.0", "▸54.0"]
    assert (one.split()[-1], whole.split()[0]) == ("▸64.0", "all")


def test_a_strategys_cell_has_its_spread_over_seeds_its_mark_and_the_papers_number():
    rows = [
        class_row(attack="model-class", mean=0.72, std=0.004) | {"n_seeds": 2, "n_leaking": 2, "published": 0.7149},
        class_row(mean=0.51, std=0.012) | {"n_seeds": 2, "n_leaking": 1},
        class_row(label=None, attack="model-class", mean=0.6),
    ]
    _, _, zero, whole = classes(rows).split("\n\n")[1].splitlines()
    assert " ".join(zero.split()) == "0 500/400 51.0 ±1.2≈ ▸72.0 ±0.4 (71.5)"
    assert whole.split() == ["all", "500/400", "—", "▸60.0"]
    assert "2 seeds" in classes(rows)


def test_without_held_out_numbers_the_table_says_so():
    assert "enough examples" in classes([class_row(rule="oracle")])
