"""Which indexes are multikey: the embedded database's own plans, and those of clusters, once a data version."""

from dataclasses import replace
from typing import Any

from pymongo import MongoClient

from gateway.dataset_state import DatasetState, Moment
from gateway.db.driver import Connection
from gateway.db.reader import DatasetReader
from gateway.db.source import Source
from gateway.demo.store import Store
from gateway.indexes import Index
from tests.topology.deployments import ReplicaSet, Sharded

LISTED = {"_id": 9, "biosample_id": ["s1", "s2"]}
OTHERS: list[dict[str, Any]] = [{"_id": n, "biosample_id": f"s{n % 3}"} for n in range(9)]
BY_SAMPLE = Index("biosample_id_1", ("biosample_id",))


def state(dataset: str, version: str, *indexes: Index) -> DatasetState:
    return DatasetState(dataset=dataset, version=version, indexes={"variants": indexes})


async def may_hold_lists(source: Source, dataset: str, version: str, index: str = BY_SAMPLE.name) -> bool:
    return await source.multikey.may_hold_lists(state(dataset, version), "variants", "biosample_id", index)


def filled(client: MongoClient[dict[str, Any]], dataset: str) -> None:
    client.drop_database(dataset)
    client[dataset].variants.create_index("biosample_id")
    client[dataset].variants.insert_many(OTHERS)


async def test_an_index_is_multikey_once_a_document_has_a_list(store: Store, mongo: MongoClient[dict[str, Any]]):
    filled(mongo, "multikey")
    source = Source(Connection(uri=store.uri, timeout=60, size=4))
    assert not await may_hold_lists(source, "multikey", "1")
    mongo["multikey"].variants.insert_one(LISTED)
    assert not await may_hold_lists(source, "multikey", "1")  # was asked
    assert await may_hold_lists(source, "multikey", "2")
    assert await may_hold_lists(source, "multikey", "2", "of_which_nothing_is_known")
    await source.close()


async def test_counts_are_of_what_a_read_delivers(store: Store, mongo: MongoClient[dict[str, Any]]):
    """With and without lists, by a plan that is known and by none."""
    source = Source(Connection(uri=store.uri, timeout=60, size=4))
    for version, documents in (("1", []), ("2", [LISTED])):
        filled(mongo, "counted")
        mongo["counted"].variants.insert_many([*OTHERS, *documents][len(OTHERS) :] or [{"_id": 10}])
        for indexes in ((BY_SAMPLE,), ()):
            reader = DatasetReader(source, state("counted", version, *indexes))
            for ids in (["s1"], ["s0", "s1"], ["s0", "s1", "s2"]):
                found = await reader.count_of("variants", "biosample_id", ids, {}, within_bounds=False)
                assert found == 3 * len(ids)
    await source.close()


async def test_clusters_say_so(store: Store):
    for made in (ReplicaSet("5.0", members=1, store=store), Sharded("6.0", store=store)):
        with made as deployment:
            with MongoClient[dict[str, Any]](deployment.uri) as client:
                filled(client, "multikey")
                source = Source(Connection(uri=deployment.uri, timeout=60, size=4))
                assert not await may_hold_lists(source, "multikey", "1")
                client["multikey"].variants.insert_one(LISTED)
                assert await may_hold_lists(source, "multikey", "2")
            await source.close()


async def test_a_member_that_lags_is_not_believed(store: Store):
    """It says of an index what held before the state that is counted."""
    with ReplicaSet("5.0", members=3, store=store) as deployment:
        client = deployment.client()
        filled(client, "multikey")
        deployment.members[1].stop_applying()
        client["multikey"].variants.insert_one(LISTED)
        deployment.members[2].kill()  # from now on others than the primary are those that lag
        source = Source(Connection(uri=f"{deployment.uri}&readPreference=secondaryPreferred", timeout=60, size=4))
        moment = Moment(by="snapshot", time=await source.cluster_time())
        known = replace(state("multikey", "1", BY_SAMPLE), moment=moment)
        assert await source.multikey.may_hold_lists(known, "variants", "biosample_id", BY_SAMPLE.name)
        assert await DatasetReader(source, known).count_of("variants", "biosample_id", ["s1"], {}) == 3
        await source.close()
