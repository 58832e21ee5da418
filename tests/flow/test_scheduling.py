"""Turns of encoders: never more at once than there may be, one fewer while several downloads are under way."""

import asyncio
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from gateway import codec
from gateway.flow.scheduling import EncodeScheduler
from gateway.formats.base import compiled, interpreted
from gateway.rows import Array, Encode, Rows
from gateway.threads import give_way

ROWS = Rows(b"", 0, 0)


def encoder(work: Callable[[], object]) -> Encode:
    def encode(arrays: Sequence[Array], *, start: int = 0, stop: int | None = None) -> Rows:
        work()
        return ROWS

    return encode


def most_at_once(scheduler: EncodeScheduler, allowed: int) -> int:
    """How many of eight threads have a turn at the same time, when each waits for as many as are allowed."""
    meeting = threading.Barrier(allowed)
    now, most, lock = 0, 0, threading.Lock()

    def work() -> None:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        meeting.wait(timeout=20)  # fails if there are fewer turns than allowed
        with lock:
            now -= 1

    # As many as come in full rounds.
    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(scheduler.tried, encoder(work), []) for _ in range(12)]:
            assert done.result() is ROWS
    return most


@pytest.mark.parametrize(
    ("encoders", "passes", "allowed"), [(1, 0, 1), (1, 3, 1), (2, 1, 2), (2, 2, 1), (4, 0, 4), (4, 2, 3)]
)
def test_turns(encoders: int, passes: int, allowed: int):
    scheduler = EncodeScheduler(encoders)
    with ExitStack() as stack:
        for _ in range(passes):
            stack.enter_context(scheduler.passing())
        assert most_at_once(scheduler, allowed) == allowed
    assert most_at_once(scheduler, encoders) == encoders


def test_a_turn_ends_with_its_error():
    scheduler = EncodeScheduler(1)

    def work() -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        scheduler.tried(encoder(work), [])
    assert most_at_once(scheduler, 1) == 1


def test_an_urgent_one_stands_behind_no_slice():
    """It may have the processor that is kept free while there are several downloads."""
    scheduler, begun, go, had = EncodeScheduler(2), threading.Event(), threading.Event(), threading.Event()

    def hold() -> None:
        begun.set()
        go.wait(timeout=20)

    with scheduler.passing(), scheduler.passing(), ThreadPoolExecutor(3) as pool:
        slices = [pool.submit(scheduler.tried, encoder(hold), []) for _ in range(2)]  # one of them waits
        assert begun.wait(timeout=20)
        assert pool.submit(scheduler.tried, encoder(had.set), [], urgent=True).result(timeout=20) is ROWS
        assert had.is_set()
        assert not any(one.done() for one in slices)
        go.set()


def test_who_waits_goes_on_when_a_download_ends():
    scheduler, came, go = EncodeScheduler(2), threading.Event(), threading.Event()
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(scheduler.tried, encoder(go.wait), [])
        with scheduler.passing(), scheduler.passing():
            pool.submit(scheduler.tried, encoder(came.set), [])
            assert not came.wait(timeout=0.1)
        assert came.wait(timeout=20)
        assert not first.done()
        go.set()


# --- the interpreter -------------------------------------------------------------------------------------------------


def test_what_needs_the_interpreter_takes_no_turn():
    scheduler, go = EncodeScheduler(1), threading.Event()
    with ThreadPoolExecutor(1) as pool:
        taken = pool.submit(scheduler.tried, encoder(go.wait), [])
        assert scheduler.tried(interpreted(encoder(pytest.fail)), []) is None
        go.set()
        taken.result()


@pytest.mark.skipif(codec.IMPLEMENTATION == "python", reason="there is no core to ask")
def test_the_core_is_asked_first():
    scheduler, asked = EncodeScheduler(1), []

    def unsure(arrays: Sequence[Array], *, start: int = 0, stop: int | None = None) -> None:
        asked.append("core")

    def sure(arrays: Sequence[Array], *, start: int = 0, stop: int | None = None) -> Rows:
        return Rows(b"by the core", 1, 1)

    reference = encoder(lambda: asked.append("reference"))

    async def run() -> None:
        with ThreadPoolExecutor(1) as pool:
            assert await scheduler.encoded(pool, compiled(unsure, reference), []) is ROWS
            assert asked == ["core", "reference"]
            assert (await scheduler.encoded(pool, compiled(sure, reference), [])).data == b"by the core"
            assert asked == ["core", "reference"]

    asyncio.run(run())
    scheduler.close()


def test_one_after_the_other_the_urgent_first_and_who_left_not_at_all():
    scheduler, order, go = EncodeScheduler(1), [], threading.Event()

    def noting(name: str) -> Encode:
        return interpreted(encoder(lambda: order.append(name)))

    async def run() -> None:
        first = asyncio.create_task(scheduler.interpreted(interpreted(encoder(go.wait)), []))
        await asyncio.sleep(0)
        slices = [asyncio.create_task(scheduler.interpreted(noting(f"slice {n}"), [])) for n in range(3)]
        await asyncio.sleep(0)
        pages = [asyncio.create_task(scheduler.interpreted(noting(f"page {n}"), [], urgent=True)) for n in range(3)]
        await asyncio.sleep(0)
        slices[1].cancel()
        pages[0].cancel()
        go.set()
        await asyncio.gather(first, *slices, *pages, return_exceptions=True)
        assert await scheduler.interpreted(noting("later"), []) is ROWS

    asyncio.run(run())
    scheduler.close()
    assert order == ["page 1", "page 2", "slice 0", "slice 2", "later"]


def test_who_leaves_when_called_calls_the_next():
    scheduler, go = EncodeScheduler(1), threading.Event()

    async def run() -> None:
        first = asyncio.create_task(scheduler.interpreted(interpreted(encoder(go.wait)), []))
        await asyncio.sleep(0)
        second = asyncio.create_task(scheduler.interpreted(interpreted(encoder(pytest.fail)), []))
        third = asyncio.create_task(scheduler.interpreted(interpreted(encoder(lambda: None)), []))
        await asyncio.sleep(0)
        go.set()
        # In the very step in which the second is called.
        first.add_done_callback(lambda _: second.cancel())
        await first
        assert await asyncio.wait_for(third, 20) is ROWS
        await asyncio.gather(second, return_exceptions=True)
        assert second.cancelled()

    asyncio.run(run())
    scheduler.close()


def test_giving_way_is_of_the_thread_alone():
    here = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    with ThreadPoolExecutor(1, initializer=give_way) as pool:
        there = pool.submit(lambda: os.getpriority(os.PRIO_PROCESS, threading.get_native_id())).result()
    assert there == min(19, here + 5)
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == here
