"""Turns of encoders: never more at once than there may be, one fewer while several downloads are under way."""

import os
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from gateway.flow.turns import Turns, give_way
from gateway.formats.base import in_turn
from gateway.model import Rows


def quick(arrays: Sequence[bytes | memoryview], *, start: int = 0, stop: int | None = None) -> Rows:
    raise NotImplementedError


def most_at_once(turns: Turns, allowed: int) -> int:
    """How many of eight threads have a turn at the same time, when each waits for as many as are allowed."""
    meeting = threading.Barrier(allowed)
    now, most, lock = 0, 0, threading.Lock()

    def work() -> None:
        nonlocal now, most
        with turns.of(quick):
            with lock:
                now += 1
                most = max(most, now)
            meeting.wait(timeout=20)  # fails if there are fewer turns than allowed
            with lock:
                now -= 1

    # As many as come in full rounds.
    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(work) for _ in range(12)]:
            done.result()
    return most


@pytest.mark.parametrize(
    ("encoders", "passes", "allowed"), [(1, 0, 1), (1, 3, 1), (2, 1, 2), (2, 2, 1), (4, 0, 4), (4, 2, 3)]
)
def test_turns(encoders: int, passes: int, allowed: int):
    turns = Turns(encoders)
    with ExitStack() as stack:
        for _ in range(passes):
            stack.enter_context(turns.passing())
        assert most_at_once(turns, allowed) == allowed
    assert most_at_once(turns, encoders) == encoders


def test_a_turn_ends_with_its_error():
    turns = Turns(1)
    with pytest.raises(ValueError, match="broken"), turns.of(quick):
        raise ValueError("broken")
    assert most_at_once(turns, 1) == 1


def test_who_waits_goes_on_when_a_download_ends():
    turns, came = Turns(2), threading.Event()

    def work() -> None:
        with turns.of(quick):
            came.set()

    with turns.of(quick):
        with turns.passing(), turns.passing():
            waiting = threading.Thread(target=work)
            waiting.start()
            assert not came.wait(timeout=0.1)
        assert came.wait(timeout=20)
        waiting.join()


def test_who_needs_the_interpreter_takes_no_turn():
    turns = Turns(1)
    with turns.of(in_turn(quick)), turns.of(in_turn(quick)), turns.of(quick):
        pass


def test_giving_way_is_of_the_thread_alone():
    here = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    with ThreadPoolExecutor(1, initializer=give_way) as pool:
        there = pool.submit(lambda: os.getpriority(os.PRIO_PROCESS, threading.get_native_id())).result()
    assert there == min(19, here + 5)
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == here
