"""What the gateway asks of a database, by each driver: the same answers, the same errors, nothing left behind."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId
from pymongo import MongoClient

from gateway import codec
from gateway.config import ConfigError
from gateway.db.driver import Connection
from gateway.db.listing import collections, indexes
from gateway.db.replies import Reply
from gateway.db.source import Source
from gateway.demo.store import Store
from gateway.errors import DatabaseDown, DatabaseSlow, GatewayError
from tests.harness import Gateway, free_port, until
from tests.topology import Standalone
from tests.topology.cursors import Cursor

Client = MongoClient[dict[str, Any]]
DRIVERS = ("motor", "pymongo")
_SIZE = 1_000


@pytest.fixture(scope="module")
def asked(mongo: Client) -> str:
    """A dataset of some numbered documents, some of them without a name or with one that is no text."""
    names: list[dict[str, Any]] = [{"name": f"n{n % 7}"} if n % 3 else {} for n in range(_SIZE - 1)]
    documents = [{"_id": n, "biosample_id": f"s{n // 100}", **name} for n, name in enumerate([*names, {"name": 5}])]
    mongo.drop_database("asked")
    mongo["asked"].variants.create_index("biosample_id")
    mongo["asked"].variants.create_index([("name", 1), ("biosample_id", 1)])
    mongo["asked"].variants.insert_many(documents)
    return "asked"


@pytest.fixture(params=DRIVERS)
async def source(request: pytest.FixtureRequest, store: Store) -> AsyncIterator[Source]:
    made = Source(Connection(uri=store.uri, timeout=60, size=8, driver=request.param))
    yield made
    while made._orphans:  # whose cursors the next test would count
        await asyncio.wait(made._orphans)
    await made.close()


def open_cursors(mongo: Client) -> int:
    return int(mongo.admin.command("serverStatus")["metrics"]["cursor"]["open"]["total"])


def keys(arrays: list[bytes]) -> list[Any]:
    return [document["_id"] for document in codec.decode(arrays)]


@pytest.mark.parametrize(("limit", "complete"), [(_SIZE + 1, True), (_SIZE, False), (10, False)])
async def test_pages(source: Source, asked: str, limit: int, *, complete: bool):
    page = await source.page(asked, "variants", {}, projection={"_id": 1}, limit=limit, sort="_id")
    assert keys(page.arrays) == list(range(min(limit, _SIZE)))
    assert page.complete is complete


async def test_a_page_of_nothing(source: Source, asked: str):
    page = await source.page(asked, "variants", {"biosample_id": "none"}, projection={"_id": 1}, limit=5)
    assert (page.arrays, page.complete) == ([], True)


async def test_a_reply_that_is_full_leaves_no_cursor(source: Source, mongo: Client):
    """Three documents of 6 MB do not fit one reply."""
    mongo["large"].variants.drop()
    for key in range(3):
        mongo["large"].variants.insert_one({"_id": key, "text": "x" * 6_000_000})
    before = open_cursors(mongo)
    page = await source.page("large", "variants", {}, projection={}, limit=10)
    assert not page.complete
    assert keys(page.arrays) == [0, 1]
    assert open_cursors(mongo) == before
    mongo.drop_database("large")


async def test_what_is_read_is_shaped_where_it_was_read(source: Source, asked: str):
    def shape(reply: Reply) -> tuple[int, bool, int]:
        return codec.count(bytes(reply.batch)), reply.full, reply.limit

    found = await source.read(asked, "variants", {"biosample_id": "s3"}, shape, projection={"_id": 1}, limit=500)
    assert found == (100, False, 500)


async def test_an_error_of_the_shaping_is_the_callers(source: Source, asked: str):
    def shape(_: Reply) -> None:
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        await source.read(asked, "variants", {}, shape, projection={}, limit=5)


async def test_drains(source: Source, asked: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("gateway.db.source._DRAIN_BATCH", 64)
    found = [value async for batch in source.drain(asked, "variants", {}, "name") for value in batch]
    assert sorted(found) == sorted(f"n{n % 7}" for n in range(_SIZE - 1) if n % 3)


@pytest.mark.parametrize("driver", DRIVERS)
async def test_a_batch_of_nothing_is_not_the_end(
    store: Store, asked: str, driver: Any, monkeypatch: pytest.MonkeyPatch
):
    """Servers may have nothing yet, and keep the cursor: what stands before clusters does."""
    told = Cursor.batch

    def seldom(cursor: Cursor, size: int | None) -> Any:
        cursor.fields["asked"] = cursor.fields.get("asked", 0) + 1
        return told(cursor, size) if cursor.fields["asked"] % 3 == 0 else []

    monkeypatch.setattr(Cursor, "batch", seldom)
    monkeypatch.setattr("gateway.db.source._DRAIN_BATCH", 64)
    with Standalone(store=store) as server:
        server.seed(asked)
        source = Source(Connection(uri=server.uri, timeout=60, size=8, driver=driver))
        try:
            found = [value async for batch in source.drain(asked, "variants", {}, "name") for value in batch]
        finally:
            await source.close()
    assert sorted(found) == sorted(f"n{n % 7}" for n in range(_SIZE - 1) if n % 3)


async def test_who_leaves_a_drain_leaves_no_cursor(
    source: Source, asked: str, mongo: Client, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("gateway.db.source._DRAIN_BATCH", 10)
    before = open_cursors(mongo)
    async with aclosing(source.drain(asked, "variants", {}, "biosample_id")) as batches:
        await anext(batches)
        assert open_cursors(mongo) == before + 1
    assert open_cursors(mongo) == before

    async def drained() -> None:
        async for _ in source.drain(asked, "variants", {}, "biosample_id"):
            pass

    tasks = [asyncio.create_task(drained()) for _ in range(8)]
    for number, task in enumerate(tasks):
        await asyncio.sleep(0.002 * number)
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.to_thread(until, lambda: open_cursors(mongo) == before, what="closing all cursors")


async def test_reads_that_are_abandoned_leave_nothing(source: Source, asked: str, mongo: Client):
    before = open_cursors(mongo)
    pages = [
        asyncio.create_task(source.page(asked, "variants", {}, projection={}, limit=_SIZE // 2)) for _ in range(20)
    ]
    await asyncio.sleep(0.01)
    for page in pages:
        page.cancel()
    await asyncio.gather(*pages, return_exceptions=True)
    await asyncio.to_thread(until, lambda: open_cursors(mongo) == before, what="closing all cursors")
    assert await source.count(asked, "variants", {}) == _SIZE


async def test_small_look_ups(source: Source, asked: str, monkeypatch: pytest.MonkeyPatch):
    assert await source.count(asked, "variants", {}) == _SIZE
    assert await source.count(asked, "variants", {"biosample_id": {"$in": ["s1", "s2", "x"]}}) == 200
    assert await source.count(asked, "variants", {"biosample_id": "x"}) == 0
    assert await source.count(asked, "nothing", {}) == 0
    newest = await source.find_one(asked, "variants", {}, descending="_id", fields={"_id": 1})
    assert newest == {"_id": _SIZE - 1}
    assert await source.find_one(asked, "variants", {"_id": ObjectId()}) is None
    monkeypatch.setattr("gateway.db.source._DRAIN_BATCH", 7)
    some = await source.find_some(asked, "variants", {"biosample_id": "s1"}, {"_id": 1}, limit=30)
    assert sorted(item["_id"] for item in some) == list(range(100, 130))


async def test_collections_and_what_leads_their_indexes(source: Source, asked: str):
    found = await indexes(source, asked, await collections(source, asked))
    assert {name: {index.fields[0] for index in indexes} for name, indexes in found.items()} == {
        "variants": {"_id", "biosample_id", "name"}
    }
    assert await collections(source, "nosuch") == []


async def test_answers(source: Source):
    await source.ping()


def test_a_gateway_serves_the_same_with_either(gateway: Gateway, store: Store, demo: str, tmp_path: Path):
    path = "/beacon/g_variants?filters=NCIT:C3262&output=pgxseg"
    with Gateway(store.uri, [demo], log=tmp_path / "log", driver="pymongo") as other:
        mine, its = gateway.ask(path), other.ask(path)
    assert (mine.status, mine.body, mine.headers["ETag"]) == (its.status, its.body, its.headers["ETag"])


@pytest.mark.parametrize("driver", DRIVERS)
async def test_a_database_that_is_not_there(driver: Any):
    uri = f"mongodb://127.0.0.1:{free_port()}/?serverSelectionTimeoutMS=300"
    source = Source(Connection(uri=uri, timeout=5, size=2, driver=driver))
    try:
        with pytest.raises(DatabaseDown):
            await source.ping()
        with pytest.raises(DatabaseDown):
            await source.page("demo", "variants", {}, projection={}, limit=1)
        with pytest.raises(DatabaseDown):
            [_ async for _ in source.drain("demo", "variants", {}, "id")]
    finally:
        await source.close()


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize("uri", ["mongodb://", "mongodb://h:99999/"])
async def test_a_uri_that_cannot_be_used(driver: Any, uri: str):
    with pytest.raises(ConfigError, match="URI"):
        Source(Connection(uri=uri, timeout=5, size=2, driver=driver))


# A driver that is closed while it connects leaves the socket to the collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_time_is_limited(source: Source, store: Store, request: pytest.FixtureRequest, mongo: Client):
    """The embedded database takes its time to build the whole result of an unindexed sort."""
    driver = request.node.callspec.params["source"]
    hurried = Source(Connection(uri=store.uri, timeout=0.001, size=2, driver=driver))
    mongo["asked"].slow.drop()
    mongo["asked"].slow.insert_many([{"text": str(n) * 50} for n in range(3_000)])
    try:
        with pytest.raises((DatabaseSlow, DatabaseDown)) as failure:
            await hurried.page("asked", "slow", {"text": {"$regex": "9.*9.*z"}}, projection={}, limit=5, sort="text")
        assert isinstance(failure.value, GatewayError)
    finally:
        await hurried.close()
        mongo["asked"].slow.drop()
