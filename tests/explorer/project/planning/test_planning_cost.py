import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rows import typed

from engine.models import networks
from engine.registry import DATASETS, training_defenses
from engine.spec.experiment import Data
from explorer.project.planning import Draft, cost, disk, plan
from explorer.project.planning.cost import kind_of


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
    return typed("runs", row | fields)


def runs(**fields):
    return plan(Draft(**{"name": "mine", "dataset": "digits", "data_root": "."} | fields)).experiments


def one(**fields):
    (run,) = runs(**{"defenses": ("natural",), "capacity": "1", "seed": "0"} | fields)
    return run


def test_finished_runs_cost_nothing():
    planned = runs(seed="0-1")
    found = cost(planned, [finished(run, 10) for run in planned], 2, False)
    assert (found.runs, found.known, found.seconds, found.disk, found.untimed) == (4, 4, 0, 0, 0)
    assert found.basis == "all done already"
    assert cost([], [], 2, False).basis == "no runs"


def test_time_comes_from_finished_runs_of_the_same_kind_alone():
    past = [finished(one(seed=str(seed)), seconds) for seed, seconds in ((1, 9), (2, 11), (3, 10))]
    found = cost([one(seed="7"), one(seed="8")], [*past, finished(one(capacity="2"), 500)], 1, False)
    assert (found.time, found.basis) == ("about 20s", "from 3 finished runs like these")


def test_the_time_of_a_stack_is_shared_by_its_runs():
    past = [finished(one(seed=str(seed)), 40, together=4) for seed in range(4)]
    assert cost([one(seed="7"), one(seed="8")], past, 1, False).seconds == 20


def test_time_is_unknown_until_the_first_has_run():
    found = cost([one(defenses=("pgd",))], [finished(one(), 10)], 1, False)
    assert (found.time, found.basis) == ("time unknown until the first has run", "no run like these has finished here")


def test_time_is_a_floor_where_some_are_the_first_of_their_kind():
    planned = [one(seed="5"), one(defenses=("pgd",)), one(capacity="4")]
    found = cost(planned, [finished(one(), 10)], 1, False)
    assert found.time == "over 10s"
    assert found.basis == "from 1 finished run like these; 2 runs are the first of their kind"


@pytest.mark.parametrize(
    "change",
    [
        {"dataset": "yale"},
        {"train_fraction": 0.02},
        {"device": "cuda:0 NVIDIA H100"},
        {"started": None},
        {"defense": "of-tomorrow"},
        {"size": "6x6"},
        {"steps": 7500},
        {"network": "own:build"},
    ],
)
def test_runs_of_other_kinds_or_devices_tell_no_time(change):
    planned, past = [one(seed="5")], [finished(one(), 99, **change)]
    assert cost(planned, past, 1, False).untimed == 1
    assert cost(planned, [*past, finished(one(), 7)], 1, False).seconds == 7
    if "device" in change:
        assert cost(planned, past, 1, True).seconds == 99


def test_a_planned_run_is_of_the_kind_that_its_row_will_be_of():
    for planned in (one(), one(dataset="yale", size="48x42", train_fraction="0.5"), one(defenses=("pgd",))):
        assert finished(planned, 1).kind == kind_of(planned)


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
        st.sampled_from(training_defenses()),
        st.sampled_from(["digits", "yale"]),
    ),
    max_size=6,
).map(lambda keys: [one(capacity=c, seed=str(s), defenses=(d,), dataset=data) for c, s, d, data in keys])


@settings(max_examples=20, deadline=None)
@given(pool, pool, pool, st.integers(1, 4))
def test_more_runs_never_cost_less_and_more_slots_never_take_longer(some, more, past, slots):
    rows = [finished(run, 5 + index, device=None) for index, run in enumerate(past)]
    less, all_of_them = cost(some, rows, slots, False), cost([*some, *more], rows, slots, False)
    assert less.runs <= all_of_them.runs
    assert less.seconds <= all_of_them.seconds
    assert less.disk <= all_of_them.disk
    assert less.known + less.untimed <= less.runs
    wider = cost(some, rows, slots + 1, False)
    assert wider.seconds <= less.seconds
    assert wider.disk >= less.disk


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
    of = DATASETS[dataset]
    model = networks.build(
        run.network,
        in_channels=3 if dataset == "cifar10" else 1,
        image_size=run.data.image_size or of.image_size,
        num_classes=of.classes,
        capacity=run.capacity,
    )
    counted = sum(4 * tensor.numel() for tensor in model.state_dict().values())
    assert disk.weight_bytes(run) == pytest.approx(counted, rel=0.12)


def test_shares_and_sizes_change_the_images():
    assert disk.images(Data(name="cifar10", train_fraction=0.02, test_fraction=0.1)) == 2000
    small, large = (one(dataset="cifar10", size=size) for size in ("8x16", ""))
    assert disk.weight_bytes(small) <= disk.weight_bytes(large)


def test_planning_needs_neither_torch_nor_numpy_nor_duckdb():
    code = "import sys, explorer.project.planning; print(*{'torch', 'numpy', 'duckdb', 'textual'} & set(sys.modules))"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == ""
