import dataclasses
import math
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.models import networks
from engine.spec.experiment import DATASETS, Data
from engine.spec.recipes import DEFENSES, SCALES
from explorer.project.planning import Draft, cost, plan, work
from explorer.project.planning.cost import recipe_like


@pytest.fixture(autouse=True, scope="module")
def _no_data_files():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("engine.data.sources.fingerprint", lambda data, root: "f")
        yield


def finished(experiment, seconds, **fields):
    row = {
        "run_id": experiment.run_id,
        "dataset": experiment.data.label,
        "network": experiment.network,
        "capacity": experiment.capacity,
        "defense": experiment.defense,
        "epsilon": experiment.epsilon,
        "seed": experiment.seed,
        "train_fraction": experiment.data.train_fraction,
        "steps": experiment.recipe.steps,
        "size": experiment.data.size,
        "started": 1000.0,
        "ended": 1000.0 + seconds,
        "device": "cpu",
    }
    return row | fields


def runs(**fields):
    return plan(Draft(**{"name": "mine", "dataset": "digits", "data_root": "."} | fields)).experiments


def one(**fields):
    (run,) = runs(**{"defenses": ("natural",), "capacity": "1", "seed": "0"} | fields)
    return run


def asked(run, **fields):
    """Seconds of a run of whose evaluation or inference something is changed."""
    inference = {name: value for name, value in fields.items() if name != "views"}
    evaluation = dataclasses.replace(run.evaluation, views=fields.get("views", run.evaluation.views))
    settings = evaluation, dataclasses.replace(run.inference, **inference)
    return work.seconds(run.data, run.network, run.capacity, run.recipe, *settings)


def test_finished_runs_cost_nothing():
    planned = runs(seed="0-1")
    found = cost(planned, [finished(run, 10) for run in planned], 2, False)
    assert (found.runs, found.known, found.seconds, found.disk, found.rough) == (4, 4, 0, 0, False)
    assert found.basis == "all done already"
    assert cost([], [], 2, False).basis == "no runs"


def test_time_comes_from_runs_like_these_before_anything_else():
    past = [finished(one(seed=str(seed)), seconds) for seed, seconds in ((1, 9), (2, 11), (3, 10))]
    found = cost([one(seed="7"), one(seed="8")], [*past, finished(one(capacity="2"), 500)], 1, False)
    assert found.seconds == pytest.approx(20)
    assert found.basis == "from 3 finished natural runs like these"
    assert not found.rough


def test_runs_of_another_capacity_or_defense_are_scaled():
    by_capacity = cost([one(capacity="4")], [finished(one(), 10)], 1, False)
    assert by_capacity.basis == "scaled from 1 finished natural run"
    assert 10 < by_capacity.seconds < 40
    assert not by_capacity.rough
    by_defense = cost([one(defenses=("pgd",))], [finished(one(), 10)], 1, False)
    assert 20 < by_defense.seconds < 50
    assert by_defense.rough


def test_more_steps_take_longer_in_proportion_and_are_rough():
    long, short = (
        dataclasses.replace(run, inference=dataclasses.replace(run.inference, attacks=("gap",)))
        for run in (one(defenses=("pgd",), steps="7500"), one(defenses=("pgd",), steps="750"))
    )
    up, down = cost([long], [finished(short, 10)], 1, False), cost([short], [finished(long, 100)], 1, False)
    assert 80 < up.seconds <= 100
    assert 10 <= down.seconds < 12.5
    assert up.basis == down.basis == "scaled from 1 finished pgd run"
    assert up.rough
    assert down.rough


def test_larger_images_take_longer_in_proportion_and_are_rough():
    small, whole = (one(dataset="yale", size=size) for size in ("48x42", ""))
    found = cost([whole], [finished(small, 10)], 1, False)
    assert 120 < found.seconds <= 160  # 16 times the pixels
    assert found.rough


def test_quick_runs_scale_to_the_papers_recipe():
    quick, paper = (one(dataset="yale", defenses=("pgd",), scale=scale) for scale in SCALES[::-1])
    found = cost([paper], [finished(quick, 60)], 1, False)
    assert found.seconds == pytest.approx(60 * asked(paper) / asked(quick))


