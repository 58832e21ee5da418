"""Large replies lie in memory that is used again: they are the bytes that were sent, and cut ones are failures."""

import socket
import struct
import threading
from collections.abc import Iterator
from typing import Any

import bson
import pytest
from bson import Int64, Timestamp, decode
from pymongo import MongoClient
from pymongo.errors import AutoReconnect

from gateway.db.driver import RAW, REUSED, Connection, RawReply
from gateway.db.motor_driver import MotorDriver
from gateway.db.receiving import _Document
from tests.benchmarks.cohort import Cohort
from tests.benchmarks.replay import Replay
from tests.harness import little_memory

COHORT = Cohort(200, 250)
LARGE = [{"text": "x" * 1000}] * 100


@pytest.fixture(scope="module")
def replay() -> Iterator[Replay]:
    with Replay() as running:
        yield running


def find(limit: int) -> dict[str, Any]:
    return {"find": "variants", "limit": limit, "batchSize": limit, "singleBatch": True}


def copied(reply: RawReply) -> bytes:
    return bytes(reply.raw)


async def test_they_are_the_bytes_that_were_sent(replay: Replay):
    """Small, large, smaller than the buffer that is there, larger than any that is kept."""
    driver = MotorDriver(Connection(uri=replay.uri, timeout=10, size=2))
    sizes = []
    with MongoClient[dict[str, Any]](replay.uri) as client:
        for limit in (1, 5_000, 1_000, 9_000, 30_000, 2_000):
            found = await driver.reply(COHORT.name, find(limit), copied)
            assert found == bytes(client[COHORT.name].command(find(limit), codec_options=RAW).raw)
            assert len(decode(found)["cursor"]["firstBatch"]) == limit
            sizes.append(len(found))
    assert min(sizes) < 1_000 < REUSED < max(sizes)
    await driver.close()


async def test_a_reply_that_is_cut_is_a_failure(replay: Replay):
    """Nothing of it is taken for an answer, whatever the buffer held before."""
    host, port = replay.uri.removeprefix("mongodb://").split("/")[0].split(":")
    with socket.create_server(("127.0.0.1", 0)) as server:

        def through(peer: socket.socket, upstream: socket.socket, most: int) -> None:
            with peer, upstream:
                while request := peer.recv(1 << 16):
                    upstream.sendall(request)
                    head = upstream.recv(16, socket.MSG_WAITALL)
                    reply = head + upstream.recv(struct.unpack("<i", head[:4])[0] - 16, socket.MSG_WAITALL)
                    peer.sendall(reply[:most])
                    if len(reply) > most:
                        return

        def serve() -> None:
            while True:
                try:
                    peer, _ = server.accept()
                except OSError:
                    return
                upstream = socket.create_connection((host, int(port)))
                threading.Thread(target=through, args=(peer, upstream, 600_000), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        uri = f"mongodb://127.0.0.1:{server.getsockname()[1]}/?directConnection=true&retryReads=false"
        driver = MotorDriver(Connection(uri=uri, timeout=10, size=2))
        assert len(await driver.reply(COHORT.name, find(2_000), copied)) > 400_000
        with pytest.raises(AutoReconnect):
            await driver.reply(COHORT.name, find(5_000), copied)
        assert len(await driver.reply(COHORT.name, find(2_000), copied)) > 400_000
        await driver.close()
        server.shutdown(socket.SHUT_RDWR)


async def test_memory_that_is_refused_is_no_lost_connection(replay: Replay):
    driver = MotorDriver(Connection(uri=replay.uri, timeout=10, size=2))
    assert len(await driver.reply(COHORT.name, find(1), copied)) < 1_000
    with little_memory(2 * 1024 * 1024), pytest.raises(MemoryError):
        await driver.reply(COHORT.name, find(30_000), copied)
    assert len(await driver.reply(COHORT.name, find(30_000), copied)) > REUSED
    await driver.close()


CLOCK = {"clusterTime": Timestamp(5, 1), "signature": {"hash": b"\0" * 20, "keyId": Int64(7)}}
REPLIES = {
    "as a standalone's": {"cursor": {"firstBatch": LARGE, "id": Int64(0), "ns": "a.b"}, "ok": 1.0},
    "as a cluster's": {
        "ok": 1.0,
        "operationTime": Timestamp(5, 1),
        "$clusterTime": CLOCK,
        "cursor": {"nextBatch": LARGE},
    },
    "small": {"cursor": {"firstBatch": [], "id": Int64(0)}, "ok": 1.0, "x": None, "y": True, "z": 3},
    "with what none has": {"cursor": {"firstBatch": LARGE}, "errmsg": "no", "code": 5, "ok": 0.0},
}


@pytest.mark.parametrize("reply", REPLIES.values(), ids=REPLIES)
def test_what_the_driver_looks_at_is_there_and_the_documents_lie_where_they_are(reply: dict[str, Any]):
    raw = memoryview(bson.encode(reply))
    seen = _Document(raw, RAW)
    assert seen.raw is raw
    for name, value in reply.items():
        if name != "cursor":
            assert bson.decode(bson.encode({"it": seen[name]})) == {"it": value}
    large = len(raw) > 64 * 1024
    assert ("cursor" in seen) is (not large or "errmsg" in reply)
