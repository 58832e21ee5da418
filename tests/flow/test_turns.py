"""Turns of encoders: never more at once than there may be, one fewer while several downloads are under way."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from gateway.flow.turns import Turns


def most_at_once(turns: Turns, allowed: int) -> int:
    """How many of eight threads have a turn at the same time, when each waits for as many as are allowed."""
    meeting = threading.Barrier(allowed)
    now, most, lock = 0, 0, threading.Lock()

    def work() -> None:
        nonlocal now, most
        with turns:
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
    with pytest.raises(ValueError, match="broken"), turns:
        raise ValueError("broken")
    assert most_at_once(turns, 1) == 1


def test_who_waits_goes_on_when_a_download_ends():
    turns, came = Turns(2), threading.Event()

    def work() -> None:
        with turns:
            came.set()

    with turns:
        with turns.passing(), turns.passing():
            waiting = threading.Thread(target=work)
            waiting.start()
            assert not came.wait(timeout=0.1)
        assert came.wait(timeout=20)
        waiting.join()