def test_runs_of_as_many_steps_go_before_others_and_are_not_rough():
    past = [
        finished(one(seed="1"), 10),
        finished(one(seed="1", steps="7500"), 1),
        finished(one(seed="2", size="6x6"), 1),
    ]
    same = cost([one()], past, 1, False)
    assert (same.seconds, same.rough, same.basis) == (10, False, "from 1 finished natural run like these")
    other_capacity = cost([one(capacity="4")], past, 1, False)
    assert (other_capacity.rough, other_capacity.basis) == (False, "scaled from 1 finished natural run")


@pytest.mark.parametrize("steps", ["750", "20000"])
def test_runs_of_another_defense_and_size_scale_without_trouble(steps):
    past = [finished(one(defenses=("pgd",), seed="1", size="6x6"), 10)]
    assert cost([one(steps=steps)], past, 1, False).rough


def test_a_machine_twice_as_slow_doubles_what_is_scaled():
    planned = [one(defenses=("pgd",), capacity="4")]
    slow, fast = (cost(planned, [finished(one(), seconds)], 1, False).seconds for seconds in (20, 10))
    assert slow == pytest.approx(2 * fast)


def test_only_runs_of_the_same_data_and_device_tell_the_time():
    planned = [one(seed="5")]
    guess = cost(planned, [], 1, False)
    strangers = [
        finished(one(), 99, dataset="yale"),
        finished(one(), 99, train_fraction=0.02),
        finished(one(), 99, device="cuda:0 NVIDIA H100"),
        finished(one(), 99, started=None),
        finished(one(), 99, defense="of-tomorrow"),
    ]
    assert cost(planned, strangers, 1, False) == guess
    assert guess.basis == "from a typical CPU core, rough"
    assert guess.rough
    assert cost(planned, strangers, 1, True).seconds == 99
    assert cost(planned, [], 1, True).basis == "from a guess at a GPU, rough"


