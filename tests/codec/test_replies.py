"""Replies and batches from outside, whichever engine reads them."""

import pytest
from bson import Int64, ObjectId, encode

from gateway.errors import BadDocument
from tests.codec import raw
from tests.codec.engines import Engine


def reply(batch: list, name: str = "firstBatch", cursor: object = 7) -> bytes:
    return encode({"ok": 1.0, "cursor": {name: batch, "id": Int64(cursor), "ns": "a.b"}, "operationTime": None})


@pytest.mark.parametrize("name", ["firstBatch", "nextBatch"])
def test_split_reply(engine: Engine, name: str):
    batch = [{"_id": n} for n in range(12)]
    cursor, array = engine.split_reply(reply(batch, name))
    assert cursor == 7
    assert array == encode({str(n): document for n, document in enumerate(batch)})


def test_keys_in_any_order_and_again(engine: Engine):
    batch = raw.array(raw.document(("_id", raw.int32(1))))
    cursor = raw.document(("nextBatch", raw.array()), ("id", raw.int64(1)), ("firstBatch", batch), ("id", raw.int64(2)))
    raw_reply = raw.document(("é", raw.int32(1)), ("cursor", raw.int32(0)), ("cursor", cursor), ("cursor", batch))
    assert engine.split_reply(raw_reply[1]) == (2, batch[1])


@pytest.mark.parametrize(
    "raw_reply",
    [
        b"",
        b"\5\0\0\0",
        raw.document()[1],
        raw.document(("cursor", raw.int32(1)))[1],
        raw.document(("cursor", raw.document(("id", raw.int64(1)))))[1],
        raw.document(("cursor", raw.document(("id", (0x77, b"")))))[1],
    ],
)
def test_no_reply(engine: Engine, raw_reply: bytes):
    with pytest.raises(BadDocument):
        engine.split_reply(raw_reply)


def test_every_truncated_reply(engine: Engine):
    whole = reply([{"_id": 1, "text": "x"}])
    for size in range(len(whole)):
        with pytest.raises(BadDocument):
            engine.split_reply(whole[:size])


@pytest.mark.parametrize("number", [0, 1, 9, 10, 11, 1001])
def test_count_and_last_id(engine: Engine, number: int):
    array = raw.batch(*(raw.document(("x", raw.int32(n)), ("_id", raw.oid(n))) for n in range(number)))
    assert engine.count(array) == number
    if number:
        assert engine.last_id(array) == ObjectId((number - 1).to_bytes(12, "big"))


def test_batches_that_are_none(engine: Engine):
    good = raw.document(("_id", raw.int32(1)))
    for array in (raw.batch(good, raw.int32(2)), raw.batch(good)[:-1], raw.batch(good, (0x03, b"\5\0\0\0"))):
        with pytest.raises(BadDocument):
            engine.count(array)
    with pytest.raises(BadDocument):
        engine.last_id(raw.batch(raw.document(("x", raw.int32(1)))))
    with pytest.raises(BadDocument, match="cannot be read"):
        engine.last_id(raw.batch(raw.document(("_id", raw.oid(1)), ("s", raw.string(b"\xff")))))
