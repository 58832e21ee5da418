"""What the stand-in writes, and that its history knows all of it."""

import pytest
from pymongo import DeleteOne, InsertOne, ReplaceOne, UpdateMany, UpdateOne
from pymongo.errors import BulkWriteError, DuplicateKeyError, OperationFailure

from tests.harness import until
from tests.topology import wire
from tests.topology.asking import Wire, refused, run


@pytest.fixture
def things(rs):
    return rs.client().demo.things


def state(rs):
    """Documents as the history has them; checked against the embedded database."""
    log = rs.cluster.log
    remembered = [dict(one) for one in log.find("demo", "things", log.end).state(log.end)]
    found = run(rs.primary, {"find": "things", "sort": {"_id": 1}, "batchSize": 1000})["cursor"]["firstBatch"]
    assert sorted(remembered, key=lambda one: one["_id"]) == found
    return found


def test_updates(rs, things):
    assert things.update_one({"n": 2}, {"$inc": {"n": 10}}).modified_count == 1
    assert things.update_many({"n": 1}, {"$set": {"a": [1, 2]}}).modified_count == 3
    assert things.update_one({"a": 2}, {"$set": {"a.$": 5}}).modified_count == 1
    assert things.update_one({"_id": 0}, {"$set": {"n": 0}}).modified_count == 0
    assert things.replace_one({"_id": 9}, {"whole": "new"}).modified_count == 1
    assert things.update_one({"_id": 50}, {"$set": {"n": 1}}, upsert=True).upserted_id == 50
    assert things.update_one({"_id": 60}, {"$set": {"n": 1}}).matched_count == 0
    assert [one for one in state(rs) if one["_id"] in {1, 2, 9, 50}] == [
        {"_id": 1, "n": 1, "a": [1, 5]},
        {"_id": 2, "n": 12},
        {"_id": 9, "whole": "new"},
        {"_id": 50, "n": 1},
    ]


def test_an_update_that_changes_nothing_is_not_in_the_log(rs, things):
    before = rs.cluster.log.end
    things.update_one({"_id": 0}, {"$set": {"n": 0}})
    assert rs.cluster.log.end == before


def test_bulk_writes(rs, things):
    result = things.bulk_write(
        [
            InsertOne({"_id": 10}),
            UpdateOne({"_id": 1}, {"$set": {"n": 5}}),
            UpdateMany({"n": 5}, {"$set": {"m": 6}}),
            ReplaceOne({"_id": 2}, {"x": 1}),
            DeleteOne({"n": 0}),
        ]
    )
    assert (result.inserted_count, result.matched_count, result.deleted_count) == (1, 3, 1)
    assert len(state(rs)) == 10


def test_duplicates(rs, things):
    with pytest.raises(DuplicateKeyError):
        things.insert_one({"_id": 1})
    with pytest.raises(BulkWriteError) as error:
        things.insert_many([{"_id": 20}, {"_id": 1}, {"_id": 21}])
    assert error.value.details["nInserted"] == 1
    with pytest.raises(BulkWriteError) as error:
        things.insert_many([{"_id": 30}, {"_id": 1}, {"_id": 31}], ordered=False)
    assert error.value.details["nInserted"] == 2
    assert {one["_id"] for one in state(rs)} == {*range(10), 20, 30, 31}


def test_deletes(rs, things):
    assert things.delete_one({"n": 1}).deleted_count == 1
    assert things.delete_many({"n": 0}).deleted_count == 4
    assert things.delete_many({"n": 99}).deleted_count == 0
    assert len(state(rs)) == 5


def test_find_and_modify(rs, things):
    assert things.find_one_and_update({"n": 1}, {"$set": {"n": 7}}, sort=[("_id", -1)]) == {"_id": 7, "n": 1}
    assert things.find_one_and_delete({"_id": 7}) == {"_id": 7, "n": 7}
    assert things.find_one_and_replace({"_id": 70}, {"z": 1}, upsert=True, return_document=True) == {"_id": 70, "z": 1}
    assert things.find_one_and_update({"_id": 80}, {"$set": {"n": 7}}) is None
    assert len(state(rs)) == 10


