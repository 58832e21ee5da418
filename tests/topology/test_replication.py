"""The stand-in as a replica set: the driver finds it, members lag, die, come back, are elected."""

import time

import pytest
from bson import Timestamp
from pymongo import ReadPreference, WriteConcern
from pymongo.errors import AutoReconnect, NotPrimaryError, ServerSelectionTimeoutError, WTimeoutError

from tests.harness import listens, until
from tests.topology.asking import client_of, refused, run

WIRES = {"3.6": 6, "4.0": 7, "4.2": 8, "4.4": 9, "5.0": 13, "6.0": 17, "7.0": 21, "8.0": 25}


def test_the_driver_finds_all_members(rs):
    client = rs.client()
    until(lambda: len(client.nodes) == 3)
    assert client.primary == ("127.0.0.1", rs.primary.port)
    until(lambda: len(client.secondaries) == 2)
    assert client.topology_description.replica_set_name == "rs"


@pytest.mark.parametrize("version", WIRES)
def test_versions_say_who_they_are(replica_set, version):
    rs = replica_set(version)
    hello = run(rs.primary, {"hello": 1}, "admin")
    assert hello["maxWireVersion"] == WIRES[version]
    assert hello["isWritablePrimary"]
    assert hello["lastWrite"]["opTime"]["ts"] == hello["operationTime"] == hello["$clusterTime"]["clusterTime"]
    assert hello["lastWrite"].keys() == {"opTime", "lastWriteDate", "majorityOpTime", "majorityWriteDate"}
    assert hello["hosts"] == [member.address for member in rs.members]
    assert run(rs.members[1], {"hello": 1})["secondary"]
    assert run(rs.primary, {"buildInfo": 1})["version"].startswith(version)


def test_all_members_have_what_was_written(rs):
    for member in rs.members:
        assert run(member, {"find": "things", "sort": {"_id": 1}})["cursor"]["firstBatch"][3] == {"_id": 3, "n": 0}


def test_only_the_primary_is_written(rs):
    assert refused(rs.members[1], {"insert": "things", "documents": [{}]}) == (10107, "not primary")
    with client_of(rs.members[1]) as client, pytest.raises(NotPrimaryError):
        client.demo.things.insert_one({})


def test_a_secondary_is_read_by_who_says_so(rs):
    find = {"find": "things", "$readPreference": {"mode": "primary"}}
    assert refused(rs.members[1], find) == (13435, "not primary and secondaryOk=false")
    run(rs.primary, find)


def test_a_lagging_member_serves_old_data(rs):
    client, late = rs.client(), rs.members[1]
    late.stop_applying()
    before = run(late, {"ping": 1})["operationTime"]
    client.demo.things.update_one({"_id": 3}, {"$set": {"n": 7}})
    client.demo.things.delete_one({"_id": 4})
    client.demo.things.insert_one({"_id": 10})
    client.demo.other.insert_one({})
    assert run(late, {"find": "things", "filter": {"_id": 3}})["cursor"]["firstBatch"] == [{"_id": 3, "n": 0}]
    assert run(late, {"count": "things"})["n"] == 10
    assert run(late, {"aggregate": "things", "pipeline": [{"$count": "n"}], "cursor": {}})["cursor"]["firstBatch"] == [
        {"n": 10}
    ]
    assert run(late, {"count": "things", "query": {"_id": {"$in": [4, 10]}}})["n"] == 1
    names = run(late, {"listCollections": 1, "nameOnly": True})["cursor"]["firstBatch"]
    assert [one["name"] for one in names] == ["things"]
    assert run(late, {"ping": 1})["operationTime"] == before < client.admin.command("ping")["operationTime"]
    late.resume()
    assert run(late, {"find": "things", "filter": {"_id": {"$in": [3, 4]}}})["cursor"]["firstBatch"] == [
        {"_id": 3, "n": 7}
    ]
    assert run(late, {"count": "other"})["n"] == 1


def test_a_member_may_stop_in_the_midst_of_a_bulk_write(rs):
    rs.members[1].stop_applying()
    rs.client().demo.things.insert_many([{"_id": number} for number in range(10, 20)])
    rs.members[1].apply(4)
    assert run(rs.members[1], {"count": "things"})["n"] == 14


def test_a_killed_member_is_gone_until_it_is_started_again(rs):
    with client_of(rs.members[2]) as client:
        client.admin.command("ping")
        rs.members[2].kill()
        assert not listens(rs.members[2].port)
        with pytest.raises((AutoReconnect, ServerSelectionTimeoutError)):
            client.admin.command("ping")
    rs.client().demo.things.insert_one({"_id": 10})
    rs.members[2].restart()
    assert run(rs.members[2], {"count": "things"})["n"] == 11


