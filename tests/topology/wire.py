"""MongoDB's wire protocol, as far as drivers speak it to a server: OP_MSG, and OP_QUERY for the first handshake."""

import asyncio
import struct
from dataclasses import dataclass
from itertools import count
from typing import Any, Final

import bson
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.raw_bson import RawBSONDocument

__all__ = ["RAW", "Message", "message", "raw", "read", "reply"]

Document = dict[str, Any]

OP_REPLY: Final = 1
OP_QUERY: Final = 2004
OP_MSG: Final = 2013
CHECKSUM: Final = 1
MORE_TO_COME: Final = 2
_REQUIRED: Final = 0xFFFF  # flags that a receiver must know
_NUMBERS: Final = count(1)
_PLAIN: Final = CodecOptions(document_class=dict, datetime_conversion=DatetimeConversion.DATETIME_AUTO)
RAW: Final = CodecOptions(document_class=RawBSONDocument, datetime_conversion=DatetimeConversion.DATETIME_AUTO)


@dataclass(frozen=True, slots=True)
class Message:
    """A request or a reply: its body, with document sequences put where they belong, and how it came."""

    number: int
    body: Document
    code: int = OP_MSG
    flags: int = 0

    @property
    def silent(self) -> bool:
        """Whether the sender wants no reply."""
        return bool(self.flags & MORE_TO_COME)


async def read(stream: asyncio.StreamReader) -> Message:
    """The next message; raises EOFError at the end of the connection and ValueError for what is not understood."""
    head = await stream.readexactly(16)
    size, number, _, code = struct.unpack("<iiii", head)
    rest = await stream.readexactly(size - 16)
    if code == OP_MSG:
        flags = int.from_bytes(rest[:4], "little")
        if flags & _REQUIRED & ~(CHECKSUM | MORE_TO_COME):
            raise ValueError(f"unknown flags {flags:x}")
        return Message(number, _sections(rest[4 : -4 if flags & CHECKSUM else None]), code, flags)
    if code == OP_QUERY:
        end = rest.index(b"\0", 4)
        body = _decode(rest[end + 9 :][: int.from_bytes(rest[end + 9 : end + 13], "little")])
        body = body.get("$query", body)
        return Message(number, body | {"$db": rest[4:end].decode().partition(".")[0]}, code)
    raise ValueError(f"unknown operation {code}")


def _decode(data: bytes) -> Document:
    return bson.decode(data, _PLAIN)


def _sections(data: bytes) -> Document:
    body: Document = {}
    sequences: dict[str, list[RawBSONDocument]] = {}
    at = 0
    while at < len(data):
        kind, at = data[at], at + 1
        size = int.from_bytes(data[at : at + 4], "little")
        if kind == 0:
            body = _decode(data[at : at + size])
        elif kind == 1:
            end = data.index(b"\0", at + 4)
            sequences[data[at + 4 : end].decode()] = _documents(data[end + 1 : at + size])
        else:
            raise ValueError(f"unknown section {kind}")
        at += size
    return body | sequences


def _documents(data: bytes) -> list[RawBSONDocument]:
    found, at = [], 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "little")
        found.append(RawBSONDocument(data[at : at + size], RAW))
        at += size
    return found


def message(body: Document, to: int = 0) -> bytes:
    """An OP_MSG, as a reply to a request or as a request of our own."""
    data = bson.encode(body)
    return struct.pack("<iiiiIB", len(data) + 21, next(_NUMBERS), to, OP_MSG, 0, 0) + data


def reply(to: Message, body: Document) -> bytes:
    """The answer in the form that was asked in."""
    if to.code == OP_MSG:
        return message(body, to.number)
    data = bson.encode(body)
    return struct.pack("<iiiiiqii", len(data) + 36, next(_NUMBERS), to.number, OP_REPLY, 8, 0, 0, 1) + data


def raw(document: Any) -> RawBSONDocument:
    """A document as bytes."""
    return document if isinstance(document, RawBSONDocument) else RawBSONDocument(bson.encode(document), RAW)
