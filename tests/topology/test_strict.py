"""What the stand-in refuses, as real servers do."""

import pytest
from bson import Int64

from tests.topology.asking import refused, run

UNKNOWN = [
    {"find": "things", "xyz": 1},
    {"aggregate": "things", "pipeline": [], "cursor": {}, "xyz": 1},
    {"count": "things", "xyz": 1},
    {"distinct": "things", "key": "n", "xyz": 1},
    {"listIndexes": "things", "xyz": 1},
    {"listCollections": 1, "xyz": 1},
    {"getMore": Int64(1), "collection": "things", "xyz": 1},
    {"killCursors": "things", "cursors": [], "xyz": 1},
]
WRONG = [
    ({"find": "things", "filter": 5}, "BSON field 'find.filter' is the wrong type 'int', expected type 'object'"),
    ({"find": "things", "limit": "5"}, "BSON field 'find.limit' is the wrong type 'string', expected types"),
    ({"find": "things", "hint": 5}, "BSON field 'find.hint'"),
    ({"find": "things", "sort": "n"}, "BSON field 'find.sort'"),
    ({"aggregate": "things", "pipeline": {}, "cursor": {}}, "BSON field 'aggregate.pipeline'"),
    ({"aggregate": "things", "pipeline": [], "cursor": 5}, "BSON field 'aggregate.cursor'"),
    ({"count": "things", "query": "n"}, "BSON field 'count.query'"),
    ({"distinct": "things", "key": 5}, "BSON field 'distinct.key'"),
    (
        {"getMore": 5, "collection": "things"},
        "BSON field 'getMore.getMore' is the wrong type 'int', expected type 'long'",
    ),
    ({"killCursors": "things", "cursors": [5]}, "BSON field 'killCursors.cursors.0'"),
]


@pytest.mark.parametrize("command", UNKNOWN, ids=lambda command: next(iter(command)))
def test_unknown_fields_are_refused(rs, command):
    name = next(iter(command))
    assert refused(rs.primary, command) == (40415, f"BSON field '{name}.xyz' is an unknown field.")


@pytest.mark.parametrize(("command", "message"), WRONG, ids=lambda value: next(iter(value)) if value else "")
def test_wrong_types_are_refused(rs, command, message):
    code, text = refused(rs.primary, command)
    assert (code, message in text) == (14, True), text


def test_older_servers_say_it_differently(replica_set):
    primary = replica_set("4.4", members=1).primary
    assert refused(primary, UNKNOWN[0])[0] == 9
    assert refused(primary, UNKNOWN[1])[0] == 9
    assert refused(primary, {"find": "things", "let": {}})[0] == 9
    run(primary, UNKNOWN[2])
    run(primary, {"find": "things", "allowDiskUse": True})


def test_what_must_not_be_missing(rs):
    assert refused(rs.primary, {"distinct": "things"})[0] == 40414
    assert refused(rs.primary, {"aggregate": "things", "cursor": {}})[0] == 40414
    code, message = refused(rs.primary, {"aggregate": "things", "pipeline": []})
    assert (code, message) == (9, "The 'cursor' option is required, except for aggregate with the explain argument")


def test_numbers_out_of_range(rs):
    assert refused(rs.primary, {"find": "things", "limit": -1})[0] == 51024
    assert refused(rs.primary, {"find": "things", "maxTimeMS": -1})[0] == 2
    assert refused(rs.primary, {"find": "things", "maxTimeMS": 2**31})[0] == 2


@pytest.mark.parametrize(
    "command", [{"find": "things"}, {"count": "things"}, {"aggregate": "things", "pipeline": [], "cursor": {}}]
)
def test_hints_name_indexes(rs, command):
    for hint in ("n_1", {"n": 1}, "_id_", {"_id": 1}, {"$natural": 1}):
        run(rs.primary, command | {"hint": hint})
    for hint in ("m_1", {"n": -1}, {"m": 1}):
        code, message = refused(rs.primary, command | {"hint": hint})
        assert (code, "hint provided does not correspond to an existing index" in message) == (2, True)


def test_a_hint_is_about_the_indexes_of_the_member(rs):
    rs.members[1].stop_applying()
    rs.client().demo.things.create_index("m")
    run(rs.primary, {"find": "things", "hint": "m_1"})
    assert refused(rs.members[1], {"find": "things", "hint": "m_1"})[0] == 2
    listed = run(rs.members[1], {"listIndexes": "things"})["cursor"]["firstBatch"]
    assert [one["name"] for one in listed] == ["_id_", "n_1"]


def test_conditions_are_judged_though_there_is_nothing(rs):
    assert refused(rs.primary, {"find": "none", "filter": {"n": {"$nope": 1}}})[0] == 2
    assert run(rs.primary, {"find": "none"})["cursor"]["firstBatch"] == []
    assert run(rs.primary, {"count": "none"})["n"] == 0


def test_names_from_behind_the_scenes_are_not_told(rs):
    index = {"key": {"n": 1}, "name": "u_1", "unique": True}
    code, message = refused(rs.primary, {"createIndexes": "things", "indexes": [index]})
    assert (code, "collection: demo.things index: u_1 dup key" in message) == (11000, True), message
    reply = run(rs.primary, {"insert": "things", "documents": [{"_id": 1}]})
    assert "collection: demo.things index: _id_" in reply["writeErrors"][0]["errmsg"]


def test_unknown_commands_and_names(rs):
    assert refused(rs.primary, {"frobnicate": 1}) == (59, "no such command: 'frobnicate'")
    assert refused(rs.primary, {"find": 5})[0] == 73
    assert refused(rs.primary, {"find": ""})[0] == 73
    assert refused(rs.primary, {"listIndexes": "none"})[0] == 26


def test_transactions_are_refused(rs):
    lsid = {"id": b"0" * 16}
    command = {"find": "things", "lsid": lsid, "txnNumber": Int64(1), "startTransaction": True, "autocommit": False}
    assert refused(rs.primary, command)[0] == 263
    assert refused(rs.primary, {"find": "things", "lsid": lsid, "txnNumber": Int64(1)})[0] == 50768
    assert refused(rs.primary, {"commitTransaction": 1}, "admin")[0] == 251


def test_what_servers_say_of_themselves(rs):
    for command in ({"ping": 1}, {"serverStatus": 1}, {"getParameter": "*"}, {"startSession": 1}):
        run(rs.primary, command, "admin")
    for command in ({"endSessions": []}, {"refreshSessions": []}):
        run(rs.primary, command, "admin")
    assert [one["name"] for one in run(rs.primary, {"listDatabases": 1}, "admin")["databases"]] == ["demo"]
