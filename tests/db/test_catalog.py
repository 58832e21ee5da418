"""What is known of datasets: how long it is believed, when it is renewed, what that costs."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from pymongo import MongoClient

from gateway.dataset_state import DatasetState
from gateway.db import catalog as catalogs
from gateway.db import members
from gateway.db.catalog import Catalog
from gateway.db.driver import Connection
from gateway.db.source import Source
from gateway.demo.store import Store
from gateway.errors import DatabaseDown
from tests.cutter import Cutter, Exchanges, Listener
from tests.topology import ReplicaSet, Sharded, Standalone

Made = Callable[..., tuple[Source, Catalog]]


def fill(client: MongoClient[dict[str, Any]], name: str = "demo") -> None:
    database = client[name]
    database.biosamples.create_index("id")
    database.biosamples.create_index("updated")
    database.biosamples.insert_many([{"_id": n, "id": f"s{n}", "updated": n} for n in range(30)])
    database.collations.create_index("id")
    database.collations.insert_one({"_id": 1, "id": "NCIT:C1", "label": "one", "child_terms": ["NCIT:C1"]})


@pytest.fixture
def rs(store: Store) -> Iterator[ReplicaSet]:
    with ReplicaSet("5.0", members=1, store=store) as running:
        fill(running.client())
        yield running


@pytest.fixture
async def made() -> AsyncIterator[Made]:
    """Makes a source and a catalog of a database."""
    opened: list[tuple[Source, Catalog]] = []

    def make(uri: str, ttl: float = 5, size: int = 32) -> tuple[Source, Catalog]:
        source = Source(Connection(uri=uri, timeout=60, size=size))
        opened.append((source, Catalog(source, ttl=ttl)))
        return opened[-1]

    yield make
    for source, catalog in opened:
        await catalog.close()
        await source.close()


async def test_indexes_are_listed_anew_when_there_is_a_reason(rs: ReplicaSet, made: Made):
    source, catalog = made(rs.uri)
    database = rs.client()["demo"]

    async def listed() -> set[str]:
        rs.forget_commands()
        state = await catalog.read_state("demo")
        assert state.collections == set(await asyncio.to_thread(database.list_collection_names))
        return {command["listIndexes"] for command in rs.asked("listIndexes") if "readConcern" in command}

    assert await listed() == {"biosamples", "collations"}
    database.biosamples.insert_one({"id": "new"})
    assert await listed() == set()
    database.variants.create_index("biosample_id")
    assert await listed() == {"biosamples", "collations", "variants"}
    database.collations.drop()
    database.collations.create_index("label")
    assert await listed() == {"biosamples", "collations", "variants"}
    assert await listed() == set()
    source.lost_index("demo")
    assert await listed() == {"biosamples", "collations", "variants"}


async def test_an_index_that_is_gone_is_done_without(rs: ReplicaSet, made: Made):
    _, catalog = made(rs.uri)
    assert (await catalog.read_state("demo")).bounds.updated == {"biosamples": 29}
    rs.client()["demo"].biosamples.drop_index("updated_1")
    assert (await catalog.read_state("demo")).bounds.updated == {"biosamples": 29}
    assert (await catalog.read_state("demo")).bounds.updated == {}


async def until(true: Callable[[], object]) -> None:
    """Wait, however long the machine pauses."""
    for _ in range(4000):
        if true():
            return
        await asyncio.sleep(0.01)
    pytest.fail("it did not happen")


async def test_what_is_asked_for_is_renewed(rs: ReplicaSet, made: Made, monkeypatch: pytest.MonkeyPatch):
    """Who asks gets what is known, which is never older than it may be; when nobody asks nothing is read."""
    monkeypatch.setattr(catalogs, "_ASKED_LATELY", 1.5)
    _, catalog = made(rs.uri, ttl=1)
    first = await catalog.state("demo")
    rs.client()["demo"].biosamples.insert_one({"id": "new"})
    await until(lambda: catalog._states["demo"][1].counts != first.counts)
    async with asyncio.timeout(40):
        while True:  # at the end of a state the machine may have paused
            rs.forget_commands()
            assert (await catalog.state("demo")).counts["biosamples"] == first.counts["biosamples"] + 1
            if not rs.commands:
                break
    async with asyncio.timeout(40):
        while True:
            rs.forget_commands()
            await asyncio.sleep(1.2)
            if not rs.commands:
                break


async def test_it_looks_again_for_who_may_know_more(rs: ReplicaSet, made: Made):
    """What was read before a time is read anew, once for all who ask meanwhile; what was read since is believed."""
    _, catalog = made(rs.uri, ttl=600)
    first = await catalog.state("demo")
    rs.client()["demo"].biosamples.insert_one({"id": "new"})
    rs.client()["demo"].biosamples.create_index("label")
    since = time.monotonic()
    rs.forget_commands()
    await asyncio.gather(*(catalog.renew("demo", since) for _ in range(50)))
    assert sum("nameOnly" not in command for command in rs.asked("listCollections")) == 1
    state = await catalog.state("demo")
    assert state.counts["biosamples"] == first.counts["biosamples"] + 1
    assert "label" in state.indexed["biosamples"]  # indexes decide how is asked, and so have to be those of now
    rs.forget_commands()
    await catalog.renew("demo", since)
    assert not rs.commands


async def test_what_is_wanted_new_is_read_once_a_second(rs: ReplicaSet, made: Made):
    _, catalog = made(rs.uri)
    read = []
    for _ in range(2):
        await catalog.renew("demo", time.monotonic())
        read.append(catalog._read_from["demo"])
    assert read[1] - read[0] >= 1


async def test_a_renewal_that_fails_is_no_news(rs: ReplicaSet, made: Made, caplog: pytest.LogCaptureFixture):
    _, catalog = made(f"{rs.uri}&serverSelectionTimeoutMS=100", ttl=1.5)
    first = await catalog.state("demo")
    rs.forget_commands()
    rs.members[0].fail("listCollections", None, times=9)
    await until(lambda: rs.asked("listCollections") and not catalog._running)
    ends, known = catalog._states["demo"]
    assert known is first
    assert "listCollections" not in caplog.text
    await until(lambda: time.monotonic() > ends)
    with pytest.raises(DatabaseDown):
        await catalog.state("demo")


async def test_what_took_long_to_count_is_believed_while_data_is_written(
    rs: ReplicaSet, made: Made, monkeypatch: pytest.MonkeyPatch
):
    """And no longer: when nothing is written any more, nothing needs to be counted."""
    monkeypatch.setattr(catalogs, "_QUICK", 0.0)
    monkeypatch.setattr(catalogs, "_TIMES_KEPT", 1_000_000)
    source, catalog = made(rs.uri, ttl=0)
    biosamples = rs.client(w="majority")["demo"].biosamples
    stated_count = source.stated_count

    async def written(*words: Any, **others: Any) -> int:
        number = await stated_count(*words, **others)
        await asyncio.to_thread(biosamples.insert_one, {})
        return number

    with monkeypatch.context() as writing:
        writing.setattr(source, "stated_count", written)
        counted = await catalog.state("demo")
        assert counted.counts["biosamples"] > 30
        rs.forget_commands()
        assert [await catalog.state("demo") for _ in range(3)] == [counted] * 3
        assert not [command for command in rs.asked("aggregate") if "$count" in command["pipeline"][-1]]
        catalog.forget("demo")
        assert (await catalog.state("demo")).counts["biosamples"] > counted.counts["biosamples"]
    biosamples.insert_one({})
    assert (await catalog.state("demo")).counts["biosamples"] == biosamples.count_documents({})


async def test_nothing_is_renewed_behind_the_end(rs: ReplicaSet, made: Made):
    _, catalog = made(rs.uri, ttl=0.3)
    await catalog.state("demo")
    await catalog.close()
    rs.forget_commands()
    await asyncio.sleep(0.5)
    assert not rs.commands


async def test_look_ups_are_made_again_before_anybody_asks(rs: ReplicaSet, made: Made):
    """Each state has its own: a collation may change though the version does not see it."""
    _, catalog = made(rs.uri)
    before = await catalog.state("demo")
    asked = ["NCIT:C1", "NCIT:C2"]
    assert (await catalog.collations(before, asked))["NCIT:C1"].label == "one"
    rs.client()["demo"].collations.update_one({}, {"$set": {"label": "first"}})
    rs.forget_commands()
    assert (await catalog.collations(before, asked[:1]))["NCIT:C1"].label == "one"
    assert not rs.commands
    after = await catalog.read_state("demo")
    assert after.version == before.version
    rs.forget_commands()
    assert (await catalog.collations(after, asked))["NCIT:C1"].label == "first"
    assert not rs.commands
    assert (await catalog.collations(before, asked))["NCIT:C1"].label == "one"  # asked, at its own moment
    assert rs.commands


async def test_who_answers_later_leaves_no_cursor(store: Store, made: Made, monkeypatch: pytest.MonkeyPatch):
    """A drain goes on with the member that was first, whoever was asked first."""
    monkeypatch.setattr(members, "_WAIT", 0.1)
    monkeypatch.setattr("gateway.db.source._DRAIN_BATCH", 10)
    with ReplicaSet("5.0", store=store) as running:
        fill(running.client(w="majority"))
        source, _ = made(f"{running.uri}&readPreference=secondary&localThresholdMS=1000")
        concern = {"readConcern": {"level": "snapshot", "atClusterTime": running.time}}
        running.members[1].delay(0.4, "find")
        slow = running.members[1]
        while not any(member is slow and "find" in command for member, command in running.commands):
            source._members._resting.clear()
            found = [
                value
                async for batch in source.drain("demo", "biosamples", {}, "id", concern=concern)
                for value in batch
            ]
            assert len(found) == len(set(found)) == 30
        await asyncio.sleep(0.6)
        assert (
            len({member for member, command in running.commands if "find" in command and "projection" in command}) > 1
        )
        assert [member.open_cursors for member in running.members] == [0, 0, 0]


async def test_who_rests_is_asked_rather_than_nobody(store: Store, made: Made, monkeypatch: pytest.MonkeyPatch):
    """Both secondaries were slow; one of them lags, and would be waited for as long as the read may take."""
    monkeypatch.setattr(members, "_WAIT", 0.3)
    with ReplicaSet("5.0", store=store) as running:
        fill(running.client(w="majority"))
        running.members[2].stop_applying()
        running.client(w="majority")["demo"].biosamples.insert_one({"id": "new"})
        concern = {"readConcern": {"level": "snapshot", "atClusterTime": running.time}}
        source, _ = made(f"{running.uri}&readPreference=secondary&localThresholdMS=1000")
        await source.ping()
        resting = {("127.0.0.1", one.port): time.monotonic() + 30 for one in running.members[1:]}
        source._members._resting = resting
        found = [source.count("demo", "biosamples", {}, concern=concern) for _ in range(6)]
        async with asyncio.timeout(20):
            assert await asyncio.gather(*found) == [31] * 6


async def test_reads_that_a_member_does_not_answer_leave_connections_for_others(
    store: Store, made: Made, monkeypatch: pytest.MonkeyPatch
):
    """One secondary lags and the other is slow: whatever is sent to the one stays there for as long as it may."""
    monkeypatch.setattr(members, "_WAIT", 0.05)
    with ReplicaSet("5.0", store=store) as running:
        fill(running.client(w="majority"))
        running.members[2].stop_applying()
        running.members[1].delay(0.1, "aggregate")
        running.client(w="majority")["demo"].biosamples.insert_one({"id": "new"})
        concern = {"readConcern": {"level": "snapshot", "atClusterTime": running.time}}
        source, _ = made(f"{running.uri}&readPreference=secondary&localThresholdMS=1000", size=24)
        async with asyncio.timeout(40):
            for _ in range(10):
                found = [source.count("demo", "biosamples", {}, concern=concern) for _ in range(4)]
                assert await asyncio.gather(*found) == [31] * 4


@pytest.mark.parametrize(
    ("deployment", "version", "steps"),
    [(Standalone, "5.0", 2), (ReplicaSet, "4.4", 2), (ReplicaSet, "5.0", 4), (Sharded, "5.0", 2)],
)
async def test_what_is_asked_one_after_the_other(store: Store, made: Made, deployment: Any, version: str, steps: int):
    """Where the lists are known, and nothing is written."""
    exchanges = Exchanges()
    with deployment(version, store=store) as running:
        fill(running.client())
        address = ("127.0.0.1", running.members[0].port)
        with Cutter(address, heard=exchanges.heard, answered=exchanges.answered, delay=0.005) as network:
            direct = "" if deployment is Sharded else "?directConnection=true"
            _, catalog = made(f"mongodb://127.0.0.1:{network.port}/{direct}")
            found: set[int] = set()
            for _ in range(40):  # until there are connections enough, and the machine does not pause
                began = time.monotonic()
                await catalog.read_state("demo")
                found.add(exchanges.rounds(began, time.monotonic()))
                if steps in found:
                    break
            assert min(found) == steps


# --- a dataset that states its version -------------------------------------------------------------------------------


@pytest.fixture
def stated(mongo: MongoClient[dict[str, Any]]) -> Iterator[str]:
    """One of thirty biosamples, whose numbers hold."""
    mongo.drop_database("stated")
    fill(mongo, "stated")
    statement = {"_id": "stated", "version": "1", "counts": {"biosamples": 30}}
    mongo["stated"].dataversion.insert_one(statement)
    yield "stated"
    mongo.drop_database("stated")


async def test_the_largest_ids_are_asked_for_only_where_no_version_holds(store: Store, made: Made):
    with Standalone("5.0", store=store) as deployment:
        database = deployment.client()["demo"]
        fill(deployment.client())

        async def first() -> tuple[DatasetState, bool]:
            _, catalog = made(deployment.uri)
            deployment.forget_commands()
            state = await catalog.state("demo")
            return state, any(each.get("sort") == {"_id": -1} for each in deployment.asked("find"))

        state, asked = await first()  # nothing is stated
        assert (state.stated, asked, state.bounds.last["biosamples"]) == ("", True, 29)
        database.dataversion.insert_one({"_id": "demo", "version": "1", "counts": {"biosamples": 30}})
        state, asked = await first()
        assert (state.stated, asked, dict(state.bounds.last)) == ("1", False, {})
        database.biosamples.insert_one({"_id": 77, "id": "more"})  # what is stated does not hold
        state, asked = await first()
        assert (state.stated, asked, state.bounds.last["biosamples"]) == ("1", True, 77)


async def test_where_counting_walks_a_stated_version_is_believed(
    mongo: MongoClient[dict[str, Any]], store: Store, stated: str, made: Made, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(catalogs, "_COUNTED_A_SECOND", 0.01)
    listener = Listener()

    def counted() -> int:
        found = listener.counts["count", "biosamples"]
        listener.counts.clear()
        return found

    with Cutter(("127.0.0.1", store.port), heard=listener.heard) as cutter:
        _, catalog = made(f"mongodb://127.0.0.1:{cutter.port}/?directConnection=true", ttl=0)
        before = await catalog.state(stated)
        assert counted() == 1
        again = await catalog.state(stated)
        assert again == before
        assert again is not before
        assert counted() == 0
        # Who must know is told.
        mongo[stated].biosamples.insert_one({"id": "more"})
        assert await catalog.changed_since(before)
        assert counted() == 1
        after = await catalog.state(stated)
        assert after.version != before.version
        assert counted() > 0  # nothing that holds is stated
        mongo[stated].dataversion.replace_one({}, {"version": "2", "counts": {"biosamples": 31}})
        assert (await catalog.read_state(stated)).stated == "2"
        counted()
        mongo[stated].dataversion.replace_one({}, {"version": "3", "counts": {"biosamples": 31}})
        assert (await catalog.state(stated)).stated == "3"
        assert counted() == 1
        mongo[stated].create_collection("variants")
        assert "variants" in (await catalog.state(stated)).collections


async def test_a_question_that_several_ask_at_once_is_looked_up_once(store: Store, made: Made):
    with Standalone("5.0", store=store) as deployment:
        database = deployment.client()["demo"]
        fill(deployment.client())
        database.analyses.create_index("biosample_id")
        maps = {"interval_count": 3106, "binning": "1Mb"}
        database.analyses.insert_one({"biosample_id": "s1", "cnv_statusmaps": maps})
        _, catalog = made(deployment.uri)
        state = await catalog.state("demo")
        deployment.forget_commands()
        found = await asyncio.gather(*(catalog.status_maps(state, "1Mb") for _ in range(3)))
        assert len(deployment.asked("find")) == 1
        assert {each and each.bins for each in found} == {3106}
        # Later it is read anew: nothing tells whether it was replaced.
        database.analyses.update_one({}, {"$set": {"cnv_statusmaps.interval_count": 5}})
        later = await catalog.status_maps(state, "1Mb")
        assert later
        assert later.bins == 5
