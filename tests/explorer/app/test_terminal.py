"""The app in a real terminal: whatever happens to it, the terminal is restored and the engine goes on."""

import contextlib
import itertools
import os
import signal
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest
from waiting import patience, wait_until

from engine.job_settings import RunOptions
from engine.service import protocol
from engine.service.client import EngineUnreachable, SyncClient
from engine.service.launch import ensure_engine
from engine.service.project import Project, suspended
from engine.service.settings import EngineSettings
from engine.spec import sweeps
from explorer.project.result_source import ResultSource

MIA = Path(sys.executable).with_name("mia-explore")
CRASHING = """
from explorer.app.screens.main import MainScreen
from explorer.app.launch import Launch, open_app
from engine.service.project import Project
import sys
def broken(self):
    raise RuntimeError("a bug")
MainScreen.pulse = broken
sys.exit(open_app(Launch(project=Project.at(sys.argv[1]))))
"""
STARTER = "import subprocess, sys; sys.exit(subprocess.call(sys.argv[1:]))"
STUCK = """
from explorer.app import terminal
import contextlib, queue, signal
signal.signal(signal.SIGHUP, signal.SIG_IGN)
terminal.end_without()
with contextlib.suppress(OSError):  # the terminal may go once the word is read, before the end of its line is written
    print("waits", flush=True)
queue.Queue().get()
"""
SHORT, ENDLESS = 2000, 1_000_000


def experiment(seed, steps):
    """A natural model of few parameters."""
    sweep = {
        "name": "terminal",
        "dataset": "digits",
        "data": {"train_fraction": 0.2, "test_fraction": 0.1},
        "grid": {"defense": ["natural"], "capacity": [0.5], "seed": [seed]},
        "recipe": {"steps": steps},
        "evaluation": {"steps": 2, "epsilon": 0.1},
        "inference": {"attacks": ["confidence", "gap"]},
    }
    (one,) = sweeps.plan(sweep, "quick", [], ".").experiments
    return one


@dataclass(frozen=True)
class Work:
    """A project's engine at work on one run."""

    project: Project
    run_id: str

    def state(self, asked):
        return next(run.state for run in asked.query("runs") if run.run_id == self.run_id)

    def finished(self):
        """Wait for the end of the run; its state."""
        with SyncClient(self.project, timeout=patience(60.0)) as client:
            client.call(protocol.Subscribe())
            asked = ResultSource(client.call)
            pushes = client.pushes()
            while self.state(asked) in ("queued", "running"):
                next(pushes)
            assert len(asked.query("accuracies", run_id=self.run_id)) == 4
            return self.state(asked)

    def goes_on(self):
        """Wait until the run was seen at two places."""
        seen = set()
        with SyncClient(self.project, timeout=patience(60.0)) as client:

            def further():
                progress = client.call(protocol.GetStatus()).progress
                seen.update(one.fraction for one in progress if one.run_id == self.run_id)
                return len(seen) > 1

            return wait_until(further, 60.0)

    def end(self):
        """Leave the engine to others."""
        with SyncClient(self.project, timeout=patience(60.0)) as client:
            client.call(protocol.Cancel(run_ids=[self.run_id]))
            asked = ResultSource(client.call)
            wait_until(lambda: self.state(asked) not in ("queued", "running"))


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project for all tests, whose engine is stopped in the end."""
    found = Project.at(tmp_path_factory.mktemp("terminal") / "project")
    yield found
    try:
        with SyncClient(found) as client:
            client.call(protocol.Subscribe())
            client.call(protocol.Stop(grace=0.0))
            list(client.pushes())
    except EngineUnreachable:
        pass


SEEDS = itertools.count()


@pytest.fixture
def work(project, request):
    """The engine at work on a run of this test's own, which goes on for good unless the test takes a short one."""
    ensure_engine(project, EngineSettings(threads=1))
    asked = experiment(next(SEEDS), getattr(request, "param", ENDLESS))
    place = RunOptions(data_root=".", device="cpu", checkpoint_seconds=0.2)
    run = protocol.RunRequest(experiment=asked.to_dict(), place=asdict(place))
    with SyncClient(project) as client:
        client.call(protocol.Submit(sweep="terminal", runs=[run]))
    yield Work(project, asked.run_id)
    Work(project, asked.run_id).end()


short = pytest.mark.parametrize("work", [SHORT], indirect=True, ids=["short"])


@pytest.fixture
def terminal(work, open_terminal):
    """The app on that project, joined to the engine."""
    opened = open_terminal(MIA, "--project", work.project.root)
    opened.wait_for("1 running")
    return opened


def suspend(terminal):
    """Control-Z, in a terminal that goes on taking in what is painted."""
    terminal.press("\x1a")
    deadline = time.monotonic() + patience(15.0)
    while not suspended(terminal.process.pid):
        assert time.monotonic() < deadline, "it is not suspended"
        terminal.read_now(0.05)


