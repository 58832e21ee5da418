"""Cursors of the stand-in: batches, where they live, what they see; and the wire they travel on."""

import struct

import bson
import pytest
from bson import Int64
from pymongo.errors import CursorNotFound

from tests.topology import wire
from tests.topology.asking import Wire, refused, run

SNAPSHOT = {"level": "snapshot"}


def more(member, cursor, **fields: int):
    """The next batch."""
    collection = cursor["ns"].partition(".")[2]
    return run(member, {"getMore": Int64(cursor["id"]), "collection": collection} | fields)["cursor"]


def ids(batch):
    return [one["_id"] for one in batch]


def test_batches(rs):
    first = run(rs.primary, {"find": "things", "sort": {"_id": 1}, "batchSize": 3})["cursor"]
    assert (ids(first["firstBatch"]), first["ns"]) == ([0, 1, 2], "demo.things")
    second = more(rs.primary, first, batchSize=5)
    assert ids(second["nextBatch"]) == [3, 4, 5, 6, 7]
    last = more(rs.primary, second)
    assert (ids(last["nextBatch"]), last["id"]) == ([8, 9], 0)
    assert rs.primary.open_cursors == 0


def test_a_first_batch_has_101_documents(rs):
    rs.client().demo.many.insert_many([{"_id": number} for number in range(150)])
    first = run(rs.primary, {"find": "many"})["cursor"]
    assert len(first["firstBatch"]) == 101
    assert len(more(rs.primary, first)["nextBatch"]) == 49
    assert run(rs.primary, {"find": "many", "batchSize": 150})["cursor"]["id"] == 0
    assert run(rs.primary, {"find": "many", "singleBatch": True})["cursor"]["id"] == 0
    empty = run(rs.primary, {"aggregate": "many", "pipeline": [], "cursor": {"batchSize": 0}})["cursor"]
    assert (empty["firstBatch"], bool(empty["id"])) == ([], True)


def test_a_reply_has_sixteen_megabytes(rs):
    rs.client().demo.large.insert_many([{"_id": number, "text": "x" * 1_000_000} for number in range(20)])
    first = run(rs.primary, {"find": "large", "batchSize": 20})["cursor"]
    assert len(first["firstBatch"]) == 16
    assert len(more(rs.primary, first)["nextBatch"]) == 4


def test_a_cursor_lives_on_its_member(rs):
    cursor = run(rs.members[1], {"find": "things", "batchSize": 2})["cursor"]
    get = {"getMore": cursor["id"], "collection": "things"}
    assert refused(rs.primary, get) == (43, f"cursor id {cursor['id']} not found")
    assert refused(rs.members[1], get | {"collection": "others"})[0] == 13
    assert refused(rs.members[1], get | {"lsid": {"id": b"0" * 16}})[0] == 50736
    assert refused(rs.members[1], get | {"maxTimeMS": 5})[0] == 2
    killed = run(rs.members[1], {"killCursors": "things", "cursors": [cursor["id"], Int64(5)]})
    assert (killed["cursorsKilled"], killed["cursorsNotFound"]) == ([cursor["id"]], [5])
    assert refused(rs.members[1], get)[0] == 43


def test_cursors_die_with_their_member(rs):
    things = rs.client().demo.things
    cursor = things.find(batch_size=2)
    next(cursor)
    rs.primary.kill_cursors()
    with pytest.raises(CursorNotFound):
        list(cursor)
    assert len(list(things.find(batch_size=2))) == 10


def test_a_cursor_without_a_snapshot_sees_what_comes_to_be(rs):
    client = rs.client()
    cursor = run(rs.primary, {"find": "things", "sort": {"_id": 1}, "batchSize": 4, "projection": {"n": 1}})["cursor"]
    kept = run(rs.primary, {"find": "things", "sort": {"_id": 1}, "batchSize": 4, "readConcern": SNAPSHOT})["cursor"]
    client.demo.things.delete_many({"_id": {"$in": [3, 5]}})
    client.demo.things.insert_many([{"_id": 2.5}, {"_id": 20}])
    client.demo.things.update_one({"_id": 8}, {"$set": {"n": 80}})
    seen = more(rs.primary, cursor, batchSize=3)
    assert seen["nextBatch"] == [{"_id": 4, "n": 1}, {"_id": 6, "n": 0}, {"_id": 7, "n": 1}]
    client.demo.things.delete_one({"_id": 9})
    assert more(rs.primary, seen)["nextBatch"] == [{"_id": 8, "n": 80}, {"_id": 20}]
    assert ids(more(rs.primary, kept)["nextBatch"]) == [4, 5, 6, 7, 8, 9]


def test_a_cursor_ends_with_its_collection(rs):
    cursor = run(rs.primary, {"find": "things", "batchSize": 4})["cursor"]
    kept = run(rs.primary, {"find": "things", "batchSize": 4, "readConcern": SNAPSHOT})["cursor"]
    rs.client().demo.things.drop()
    assert refused(rs.primary, {"getMore": cursor["id"], "collection": "things"})[0] == 175
    assert len(more(rs.primary, kept)["nextBatch"]) == 6


def test_pipelines_read_other_collections_at_the_same_time(rs):
    rs.client().demo.others.insert_one({"_id": 0, "name": "zero"})
    time = rs.time
    rs.client().demo.others.update_one({}, {"$set": {"name": "one"}})
    lookup = {"from": "others", "localField": "n", "foreignField": "_id", "as": "other"}
    pipeline = [{"$match": {"_id": 3}}, {"$lookup": lookup}]
    for concern, name in (({"level": "local"}, "one"), (SNAPSHOT | {"atClusterTime": time}, "zero")):
        found = run(rs.primary, {"aggregate": "things", "pipeline": pipeline, "cursor": {}, "readConcern": concern})
        assert found["cursor"]["firstBatch"][0]["other"] == [{"_id": 0, "name": name}]


def test_document_sequences_and_checksums(rs):
    section = b"documents\0" + b"".join(bson.encode({"_id": number}) for number in (20, 21))
    body = bson.encode({"insert": "things", "$db": "demo"})
    data = struct.pack("<IB", 1, 0) + body + b"\1" + struct.pack("<i", len(section) + 4) + section + bytes(4)
    with Wire(rs.primary) as connection:
        connection.send(struct.pack("<iiii", len(data) + 16, 1, 0, wire.OP_MSG) + data)
        assert connection.receive()[1]["n"] == 2


def test_the_old_handshake_and_nothing_else(rs):
    with Wire(rs.primary) as connection:
        for command in ({"isMaster": 1}, {"find": "things"}):
            data = struct.pack("<i", 0) + b"demo.$cmd\0" + struct.pack("<ii", 0, -1) + bson.encode(command)
            connection.send(struct.pack("<iiii", len(data) + 16, 1, 0, wire.OP_QUERY) + data)
            code, reply = connection.receive()
            assert code == wire.OP_REPLY
            assert reply.get("code") == (None if "isMaster" in command else 352)


def test_writes_that_want_no_reply(rs):
    with Wire(rs.primary) as connection:
        silent = wire.message({"insert": "things", "documents": [{"_id": 30}], "$db": "demo"})
        connection.send(silent[:16] + struct.pack("<I", wire.MORE_TO_COME) + silent[20:])
        assert connection.ask({"count": "things"})["n"] == 11
