import dataclasses
import tomllib

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine.registry import DATASETS as ROWS
from engine.registry import training_defenses
from engine.spec import sweeps
from engine.spec.recipes import SCALES
from engine.validation import SpecError, as_number
from explorer.project.planning import Draft, errors, lists, plan
from explorer.project.planning.draft import LISTS, READERS, RUNS_LIMIT

DIGITS = Draft(name="mine", dataset="digits", data_root=".")
DATASETS = [name for name, row in ROWS.items() if not row.at_path]


@pytest.fixture(autouse=True, scope="module")
def _no_data_files():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("engine.data.sources.fingerprint", lambda data, root: "f")
        yield


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return tmp_path_factory.mktemp("sweeps") / "sweep.toml"


def draft(**fields):
    return dataclasses.replace(DIGITS, **fields)


def ids(sweep):
    return [experiment.run_id for experiment in sweep.experiments]


def reread(file, draft):
    """What `mia-explore run FILE.toml --scale SCALE` makes of the draft's file."""
    file.write_text(draft.to_toml(), encoding="utf-8")
    return sweeps.plan(sweeps.read(str(file)), draft.scale, (), ".")


every_preset = pytest.mark.parametrize(
    ("preset", "scale"), [(preset, scale) for preset in sweeps.presets() for scale in SCALES]
)


@every_preset
def test_an_unchanged_preset_gives_the_runs_of_the_preset_itself(preset, scale):
    form = Draft.from_preset(preset, scale, "~/data")
    assert errors(form) == {}
    assert ids(plan(form)) == ids(sweeps.plan(sweeps.presets()[preset], scale, (), "."))
    assert plan(form).name == preset


@every_preset
def test_the_file_of_a_preset_gives_the_same_runs(preset, scale, file):
    form = Draft.from_preset(preset, scale, "data")
    assert ids(reread(file, form)) == ids(plan(form))


def test_a_preset_with_every_section_and_single_values_round_trips(monkeypatch, file):
    table = {
        "name": "all",
        "dataset": "digits",
        "network": "fashion-cnn",
        "data": {"size": "6x6", "test_fraction": 0.5, "train_fraction": 0.25},
        "grid": {
            "defense": "pgd",
            "capacity": "1/2",
            "epsilon": [1e-05, "8/255"],
            "seed": 3,
            "train_fraction": [1, 0.5],
        },
        "recipe": {"steps": 50, "milestones": [10, 20], "factors": [0.5, 0.1], "random_start": False},
        "evaluation": {"epsilon": "1/10", "steps": 3},
        "inference": {"attacks": ["confidence"], "per_class": 20},
    }
    monkeypatch.setattr(sweeps, "presets", lambda: {"all": table})
    form = Draft.from_preset("all", "quick", ".")
    assert ids(plan(form)) == ids(sweeps.plan(table, "quick", (), "."))
    assert ids(reread(file, form)) == ids(plan(form))


def test_what_a_preset_hides_goes_with_its_data_set_and_follows_the_scale():
    form = Draft.from_preset("figure3", "quick", ".")
    assert plan(form).experiments[0].data.test_fraction == 0.1
    other = dataclasses.replace(form, dataset="fashion-mnist")
    assert plan(other).experiments[0].data.test_fraction == 1
    paper = dataclasses.replace(form, scale="paper")
    assert plan(paper).experiments[0].data.test_fraction == 1


def test_blank_fields_are_the_data_sets_own():
    assert DIGITS.table() == {"name": "mine", "dataset": "digits", "grid": {"defense": ["natural", "pgd"]}}
    assert ids(plan(DIGITS)) == ids(sweeps.plan({"name": "mine", "dataset": "digits"}, "quick", (), "."))


def test_natural_training_counts_once_for_all_epsilons():
    runs = plan(draft(epsilon="0.1 0.2 0.3", capacity="1,2", seed="0-2")).experiments
    assert sum(run.defense == "natural" for run in runs) == 2 * 3
    assert sum(run.defense == "pgd" for run in runs) == 2 * 3 * 3


def test_steps_may_be_a_rule_of_the_capacity():
    form = draft(defenses=("pgd",), capacity="1 4", steps=" 20 * capacity^0.5 ")
    assert [run.recipe.steps for run in plan(form).experiments] == [20, 40]
    assert Draft.from_preset("demo", "quick", ".").steps == ""


def test_what_is_typed_reaches_the_experiments():
    form = draft(
        network="yale-cnn",
        defenses=("pgd",),
        capacity=".5",
        epsilon="2 / 255",
        seed="4",
        train_fraction="1/2",
        size="6x6",
        steps="40",
        scale="paper",
    )
    (run,) = plan(form).experiments
    assert (run.network, run.defense, run.capacity, run.epsilon, run.seed) == ("yale-cnn", "pgd", 0.5, 2 / 255, 4)
    assert (run.data.train_fraction, run.data.size, run.recipe.steps) == (0.5, "6x6", 40)


