"""Commands asked of one member over a bare connection: as they are, with no driver that adds, checks or tries again."""

import socket
from types import TracebackType
from typing import Any, Self

import bson
import pytest
from pymongo import MongoClient

from tests.topology import Member, wire

__all__ = ["Wire", "client_of", "refused", "run"]

Document = dict[str, Any]


def client_of(member: Member) -> MongoClient[Document]:
    """A driver's client of one member; to be closed."""
    return MongoClient[Document](member.uri, serverSelectionTimeoutMS=2000)


class Wire:
    """A connection to a member."""

    def __init__(self, member: Member) -> None:
        self._socket = socket.create_connection(("127.0.0.1", member.port), timeout=20)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._socket.close()

    def send(self, data: bytes) -> None:
        """Bytes."""
        self._socket.sendall(data)

    def receive(self) -> tuple[int, Document]:
        """The operation code and the body of a reply."""
        size = int.from_bytes(self._exactly(4), "little")
        data = self._exactly(size - 4)
        code = int.from_bytes(data[8:12], "little")
        return code, bson.decode(data[17:] if code == wire.OP_MSG else data[32:])

    def _exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            part = self._socket.recv(size - len(data))
            if not part:
                raise ConnectionError("the connection was closed")
            data += part
        return data

    def ask(self, command: Document, database: str = "demo") -> Document:
        """The reply to a command; secondaries answer reads unless told otherwise."""
        preference = {"$readPreference": {"mode": "secondaryPreferred"}}
        self.send(wire.message({**command, "$db": database} | ({} if "$readPreference" in command else preference)))
        return self.receive()[1]


def run(member: Member, command: Document, database: str = "demo") -> Document:
    """The reply to a command that works."""
    with Wire(member) as connection:
        reply = connection.ask(command, database)
    assert reply["ok"], reply
    return reply


def refused(member: Member, command: Document, database: str = "demo") -> tuple[int, str]:
    """The code and the message of a refusal."""
    with Wire(member) as connection:
        reply = connection.ask(command, database)
    if reply["ok"]:
        pytest.fail(f"not refused: {command}")
    return reply["code"], reply["errmsg"]
