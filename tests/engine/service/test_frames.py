import contextlib
from functools import partial

import hypothesis.strategies as st
import msgspec
import numpy as np
import pytest
from hypothesis import given, settings

from engine.service import frames, protocol
from engine.service.frames import HEADER_SIZE, FrameError
from engine.validation import SpecError

NAMES = st.lists(st.text())
COMMANDS = st.one_of(
    st.builds(protocol.Cancel, run_ids=NAMES),
    st.builds(protocol.Prioritise, run_ids=NAMES, priority=st.sampled_from(protocol.PRIORITIES)),
    st.builds(protocol.Query, name=st.text(), params=st.dictionaries(st.text(), st.text() | NAMES | st.none())),
    st.builds(protocol.Stop, grace=st.none() | st.floats(0, 1e6)),
    st.just(protocol.Pause()),
)


@settings(max_examples=40)
@given(number=st.integers(0, 2**40), command=COMMANDS)
def test_a_command_arrives_as_it_was_sent(number, command):
    frame = frames.request(number, command)
    assert frames.body_size(frame[:HEADER_SIZE]) == len(frame) - HEADER_SIZE
    request = frames.read_request(frame[HEADER_SIZE:])
    assert request.number == number
    assert frames.read_command(request.command) == command


@given(st.binary(max_size=200))
def test_garbage_is_read_or_refused_but_never_breaks_the_reader(body):
    for read in (frames.read_request, frames.read_command, frames.read_message):
        with contextlib.suppress(FrameError):
            read(body)


@pytest.mark.parametrize("priority", [2**31, -(2**31) - 1, 10**20])
@pytest.mark.parametrize("command", [protocol.Prioritise, partial(protocol.Submit, sweep="a", runs=[])])
def test_a_priority_that_cannot_be_stored_is_refused_by_whoever_sends_it_and_by_the_engine(command, priority):
    fields = {"run_ids": []} if command is protocol.Prioritise else {}
    said = rf"^priority: {priority} is not allowed; allowed: -2147483648 to 2147483647$"
    with pytest.raises(SpecError, match=said):
        command(**fields, priority=priority)
    sent = msgspec.to_builtins(command(**fields, priority=0)) | {"priority": min(priority, 2**63)}
    with pytest.raises(FrameError, match=r"priority: .* is not allowed"):
        frames.read_command(msgspec.Raw(msgspec.msgpack.encode(sent)))


def test_numbers_of_numpy_arrive_as_plain_ones():
    table = protocol.Rows(columns=["a", "b"], rows=[(np.float64(0.1), np.int64(3))])
    frame = frames.frame(protocol.Reply(1, table))
    assert frames.read_message(frame[HEADER_SIZE:]).answer.rows == [[0.1, 3]]


def test_messages_over_the_limit_are_refused_by_sender_and_receiver():
    with pytest.raises(FrameError, match="16 MiB"):
        frames.frame(protocol.Note(message="x" * frames.FRAME_LIMIT, time=0.0))
    with pytest.raises(FrameError, match="limit"):
        frames.body_size(b"\xff\xff\xff\xff")


def test_a_command_of_a_newer_client_is_told_apart_from_garbage():
    body = msgspec.msgpack.encode({"type": "Teleport"})
    request = frames.read_request(msgspec.msgpack.encode(frames.Request(7, msgspec.Raw(body))))
    assert request.number == 7
    with pytest.raises(FrameError, match="Teleport"):
        frames.read_command(request.command)