def test_a_folder_is_planned_by_its_absolute_path(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert draft(dataset="folder:pics").table()["dataset"] == f"folder:{tmp_path}/pics"


positive = st.one_of(
    st.integers(1, 10**15 - 1),
    st.floats(1e-300, 1e300),
    st.builds("{}/{}".format, st.integers(1, 10**15 - 1), st.integers(1, 10**15 - 1)),
)


@given(st.lists(positive, min_size=1, max_size=8))
def test_numbers_as_typed_are_read_back(values):
    firsts = {}
    for value in values:
        firsts.setdefault(as_number(value), value)
    assert lists.numbers("f", lists.typed(values), lambda _: True, "") == list(firsts.values())


@given(st.lists(st.integers(0, 10**15 - 1), min_size=1, unique=True), st.sampled_from([",", " ", ", ", " ,\t"]))
def test_seeds_as_typed_are_read_back(seeds, separator):
    assert lists.whole_numbers("seed", separator.join(map(str, seeds)), 9) == seeds


@given(st.integers(0, 1000), st.integers(0, 50))
def test_a_range_holds_both_its_ends(first, more):
    assert lists.whole_numbers("seed", f"{first} - {first + more}", 51) == list(range(first, first + more + 1))


@pytest.mark.parametrize(
    ("text", "values"), [("0-2,1", [0, 1, 2]), ("3, 0-1 3", [3, 0, 1]), (" 1,,2, ", [1, 2]), (" ", None)]
)
def test_duplicates_collapse_and_blank_is_none(text, values):
    assert lists.whole_numbers("seed", text, 9) == values


def test_equal_numbers_are_one_however_they_are_written():
    assert lists.numbers("epsilon", "0.1 1/10 .1 1e-1", lambda _: True, "") == [0.1]
    assert lists.numbers("epsilon", "8/255, 8 / 255", lambda _: True, "") == ["8/255"]


@given(st.text(alphabet="0123456789/-., eE+x\n²", max_size=12), st.sampled_from(LISTS))
def test_whatever_is_typed_in_a_list_is_planned_or_refused_in_one_line(text, field):
    form = draft(**{field: text})
    found = errors(form)
    if not found:
        assert plan(form).experiments
    for named, line in found.items():
        assert named == field
        assert line.startswith(f"{field}: ")
        assert line.isprintable()


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("name", "a/b", "'a/b' is not allowed; allowed: letters"),
        ("name", "", "'' is not allowed"),
        ("dataset", "digitz", "did you mean 'digits'"),
        ("dataset", "folder:", "folder:PATH"),
        ("dataset", "folder:~nobody-of-that-name/x", "nobody of that name"),
        ("data_root", "~nobody-of-that-name", "nobody of that name"),
        ("data_root", "a\0b", "printable"),
        ("network", "small-cn", "did you mean 'small-cnn'"),
        ("network", "nowhere_at_all:build", "no source file"),
        ("scale", "big", "'big' is not allowed"),
        ("defenses", (), "one or more of natural"),
        ("defenses", ("pdg",), "did you mean 'pgd'"),
        ("capacity", "1, 0", "'0' is not allowed; allowed: numbers above 0"),
        ("capacity", "two", "'two' is not allowed"),
        ("capacity", "1-3", "'1-3' is not allowed"),
        ("capacity", "nan", "'nan' is not allowed"),
        ("capacity", "1e999", "'1e999' is not allowed"),
        ("epsilon", "0.1 8", "'8' is not allowed; allowed: numbers from 0 to 1, such as 0.1 or 8/255"),
        ("epsilon", "8/0", "'8/0' is not allowed"),
        ("epsilon", ",", "',' is not allowed"),
        ("seed", "-1", "'-1' is not allowed"),
        ("seed", "0.5", "'0.5' is not allowed"),
        ("seed", "3-1", "from the smaller to the larger"),
        ("seed", "0-999999999999", "ranges of at most"),
        ("train_fraction", "1.5", "'1.5' is not allowed; allowed: numbers above 0, at most 1"),
        ("size", "48", "HEIGHTxWIDTH"),
        ("steps", "0", "1 or more"),
        ("steps", "1 2", "'1 2' is not allowed"),
        ("steps", "9 * capacty", "whole number"),
        ("steps", "9 / capacity", "or a rule such as '1000 * capacity^0.5'"),
        ("device", "gpu", "allowed: auto, cpu"),
    ],
)
def test_a_mistake_is_said_at_its_field_in_one_line(field, value, said):
    form = draft(**{field: value})
    found = errors(form)
    assert list(found) == [field]
    assert found[field].startswith(field)
    assert said in found[field]
    assert found[field].isprintable()
    with pytest.raises(SpecError) as caught:
        form.table()
    assert str(caught.value) == found[field]


