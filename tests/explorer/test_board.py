import pytest

from explorer.board import Board


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def board(clock, **kinds):
    return Board(kinds, slots=2, clock=clock)


def progress(board, run, fraction):
    board.put_progress(run, "train", "step", fraction, 10.0)


def test_no_time_is_guessed_before_a_run_has_shown_its_speed(clock):
    sweep = board(clock, a="x")
    progress(sweep, "a", 0.0)
    clock.now = 0.5
    progress(sweep, "a", 0.1)
    assert sweep.time_left(sweep.runs["a"]) is None
    assert sweep.sweep_left() == (None, True)


def test_time_left_follows_the_speed_of_this_attempt_only(clock):
    sweep = board(clock, a="x")
    progress(sweep, "a", 0.5)
    clock.now = 10.0
    progress(sweep, "a", 0.75)
    assert sweep.time_left(sweep.runs["a"]) == pytest.approx(10.0)


def test_waiting_runs_count_as_others_of_their_kind_over_all_slots(clock):
    sweep = board(clock, a="x", b="x", c="x", d="x")
    progress(sweep, "a", 0.0)
    clock.now = 10.0
    progress(sweep, "a", 0.5)
    sweep.put_state("a", "done")
    left, rough = sweep.sweep_left()
    assert left == pytest.approx(10.0 * 3 / 2)
    assert not rough
    assert "ETA 15s" in sweep.headline()


def test_kinds_never_seen_make_the_guess_rough(clock):
    sweep = board(clock, a="x", b="y")
    progress(sweep, "a", 0.0)
    clock.now = 10.0
    progress(sweep, "a", 0.5)
    assert sweep.sweep_left()[1]
    assert "(rough)" in sweep.headline()


def test_a_narrow_terminal_gets_one_line_that_fits(clock):
    sweep = board(clock, **{"digits-pgd-c4-e0.05-s0-7b3c2d6611": "x"})
    (run,) = sweep.runs.values()
    sweep.put_progress(run.run_id, "train", "step 1267/1500", 0.84, 1609.0)
    assert "1,609 img/s" in sweep.line(run)
    narrow = sweep.line(run, 80)
    assert len(narrow) <= 80
    assert narrow.endswith("step 1267/1500  84%  ETA —")


def test_states_are_news_once_and_ends_are_final_for_progress(clock):
    sweep = board(clock, a="x", b="x")
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
