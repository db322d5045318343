"""How messages go over the wire: four bytes of length, most significant first, and that many bytes of MessagePack."""

import socket
import struct
import sys
from typing import Any

import msgspec

from engine.service.protocol import AnyCommand, AnyMessage, Command, Request
from engine.text import one_line

FRAME_LIMIT = 16 * 2**20
"""Longest message in bytes, in both directions."""
_HEADER = struct.Struct(">I")
HEADER_SIZE = _HEADER.size


class FrameError(RuntimeError):
    """Bytes that are not a message of this protocol, or a message too long for it."""


_commands = msgspec.msgpack.Decoder(AnyCommand)
_requests = msgspec.msgpack.Decoder(Request)
_messages = msgspec.msgpack.Decoder(AnyMessage)


def frame(message: msgspec.Struct) -> bytes:
    """The message as it goes over the wire; FrameError if it is too long."""
    body = msgspec.msgpack.encode(message, enc_hook=_number)
    if len(body) > FRAME_LIMIT:
        raise FrameError(f"{len(body) / 2**20:.1f} MiB are too much for one message; the limit is 16 MiB")
    return _HEADER.pack(len(body)) + body


def request(number: int, command: Command) -> bytes:
    """A command's frame."""
    return frame(Request(number, msgspec.Raw(msgspec.msgpack.encode(command))))


def body_size(header: bytes) -> int:
    """Bytes that follow a header; FrameError if they are too many to be one of our messages."""
    (size,) = _HEADER.unpack(header)
    if size > FRAME_LIMIT:
        raise FrameError(f"a message of {size} bytes; the limit is {FRAME_LIMIT}")
    return size


def read_request(body: bytes) -> Request:
    """The request in a frame; FrameError if there is none."""
    return _read(_requests, body)


def read_command(body: msgspec.Raw) -> AnyCommand:
    """The command in a request; FrameError if it is none of ours."""
    return _read(_commands, body)


def read_message(body: bytes) -> AnyMessage:
    """The engine's message in a frame; FrameError if there is none."""
    return _read(_messages, body)


def _read(decoder: msgspec.msgpack.Decoder, body: bytes) -> Any:
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise FrameError(f"not a message of this protocol: {one_line(str(error))}") from None


def _number(value: Any) -> Any:
    """Scalars of numpy, which a query may return, as plain numbers."""
    if hasattr(value, "item"):
        return value.item()
    raise TypeError(f"{type(value).__name__} cannot be sent")


def peer_uid(connection: socket.socket) -> int:
    """User id of the process at the other end of a Unix socket."""
    if sys.platform == "linux":
        credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        return struct.unpack("3i", credentials)[1]
    # LOCAL_PEERCRED of macOS and the BSDs: struct xucred begins with its version and the user id.
    return struct.unpack("2I", connection.getsockopt(0, 1, struct.calcsize("2I")))[1]