def test_what_is_said_may_go_to_a_file_while_the_app_is_on_the_screen(open_terminal, tmp_path):
    said = tmp_path / "said"
    opened = open_terminal("/bin/sh", "-c", f"exec {MIA} --project {tmp_path / 'new'} 2>{said}")
    opened.wait_for("Nothing here yet")
    opened.press("d")
    assert opened.code() == 0
    assert "\x1b" not in said.read_text()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_restores_the_terminal_and_leaves_the_engine_at_work(work, terminal, number):
    terminal.process.send_signal(number)
    assert terminal.code() == 128 + number
    assert terminal.restored
    assert work.goes_on()


@pytest.mark.parametrize("how", ["closed", "told to go on", "suspended and back", "suspended"])
def test_no_app_outlives_its_terminal_whatever_signals_came_before(terminal, how):
    """SIGCONT comes with every SIGHUP of a terminal, from every `fg`, and from others as often as they like."""
    pid = terminal.process.pid
    if how.startswith("suspended"):
        suspend(terminal)
    if how in ("told to go on", "suspended and back"):
        for _ in range(30):
            os.kill(pid, signal.SIGCONT)
            terminal.read_now(0.02)
    os.close(terminal.end)
    terminal.process.wait(timeout=patience(20))


@contextlib.contextmanager
def silent_engine(project):
    """The engine answers no question meanwhile."""
    with SyncClient(project) as client:
        pid = client.call(protocol.GetStatus()).pid
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def lost_while(opened, work, how, turn):
    """Take the terminal away at such a moment."""
    with contextlib.ExitStack() as stack:
        if how == "starting":
            for _ in range(turn):
                opened.read()
        else:
            opened.wait_for("1 running")
        if how == "a dialog is open":
            opened.press("q")
            opened.wait_for("Leave mia-explore?")
        elif how == "a question waits":
            stack.enter_context(silent_engine(work.project))
            opened.press("]]\r")
        elif how == "suspended and back":
            suspend(opened)
            os.kill(opened.process.pid, signal.SIGCONT)
            opened.read()
        os.close(opened.end)
        opened.process.wait(timeout=patience(10))


MOMENTS = ("starting", "a dialog is open", "a question waits", "suspended and back")


@pytest.mark.parametrize("how", MOMENTS[:3])
def test_no_app_outlives_a_terminal_that_goes_at_a_bad_moment(work, open_terminal, how):
    lost_while(open_terminal(MIA, "--project", work.project.root), work, how, 1)


@pytest.mark.slow
def test_no_app_outlives_its_terminal_fifty_times(work, open_terminal):
    for turn in range(50):
        how = MOMENTS[turn % len(MOMENTS)]
        lost_while(open_terminal(MIA, "--project", work.project.root), work, how, turn // len(MOMENTS))


def test_a_suspended_app_comes_back_with_its_screen_and_can_go_again(terminal):
    pid = terminal.process.pid
    for _ in range(2):
        suspend(terminal)
        while terminal.read_now():
            pass
        assert terminal.restored
        os.kill(pid, signal.SIGCONT)
        terminal.wait_for("1 running")


def test_a_suspended_app_takes_along_what_it_was_started_by(work, open_terminal):
    """A shell waits for `uv`, say, which runs the app: without it, nobody would get the shell back."""
    starter = open_terminal(sys.executable, "-c", STARTER, MIA, "--project", work.project.root)
    starter.wait_for("1 running")
    suspend(starter)
    os.killpg(starter.process.pid, signal.SIGCONT)
    starter.wait_for("1 running")
    starter.press("d")
    assert starter.code() == 0


def test_what_waits_for_good_and_heeds_no_signal_ends_with_its_terminal(open_terminal):
    stuck = open_terminal(sys.executable, "-c", STUCK)
    stuck.wait_for("waits")
    os.close(stuck.end)
    assert stuck.process.wait(timeout=patience(20)) == 128 + signal.SIGHUP


def test_a_terminal_that_goes_away_ends_the_app_and_not_the_engine(work, terminal):
    os.close(terminal.end)
    terminal.process.wait(timeout=patience(20))
    assert work.goes_on()


@short
def test_a_killed_app_costs_nothing(work, terminal):
    terminal.process.kill()
    terminal.process.wait()
    assert work.finished() == "done"


@short
def test_a_killed_engine_is_told_in_one_line_and_r_goes_on_from_the_checkpoint(work, terminal):
    with SyncClient(work.project) as client:
        pid = client.call(protocol.GetStatus()).pid
    os.kill(pid, signal.SIGKILL)
    terminal.wait_for("data safe to")
    terminal.press("r")
    terminal.wait_for("running")
    assert work.finished() == "done"
    terminal.press("d")
    assert terminal.code() == 0
    assert terminal.restored


def test_a_bug_restores_the_terminal_writes_a_report_and_says_how_to_come_back(work, open_terminal, tmp_path):
    broken = open_terminal(sys.executable, "-c", CRASHING, work.project.root)
    assert broken.code(60) == 70
    assert broken.restored
    assert b"RuntimeError: a bug" in broken.output
    assert b"Back in: mia-explore --project" in broken.output
    (report,) = (tmp_path / "state" / "mia-explore").glob("crash-*.txt")
    assert "in broken" in report.read_text()
    assert work.goes_on()


def test_leaving_says_that_the_engine_goes_on(terminal):
    terminal.press("d")
    assert terminal.code() == 0
    assert terminal.restored
    assert b"The engine goes on." in terminal.output