def test_clients_follow_an_election(rs):
    client = rs.client()
    client.demo.things.insert_one({"_id": 10})
    old, new = rs.primary, rs.members[2]
    old.kill()
    assert rs.primary is None
    rs.elect(new)
    assert rs.primary is new
    client.demo.things.insert_one({"_id": 11})
    assert client.primary == ("127.0.0.1", new.port)
    assert [member for member, command in rs.commands if "insert" in command][-1] is new
    old.restart()
    assert run(old, {"count": "things"})["n"] == 12
    assert refused(old, {"insert": "things", "documents": [{}]})[0] == 10107


def test_stepping_down_leaves_no_primary(rs):
    client = rs.client(serverSelectionTimeoutMS=300, retryWrites=False)
    client.admin.command("ping")
    rs.step_down()
    with pytest.raises((NotPrimaryError, ServerSelectionTimeoutError)):
        client.demo.things.insert_one({})
    assert client.demo.get_collection("things", read_preference=ReadPreference.SECONDARY).find_one({"_id": 1})
    rs.elect(rs.members[0])
    until(lambda: client.primary is not None)


def test_a_primary_without_a_majority_is_none(rs):
    rs.members[1].kill()
    assert rs.primary is rs.members[0]
    rs.members[2].kill()
    assert rs.primary is None
    with pytest.raises(ValueError, match="majority"):
        rs.elect(rs.members[0])


def test_writes_that_nobody_alive_has_are_rolled_back(rs):
    client, old = rs.client(), rs.primary
    for member in rs.members[1:]:
        member.stop_applying()
    client.demo.things.update_one({"_id": 1}, {"$set": {"n": 100}})
    client.demo.things.insert_one({"_id": 10})
    lost = client.admin.command("ping")["operationTime"]
    old.kill()
    rs.members[1].resume()
    rs.members[2].resume()
    rs.elect(rs.members[1])
    assert rs.client().demo.things.find_one({"_id": 1}) == {"_id": 1, "n": 1}
    rs.client().demo.things.update_one({"_id": 1}, {"$set": {"n": 200}})
    old.restart()
    for member in rs.members:
        assert run(member, {"find": "things", "filter": {"_id": {"$in": [1, 10]}}})["cursor"]["firstBatch"] == [
            {"_id": 1, "n": 200}
        ]
    assert rs.time > lost


def test_who_cannot_catch_up_is_not_elected(rs):
    rs.members[1].stop_applying()
    rs.client().demo.things.insert_one({})
    with pytest.raises(ValueError, match="resume"):
        rs.elect(rs.members[1])


def test_a_write_waits_for_its_majority(rs):
    things = rs.client().demo.things
    for member in rs.members[1:]:
        member.stop_applying()
    with pytest.raises(WTimeoutError):
        things.with_options(write_concern=WriteConcern("majority", wtimeout=100)).insert_one({"_id": 10})
    rs.members[1].resume()
    things.with_options(write_concern=WriteConcern("majority", wtimeout=5000)).insert_one({"_id": 11})


def test_each_write_has_its_time(rs):
    client = rs.client()
    first = client.demo.command({"insert": "things", "documents": [{"_id": number} for number in range(10, 15)]})
    second = client.demo.command({"insert": "things", "documents": [{}]})
    assert isinstance(first["operationTime"], Timestamp)
    assert first["operationTime"] < second["operationTime"] == second["$clusterTime"]["clusterTime"]


def test_delays_count_for_the_time_limit(rs):
    rs.primary.delay(3600, "find")
    assert refused(rs.primary, {"find": "things", "maxTimeMS": 50})[0] == 50
    rs.primary.delay(0.2, "find")
    began = time.monotonic()
    run(rs.primary, {"find": "things"})
    assert time.monotonic() - began > 0.2


def test_ordered_failures(rs):
    rs.primary.fail("find", 11600, labels=["Some"])
    assert refused(rs.primary, {"find": "things"})[0] == 11600
    run(rs.primary, {"find": "things"})
    rs.primary.fail("find", None)
    with client_of(rs.primary) as client, pytest.raises(AutoReconnect):
        client.demo.command({"find": "things"})


def test_what_was_asked_is_known(rs):
    rs.forget_commands()
    rs.client(readConcernLevel="majority").demo.things.find_one({"_id": 1})
    assert [command["readConcern"] for command in rs.asked("find")] == [{"level": "majority"}]
    assert {member for member, _ in rs.commands} == {rs.primary}
