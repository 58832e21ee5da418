"""Change streams of the stand-in, with the driver's own `watch`."""

import threading
import time

import pytest
from pymongo.errors import OperationFailure

from tests.harness import until
from tests.topology.asking import refused, run

STREAM = {"aggregate": "things", "pipeline": [{"$changeStream": {}}], "cursor": {}}


def events(stream, number):
    return [next(stream) for _ in range(number)]


def test_events(rs):
    things = rs.client().demo.things
    with things.watch(max_await_time_ms=100) as stream:
        things.insert_one({"_id": 10, "n": 1})
        things.update_one({"_id": 10}, {"$set": {"n": 2, "m.a": 1}, "$unset": {"x": 1}})
        things.replace_one({"_id": 10}, {"o": 1})
        things.delete_one({"_id": 10})
        insert, update, replace, delete = events(stream, 4)
        assert stream.try_next() is None
    assert [one["operationType"] for one in (insert, update, replace, delete)] == [
        "insert",
        "update",
        "replace",
        "delete",
    ]
    assert insert["fullDocument"] == {"_id": 10, "n": 1}
    assert insert["ns"] == {"db": "demo", "coll": "things"}
    assert update["updateDescription"]["updatedFields"] == {"n": 2, "m": {"a": 1}}
    assert replace["fullDocument"] == {"_id": 10, "o": 1}
    assert delete["documentKey"] == {"_id": 10}
    assert insert["clusterTime"] < update["clusterTime"] < replace["clusterTime"] < delete["clusterTime"]


def test_a_stream_waits_for_events(rs):
    things = rs.client().demo.things
    with things.watch(max_await_time_ms=3_600_000) as stream:
        threading.Timer(0.1, things.insert_one, [{"_id": 10}]).start()
        assert next(stream)["documentKey"] == {"_id": 10}
    with things.watch(max_await_time_ms=100) as stream:
        began = time.monotonic()
        assert stream.try_next() is None
        assert time.monotonic() - began >= 0.1


def test_a_stream_begins_where_it_is_told(rs):
    demo = rs.client().demo
    begin = demo.command({"insert": "things", "documents": [{"_id": 10}]})["operationTime"]
    demo.others.insert_one({"_id": 11})
    with demo.watch(start_at_operation_time=begin) as stream:
        first, second = events(stream, 2)
        assert (first["documentKey"], second["documentKey"]) == ({"_id": 10}, {"_id": 11})
    with demo.watch(resume_after=first["_id"]) as stream:
        assert next(stream)["documentKey"] == {"_id": 11}
        token = stream.resume_token
    with demo.watch(resume_after=token, max_await_time_ms=50) as stream:
        assert stream.try_next() is None


def test_a_stream_goes_on_at_another_member(rs):
    client = rs.client(serverSelectionTimeoutMS=1000)  # which is how long it tries to end the cursor of the dead
    with client.demo.things.watch(max_await_time_ms=200) as stream:
        client.demo.things.insert_one({"_id": 10})
        assert next(stream)["documentKey"] == {"_id": 10}
        rs.primary.kill()
        rs.elect(rs.members[1])
        rs.client().demo.things.insert_one({"_id": 11})
        until(lambda: client.primary == ("127.0.0.1", rs.members[1].port))
        assert next(stream)["documentKey"] == {"_id": 11}


def test_only_what_a_majority_has_is_told(rs):
    things = rs.client().demo.things
    with things.watch(max_await_time_ms=50) as stream:
        for member in rs.members[1:]:
            member.stop_applying()
        things.insert_one({"_id": 10})
        assert stream.try_next() is None
        rs.members[2].resume()
        assert stream.try_next()["documentKey"] == {"_id": 10}


def test_conditions_on_events(rs):
    demo = rs.client().demo
    wanted = {"operationType": {"$in": ["insert", "delete"]}, "ns.coll": "things"}
    with demo.watch([{"$match": wanted}], max_await_time_ms=200) as stream:
        demo.others.insert_one({"_id": 1})
        demo.things.update_one({"_id": 1}, {"$set": {"n": 9}})
        demo.things.delete_one({"_id": 1})
        assert next(stream)["operationType"] == "delete"
        assert stream.try_next() is None


def test_full_documents(rs):
    things = rs.client().demo.things
    with things.watch(full_document="updateLookup") as stream:
        things.update_one({"_id": 1}, {"$set": {"m": 9}})
        assert next(stream)["fullDocument"] == {"_id": 1, "n": 1, "m": 9}


def test_the_end_of_a_collection_ends_its_stream(rs):
    demo = rs.client().demo
    with demo.things.watch(max_await_time_ms=200) as one, demo.watch(max_await_time_ms=200) as whole:
        demo.things.drop()
        assert [event["operationType"] for event in events(one, 2)] == ["drop", "invalidate"]
        with pytest.raises(StopIteration):
            next(one)
        assert next(whole)["operationType"] == "drop"
        demo.others.insert_one({})
        assert next(whole)["operationType"] == "insert"


def test_what_the_log_has_no_more(rs):
    things = rs.client().demo.things
    with things.watch() as stream:
        token = stream.resume_token
    things.insert_one({"_id": 10})
    rs.forget_log()
    with pytest.raises(OperationFailure) as error:
        things.watch(resume_after=token)
    assert error.value.code == 286
    with pytest.raises(OperationFailure) as error:
        things.watch(resume_after={"_data": "AB"})
    assert error.value.code == 40647


def test_read_concern_and_fields(rs):
    run(rs.primary, STREAM | {"readConcern": {"level": "majority"}})
    run(rs.members[1], STREAM)
    assert refused(rs.primary, STREAM | {"readConcern": {"level": "local"}})[0] == 72
    assert refused(rs.primary, STREAM | {"readConcern": {"level": "snapshot"}})[0] == 72
    assert refused(rs.primary, STREAM | {"pipeline": [{"$changeStream": {"xyz": 1}}]})[0] == 40415


def test_other_topologies(standalone, sharded, replica_set):
    assert refused(standalone().members[0], STREAM)[0] == 40573
    things = sharded().client().demo.things
    with things.watch() as stream:
        things.insert_one({"_id": 1})
        assert next(stream)["fullDocument"] == {"_id": 1}
    assert refused(replica_set("3.6").primary, STREAM | {"aggregate": 1})[0] == 73
