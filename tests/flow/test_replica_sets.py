"""Passes on replica sets and clusters: members that lag, die and forget; routers that count what is on its way."""

import asyncio
import json
import logging
import math
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing, suppress
from typing import Any, Literal

import pytest

from gateway.db import members
from gateway.demo.store import Store
from gateway.download_types import Plan
from gateway.errors import DatabaseRefused, DatasetChanged, GatewayError
from gateway.rows import NotToBeKept
from tests.flow.test_pump import Rig
from tests.topology import ReplicaSet, Sharded

SAMPLES, EACH = 12, 3
Driver = Literal["motor", "pymongo"]


def fill(deployment: Any) -> list[str]:
    """A dataset in the deployment; returns its variants in the order of a download."""
    database = deployment.client(w="majority")["demo"]
    database.biosamples.create_index("id")
    database.variants.create_index("biosample_id")
    database.biosamples.insert_many([{"_id": n, "id": f"s{n:02}"} for n in range(SAMPLES)])
    database.variants.insert_many(
        [{"_id": n, "biosample_id": f"s{n % SAMPLES:02}", "id": f"v{n:03}"} for n in range(SAMPLES * EACH)]
    )
    return [f"v{n:03}" for s in range(SAMPLES) for n in range(s, SAMPLES * EACH, SAMPLES)]


@pytest.fixture
def replica_set(store: Store) -> Iterator[Callable[..., ReplicaSet]]:
    made: list[ReplicaSet] = []

    def make(version: str, members: int = 3) -> ReplicaSet:
        made.append(ReplicaSet(version, members=members, store=store).start())
        return made[-1]

    yield make
    for one in made:
        one.stop()


@pytest.fixture
async def rigs() -> AsyncIterator[Callable[..., Rig]]:
    made: list[Rig] = []

    def make(uri: str, driver: Driver = "motor", **options: str) -> Rig:
        words = "&".join(f"{name}={value}" for name, value in options.items())
        made.append(Rig(f"{uri}&{words}" if words else uri, driver))
        return made[-1]

    yield make
    for one in made:
        await one.source.close()
        one.executor.shutdown()


async def planned(rig: Rig) -> Plan:
    return await rig.plan("/beacon/variants", output="jsonl", allData="true", datasetIds="demo")


async def rows(rig: Rig, plan: Plan, between: dict[int, Callable[[], object]] | None = None) -> list[str]:
    """The variants of a pass; something may be done when so many chunks are there."""
    whole, number = b"", 0
    async with aclosing(rig.pump(4, 2).chunks(plan, [], kept=True)) as chunks:
        async for chunk in chunks:
            whole, number = whole + chunk, number + 1
            if between and number in between:
                await asyncio.to_thread(between.pop(number))
    assert not between
    return [json.loads(line)["variantInternalId"] for line in whole.splitlines()]


@pytest.mark.parametrize("driver", ["motor", "pymongo"])
@pytest.mark.parametrize("version", ["4.4", "5.0", "7.0"])
async def test_a_member_that_lags(
    replica_set: Callable[..., ReplicaSet],
    rigs: Callable[..., Rig],
    version: str,
    driver: Driver,
    monkeypatch: pytest.MonkeyPatch,
):
    """Whoever answers, all of it is of one time; who has not come to it is left alone for a while."""
    monkeypatch.setattr(members, "_WAIT", 0.3)
    rs = replica_set(version)
    expected = fill(rs)
    rs.members[2].stop_applying()
    new = [{"_id": 1000 + n, "biosample_id": "s00", "id": f"w{n}"} for n in range(5)]
    rs.client(w="majority")["demo"].variants.insert_many(new)
    rig = rigs(rs.uri, driver, readPreference="secondary", localThresholdMS="1000")
    for _ in range(6):
        assert sorted(await rows(rig, await planned(rig))) == sorted([*expected, *(one["id"] for one in new)])
    reads = [command for command in rs.asked("find") if "biosample_id" in command["filter"]]
    assert {command["readConcern"]["level"] for command in reads} == {"snapshot" if version > "5" else "majority"}


async def test_a_member_that_lags_where_the_other_was_slow(
    replica_set: Callable[..., ReplicaSet], rigs: Callable[..., Rig], monkeypatch: pytest.MonkeyPatch
):
    """Where all members are left alone, the one that lags is not waited for either."""
    monkeypatch.setattr(members, "_WAIT", 0.05)
    rs = replica_set("5.0")
    expected = fill(rs)
    rs.members[2].stop_applying()
    rs.client(w="majority")["demo"].variants.insert_one({"_id": 1000, "biosample_id": "s99", "id": "w"})
    rig = rigs(rs.uri, readPreference="secondary", localThresholdMS="1000")
    at_rest = {("127.0.0.1", member.port): math.inf for member in rs.members[1:]}
    async with asyncio.timeout(20):
        for _ in range(3):
            rig.source._members._resting.update(at_rest)
            assert await rows(rig, await planned(rig)) == expected


@pytest.mark.parametrize("version", ["4.4", "5.0"])
async def test_a_member_that_dies_in_mid_pass(
    replica_set: Callable[..., ReplicaSet], rigs: Callable[..., Rig], version: str
):
    rs = replica_set(version)
    expected = fill(rs)
    rig = rigs(rs.uri, readPreference="primaryPreferred")
    found = await rows(rig, await planned(rig), {2: rs.members[0].kill, 3: lambda: rs.elect(rs.members[1])})
    assert found == expected


