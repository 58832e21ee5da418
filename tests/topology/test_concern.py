"""Read concern as the stand-in understands it: what waits, what is refused, what is read."""

import threading
import time

import pytest
from bson import Timestamp

from tests.harness import until
from tests.topology.asking import Wire, client_of, refused, run

OLD = ("3.6", "4.0", "4.2", "4.4")
NEW = ("5.0", "6.0", "7.0", "8.0")
SNAPSHOT = {"level": "snapshot"}
READS = {
    "find": {"find": "things"},
    "aggregate": {"aggregate": "things", "pipeline": [], "cursor": {}},
    "distinct": {"distinct": "things", "key": "n"},
    "count": {"count": "things"},
    "listIndexes": {"listIndexes": "things"},
    "listCollections": {"listCollections": 1},
}


def one(member, number, concern):
    """A document, read with a concern."""
    found = run(member, {"find": "things", "filter": {"_id": number}, "readConcern": concern})
    return next(iter(found["cursor"]["firstBatch"]), None)


def later(time):
    return Timestamp(time.time, time.inc + 1)


@pytest.mark.parametrize("level", ["local", "available", "majority", "linearizable"])
def test_levels_read_the_primary(rs, level):
    assert one(rs.primary, 3, {"level": level}) == {"_id": 3, "n": 0}


def test_majority_reads_what_a_majority_has(rs):
    client = rs.client()
    for member in rs.members[1:]:
        member.stop_applying()
    client.demo.things.update_one({"_id": 3}, {"$set": {"n": 9}})
    assert one(rs.primary, 3, {"level": "local"})["n"] == 9
    assert one(rs.primary, 3, {"level": "majority"})["n"] == 0
    assert one(rs.primary, 3, SNAPSHOT)["n"] == 0
    find = {"find": "things", "readConcern": {"level": "majority"}}
    assert run(rs.primary, find)["operationTime"] < run(rs.primary, {"ping": 1})["operationTime"]
    rs.members[1].resume()
    assert one(rs.primary, 3, {"level": "majority"})["n"] == 9
    assert one(rs.members[2], 3, {"level": "majority"})["n"] == 0


def test_linearizable_is_for_a_primary_that_has_a_majority(rs):
    find = {"find": "things", "readConcern": {"level": "linearizable"}, "maxTimeMS": 100}
    assert refused(rs.members[1], find) == (10107, "cannot satisfy linearizable read concern on non-primary node")
    for member in rs.members[1:]:
        member.stop_applying()
    assert refused(rs.primary, find)[0] == 50


@pytest.mark.parametrize("level", ["local", "majority", "snapshot"])
def test_after_cluster_time_waits(rs, level):
    late = rs.members[1]
    late.stop_applying()
    rs.client().demo.things.update_one({"_id": 3}, {"$set": {"n": 9}})
    concern = {"level": level, "afterClusterTime": rs.time}
    find = {"find": "things", "readConcern": concern, "maxTimeMS": 100}
    began = time.monotonic()
    assert refused(late, find) == (50, "operation exceeded time limit")
    assert time.monotonic() - began >= 0.1
    found = []
    reader = threading.Thread(target=lambda: found.append(one(late, 3, concern)))
    reader.start()
    time.sleep(0.05)
    assert not found
    late.resume()
    reader.join()
    assert found == [{"_id": 3, "n": 9}]


def test_cluster_times_of_the_future_are_refused(rs):
    for name, level in (("afterClusterTime", "local"), ("atClusterTime", "snapshot")):
        code, message = refused(rs.primary, {"find": "things", "readConcern": {"level": level, name: later(rs.time)}})
        assert code == 72
        assert f"readConcern {name} value must not be greater than the current clusterTime" in message


def test_a_causal_session_waits_for_its_own_writes(rs):
    client = rs.client(readPreference="secondary", maxStalenessSeconds=-1)
    rs.members[1].stop_applying()
    rs.members[2].stop_applying()
    with client.start_session(causal_consistency=True) as session:
        client.demo.things.insert_one({"_id": 10}, session=session)
        threading.Timer(0.1, lambda: [member.resume() for member in rs.members[1:]]).start()
        assert client.demo.things.find_one({"_id": 10}, session=session) == {"_id": 10}
    assert "afterClusterTime" in rs.asked("find")[-1]["readConcern"]


