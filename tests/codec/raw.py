"""BSON by hand: what no encoder would write, such as a field twice, a length that lies, or bytes that are no text."""

import struct

__all__ = [
    "array",
    "batch",
    "binary",
    "document",
    "double",
    "element",
    "int32",
    "int64",
    "nested",
    "oid",
    "string",
]

Value = tuple[int, bytes]
"""A BSON type and the bytes of a value."""


def element(name: str | bytes, value: Value) -> bytes:
    return bytes([value[0]]) + (name.encode() if isinstance(name, str) else name) + b"\0" + value[1]


def body(*elements: bytes) -> bytes:
    """The bytes of a document."""
    content = b"".join(elements)
    return struct.pack("<i", len(content) + 5) + content + b"\0"


def document(*fields: tuple[str | bytes, Value]) -> Value:
    return 0x03, body(*(element(name, value) for name, value in fields))


def array(*values: Value) -> Value:
    return 0x04, body(*(element(str(n), value) for n, value in enumerate(values)))


def batch(*documents: Value) -> bytes:
    """A BSON array as a reply carries it."""
    return array(*documents)[1]


def string(text: str | bytes) -> Value:
    data = (text.encode() if isinstance(text, str) else text) + b"\0"
    return 0x02, struct.pack("<i", len(data)) + data


def binary(data: bytes, subtype: int = 0) -> Value:
    return 0x05, struct.pack("<iB", len(data), subtype) + data


def double(value: float) -> Value:
    return 0x01, struct.pack("<d", value)


def int32(value: int) -> Value:
    return 0x10, struct.pack("<i", value)


def int64(value: int) -> Value:
    return 0x12, struct.pack("<q", value)


def oid(number: int) -> Value:
    return 0x07, number.to_bytes(12, "big")


def nested(depth: int, kind: int = 0x03) -> Value:
    """A document or array that holds another, `depth` of them in all."""
    value = kind, body()
    for _ in range(depth - 1):
        value = kind, body(element("0", value))
    return value
