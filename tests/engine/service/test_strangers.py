"""Whatever a file or a client may hold, the engine takes it or refuses it in one line: never a traceback."""

import asyncio
import contextlib
import copy
import json
import logging
import random

import msgspec
import numpy as np
import pytest

from engine import event_lines, events
from engine.service import frames, protocol
from engine.service.client import Client, EngineRefused
from engine.service.commands import Commands
from engine.service.engine import Engine
from engine.service.executors.everywhere import Everywhere
from engine.service.project import Project, ProjectLock
from engine.service.server import Server
from engine.service.settings import EngineSettings
from engine.spec.experiment import Data, Evaluation, Experiment
from engine.spec.recipes import recipe_for
from store.store import Store

EXPERIMENT = Experiment(
    data=Data(name="digits"),
    network="small-cnn",
    capacity=1.0,
    defense="ibp",
    epsilon=0.1,
    seed=0,
    recipe=recipe_for("ibp", "digits", "quick", {}),
    evaluation=Evaluation(epsilon=0.1),
)
RUN = EXPERIMENT.run_id
COLUMNS = {name: np.arange(3).astype(dtype) for name, dtype in events.SCORE_TYPES.items()}
OWN = {name: np.arange(3).astype(dtype) for name, dtype in events.ATTACK_SCORE_TYPES.items()}
FACT = {"attack": "gap", "view": "benign", "threshold_rule": "none", "metric": "advantage", "class_label": 0}
LOG = (
    events.RunStarted(
        run_id=RUN, experiment=EXPERIMENT.to_dict(), device="cpu", time=1000.0, versions={"python": "3.11"}
    ),
    events.History(run_id=RUN, step=1, epoch=0, metrics={"loss": 0.5}),
    events.ClassNames(run_id=RUN, names=["cat", "dog"]),
    events.Warnings(run_id=RUN, warnings=[{"topic": "attack", "message": "it did nothing", "view": "benign"}]),
    events.Accuracies(run_id=RUN, view="benign", split="test", accuracy=0.5, n=3),
    events.Scores(run_id=RUN, view="benign", **COLUMNS),
    events.AttackScores(run_id=RUN, attack="lira", view="benign", threshold_rule="references", **OWN),
    events.Leakage(run_id=RUN, value=0.1, ci_low=0.0, ci_high=0.2, leaks=True, n_member=3, n_nonmember=3, **FACT),
    events.Notice(run_id=RUN, time=1001.0, message="a line"),
    events.RunEnded(run_id=RUN, state="done", time=1002.0, error=None),
)
LINES = [json.loads(event_lines.to_json(event)) for event in LOG]
PLACE = {"data_root": "/data", "import_path": "/code", "device": "cpu", "checkpoint_seconds": 30.0}
COMMANDS = [
    {"type": "GetStatus"},
    {"type": "Submit", "sweep": "s", "runs": [{"experiment": EXPERIMENT.to_dict(), "place": PLACE}], "priority": 1},
    *({"type": kind, "run_ids": [RUN]} for kind in ("Cancel", "Retry")),
    {"type": "Prioritise", "run_ids": [RUN], "priority": 2},
    *({"type": kind} for kind in ("Pause", "Resume", "Subscribe")),
    {"type": "Stop", "grace": 1.0},
    {"type": "Query", "name": "run", "params": {"run_id": [RUN]}},
    {"type": "Query", "name": "scores", "params": {"limit": 5, "offset": 0, "order": "confidence", "view": "benign"}},
    {"type": "Export", "table": "runs", "format": "csv", "path": "/no such/file.csv", "filters": {"sweep": ["s"]}},
    {"type": "Import", "path": "/no such/file.jsonl"},
]


@pytest.fixture
async def engine(tmp_path, runtime):
    """An engine in this process that answers and starts no run, for no disk has so much room."""
    project = Project.at(tmp_path / "project")
    lock = ProjectLock(project)
    settings = EngineSettings(reserve_gib=1e12, cpu_jobs=1)
    found = Engine(project, settings, Everywhere(project, settings), Store(project.database), lock)
    found.server = Server(Commands(found).handle)
    await found._listen()
    yield found
    await found._shut_down(0)


@pytest.fixture
async def client(engine):
    async with Client(engine.project) as connected:
        yield connected


@pytest.fixture
def faults(caplog):
    """A function that gives the log's tracebacks and errors so far."""
    caplog.set_level(logging.WARNING)
    return lambda: [record.getMessage() for record in caplog.records if record.exc_info or record.levelno > 30]


def encoded(content):
    """One line of JSON, or as near to it as Python can write it."""
    try:
        return json.dumps(content)
    except (ValueError, RecursionError):
        return '{"kind": "history", "step": ' + "9" * 5000 + "}"


