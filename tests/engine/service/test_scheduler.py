import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
)

from engine.job_settings import RunOptions
from engine.service.devices import Device, Machine
from engine.service.scheduler import MAX_STARTS, Job, JobEnd, Scheduler

GPUS = Machine((Device("cuda:0", "", 1), Device("cuda:1", "", 1), Device("cpu", "", 2)), 2)
SHARED = Machine((Device("cuda:0", "", 2), Device("cuda:1", "", 2), Device("cpu", "", 1)), 3)
CPU = Machine((Device("cpu", "", 2),), 1)


def run(name, device="auto", priority=0, crashes=0, weights="", needs=(), provides=(), on="local"):
    """A job; with weights one that trains them unless they are there."""
    place = RunOptions(data_root="", device=device, on=on)
    both = (f"weights:{weights}",) if weights else ()
    things = {"needs": (*both, *needs), "provides": (*both, *provides)}
    return Job(job_id=name, options=place, priority=priority, crashes=crashes, **things)


def started(scheduler):
    return [(job.job_id, start.device) for start in scheduler.starts() for job in start.jobs]


def test_runs_start_in_the_order_of_submission_while_there_are_slots():
    scheduler = Scheduler(CPU)
    for name in "abc":
        scheduler.add(run(name))
    assert started(scheduler) == [("a", "cpu"), ("b", "cpu")]
    assert started(scheduler) == []
    scheduler.said("a", "done", None)
    assert started(scheduler) == [], "the slot is taken until the process is gone"
    scheduler.exited("a", "")
    assert started(scheduler) == [("c", "cpu")]


def test_a_run_goes_to_the_first_of_its_places_that_has_room():
    places = Machine((Device("cpu", "", 2), Device("slurm", "", 100, "slurm")), 1)
    for on, taken in (("local,slurm", ["cpu", "cpu", "slurm", "slurm"]), ("slurm,local", ["slurm"] * 4)):
        scheduler = Scheduler(places)
        for name in "abcd":
            scheduler.add(run(name, on=on))
        assert [device for _, device in started(scheduler)] == taken


def test_higher_priority_goes_first_also_when_given_later():
    scheduler = Scheduler(CPU)
    for name, priority in [("a", 0), ("b", 5), ("c", 0), ("d", 5)]:
        scheduler.add(run(name, priority=priority))
    assert scheduler.queued == ["b", "d", "a", "c"]
    assert scheduler.prioritise(["c", "unknown"], 9) == ["c"]
    assert started(scheduler) == [("c", "cpu"), ("b", "cpu")]


def test_automatic_runs_take_the_gpus_and_leave_the_cpu_to_those_that_ask_for_it():
    scheduler = Scheduler(GPUS)
    for name, device in [("a", "auto"), ("b", "cuda"), ("c", "auto"), ("d", "cpu")]:
        scheduler.add(run(name, device))
    assert started(scheduler) == [("a", "cuda:0"), ("b", "cuda:1"), ("d", "cpu")]


def test_a_run_waits_for_the_device_it_names_and_others_pass_it_elsewhere():
    scheduler = Scheduler(GPUS)
    for name in "abc":
        scheduler.add(run(name, "cuda:1"))
    scheduler.add(run("d", "cuda"))
    assert started(scheduler) == [("a", "cuda:1"), ("d", "cuda:0")]


def test_a_fraction_of_jobs_per_gpu_limits_the_machine_and_each_gpu():
    scheduler = Scheduler(SHARED)
    for name in "abcde":
        scheduler.add(run(name, "cuda"))
    assert [device for _, device in started(scheduler)] == ["cuda:0", "cuda:1", "cuda:0"]


def test_nothing_starts_while_paused():
    scheduler = Scheduler(CPU, paused=True)
    scheduler.add(run("a"))
    assert started(scheduler) == []
    scheduler.paused = False
    assert started(scheduler) == [("a", "cpu")]


def test_a_device_that_is_not_here_is_a_problem_told_in_one_line():
    assert Scheduler(GPUS).problem(RunOptions(data_root="", device="cuda:1")) is None
    problem = Scheduler(CPU).problem(RunOptions(data_root="", device="cuda:1"))
    assert problem == "device: 'cuda:1' is not on this machine, which has cpu"


def test_a_crashing_run_is_started_three_times_then_fails_with_the_reason():
    scheduler = Scheduler(CPU)
    scheduler.add(run("a"))
    for crashes in range(1, MAX_STARTS):
        assert started(scheduler) == [("a", "cpu")]
        assert scheduler.exited("a", "boom") == JobEnd("queued", "boom", crashes)
    assert started(scheduler) == [("a", "cpu")]
    assert scheduler.exited("a", "boom") == JobEnd("failed", "boom", MAX_STARTS)
    assert "a" not in scheduler


def test_crashes_of_an_earlier_engine_count():
    scheduler = Scheduler(CPU)
    scheduler.add(run("a", crashes=MAX_STARTS - 1))
    scheduler.starts()
    assert scheduler.exited("a", "boom").state == "failed"