def test_a_network_of_ones_own_has_no_time_until_one_has_run(tmp_path, monkeypatch):
    (tmp_path / "own_planned_network.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    own = {"network": "own_planned_network:build"}
    planned = [one(**own, capacity="2")]
    unknown = cost(planned, [finished(one(), 10)], 1, False)
    assert unknown.seconds is None
    assert unknown.rough
    assert unknown.basis == "no run of own_planned_network:build has finished here"
    assert cost(planned, [finished(one(**own), 10)], 1, False).seconds > 10
    assert cost([one()], [finished(one(**own), 10)], 1, False).basis == "from a typical CPU core, rough"


def test_several_sources_are_all_named():
    planned = [one(seed="5"), one(defenses=("pgd",))]
    found = cost(planned, [finished(one(), 10)], 1, False)
    assert found.basis == "from 1 finished natural run like these, others scaled from 1 finished natural run"


def test_slots_share_the_time_but_the_longest_run_bounds_it():
    long, short = one(capacity="8"), [one(seed=str(seed)) for seed in range(1, 5)]
    past = [finished(one(seed="99"), 10), finished(one(seed="99", capacity="8"), 100)]
    assert [cost([long, *short], past, slots, False).seconds for slots in (1, 2, 4)] == pytest.approx([140, 100, 100])
    assert cost(short, past, 2, False).seconds == pytest.approx(20)


pool = st.lists(
    st.builds(
        lambda capacity, seed, defense, dataset: (capacity, seed, defense, dataset),
        st.sampled_from(["0.5", "1", "4"]),
        st.integers(0, 3),
        st.sampled_from(list(DEFENSES)),
        st.sampled_from(["digits", "yale"]),
    ),
    max_size=6,
).map(lambda keys: [one(capacity=c, seed=str(s), defenses=(d,), dataset=data) for c, s, d, data in keys])


@settings(max_examples=40, deadline=None)
@given(pool, pool, pool, st.integers(1, 4), st.booleans())
def test_more_runs_never_cost_less_and_more_slots_never_take_longer(some, more, past, slots, gpu):
    rows = [finished(run, 5 + index, device=None) for index, run in enumerate(past)]
    less, all_of_them = cost(some, rows, slots, gpu), cost([*some, *more], rows, slots, gpu)
    assert less.runs <= all_of_them.runs
    assert less.seconds <= all_of_them.seconds
    assert less.disk <= all_of_them.disk
    assert less.known + less.rough <= less.runs
    wider = cost(some, rows, slots + 1, gpu)
    assert wider.seconds <= less.seconds
    assert wider.disk >= less.disk


@pytest.mark.parametrize("dataset", DATASETS)
@pytest.mark.parametrize("scale", SCALES)
def test_the_recipe_beside_another_defense_is_the_one_planned_for_it(dataset, scale):
    planned = {run.defense: run for run in runs(dataset=dataset, scale=scale, defenses=tuple(DEFENSES))}
    for run in planned.values():
        for defense, other in planned.items():
            assert recipe_like(run, defense) == other.recipe


def test_every_view_and_every_attack_takes_time():
    run = one()
    assert asked(run, views=("benign",)) < asked(run) < asked(run, views=("benign", "adversarial", "targeted"))
    assert asked(run, attacks=("gap",)) < asked(run, attacks=("gap", "confidence")) < asked(run)


def test_a_targeted_view_costs_as_many_passes_as_there_are_wrong_classes():
    yale, digits = (one(dataset=name, steps="1") for name in ("yale", "digits"))
    for run, targets in ((yale, 37), (digits, 9)):
        alone, adversarial, targeted = (
            asked(run, attacks=("gap",), views=views)
            for views in (("benign",), ("benign", "adversarial"), ("benign", "targeted"))
        )
        assert targeted - alone == pytest.approx(targets * (adversarial - alone))


def test_inference_networks_take_longer_the_more_classes_splits_restarts_and_answers_there_are():
    def networks_of(run, **fields):
        return asked(run, attacks=("model-class",), **fields) - asked(run, attacks=("gap",), views=fields["views"])

    digits, yale = one(), one(dataset="yale")
    benign, targeted = {"views": ("benign",)}, {"views": ("benign", "targeted")}
    assert 0.5 < networks_of(digits, **benign) < 1 < 2 < networks_of(yale, **benign) < 5
    assert networks_of(digits, **targeted) > 2 * networks_of(digits, **benign)
    assert networks_of(digits, network_splits=6, **benign) == pytest.approx(2 * networks_of(digits, **benign))
    assert networks_of(digits, restarts=1, **benign) == pytest.approx(networks_of(digits, **benign) / 3)


def test_runs_with_fewer_attacks_are_estimated_apart():
    run = one()
    quick = dataclasses.replace(run, inference=dataclasses.replace(run.inference, attacks=("gap",)))
    both, twice = (cost(runs, [], 1, False).seconds for runs in ([run, quick], [run, one(seed="1")]))
    assert both < twice


@pytest.mark.parametrize(
    ("dataset", "size", "capacity"),
    [
        ("digits", "", "1"),
        ("digits", "", "4"),
        ("yale", "", "8"),
        ("yale", "48x42", "1"),
        ("yale", "48x42", "4"),
        ("fashion-mnist", "", "0.5"),
        ("fashion-mnist", "", "4"),
        ("cifar10", "", "0.5"),
        ("cifar10", "", "2"),
    ],
)
def test_weights_are_those_of_the_engines_networks(dataset, size, capacity):
    run = one(dataset=dataset, size=size, capacity=capacity)
    shape = work.shape_of(run.data)
    model = networks.build(
        run.network,
        in_channels=3 if dataset == "cifar10" else 1,
        image_size=run.data.image_size or {"yale": (192, 168)}.get(dataset, (math.isqrt(shape.pixels),) * 2),
        num_classes=shape.classes,
        capacity=run.capacity,
    )
    counted = sum(4 * tensor.numel() for tensor in model.state_dict().values())
    assert work.weight_bytes(run) == pytest.approx(counted, rel=0.12)


def test_shares_and_sizes_change_the_images():
    shape = work.shape_of(Data(name="cifar10", train_fraction=0.02, test_fraction=0.1, size="8x16"))
    assert (shape.train, shape.test, shape.pixels, shape.classes) == (1000, 1000, 128, 10)


def test_planning_needs_neither_torch_nor_numpy_nor_duckdb():
    code = "import sys, explorer.project.planning; print(*{'torch', 'numpy', 'duckdb', 'textual'} & set(sys.modules))"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == ""
