from explorer.tables import facts

MODEL = {
    "dataset": "yale",
    "network": "yale-cnn",
    "defense": "pgd",
    "epsilon": 8 / 255,
    "evaluation_epsilon": 8 / 255,
    "train_fraction": 1.0,
    "capacity": 8.0,
    "settings": "a",
}


def row(measure="accuracy", view="benign", split=None, attack=None, rule=None, mean=0.5, std=None, **model):
    fact = {"measure": measure, "view": view, "split": split, "attack": attack, "threshold_rule": rule}
    return MODEL | model | fact | {"mean": mean, "std": std, "n_seeds": 1, "published": None, "class_label": None}


def leak(view, rule="oracle", **more):
    return row("inference_accuracy", view, attack="confidence", rule=rule, **more)


def lines(table):
    return [line.split() for line in table.splitlines()]


def test_a_model_is_one_line_and_the_running_column_is_last_of_its_head():
    rows = [row(split="train", mean=1.0), leak("benign", mean=0.617), leak("adversarial", mean=0.688, std=0.01)]
    header, _, line = lines(facts.curve(rows, "capacity"))
    assert header == ["dataset", "defense", "epsilon", "capacity", "attack", "eps", "seeds", "train", "I_B", "I_A"]
    assert line == ["yale", "pgd", "0.03137", "8", "0.03137", "1", "100.0", "61.7", "68.8", "±1.0"]
    assert lines(facts.curve(rows, "epsilon"))[0][:4] == ["dataset", "capacity", "defense", "epsilon"]


def test_blocks_hold_everything_but_the_running_setting():
    rows = [
        leak("benign", defense=defense, epsilon=epsilon, capacity=capacity)
        for capacity in (1.0, 10.0, 2.0)
        for defense, epsilon in (("pgd", 0.2), ("pgd", 0.1), ("natural", 0.0))
    ]
    by_capacity = [line[1:4] for line in lines(facts.curve(rows, "capacity"))[2:]]
    assert by_capacity == [
        [defense, epsilon, capacity]
        for defense, epsilon in (("natural", "-"), ("pgd", "0.1"), ("pgd", "0.2"))
        for capacity in ("1", "2", "10")
    ]
    by_epsilon = [line[1:4] for line in lines(facts.curve(rows, "epsilon"))[2:]]
    assert by_epsilon[:3] == [["1", "natural", "-"], ["1", "pgd", "0.1"], ["1", "pgd", "0.2"]]


def test_the_papers_numbers_stand_beside_ours_where_it_has_them():
    published = leak("benign") | {"published": 0.6169}
    assert lines(facts.curve([published], "capacity"))[2][-1] == "61.7"
    assert "paper" not in facts.curve([leak("benign")], "capacity")


def test_models_that_differ_in_what_is_not_shown_get_a_column_that_tells_them_apart():
    for setting, other in (("settings", "b"), ("train_fraction", 0.2), ("network", "small-cnn")):
        rows = [leak("benign", mean=0.6), leak("benign", mean=0.7, **{setting: other})]
        table = lines(facts.curve(rows, "capacity"))
        assert len(table) == 4
        assert setting in table[0]
    both = [
        row("inference_accuracy", view, attack="confidence-class", rule="heldout", mean=mean, train_fraction=fraction)
        for view in ("benign", "adversarial")
        for mean, fraction in ((0.6, 1.0), (0.7, 0.2))
    ]
    assert lines(facts.classes(both))[2][1:] == ["70.0", "70.0", "60.0", "60.0"]


def test_class_tables_show_heldout_thresholds_of_the_largest_capacity_with_all_last():
    rows = [
        row("inference_accuracy", view, attack="confidence-class", rule=rule, mean=mean, capacity=capacity)
        | {"class_label": label}
        for view in ("benign", "adversarial")
        for rule, mean in (("heldout", 0.55), ("oracle", 0.9))
        for capacity in (1.0, 2.0)
        for label in (None, 0, 1, 10)
    ]
    table = lines(facts.classes(rows))
    assert table[0][:3] == ["class", "(capacity", "2)"]
    assert [line[0] for line in table[2:]] == ["0", "1", "10", "all"]
    assert {value for line in table[2:] for value in line[1:]} == {"55.0"}