def test_an_engine_that_stops_queues_what_it_kills_without_counting_a_crash():
    scheduler = Scheduler(CPU)
    scheduler.add(run("a"))
    scheduler.starts()
    scheduler.stopping = True
    assert scheduler.exited("a", "killed") == JobEnd("queued", None, 0)
    assert started(scheduler) == []


def test_cancelling_drops_what_waits_and_names_what_must_be_ended():
    scheduler = Scheduler(CPU)
    for name in "abc":
        scheduler.add(run(name))
    scheduler.starts()
    assert scheduler.cancel(["c", "a", "a", "unknown"]) == (["c"], ["a"])
    assert scheduler.exited("a", "killed") == JobEnd("cancelled", None, 0)
    assert "a" not in scheduler
    assert "c" not in scheduler


def test_a_run_that_was_done_before_its_cancellation_arrived_is_done():
    scheduler = Scheduler(CPU)
    scheduler.add(run("a"))
    scheduler.starts()
    scheduler.cancel(["a"])
    assert scheduler.said("a", "done", None).state == "done"
    assert scheduler.exited("a", "") is None


def test_cancelling_a_run_on_its_way_back_to_the_queue_keeps_it_out():
    scheduler = Scheduler(CPU)
    scheduler.add(run("a"))
    scheduler.starts()
    assert scheduler.said("a", "queued", None).state == "queued"
    assert scheduler.cancel(["a"]) == ([], ["a"])
    assert scheduler.exited("a", "").state == "cancelled"
    assert "a" not in scheduler


def test_a_run_asked_for_again_before_its_process_is_gone_starts_again_afterwards():
    scheduler = Scheduler(CPU)
    scheduler.add(run("a"))
    scheduler.starts()
    scheduler.said("a", "failed", "no")
    scheduler.add(run("a"))
    assert scheduler.exited("a", "") is None
    assert started(scheduler) == [("a", "cpu")]


def test_runs_that_share_weights_wait_for_the_one_that_trains_them_and_others_pass():
    scheduler = Scheduler(CPU)
    for name, weights in [("a", "w"), ("b", "w"), ("c", "v"), ("d", "w"), ("e", "")]:
        scheduler.add(run(name, weights=weights))
    assert started(scheduler) == [("a", "cpu"), ("c", "cpu")]
    scheduler.said("c", "done", None)
    scheduler.exited("c", "")
    assert started(scheduler) == [("e", "cpu")], "b and d have no weights yet"
    scheduler.exited("e", "boom")
    assert scheduler.provided("a", "weights")
    assert not scheduler.provided("a", "weights")
    assert not scheduler.provided("gone", "weights")
    assert started(scheduler) == [("b", "cpu")]


def test_where_the_run_that_trained_ends_without_weights_the_next_one_trains():
    scheduler = Scheduler(CPU)
    for name in "ab":
        scheduler.add(run(name, weights="w"))
    assert started(scheduler) == [("a", "cpu")]
    scheduler.cancel(["a"])
    scheduler.exited("a", "killed")
    assert started(scheduler) == [("b", "cpu")]


def test_a_certification_finds_the_weights_of_the_training_that_is_under_way():
    scheduler = Scheduler(CPU)
    scheduler.add(run("certified", weights="w", provides=["answers:certified"], priority=1))
    scheduler.add(run("trained", weights="w", provides=["answers:trained"]))
    assert started(scheduler) == [("certified", "cpu")], "nobody trains yet, so it does"
    assert scheduler.provided("certified", "weights")
    assert started(scheduler) == [("trained", "cpu")]


def test_facts_wait_for_the_answers_that_are_still_to_come_and_for_no_others():
    scheduler = Scheduler(CPU)
    scheduler.add(run("facts", needs=["answers:a"], priority=9))
    scheduler.add(run("kept", needs=["answers:gone"]))
    scheduler.add(run("a", weights="w", provides=["answers:a"]))
    assert started(scheduler) == [("kept", "cpu"), ("a", "cpu")]
    scheduler.exited("kept", "")
    scheduler.provided("a", "weights")
    assert started(scheduler) == [("kept", "cpu")], "it crashed; the answers of a are not there yet"
    scheduler.said("a", "done", None)
    scheduler.exited("a", "")
    assert started(scheduler) == [("facts", "cpu")]


def test_facts_of_a_run_that_will_not_answer_start_and_say_so_themselves():
    scheduler = Scheduler(CPU)
    scheduler.add(run("a", provides=["answers:a"]))
    scheduler.add(run("facts", needs=["answers:a"]))
    scheduler.cancel(["a"])
    assert started(scheduler) == [("facts", "cpu")]


