"""Exports, written once and followed by many: in one process, in several, and when any of them goes away.

A producer here makes known bytes in chunks of its own choosing; the spool may ask for them again from the start.
"""

import asyncio
import json
import random
import subprocess
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, nullcontext, suppress
from pathlib import Path

import psutil
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from gateway.errors import Busy, DatabaseDown, DatasetChanged, GatewayError
from gateway.rows import Tally
from gateway.spool.folder import Folder
from gateway.spool.making import Charge, Pass
from gateway.spool.spool import Export, Making, Spool, Unspooled
from gateway.web.limits.slots import Slots
from tests.examples import examples

A, B = "a" * 40, "b" * 40
DATA = random.Random(4).randbytes(3_000_000)


class Producer:
    """Makes `data` in chunks; `wait` is awaited before each, with the offset, and may fail."""

    def __init__(self, data: bytes = DATA, size: int = 70_001, wait: Callable[[int], object] = lambda _: None) -> None:
        self.data, self.size, self.wait = data, size, wait
        self.passes = 0

    async def __call__(self, tallies: list[Tally]) -> AsyncGenerator[bytes, None]:
        self.passes += 1
        tallies.append(Tally())
        for at in range(0, len(self.data), self.size):
            if asyncio.iscoroutine(waiting := self.wait(at)):
                await waiting
            tallies[-1].rows += 1
            yield self.data[at : at + self.size]

    def making(self, digest: str = A) -> Making:
        return Making(digest, {"path": "/", "digest": digest}, self)


@asynccontextmanager
async def opened(path: Path, *, quota: int = 100_000_000, places: int = 10, each: int = 0) -> AsyncIterator[Spool]:
    slots = Slots(places, "downloads", each=each)

    @contextmanager
    def held(one: Pass) -> Iterator[Charge]:
        with slots.take(one):
            yield lambda _: None

    spool = Spool(Folder(path, quota), held)
    await spool.open()
    try:
        yield spool
    finally:
        await spool.close()


async def followed(export: Export, most: int = 64 * 1024, pause: float = 0, start: int = 0) -> bytes:
    got = b""
    while piece := await export.read(start + len(got), most):
        got += piece
        await asyncio.sleep(pause)
    return got


async def fetched(spool: Spool, producer: Producer, digest: str = A, **how: float) -> bytes:
    async with spool.join(producer.making(digest)) as export:
        return await followed(export, **how)


def kinds(path: Path) -> set[str]:
    return {file.suffix for file in path.iterdir()}


async def complete(spool: Spool, digest: str = A) -> bool:
    await spool.idle()
    return await spool.look(digest) is not None


async def test_many_follow_one_pass(tmp_path: Path):
    producer = Producer()
    async with opened(tmp_path) as spool:
        dice = random.Random(1)
        work = [
            fetched(spool, producer, most=dice.choice([1000, 65536, 10**9]), pause=dice.choice([0, 0.001]))
            for _ in range(20)
        ]
        assert set(await asyncio.gather(*work)) == {DATA}
        assert await fetched(spool, producer) == DATA
        assert producer.passes == 1
        assert await complete(spool)
    async with opened(tmp_path) as again:
        assert await fetched(again, producer) == DATA
        assert producer.passes == 1
        assert await again.recall(A) == {"path": "/", "digest": A}


