"""Places of passes: whose they are, and what becomes of those who follow when a pass has lost its own."""

import asyncio
from pathlib import Path

import pytest

from gateway.errors import TooManyRequests
from gateway.web.limits.addresses import current
from tests.spool.test_spool import DATA, A, B, Producer, followed, opened


@pytest.mark.parametrize("joins", [False, True])
async def test_one_who_may_have_no_more_is_refused_alone(tmp_path: Path, joins: bool):
    """A pass that one client asked for and others wait for is begun on behalf of who may."""
    producer, data, refused = Producer(), [], []

    async def asked(client: str) -> None:
        current.set(client)
        try:
            async with spool.join(producer.making(B)) as export:
                data.append(await followed(export))
        except TooManyRequests:
            refused.append(client)

    async with opened(tmp_path, each=1) as spool:
        current.set("greedy")
        async with spool.join(Producer(wait=lambda _: asyncio.sleep(60)).making(A)) as first:
            await first.begins()
            work = [asyncio.create_task(asked(client)) for client in ("greedy", "other")[: 1 + joins]]
            await asyncio.gather(*work)
        current.set("")
    assert refused == ([] if joins else ["greedy"])
    assert data == ([DATA, DATA] if joins else [])


async def test_who_reads_what_another_process_gave_up_waits_for_a_place(tmp_path: Path):
    """That process saw none of its own who followed; this one has no place free just then."""
    go_on = asyncio.Event()

    async def paused(at: int) -> None:
        if at:
            await go_on.wait()

    waits, quick = Producer(wait=paused), Producer()
    async with opened(tmp_path, places=1) as other, opened(tmp_path, places=1) as own, own.join(waits.making("c" * 40)):
        async with other.join(waits.making(A)) as left:
            await left.begins()
            assert await left.read(0)
        async with own.join(quick.making(A)) as export:
            begun = await export.read(0)
            async with other.join(waits.making(B)) as next_one:
                await next_one.begins()
                await left.task
                reading = asyncio.create_task(followed(export, start=len(begun)))
                await asyncio.wait([reading], timeout=1)
                go_on.set()
                assert begun + await reading == DATA