def test_a_population_waits_for_the_answers_of_all_its_runs():
    scheduler = Scheduler(CPU)
    scheduler.add(run("population", needs=["answers:a", "answers:b", "answers:c"], provides=["facts:population"]))
    for name in "abc":
        scheduler.add(run(name, provides=[f"answers:{name}"]))
    assert started(scheduler) == [("a", "cpu"), ("b", "cpu")]
    for name in "ba":
        scheduler.said(name, "done", None)
        scheduler.exited(name, "")
        assert "population" not in dict(started(scheduler))
    scheduler.said("c", "done", None)
    scheduler.exited("c", "")
    assert started(scheduler) == [("population", "cpu")]


class SchedulerLaws(RuleBasedStateMachine):
    """Whatever happens in whatever order: never more jobs than slots, never out of order, no run lost."""

    runs = Bundle("runs")

    @initialize(machine=st.sampled_from([GPUS, SHARED, CPU]))
    def begin(self, machine):
        self.scheduler = Scheduler(machine)
        self.count = 0
        self.unfinished = set()
        self.trained_runs = set()
        self.ranks = {}

    def rank(self, run_id):
        priority, order = self.ranks[run_id]
        return -priority, order

    @rule(
        target=runs,
        device=st.sampled_from(["auto", "cpu", "cuda", "cuda:1"]),
        priority=st.integers(-1, 1),
        weights=st.sampled_from(["", "w", "v"]),
    )
    def add(self, device, priority, weights):
        new = run(f"run-{self.count}", device, priority, weights=weights)
        if self.scheduler.problem(new.options):
            return multiple()
        self.count += 1
        self.scheduler.add(new)
        self.unfinished.add(new.job_id)
        self.ranks[new.job_id] = (priority, self.count)
        self.options = getattr(self, "options", {}) | {new.job_id: new.options}
        self.weights = getattr(self, "weights", {}) | {new.job_id: weights}
        return new.job_id

    def suitable(self, run_id):
        return {device.name for device in self.scheduler.machine.suitable(self.options[run_id])}

    @rule()
    def start(self):
        others = self.training()
        begun = self.scheduler.starts()
        if self.scheduler.paused:
            assert not begun
        for start in begun:
            (job,) = start.jobs
            assert start.device in self.suitable(job.job_id)
            assert self.weights[job.job_id] not in others, "its weights were being trained"
            for waiting in self.scheduler.queued:
                if start.device in self.suitable(waiting) and self.weights[waiting] not in self.training():
                    assert self.rank(job.job_id) < self.rank(waiting), "overtaken on a device it could have had"
        assert not self.scheduler.starts(), "whatever can start has started"

    def training(self):
        """Weights that running runs have not finished yet."""
        return {self.weights[run_id] for run_id in self.scheduler.running if run_id not in self.trained_runs} - {""}

    @precondition(lambda self: self.scheduler.running)
    @rule(data=st.data())
    def trained(self, data):
        run_id = data.draw(st.sampled_from(sorted(self.scheduler.running)))
        news = bool(self.weights[run_id]) and run_id not in self.trained_runs
        assert self.scheduler.provided(run_id, "weights") == news
        self.trained_runs.add(run_id)

    @precondition(lambda self: self.scheduler.running)
    @rule(data=st.data(), state=st.sampled_from(["done", "failed", "diverged", "queued", None]))
    def end(self, data, state):
        run_id = data.draw(st.sampled_from(sorted(self.scheduler.running)))
        said = self.scheduler.said(run_id, state, None) if state else None
        outcome = self.scheduler.exited(run_id, "crashed") or said
        self.trained_runs.discard(run_id)
        if outcome.state == "queued":
            assert run_id in self.scheduler.queued
        else:
            self.unfinished.discard(run_id)

    @rule(run_id=consumes(runs))
    def cancel(self, run_id):
        was_queued, was_running = run_id in self.scheduler.queued, run_id in self.scheduler.running
        assert self.scheduler.cancel([run_id]) == ([run_id] * was_queued, [run_id] * was_running)
        if was_queued:
            self.unfinished.discard(run_id)

    @rule(run_id=runs, priority=st.integers(-1, 1))
    def prioritise(self, run_id, priority):
        self.scheduler.prioritise([run_id], priority)
        self.ranks[run_id] = (priority, self.ranks[run_id][1])

    @rule(paused=st.booleans())
    def pause(self, paused):
        self.scheduler.paused = paused

    @invariant()
    def never_more_jobs_than_slots(self):
        on = list(self.scheduler.running.values())
        for device in self.scheduler.machine.devices:
            assert on.count(device.name) <= device.slots
        assert len(on) - on.count("cpu") <= self.scheduler.machine.accelerator_jobs

    @invariant()
    def no_run_is_lost(self):
        assert self.unfinished == set(self.scheduler.queued) | set(self.scheduler.running)

    @invariant()
    def the_queue_is_in_order(self):
        assert self.scheduler.queued == sorted(self.scheduler.queued, key=self.rank)


TestSchedulerLaws = SchedulerLaws.TestCase
TestSchedulerLaws.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
