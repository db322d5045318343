"""Which jobs start in one process, and what becomes of them one by one."""

from dataclasses import replace

from engine.service.devices import Device
from engine.service.scheduler import MAX_STARTS, Scheduler
from tests.engine.service.test_scheduler import CPU, run


def alike(name, stack="alike", **settings):
    """A job that may be carried out with others of its stack."""
    return replace(run(name, **settings), stack=stack)


def together(scheduler):
    return [[job.job_id for job in start.jobs] for start in scheduler.starts()]


def test_runs_of_a_stack_start_together_a_fair_share_for_each_slot():
    scheduler = Scheduler(CPU, stack=32)
    for name in "abcde":
        scheduler.add(alike(name))
    assert together(scheduler) == [["a", "b", "c"], ["d", "e"]]
    assert scheduler.load("cpu") == 2
    assert scheduler.running == dict.fromkeys("abcde", "cpu")


def test_a_stack_takes_one_slot_until_all_of_it_have_ended():
    scheduler = Scheduler(CPU, stack=32)
    for job in (alike("a"), run("b"), alike("c"), alike("d"), run("e")):
        scheduler.add(job)
    assert together(scheduler) == [["a", "c"], ["b"]]
    scheduler.exited("a", "crashed")
    assert together(scheduler) == []
    scheduler.said("c", "done", None)
    scheduler.exited("c", "")
    assert together(scheduler) == [["a"]], "what crashed keeps its place, and d is a share for the other slot"


def test_runs_are_together_only_where_all_else_is_alike():
    scheduler = Scheduler(CPU, stack=32)
    jobs = [alike("a"), alike("b", "other"), alike("c", device="cpu"), alike("d", priority=1), alike("e")]
    for job in jobs:
        scheduler.add(job)
    assert together(scheduler) == [["d"], ["a", "e"]]
    scheduler = Scheduler(replace(CPU, devices=(Device("cpu", "", 1),)), stack=32)
    for job in jobs[:3] + jobs[4:]:
        scheduler.add(job)
    assert together(scheduler) == [["a", "e"]]


def test_a_stack_is_as_large_as_is_allowed_and_one_where_it_is_not():
    for stack, begun in ((2, [["a", "b"], ["c", "d"]]), (1, [["a"], ["b"]])):
        scheduler = Scheduler(CPU, stack=stack)
        for name in "abcdef":
            scheduler.add(alike(name))
        assert together(scheduler) == begun


def test_how_many_went_on_together_is_remembered():
    scheduler = Scheduler(CPU, stack=32)
    for name in "abcdefgh":
        scheduler.add(alike(name))
    assert together(scheduler) == [["a", "b", "c", "d"], ["e", "f", "g", "h"]]
    for name in "cd":
        assert scheduler.said(name, "queued", None).state == "queued"
        scheduler.exited(name, "")
    for name in "ab":
        scheduler.said(name, "done", None)
        scheduler.exited(name, "")
    assert together(scheduler) == [["c", "d"]]
    scheduler.add(alike("i"))
    scheduler.add(alike("j"))
    for name in "cd":
        scheduler.said(name, "done", None)
        scheduler.exited(name, "")
    assert together(scheduler) == [["i", "j"]]


def test_a_run_that_has_crashed_twice_is_tried_by_itself():
    scheduler = Scheduler(CPU, stack=32)
    for name in "ab":
        scheduler.add(alike(name, crashes=MAX_STARTS - 1))
    for name in "cd":
        scheduler.add(alike(name))
    assert together(scheduler) == [["a"], ["b"]]


def test_runs_with_the_same_weights_are_not_trained_together():
    scheduler = Scheduler(CPU, stack=32)
    for name, weights in (("a", "w"), ("b", "w"), ("c", "v"), ("d", "u")):
        scheduler.add(alike(name, weights=weights))
    assert together(scheduler) == [["a", "c"], ["d"]]


def test_one_of_a_stack_that_is_cancelled_is_to_be_ended_and_leaves_the_others_at_work():
    scheduler = Scheduler(replace(CPU, devices=(Device("cpu", "", 1),)), stack=32)
    for name in "abc":
        scheduler.add(alike(name))
    assert together(scheduler) == [["a", "b", "c"]]
    assert scheduler.cancel(["b"]) == ([], ["b"])
    assert scheduler.said("b", "queued", None).state == "cancelled"
    assert scheduler.exited("b", "") is None
    assert set(scheduler.running) == {"a", "c"}
    assert scheduler.queued == []