@pytest.mark.parametrize(
    ("concern", "code", "message"),
    [
        (5, 9, "should be an object"),
        ({"level": "strong"}, 9, "must be either"),
        ({"level": 5}, 14, "wrong type"),
        ({"mode": "local"}, 72, "Unrecognized option in readConcern: mode"),
        ({"afterClusterTime": 5}, 14, "wrong type"),
        ({"level": "snapshot", "atClusterTime": 5}, 14, "wrong type"),
        ({"level": "snapshot", "atClusterTime": Timestamp(0, 0)}, 72, "null timestamp"),
        ({"level": "local", "atClusterTime": Timestamp(5, 0)}, 72, "only if level is equal to snapshot"),
        ({"level": "available", "afterClusterTime": Timestamp(5, 0)}, 72, "only if level is equal to"),
        ({"level": "linearizable", "afterClusterTime": Timestamp(5, 0)}, 72, "only if level is equal to"),
        ({"level": "snapshot", "afterClusterTime": Timestamp(5, 0), "atClusterTime": Timestamp(5, 0)}, 72, "causally"),
    ],
)
def test_nonsense_is_refused(rs, concern, code, message):
    found, text = refused(rs.primary, {"find": "things", "readConcern": concern})
    assert (found, message in text) == (code, True), text


@pytest.mark.parametrize("version", [*OLD, *NEW])
def test_who_reads_snapshots(replica_set, version):
    rs = replica_set(version, members=1)
    run(rs.primary, {"insert": "things", "documents": [{"n": 1}]})
    for name, command in READS.items():
        snapshot = command | {"readConcern": SNAPSHOT}
        if version in NEW and name in {"find", "aggregate", "distinct"}:
            reply = run(rs.primary, snapshot)
            assert reply.get("cursor", reply)["atClusterTime"] == rs.time
        else:
            assert refused(rs.primary, snapshot)[0] == (72 if version != "3.6" else 9)
        majority = command | {"readConcern": {"level": "majority"}}
        if name.startswith("list"):
            assert refused(rs.primary, majority)[0] == 72
        else:
            run(rs.primary, majority)
        run(rs.primary, command | {"readConcern": {"level": "local", "afterClusterTime": rs.time}})


def test_a_snapshot_stays_as_it_was(rs):
    things = rs.client().demo.things
    first = run(rs.primary, {"find": "things", "batchSize": 2, "readConcern": SNAPSHOT})
    time = first["cursor"]["atClusterTime"]
    things.update_many({}, {"$set": {"n": 9}})
    things.delete_many({"_id": {"$lt": 5}})
    things.insert_one({"_id": 10})
    then = SNAPSHOT | {"atClusterTime": time}
    for member in rs.members:
        again = run(member, {"find": "things", "sort": {"_id": 1}, "readConcern": then})["cursor"]
        assert again["firstBatch"] == [{"_id": number, "n": number % 3} for number in range(10)]
        assert again["atClusterTime"] == time
    counted = {"aggregate": "things", "pipeline": [{"$count": "n"}], "cursor": {}, "readConcern": then}
    assert run(rs.primary, counted)["cursor"]["firstBatch"] == [{"n": 10}]
    distinct = run(rs.primary, {"distinct": "things", "key": "n", "readConcern": then})
    assert (distinct["values"], distinct["atClusterTime"]) == ([0, 1, 2], time)
    with Wire(rs.primary) as wire:
        rest = wire.ask({"getMore": first["cursor"]["id"], "collection": "things"})["cursor"]
    assert [one["n"] for one in rest["nextBatch"]] == [2, 0, 1, 2, 0, 1, 2, 0]
    assert rest["atClusterTime"] == time


def test_drivers_sessions_keep_their_snapshot(rs):
    client = rs.client()
    with client.start_session(snapshot=True) as session:
        assert client.demo.things.distinct("n", session=session) == [0, 1, 2]
        client.demo.things.update_many({}, {"$set": {"n": 9}})
        assert client.demo.things.find_one({"_id": 1}, session=session) == {"_id": 1, "n": 1}
        assert next(client.demo.things.aggregate([{"$match": {"n": 0}}, {"$count": "n"}], session=session)) == {"n": 4}
    assert rs.cluster.states.copied == 1


def test_a_lagging_member_waits_for_a_snapshot(rs):
    late = rs.members[1]
    late.stop_applying()
    rs.client().demo.things.insert_one({"_id": 10})
    then = SNAPSHOT | {"atClusterTime": rs.time}
    assert refused(late, {"find": "things", "readConcern": then, "maxTimeMS": 50})[0] == 50
    late.resume()
    assert one(late, 10, then) == {"_id": 10}


