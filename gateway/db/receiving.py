"""Large replies received into memory that is used again, and looked at where they lie.

PyMongo takes fresh memory for each reply, clears it, receives into it, and copies it once more: a tenth of all that a
bulk pass costs, and blocks of megabytes that leave holes.  It takes another pool of connections (`_pool_class`), for
such ends; `motor_driver` gives it this one in versions that are known to go with it.  What is rarer, compressed replies
and limits of time for operations, is still received by PyMongo itself.
"""

import struct
import time
from collections.abc import Callable, Mapping
from functools import partial
from mmap import mmap
from socket import SO_RCVLOWAT, SOL_SOCKET, socket
from typing import Any, Final

from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo import _csot
from pymongo.errors import ProtocolError, _OperationCancelled
from pymongo.message import _OpMsg
from pymongo.network_layer import receive_data
from pymongo.synchronous.pool import Connection, Pool

from gateway.db.reply_buffers import borrowing

__all__ = ["ReusingPool"]

_HEADER: Final = struct.Struct("<iiii")
_LARGE: Final = 64 * 1024
# How often it is looked whether a connection that waits was given up, seconds.
_LOOK: Final = 0.5
# Received in one go: a thread is not woken for less.
_GO: Final = 256 * 1024


# Bytes of values of a fixed size, by their type in BSON.
_FIXED: Final = {0x01: 8, 0x08: 1, 0x09: 8, 0x0A: 0, 0x10: 4, 0x11: 8, 0x12: 8}
_NESTED: Final = (0x03, 0x04)
_NAME: Final = 64


class _Document(RawBSONDocument):
    """A reply of which PyMongo sees what is beside its documents: to decode it, it would copy these as well."""

    @staticmethod
    def _inflate_bson(
        bson_bytes: bytes | memoryview, codec_options: CodecOptions[RawBSONDocument]
    ) -> Mapping[str, Any]:
        small = _beside(bson_bytes)
        return RawBSONDocument(bson_bytes if small is None else small, codec_options)


def _beside(raw: bytes | memoryview) -> bytes | None:
    """The reply without the fields that are large; None where it has fields of other types than replies have."""
    pieces, at = [], 4
    try:
        while kind := raw[at]:
            value = at + 2 + bytes(raw[at + 1 : at + _NAME]).index(0)
            nested = kind in _NESTED
            size = int.from_bytes(raw[value : value + 4], "little") if nested else _FIXED[kind]
            if not nested or size < _LARGE:
                pieces.append(bytes(raw[at : value + size]))
            at = value + size
    except (IndexError, KeyError, ValueError):
        return None
    found = b"".join(pieces)
    return (len(found) + 5).to_bytes(4, "little") + found + b"\0"


class _Reply(_OpMsg):
    """A reply that is not copied when it is unpacked."""

    __slots__ = ()

    def unpack_response(self, *_: Any, codec_options: CodecOptions[Any], **_others: Any) -> list[Any]:  # type: ignore[override]
        return [_Document(self.payload_document, codec_options)]


class ReusingPool(Pool):
    """Connections that receive in this way what is asked for in a block of `lent`."""

    def connect(self, *args: Any, **named: Any) -> Connection:
        """A connection; as PyMongo's pool has it."""
        connection = super().connect(*args, **named)
        if connection.compression_context is None:
            vars(connection)["receive_message"] = partial(_received, connection)
        return connection


def _received(connection: Connection, request_id: int | None) -> _OpMsg:
    """As `Connection.receive_message`."""
    take = borrowing()
    if take is None or request_id is None or _csot.get_timeout():
        return Connection.receive_message(connection, request_id)
    try:
        return _message(connection, request_id, take)
    except BaseException as error:  # noqa: BLE001 - whatever happened, it is closed and something is raised
        connection._raise_connection_failure(error)  # noqa: SLF001


def _message(connection: Connection, request_id: int, take: Callable[[int], mmap]) -> _OpMsg:
    timeout = connection.conn.gettimeout()
    deadline = time.monotonic() + timeout if timeout else None
    length, _, answered, kind = _HEADER.unpack(receive_data(connection, _HEADER.size, deadline))
    if answered != request_id or kind != _OpMsg.OP_CODE:
        raise ProtocolError(f"a reply of kind {kind} to {answered}, where one to {request_id} was expected")
    if not _HEADER.size < length <= connection.max_message_size:
        raise ProtocolError(f"a reply of {length} bytes")
    size = length - _HEADER.size
    if size < _LARGE:
        return _OpMsg.unpack(receive_data(connection, size, deadline))
    view = memoryview(take(size))[:size]
    _fill(connection, view, deadline)
    return _Reply.unpack(view.toreadonly())


def _fill(connection: Connection, view: memoryview, deadline: float | None) -> None:
    """As `receive_data`, whatever the number of pieces in which it comes."""
    usual, sock = connection.conn.gettimeout(), connection.conn.sock
    plain = sock if type(sock) is socket else None
    connection.set_conn_timeout(_LOOK)
    try:
        while view:
            # The last of it must be enough to be woken for.
            if plain is not None:
                plain.setsockopt(SOL_SOCKET, SO_RCVLOWAT, min(_GO, len(view)))
            try:
                got = connection.conn.recv_into(view)
            except TimeoutError:
                if connection.cancel_context.cancelled:
                    raise _OperationCancelled("operation cancelled") from None
                if deadline is not None and time.monotonic() > deadline:
                    raise
                continue
            if not got:
                raise OSError("connection closed")
            view = view[got:]
    finally:
        if plain is not None:
            plain.setsockopt(SOL_SOCKET, SO_RCVLOWAT, 1)
        connection.set_conn_timeout(usual)