def test_a_write_that_is_tried_again_is_done_once(rs, things):
    rs.forget_commands()
    things.insert_one({"_id": 20})
    again = rs.asked("insert")[0]
    assert "txnNumber" in again
    assert run(rs.primary, {name: value for name, value in again.items() if name[0] != "$"})["n"] == 1
    assert things.count_documents({}) == 11


def test_collections_come_and_go(rs, things):
    assert refused(rs.primary, {"create": "things"})[0] == 48
    run(rs.primary, {"create": "empty"})
    names = ["empty", "things"]
    assert sorted(things.database.list_collection_names()) == names
    assert things.database.list_collection_names(filter={"name": "empty"}) == ["empty"]
    things.drop()
    things.insert_one({"_id": 1})
    assert state(rs) == [{"_id": 1}]
    assert list(things.index_information()) == ["_id_"]
    things.database.client.drop_database("demo")
    assert things.database.list_collection_names() == []
    assert things.count_documents({}) == 0


def test_indexes(rs, things):
    things.create_index([("a", 1), ("b", -1)], unique=True, sparse=True)
    assert things.index_information()["a_1_b_-1"]["unique"]
    again = run(rs.primary, {"createIndexes": "things", "indexes": [{"key": {"n": 1}, "name": "n_1"}]})
    assert again["note"] == "all indexes already exist"
    things.drop_index("n_1")
    assert "n_1" not in things.index_information()
    with pytest.raises(OperationFailure, match="index not found"):
        things.drop_index("n_1")


def test_a_collection_is_replaced_by_another(rs, things):
    things.database.fresh.insert_many([{"_id": 1, "fresh": True}])
    things.database.fresh.create_index("fresh")
    time = rs.time
    things.database.fresh.rename("things", dropTarget=True)
    assert state(rs) == [{"_id": 1, "fresh": True}]
    assert "fresh_1" in things.index_information()
    assert things.database.list_collection_names() == ["things"]
    snapshot = {"level": "snapshot", "atClusterTime": time}
    assert refused(rs.primary, {"find": "things", "readConcern": snapshot})[0] == 246


def test_a_dataset_that_was_there_before(mongo, replica_set):
    there = mongo["there"].things
    there.insert_many([{"_id": number, "id": f"v{number}"} for number in range(500)])
    there.create_index("id", unique=True)
    rs = replica_set("8.0")
    rs.seed("demo", "there")
    things = rs.client().demo.things
    assert things.count_documents({}) == 500
    then = {"level": "snapshot", "atClusterTime": rs.time}
    assert things.find_one({"id": "v7"}, hint="id_1") == {"_id": 7, "id": "v7"}
    with pytest.raises(DuplicateKeyError):
        things.insert_one({"id": "v7"})
    things.update_one({"_id": 7}, {"$set": {"n": 1}})
    find = {"find": "things", "filter": {"_id": 7}, "readConcern": then}
    assert run(rs.members[2], find)["cursor"]["firstBatch"] == [{"_id": 7, "id": "v7"}]
    assert len(state(rs)) == 500
    assert there.find_one({"_id": 7}) == {"_id": 7, "id": "v7"}


def test_a_write_of_a_member_that_is_killed_meanwhile(rs, things):
    many = [{"_id": number, "text": "x" * 1000} for number in range(100, 1100)]
    for member in rs.members[1:]:
        member.stop_applying()
    with Wire(rs.primary) as connection:
        connection.send(wire.message({"insert": "things", "documents": many, "$db": "demo"}))
        until(lambda: rs.asked("insert")[-1]["documents"] == many)
        rs.primary.kill()
    rs.members[1].resume()
    rs.elect(rs.members[1])
    assert len(state(rs)) == 10
    rs.client().demo.things.insert_one({"_id": 100})
    assert len(state(rs)) == 11


def test_a_write_after_a_rollback(rs, things):
    for member in rs.members[1:]:
        member.stop_applying()
    things.update_many({}, {"$set": {"lost": True}})
    things.create_index("lost")
    rs.primary.kill()
    rs.members[1].resume()
    rs.elect(rs.members[1])
    client = rs.client()
    assert "lost_1" not in client.demo.things.index_information()
    client.demo.things.update_one({"lost": {"$exists": False}, "_id": 1}, {"$set": {"n": 5}})
    run(rs.primary, {"find": "things", "hint": "n_1"})
    assert [one for one in state(rs) if "lost" in one] == []