def test_every_mistake_is_said_at_once():
    assert set(errors(draft(capacity="x", seed="y", steps="z"))) == {"capacity", "seed", "steps"}


def test_too_many_runs_are_refused_at_the_longest_list():
    form = draft(seed="0-999", capacity="1 2", epsilon="0.1 0.2")
    assert errors(form) == {"seed": f"seed: 6000 runs are too many for one sweep; allowed: up to {RUNS_LIMIT}"}


@pytest.mark.slow
def test_as_many_runs_as_allowed_are_planned():
    form = draft(seed=f"1-{RUNS_LIMIT // 5}", epsilon="0.1 0.2 0.3 0.4")
    assert errors(form) == {}
    assert len(plan(form).experiments) == RUNS_LIMIT


def test_settings_that_do_not_go_together_stand_at_the_defenses(monkeypatch):
    def refused(*_):
        raise SpecError("recipe.attack_steps: 0 is not allowed")

    monkeypatch.setattr("engine.spec.sweeps.recipe_for", refused)
    assert errors(DIGITS) == {"defenses": "recipe.attack_steps: 0 is not allowed"}


def test_errors_look_at_no_data(monkeypatch):
    def touched(*_):
        raise AssertionError

    monkeypatch.setattr("engine.data.sources.files", touched)
    monkeypatch.setattr("engine.data.sources.fingerprint", touched)
    for dataset in (*DATASETS, "folder:pics"):
        assert errors(draft(dataset=dataset)) == {}


def joined(values, separators=(", ", " ")):
    return st.builds(
        lambda chosen, separator: separator.join(chosen), st.lists(values, max_size=3), st.sampled_from(separators)
    )


shares = st.one_of(
    st.floats(1e-9, 1).map(str),
    st.tuples(st.integers(1, 99), st.integers(99, 999)).map(lambda pair: "/".join(map(str, pair))),
)
drafts = st.builds(
    Draft,
    name=st.from_regex(r"[a-zé0-9][\w.-]{0,20}", fullmatch=True),
    dataset=st.one_of(
        st.sampled_from(DATASETS),
        st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S")), min_size=1)
        .filter(lambda name: not name.startswith("~"))
        .map("folder:{}".format),
    ),
    data_root=st.just("."),
    network=st.sampled_from(["", *sorted({row.network for row in ROWS.values()})]),
    scale=st.sampled_from(SCALES),
    defenses=st.lists(st.sampled_from(training_defenses()), min_size=1, max_size=3).map(tuple),
    capacity=joined(st.one_of(st.floats(1e-6, 90).map(str), st.integers(1, 90).map(str))),
    epsilon=joined(shares),
    seed=joined(st.one_of(st.integers(0, 10**12).map(str), st.integers(0, 9).map(lambda n: f"{n}-{n + 2}"))),
    train_fraction=joined(shares),
    size=st.sampled_from(["", "6x6", "48x42"]),
    steps=st.one_of(st.just(""), st.integers(1, 10**6).map(str)),
    base=st.sampled_from([{}, *sweeps.presets().values()]),
)


@pytest.mark.parametrize("examples", [15, pytest.param(60, marks=pytest.mark.slow)])
def test_a_drafts_file_gives_the_same_runs(file, examples):
    @settings(max_examples=examples, deadline=None)
    @given(form=drafts)
    @example(draft(dataset="cifar10", scale="paper", steps="1", base=sweeps.presets()["regularisation"]))
    def same(form):
        if wrong := errors(form):  # a preset's swept setting may not go with the steps typed
            assert form.base
            assert form.steps
            with pytest.raises(SpecError) as refused:
                plan(form)
            assert str(refused.value) in wrong.values()
            return
        planned = plan(form)
        assert ids(reread(file, form)) == ids(planned)
        assert len(set(ids(planned))) == len(planned.experiments)

    same()


def test_text_of_every_kind_survives_the_file(file):
    form = draft(dataset='folder:/a "b" \\ ü 🙂')
    assert tomllib.loads(form.to_toml())["dataset"] == form.dataset
    assert ids(reread(file, form)) == ids(plan(form))


def test_fields_with_errors_are_fields_of_the_form():
    assert set(READERS) == {field.name for field in dataclasses.fields(Draft)} - {"base"}
