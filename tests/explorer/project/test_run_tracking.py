import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.run_states import FINISHED
from engine.service.protocol import Note, StateChange
from explorer.cli.watching import _take
from explorer.project.run_tracking import RunTracker


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def tracker(clock, **kinds):
    return RunTracker(kinds, slots=2, clock=clock)


def progress(tracker, run, fraction):
    tracker.put_progress(run, "train", "step", fraction, 10.0)


def test_no_time_is_guessed_before_a_run_has_shown_its_speed(clock):
    sweep = tracker(clock, a="x")
    progress(sweep, "a", 0.0)
    clock.now = 0.5
    progress(sweep, "a", 0.1)
    assert sweep.time_left(sweep.runs["a"]) is None
    assert sweep.sweep_left() == (None, 1)


def test_time_left_follows_the_speed_of_this_attempt_only(clock):
    sweep = tracker(clock, a="x")
    progress(sweep, "a", 0.5)
    clock.now = 10.0
    progress(sweep, "a", 0.75)
    assert sweep.time_left(sweep.runs["a"]) == pytest.approx(10.0)


def test_waiting_runs_count_as_others_of_their_kind_over_all_slots(clock):
    sweep = tracker(clock, a="x", b="x", c="x", d="x")
    progress(sweep, "a", 0.0)
    clock.now = 10.0
    progress(sweep, "a", 0.5)
    sweep.put_state("a", "done")
    left, unknown = sweep.sweep_left()
    assert left == pytest.approx(10.0 * 3 / 2)
    assert unknown == 0
    assert "ETA 15s" in sweep.headline()


def test_of_a_cluster_that_has_begun_nothing_no_time_is_guessed(clock):
    sweep = tracker(clock, a="x", b="x", c="x")
    sweep.slots, sweep.runs["a"].took = 0, 10.0
    sweep.put_state("a", "done")
    assert sweep.sweep_left() == (None, 0)
    sweep.put_state("b", "running")
    assert sweep.sweep_left() == (20.0, 0)


def test_runs_of_kinds_never_seen_are_counted_apart(clock):
    sweep = tracker(clock, a="x", b="y", c="y")
    progress(sweep, "a", 0.0)
    clock.now = 10.0
    progress(sweep, "a", 0.5)
    assert sweep.sweep_left() == (pytest.approx(10.0), 2)
    assert sweep.headline().endswith("ETA 10s + 2 unknown")


def test_a_narrow_terminal_gets_one_line_that_fits(clock):
    sweep = tracker(clock, **{"digits-pgd-c4-e0.05-s0-7b3c2d6611": "x"})
    (run,) = sweep.runs.values()
    sweep.put_progress(run.run_id, "train", "step 1267/1500", 0.84, 1609.0)
    assert "1,609 img/s" in sweep.line(run)
    narrow = sweep.line(run, 80)
    assert len(narrow) <= 80
    assert narrow.endswith("step 1267/1500  84%  ETA —")


def test_states_are_news_once_and_ends_are_final_for_progress(clock):
    sweep = tracker(clock, a="x", b="x")
    assert sweep.put_state("a", "failed", "out of memory")
    assert not sweep.put_state("a", "failed")
    assert not sweep.put_state("stranger", "done")
    progress(sweep, "a", 0.3)
    assert sweep.runs["a"].state == "failed"
    assert "failed: out of memory" in sweep.line(sweep.runs["a"])
    assert not sweep.over
    sweep.put_state("b", "done")
    assert sweep.over
    assert sweep.headline() == "2/2 runs ended · 1 failed · 0 running · 0 queued"


steps = st.tuples(
    st.sampled_from("abcde"),
    st.sampled_from(["progress", "queued", "running", "done", "failed", "cancelled"]),
    st.floats(0, 1),
    st.floats(0.1, 100),
)


def lived(steps, slots):
    """A tracker that saw these steps; what became of it is a function of the slots only."""
    clock = Clock()
    sweep = RunTracker(dict(zip("abcde", "xxyyz", strict=True)), slots=slots, clock=clock)
    for run, step, fraction, seconds in steps:
        clock.now += seconds
        if step == "progress":
            sweep.put_progress(run, "train", "", max(fraction, sweep.runs[run].fraction), 1.0)
        else:
            sweep.put_state(run, step)
    return sweep


@given(st.lists(steps, max_size=30), st.integers(1, 4))
def test_the_time_left_is_never_negative_and_more_slots_never_take_longer(steps, slots):
    (one, unknown), (several, others) = lived(steps, 1).sweep_left(), lived(steps, slots).sweep_left()
    assert unknown == others
    assert (one is None) == (several is None)
    if one is not None:
        assert 0 <= several <= one * (1 + 1e-9)
        assert one <= several * slots * (1 + 1e-9)


@given(st.lists(steps, max_size=30))
def test_no_run_takes_longer_than_the_sweep(steps):
    sweep = lived(steps, 4)
    left, _ = sweep.sweep_left()
    lengths = sweep.lengths()
    for run in sweep.runs.values():
        if run.state not in FINISHED and run.kind in lengths:
            assert lengths[run.kind] * (1 - run.fraction) <= left * (1 + 1e-9)


@given(st.lists(steps, max_size=30))
def test_a_sweep_that_is_over_has_no_time_left(steps):
    sweep = lived([*steps, *((run, "cancelled", 0.0, 1.0) for run in "abcde")], 2)
    assert sweep.over
    assert sweep.sweep_left() in ((None, 0), (0.0, 0))


@given(st.floats(10, 1e6), st.floats(0, 0.5), st.lists(st.floats(0.05, 0.999), min_size=1, max_size=5))
def test_a_run_at_constant_speed_is_foretold_exactly(seconds, began, moments):
    clock = Clock()
    sweep = RunTracker({"a": "x"}, clock=clock)
    progress(sweep, "a", began)
    for share in sorted(moments):
        clock.now = share * seconds
        progress(sweep, "a", began + share * (1 - began))
        left = sweep.time_left(sweep.runs["a"])
        if left is not None:
            assert left + clock.now == pytest.approx(seconds)
            assert sweep.sweep_left() == (pytest.approx(left), 0)


def test_a_finished_run_that_is_asked_for_again_begins_at_nothing(clock):
    sweep = tracker(clock, a="x")
    progress(sweep, "a", 0.0)
    clock.now = 10.0
    progress(sweep, "a", 1.0)
    sweep.put_state("a", "done")
    sweep.put_state("a", "queued")
    assert sweep.sweep_left() == (pytest.approx(10.0), 0)


def test_a_failed_run_that_is_retried_goes_on_from_its_checkpoint(clock):
    sweep = tracker(clock, a="x")
    progress(sweep, "a", 0.5)
    sweep.put_state("a", "failed")
    sweep.put_state("a", "queued")
    assert sweep.runs["a"].fraction == 0.5
    assert sweep.time_left(sweep.runs["a"]) is None


def test_a_runs_warnings_stand_on_its_line_until_it_is_run_again(clock):
    sweep = tracker(clock, a="x", b="x")
    assert _take(sweep, Note(message="moved nowhere", time=0.0, run_id="a", warning=True)) is None
    assert _take(sweep, StateChange(run_id="a", state="done")) == "✔ a  done  ! moved nowhere"
    sweep.put_state("a", "running")
    sweep.put_state("a", "done")
    assert "!" not in sweep.line(sweep.runs["a"])
