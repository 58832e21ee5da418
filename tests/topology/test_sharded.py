"""The stand-in as routers of a sharded cluster, and as a standalone."""

import pytest
from pymongo.errors import ConfigurationError, OperationFailure

from tests.topology.asking import refused, run


def test_a_driver_knows_a_router(sharded):
    cluster = sharded(routers=2)
    client = cluster.client()
    client.demo.things.insert_one({"_id": 1})
    assert client.topology_description.topology_type_name == "Sharded"
    hello = run(cluster.members[0], {"hello": 1})
    assert (hello["msg"], "setName" in hello, "$clusterTime" in hello) == ("isdbgrid", False, True)
    for router in cluster.members:
        assert run(router, {"count": "things"})["n"] == 1
    cluster.members[0].kill()
    assert client.demo.things.find_one({}) == {"_id": 1}


def test_orphans_are_counted_but_not_found(sharded):
    cluster = sharded()
    things = cluster.client().demo.things
    things.insert_many([{"_id": number} for number in range(5)])
    cluster.orphan("demo.things", 3)
    assert things.estimated_document_count() == 8
    assert run(cluster.members[0], {"count": "things", "query": {"_id": {"$gte": 0}}})["n"] == 5
    assert things.count_documents({}) == len(list(things.find())) == 5


@pytest.mark.parametrize("version", ["4.4", "5.0", "8.0"])
def test_a_standalone_is_one(standalone, version):
    alone = standalone(version)
    client = alone.client(retryWrites=False)
    client.demo.things.insert_one({"_id": 1})
    assert client.topology_description.topology_type_name == "Single"
    assert client.demo.things.find_one({}) == {"_id": 1}
    assert alone.asked("insert")[0]["documents"]
    snapshot = {"find": "things", "readConcern": {"level": "snapshot"}}
    assert refused(alone.members[0], snapshot)[0] == (72 if version == "4.4" else 123)
    with client.start_session(snapshot=True) as session, pytest.raises((ConfigurationError, OperationFailure)):
        client.demo.things.find_one({}, session=session)


def test_a_standalone_has_no_retryable_writes(standalone):
    insert = {"insert": "things", "documents": [{}], "lsid": {"id": b"0" * 16}, "txnNumber": 1}
    assert refused(standalone().members[0], insert)[0] == 20