@pytest.mark.parametrize("write", [None, "delete"])
async def test_a_snapshot_that_is_forgotten_in_mid_pass(
    replica_set: Callable[..., ReplicaSet], rigs: Callable[..., Rig], write: str | None
):
    """The pass goes on, watched from then on for what changed since its beginning."""
    rs = replica_set("5.0", members=1)
    expected = fill(rs)
    variants = rs.client(w="majority")["demo"].variants

    def forget() -> None:
        if write:
            variants.delete_one({"_id": 35})
        variants.insert_one({"_id": 5000, "biosample_id": "s11", "id": "later"})
        rs.forget_history()

    rig = rigs(rs.uri)
    plan = await planned(rig)
    rs.forget_commands()
    if write:
        with pytest.raises(DatasetChanged):
            await rows(rig, plan, {2: forget})
    else:
        assert await rows(rig, plan, {2: forget}) == expected
    reads = [command["readConcern"]["level"] for command in rs.asked("find") if "readConcern" in command]
    assert reads.index("majority") > 0
    assert set(reads[reads.index("majority") + 3 :]) == {"majority"}  # none but those that were under way


@pytest.mark.parametrize("version", ["4.4", "5.0", "7.0"])
@pytest.mark.parametrize("again", [False, True])
async def test_a_collection_that_is_dropped_in_mid_pass(
    replica_set: Callable[..., ReplicaSet], rigs: Callable[..., Rig], version: str, *, again: bool
):
    """Servers before 7.0 read what was dropped since as empty, later ones as it was; nothing short ends normally."""
    rs = replica_set(version, members=1)
    expected = fill(rs)
    database = rs.client(w="majority")["demo"]
    documents = list(database.variants.find())

    def drop() -> None:
        database.variants.drop()
        if again:
            database.variants.create_index("biosample_id")
            database.variants.insert_many(documents)

    rig = rigs(rs.uri)
    plan = await planned(rig)
    with suppress(DatasetChanged):
        assert await rows(rig, plan, {2: drop}) == expected


async def test_a_member_that_knows_no_snapshots(
    replica_set: Callable[..., ReplicaSet], rigs: Callable[..., Rig], monkeypatch: pytest.MonkeyPatch
):
    """As in the middle of an upgrade: what is refused is watched instead, at the beginning and in mid-pass."""
    rs = replica_set("5.0", members=1)
    expected = fill(rs)
    rig = rigs(rs.uri)
    find_one = rig.source.find_one

    async def refused(*words: Any, concern: Any, **others: Any) -> Any:
        if concern["readConcern"]["level"] == "snapshot":
            raise DatabaseRefused("read concern snapshot is not supported")
        return await find_one(*words, concern=concern, **others)

    with monkeypatch.context() as patch:
        patch.setattr(rig.source, "find_one", refused)
        plan = await planned(rig)
    assert plan.parts[0].dataset_state.moment.by == "watched"
    assert await rows(rig, plan) == expected
    plan = await planned(rig)
    assert plan.parts[0].dataset_state.moment.by == "snapshot"
    assert await rows(rig, plan, {2: lambda: rs.members[0].fail("find", 72)}) == expected


async def test_what_cannot_be_told_is_not_kept(
    replica_set: Callable[..., ReplicaSet], rigs: Callable[..., Rig], caplog: pytest.LogCaptureFixture
):
    """No change stream of that time any more: the download is whole, and nobody else gets it."""
    rs = replica_set("4.4", members=1)
    fill(rs)
    rig = rigs(rs.uri)
    plan = await planned(rig)
    rs.client(w="majority")["demo"].other.insert_one({})
    rs.forget_log()
    with caplog.at_level(logging.WARNING), pytest.raises(NotToBeKept):
        await rows(rig, plan)
    assert "the change stream cannot be read" in caplog.text


@pytest.mark.parametrize("version", ["4.4", "5.0"])
async def test_orphans_of_a_cluster_are_not_counted(store: Store, rigs: Callable[..., Rig], version: str):
    with Sharded(version, store=store, sharded=["demo.variants"]) as cluster:
        expected = fill(cluster)
        rig = rigs(cluster.uri)
        plan = await planned(rig)
        cluster.orphan("demo.variants", 7)
        again = await planned(rig)
        assert again.digest == plan.digest
        assert await rows(rig, again) == expected
        assert "count" not in {next(iter(command)) for _, command in cluster.commands}


async def test_a_refusal_that_will_not_change_is_told_at_once(
    replica_set: Callable[..., ReplicaSet], rigs: Callable[..., Rig]
):
    rs = replica_set("5.0", members=1)
    fill(rs)
    rig = rigs(rs.uri)
    with pytest.raises(GatewayError) as failure:
        await rig.source.page("demo", "variants", {"$nosuch": 1}, projection={}, limit=1)
    assert failure.value.status == 500
    assert failure.value.retry_after is None


@pytest.mark.parametrize("driver", ["motor", "pymongo"])
async def test_cursors_are_killed_where_they_live(
    replica_set: Callable[..., ReplicaSet], rigs: Callable[..., Rig], driver: Driver
):
    """A reply of 16 MB leaves a cursor; no other member than the one that gave it could kill it."""
    rs = replica_set("5.0")
    large = rs.client(w="majority")["demo"].large
    for key in range(3):
        large.insert_one({"_id": key, "text": "x" * 6_000_000})
    rig = rigs(rs.uri, driver, readPreference="nearest", localThresholdMS="1000")
    for _ in range(10):
        page = await rig.source.page("demo", "large", {}, projection={}, limit=10)
        assert not page.complete
    assert [member.open_cursors for member in rs.members] == [0, 0, 0]
    kills = [(member, command) for member, command in rs.commands if "killCursors" in command]
    assert len(kills) == 10
    found = [member for member, command in rs.commands if command.get("find") == "large"]
    assert found == [member for member, _ in kills]
    assert len(set(found)) > 1
