"""What was acknowledged stays, whatever happens to the process or the disk; the file has one owner."""

import random
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from store.store import NewRun, Store, StoreBusy, StoreError, StoreFull

ROOT = Path(__file__).resolve().parents[2]
WRITER = """
import sys
import numpy as np
from engine.events import SCORE_TYPES, Accuracies, History, Scores
from store.store import Store

store, n = Store(sys.argv[1]), 3000
for number in range(100000):
    columns = {name: np.full(n, number % 2) for name in SCORE_TYPES}
    store.apply([
        History(run_id="r", step=number, epoch=0, metrics={"a": 1.0, "b": 2.0}),
        Accuracies(run_id="r", view="benign", split=str(number), accuracy=0.5, n=1),
        Scores(run_id="r", view=str(number), **columns),
    ])
    print(number, flush=True)
"""
FILLER = """
import resource, signal, sys
import numpy as np
from engine.events import Scores
from store.store import Store, StoreFull

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
store, n, count, full = Store(sys.argv[1]), 60_000, 40, 0
views = [
    Scores(run_id="r", view=str(number), example=np.arange(n), member=np.ones(n), label=np.arange(n),
           correct=np.ones(n), confidence=draw.random(n), margin=draw.normal(size=n), risk=draw.random(n))
    for number, draw in enumerate(map(np.random.default_rng, range(count)))
]
reader = store.reader()
def limit(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
limit(int(sys.argv[2]))
for view in views:
    try:
        store.apply([view])
    except StoreFull as error:
        full += 1
        assert "\\n" not in str(error), error
        limit(resource.RLIM_INFINITY)
        store.apply([view])
        limit(int(sys.argv[2]))
limit(resource.RLIM_INFINITY)
sql = "SELECT count(*), count(DISTINCT (view, example)) FROM scores"
print(full, store.session.fetch(sql)[1] == reader.session.fetch(sql)[1] == [(count * n, count * n)])
"""
HOLDER = (
    "import sys; from store.store import Store; s = Store(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
)


def spawn(code, *arguments):
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("repeat", range(3))
def test_everything_acknowledged_is_there_after_a_kill(path, repeat):
    with spawn(WRITER, path) as child:
        for _ in range(random.Random(repeat).randrange(1, 60)):
            acknowledged = int(child.stdout.readline())
        child.send_signal(signal.SIGKILL)
        acknowledged = max([acknowledged, *(int(line) for line in child.stdout if line.endswith("\n"))])
    with Store(path) as store:
        counts = [
            store.session.fetch(sql)[1]
            for sql in (
                "SELECT count(*) FROM history WHERE metric = 'b'",
                "SELECT count(*) FROM accuracies",
                "SELECT count(DISTINCT view) FROM scores",
                "SELECT count(*) // 3000 FROM scores",
            )
        ]
    assert counts[0] == counts[1] == counts[2] == counts[3]
    assert counts[0][0][0] in (acknowledged + 1, acknowledged + 2)


@pytest.mark.parametrize("megabytes", [6, pytest.param(18, marks=pytest.mark.slow)])
def test_a_full_disk_loses_nothing_and_the_same_call_works_once_there_is_room(path, megabytes):
    """The smaller limit is met by the log, the larger by a checkpoint, after which DuckDB must open the file anew."""
    with spawn(FILLER, path, megabytes << 20) as child:
        full, complete = child.stdout.read().split()
    assert int(full) > 0
    assert complete == "True"


@pytest.mark.parametrize("read_only", [False, True])
def test_a_second_process_is_told_who_has_the_file(path, read_only):
    with spawn(HOLDER, path) as child:
        assert child.stdout.readline() == "open\n"
        with pytest.raises(StoreBusy, match=f"in use by process {child.pid}$"):
            Store(path, read_only=read_only)
        child.stdin.close()
    Store(path, read_only=read_only).close()


def test_the_log_of_a_killed_writer_is_read_without_writing(path):
    with spawn(WRITER, path) as child:
        child.stdout.readline()
        child.kill()
    with Store(path, read_only=True) as store:
        assert store.query("history", run_id="r").rows


def test_reading_only_refuses_to_write_and_to_make_a_file(path, experiment):
    with pytest.raises(StoreError, match="no such file"):
        Store(path, read_only=True)
    assert not path.exists()
    Store(path).close()
    with Store(path, read_only=True) as store, pytest.raises(StoreError, match="read-only"):
        store.enqueue("s", [NewRun(experiment().run_id, experiment().to_dict(), {})])


@pytest.mark.parametrize("place", ["nowhere/explore.duckdb", "."])
def test_a_file_that_cannot_be_made_is_one_line(tmp_path, place):
    with pytest.raises(StoreError) as refusal:
        Store(tmp_path / place)
    assert "\n" not in str(refusal.value)


def test_what_is_not_a_database_is_refused_in_one_line(path):
    path.write_bytes(b"run_id,value\n" * 1000)
    with pytest.raises(StoreError, match="not a valid DuckDB") as refusal:
        Store(path)
    assert "\n" not in str(refusal.value)


def test_a_folder_that_cannot_be_written_is_store_full(tmp_path):
    (tmp_path / "locked").mkdir(mode=0o500)
    try:
        (tmp_path / "locked" / "probe").touch()
    except PermissionError:
        with pytest.raises(StoreFull):
            Store(tmp_path / "locked" / "explore.duckdb")
    else:
        pytest.skip("this user may write anywhere")


def test_a_closed_store_says_so(path):
    store = Store(path)
    reader = store.reader()
    store.close()
    for closed in (store, reader):
        with pytest.raises(StoreError, match="already closed"):
            closed.query("runs")


def test_readers_in_other_threads_always_see_whole_transactions(store, experiment, leakage):
    """Each transaction rewrites one run's four facts with one value; a reader never sees two values at once."""
    run_id, failures, stop = experiment().run_id, [], threading.Event()

    def facts(value):
        return [leakage(run_id, metric=metric, value=value) for metric in "abcd"]

    def watch():
        with store.reader() as reader:
            while not stop.is_set():
                values = [row[12] for row in reader.query("leakage", run_id=run_id).rows]
                if len(values) != 4 or len(set(values)) != 1:
                    failures.append(values)

    store.apply(facts(0.0))
    threads = [threading.Thread(target=watch) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(1, 40):
        store.apply(facts(float(number)))
    stop.set()
    for thread in threads:
        thread.join()
    assert failures == []