async def test_each_line_of_a_strange_file_is_taken_or_refused_by_its_number(engine, client, faults, mutated, tmp_path):
    chance = random.Random(7)
    strange = [encoded(mutated(chance.choice(LINES), chance)) for _ in range(3000)]
    torn = [line[: chance.randrange(len(line))] + "\x1b\ufffd" + line[-9:] for line in strange[:300]]
    deep = "[" * 100_000
    lines = [*map(json.dumps, LINES[:-1]), *strange, *torn, deep, json.dumps(LINES[-1])]
    path = tmp_path / "strange.jsonl"
    path.write_bytes(b"\n".join(line.encode("utf-8", "surrogatepass") for line in lines))
    answer = await client.call(protocol.Import(path=str(path)))
    assert faults() == []
    assert answer.events + len(answer.unreadable) == len(lines)
    assert len(lines) - 1 in answer.unreadable
    assert set(answer.unreadable).isdisjoint({*range(1, len(LINES)), len(lines)})
    assert 0.5 * len(lines) < len(answer.unreadable) < len(lines) - len(LINES)
    states = await client.call(protocol.Query(name="runs", params={}))
    assert [row[states.columns.index("run_id")] for row in states.rows].count(RUN) == 1


@pytest.mark.parametrize(
    ("index", "change"),
    [
        (0, {"versions": {"python": {}}}),
        (0, {"time": 1e300}),
        (1, {"step": 2**63}),
        (1, {"metrics": {"loss": 10**400}}),
        (1, {"metrics": {"\x1b[2J": 1.0}}),
        (4, {"n": 2**80}),
        (4, {"split": "none"}),
        (5, {"label": [1, float("inf"), 0]}),
        (5, {"confidence": [1e300, 0, 0]}),
        (5, {"example": [[0], [1], [2]]}),
        (6, {"view": "x"}),
        (6, {"attack": "\x1b]0;pwned\x07"}),
        (7, {"time": float("nan")}),
        (8, {"state": "asleep"}),
        (8, {"run_id": "\ud800"}),
    ],
)
def test_what_the_store_cannot_hold_is_no_event(index, change):
    with pytest.raises(ValueError, match="not an event"):
        event_lines.from_json(json.dumps(LINES[index] | change))


def test_what_an_error_quotes_commands_no_terminal():
    event = event_lines.from_json(json.dumps(LINES[-1] | {"error": "no\x1b]0;pwned\x07\nmore", "state": "failed"}))
    assert event.error == "no�]0;pwned� more"
    assert events.Notice(run_id="r", time=0.0, message="a\x9b2Jb").message == "a�2Jb"


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (protocol.Import(path="/tmp/a\0b"), "no path has a zero byte"),
        (protocol.Export(table="runs", format="csv", path="/tmp/a\0b"), "no path has a zero byte"),
        (protocol.Import(path="/dev/zero"), "/dev/zero: not a file"),
        (protocol.Import(path="\x1b]0;pwned\x07"), "�]0;pwned�: must be an absolute path"),
    ],
)
async def test_a_path_that_is_none_is_refused_in_one_line(engine, client, faults, command, said):
    with pytest.raises(EngineRefused, match=said) as caught:
        await client.call(command)
    assert str(caught.value).isprintable()
    assert faults() == []


def body_of(number, command):
    try:
        return msgspec.msgpack.encode(frames.Request(number, msgspec.Raw(msgspec.msgpack.encode(command))))
    except (OverflowError, UnicodeEncodeError):  # neither can be said in MessagePack
        return b"\xc1"


def damaged(body, chance):
    """The body with some bytes others."""
    changed = bytearray(body)
    for _ in range(chance.randint(1, 4)):
        changed[chance.randrange(len(changed))] = chance.randrange(256)
    return bytes(changed)


async def ask(writer, reader, body):
    """Send a frame; the answer, or None from an engine that closed the connection."""
    with contextlib.suppress(asyncio.IncompleteReadError, OSError):
        writer.write(len(body).to_bytes(4, "big") + body)
        while True:
            size = frames.body_size(await reader.readexactly(frames.HEADER_SIZE))
            answer = frames.read_message(await reader.readexactly(size))
            if isinstance(answer, protocol.Reply | protocol.Failure):
                return answer
    return None


async def test_random_frames_are_answered_or_end_their_connection_and_no_other(engine, client, faults, mutated):
    chance = random.Random(11)
    whole = [body_of(number, command) for number, command in enumerate(COMMANDS)]
    strange = [body_of(1, mutated(copy.deepcopy(chance.choice(COMMANDS)), chance)) for _ in range(1500)]
    random_bytes = [chance.randbytes(chance.randrange(60)) for _ in range(1000)]
    bodies = [*strange, *(damaged(chance.choice(whole), chance) for _ in range(1500)), *random_bytes]
    chance.shuffle(bodies)
    connection, refused, closed = None, 0, 0
    for count, body in enumerate(bodies):
        if connection is None:
            connection = await asyncio.open_unix_connection(engine.project.holder().socket)
        answer = await ask(connection[1], connection[0], body)
        if answer is None:
            connection[1].close()
            connection, closed = None, closed + 1
        elif isinstance(answer, protocol.Failure):
            refused += 1
            assert answer.message.isprintable(), answer.message
            assert "the engine failed" not in answer.message, (body, answer.message)
        if count % 500 == 0:
            assert isinstance(await client.call(protocol.GetStatus()), protocol.Status)
    if connection is not None:
        connection[1].close()
    assert faults() == []
    assert closed > 500
    assert refused > 500