@examples(10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    size=st.integers(0, 300_000),
    chunk=st.integers(1, 100_000),
    starts=st.lists(st.integers(0, 300_000), min_size=1, max_size=4),
    most=st.integers(1000, 300_000),
)
async def test_any_chunks_any_reads(
    tmp_path_factory: pytest.TempPathFactory, size: int, chunk: int, starts: list[int], most: int
):
    producer = Producer(DATA[:size], max(chunk, 1 + size // 50))
    async with opened(tmp_path_factory.mktemp("spool")) as spool, spool.join(producer.making()) as export:
        found = await asyncio.gather(*(followed(export, most, start=min(start, size)) for start in starts))
        assert found == [DATA[min(start, size) : size] for start in starts]


async def test_a_pass_goes_on_when_everybody_has_left(tmp_path: Path):
    producer = Producer(wait=lambda _: asyncio.sleep(0.005))
    async with opened(tmp_path) as spool:
        async with spool.join(producer.making()) as export:
            await export.read(0)
        assert await complete(spool)
        assert await fetched(spool, producer) == DATA
        assert producer.passes == 1


async def test_two_processes_one_pass(tmp_path: Path):
    producer, other = Producer(wait=lambda _: asyncio.sleep(0.01)), Producer()
    async with opened(tmp_path) as spool, opened(tmp_path) as second:
        async with spool.join(producer.making()) as export:
            await export.begins()
            joined = [fetched(second, other) for _ in range(5)]
            assert set(await asyncio.gather(followed(export), *joined)) == {DATA}
        assert (producer.passes, other.passes) == (1, 0)
        assert await second.look(A) == await spool.look(A)


async def test_progress_is_seen_from_another_process(tmp_path: Path):
    gate = asyncio.Event()
    producer = Producer(wait=lambda at: gate.wait() if at > 2_000_000 else None)
    async with AsyncExitStack() as stack:
        spool, second = [await stack.enter_async_context(opened(tmp_path)) for _ in range(2)]
        export = await stack.enter_async_context(spool.join(producer.making()))
        await export.begins()
        seen = await stack.enter_async_context(second.join(Producer().making()))
        await seen.read(1_900_000)
        assert export.progress.rows >= 27
        assert seen.progress.size >= 1_900_000
        assert seen.progress.rows >= 1
        gate.set()
        assert (await seen.finished()).rows == (await export.finished()).rows == 43
        assert seen.progress.rows == 43


def failing(error: Exception, at: int = 1_000_000) -> Producer:
    def wait(offset: int) -> object:
        if offset >= at:
            raise error
        return asyncio.sleep(0.001)

    return Producer(wait=wait)


async def test_a_failure_before_the_first_byte_is_everybodys(tmp_path: Path):
    async with opened(tmp_path) as spool:
        producer = failing(DatabaseDown("down"), 0)
        found = await asyncio.gather(*(fetched(spool, producer) for _ in range(3)), return_exceptions=True)
        assert {type(error) for error in found} == {DatabaseDown}
        assert await fetched(spool, Producer()) == DATA  # it is not held against the next


async def test_a_failure_in_mid_pass_never_looks_complete(tmp_path: Path):
    gate = asyncio.Event()

    async def fail() -> None:
        await gate.wait()
        raise DatasetChanged("changed")

    producer, other = Producer(wait=lambda at: fail() if at > 1_000_000 else None), Producer()
    got = b""
    async with opened(tmp_path) as spool, opened(tmp_path) as second:
        async with AsyncExitStack() as stack:
            export = await stack.enter_async_context(spool.join(producer.making()))
            await export.begins()
            seen = await stack.enter_async_context(second.join(other.making()))
            while len(got) < 1_000_000:
                got += await seen.read(len(got))
            gate.set()
            for each in (export, seen):
                with pytest.raises(GatewayError, match="changed") as error:
                    await each.finished()
                assert (error.value.status, error.value.retry_after) == (503, DatasetChanged.retry_after)
        assert got == DATA[: len(got)]
        assert other.passes == 0
        assert not await complete(spool)
        assert (await second.failure(A)).message == "changed"
        assert not {".part", ".data"} & kinds(tmp_path)
        assert await fetched(second, other) == DATA
        assert await second.failure(A) is None


async def test_no_place_for_a_pass(tmp_path: Path):
    gate = asyncio.Event()
    slow = Producer(wait=lambda at: gate.wait() if at else None)
    async with opened(tmp_path, places=1) as spool, spool.join(slow.making()) as export:
        await export.read(0)
        with pytest.raises(Busy):
            await fetched(spool, Producer(), B)
        assert await export.read(10, 100) == DATA[10:110]  # who follows needs no place
        gate.set()
        await export.finished()
        await spool.idle()
        assert await fetched(spool, Producer(), B) == DATA


WRITER = """
import asyncio, json, sys
from pathlib import Path
sys.path.insert(0, {root!r})
from tests.spool.test_spool import *

async def main():
    producer = Producer(wait=lambda at: asyncio.sleep(0.002 if at < {stop} else 60))
    async with opened(Path({path!r})) as spool, spool.join(producer.making()) as export:
        while export.progress.size < {stop}:
            await asyncio.sleep(0.005)
        print("there", flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""


@pytest.fixture
def writer(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[subprocess.Popen[bytes]]:
    """Another process that has written so many bytes of an export, and waits."""
    root = str(Path(__file__).parents[2])
    code = WRITER.format(root=root, path=str(tmp_path), stop=request.param)
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, cwd=root) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"there\n"
        yield child
        child.kill()


@pytest.mark.parametrize("writer", [70_001, 1_500_000, 2_900_000], indirect=True)
async def test_a_killed_writer_is_replaced_and_no_byte_is_wrong(tmp_path: Path, writer: subprocess.Popen[bytes]):
    producer = Producer(size=33_333)
    async with opened(tmp_path) as spool, spool.join(producer.making()) as export:
        quick = asyncio.create_task(followed(export))
        slow = asyncio.create_task(followed(export, 20_000, pause=0.001))
        await export.read(70_000)
        await asyncio.sleep(0.3)
        assert producer.passes == 0
        writer.kill()
        late = asyncio.create_task(followed(export))
        assert [await quick, await slow, await late] == [DATA] * 3
        assert producer.passes == 1
        assert await complete(spool)


async def test_a_full_spool_is_read_to_its_end_and_then_left(tmp_path: Path):
    async with opened(tmp_path, quota=1_000_000) as spool, opened(tmp_path, quota=1_000_000) as second:
        producer = Producer(wait=lambda _: asyncio.sleep(0.01))

        async def follow(where: Spool, pause: float = 0) -> bytes:
            got = b""
            async with where.join(producer.making()) as export:
                await export.begins()
                with suppress(Unspooled):
                    while piece := await export.read(len(got), 50_000):
                        got += piece
                        await asyncio.sleep(pause)
            assert isinstance(export.error, Unspooled)
            return got

        found = await asyncio.gather(follow(spool), follow(spool, pause=0.005), follow(second))
        assert all(got == DATA[: len(got)] and len(got) > 500_000 for got in found[:2])
        assert found[2] == DATA[: len(found[2])]
        await spool.idle()
        assert not {".part", ".data"} & kinds(tmp_path)
        with pytest.raises(Unspooled):  # for a while it is not tried again
            await fetched(spool, Producer())
        assert await fetched(spool, Producer(DATA[:500_000]), B) == DATA[:500_000]


async def test_stopping_cuts_and_leaves_nothing(tmp_path: Path):
    async with AsyncExitStack() as stack:
        spool = await stack.enter_async_context(opened(tmp_path))
        producer = Producer(wait=lambda at: asyncio.sleep(60) if at > 500_000 else None)
        async with spool.join(producer.making()) as export:
            reading = asyncio.create_task(followed(export))
            await export.read(400_000)
            await spool.close()
            with pytest.raises(ConnectionResetError):
                await reading
    assert kinds(tmp_path) <= {".json", ".note"}


async def test_a_writer_that_stops_is_replaced_by_another_process(tmp_path: Path):
    producer, other = Producer(wait=lambda at: asyncio.sleep(60) if at > 500_000 else None), Producer()
    async with opened(tmp_path) as second, opened(tmp_path) as spool, spool.join(producer.making()) as export:
        await export.read(400_000)
        async with second.join(other.making()) as seen:
            reading = asyncio.create_task(followed(seen))
            await seen.read(400_000)
            await spool.close()
            assert await reading == DATA
            assert other.passes == 1


async def test_what_was_read_is_not_gone_on_with_by_other_data(tmp_path: Path):
    """Data may change without a trace in its version: the second pass is not what the first began."""
    other = Producer(DATA[:300_000] + b"changed" + DATA[300_007:])
    producer = Producer(wait=lambda at: asyncio.sleep(60) if at > 500_000 else None)
    async with opened(tmp_path) as second, opened(tmp_path) as spool, spool.join(producer.making()) as export:
        await export.read(400_000)
        async with second.join(other.making()) as seen:
            reading = asyncio.create_task(followed(seen))
            await seen.read(400_000)
            await spool.close()
            with pytest.raises(DatasetChanged):
                await reading


async def test_what_is_followed_is_not_removed_for_others(tmp_path: Path):
    async with opened(tmp_path, quota=5_000_000) as spool:
        async with spool.join(Producer().making()) as export:
            await export.finished()
            await spool.idle()
            with pytest.raises(Unspooled):
                await fetched(spool, Producer(DATA[::-1]), B)
            assert await followed(export) == DATA
        spool._unfit.clear()
        assert await fetched(spool, Producer(DATA[::-1]), B) == DATA[::-1]
        assert await spool.look(A) is None
        assert json.loads((tmp_path / f"{A}.json").read_text())["digest"] == A


def test_a_folder_that_cannot_be_used_says_so(tmp_path: Path):
    (tmp_path / "file").touch()
    spool = Spool(Folder(tmp_path / "file" / "spool", 0), nullcontext)

    async def use() -> None:
        try:
            await spool.open()
        finally:
            await spool.close()

    with pytest.raises(OSError, match="Not a directory"):
        asyncio.run(use())


async def test_files_are_closed_when_nobody_needs_them(tmp_path: Path):
    async with opened(tmp_path) as spool:
        for _ in range(3):
            await fetched(spool, Producer(DATA[:1000]))
            await fetched(spool, Producer(DATA[:2000]), B)
        await spool.idle()
        await asyncio.sleep(0)
        assert spool._exports == {}
        files = psutil.Process().open_files()
        assert not [file for file in files if file.path.startswith(str(tmp_path))]