def test_old_snapshots_are_forgotten(rs):
    then = SNAPSHOT | {"atClusterTime": rs.time}
    rs.client().demo.things.insert_one({"_id": 10})
    assert one(rs.primary, 10, then) is None
    rs.forget_history()
    code, message = refused(rs.primary, {"find": "things", "readConcern": then})
    assert (code, "older than the oldest available timestamp" in message) == (239, True)
    assert one(rs.primary, 10, SNAPSHOT) == {"_id": 10}


def test_the_window_of_history(rs):
    then = SNAPSHOT | {"atClusterTime": Timestamp(rs.time.time - 10, 1)}
    rs.keep_history(5)
    assert refused(rs.primary, {"find": "things", "readConcern": then})[0] == 239
    parameter = {"getParameter": 1, "minSnapshotHistoryWindowInSeconds": 1}
    assert run(rs.primary, parameter, "admin")["minSnapshotHistoryWindowInSeconds"] == 5


def test_a_snapshot_from_before_the_collection(replica_set):
    for version, code in (("5.0", 246), ("6.0", 246), ("7.0", None), ("8.0", None)):
        rs = replica_set(version)
        find = {"find": "things", "readConcern": SNAPSHOT | {"atClusterTime": rs.time}}
        run(rs.primary, {"insert": "things", "documents": [{}]})
        if code:
            assert refused(rs.primary, find)[0] == code
        else:
            assert run(rs.primary, find)["cursor"]["firstBatch"] == []


def test_a_snapshot_from_before_the_end_of_the_collection(replica_set):
    for version, rest in (("6.0", 0), ("7.0", 1)):
        rs = replica_set(version)
        run(rs.primary, {"insert": "things", "documents": [{}]})
        find = {"find": "things", "readConcern": SNAPSHOT | {"atClusterTime": rs.time}}
        run(rs.primary, {"drop": "things"})
        assert len(run(rs.primary, find)["cursor"]["firstBatch"]) == rest


def test_capped_collections_have_no_snapshots(rs):
    run(rs.primary, {"create": "short", "capped": True, "size": 4096})
    for command in ({"find": "short"}, {"distinct": "short", "key": "n"}):
        assert refused(rs.primary, command | {"readConcern": SNAPSHOT})[0] == 246


def test_a_standalone_has_no_time(standalone):
    alone = standalone().members[0]
    reply = run(alone, {"insert": "things", "documents": [{"_id": 1}]})
    assert not {"$clusterTime", "operationTime"} & (reply.keys() | run(alone, {"hello": 1}).keys())
    assert "setName" not in run(alone, {"hello": 1})
    for concern, code in (
        (SNAPSHOT, 123),
        ({"level": "linearizable"}, 123),
        ({"level": "local", "afterClusterTime": Timestamp(5, 0)}, 20),
    ):
        assert refused(alone, {"find": "things", "readConcern": concern})[0] == code
    assert one(alone, 1, {"level": "majority"}) == {"_id": 1}


def test_gossip_moves_the_time(rs):
    ahead = Timestamp(rs.time.time + 100, 1)
    run(rs.primary, {"ping": 1, "$clusterTime": {"clusterTime": ahead}})
    assert rs.time == ahead
    assert run(rs.primary, {"insert": "things", "documents": [{}]})["operationTime"] > ahead
    until(lambda: run(rs.members[1], {"ping": 1})["operationTime"] > ahead)


def test_a_router_reads_snapshots_too(sharded):
    cluster = sharded("5.0", sharded=["demo.things"])
    router = cluster.members[0]
    client = cluster.client()
    client.demo.things.insert_many([{"_id": 1, "n": 1}, {"_id": 2}])
    time = run(router, {"find": "things", "readConcern": SNAPSHOT})["cursor"]["atClusterTime"]
    client.demo.things.delete_many({})
    assert one(router, 1, SNAPSHOT | {"atClusterTime": time}) == {"_id": 1, "n": 1}
    assert refused(router, {"distinct": "things", "key": "n", "readConcern": SNAPSHOT})[0] == 72
    old = sharded("4.2").members[0]
    code, message = refused(old, {"find": "things", "readConcern": SNAPSHOT})
    assert (code, "transaction" in message) == (72, True)
    with client_of(router) as direct:
        assert direct.admin.command("ping")["ok"]
