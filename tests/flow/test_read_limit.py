"""Places for slices: never lost, never too many, had in order; and how many there are, found by what reads take."""

import asyncio
import random
from collections.abc import Callable
from itertools import count
from statistics import mean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.flow.read_limit import Bound, ReadLimit
from tests.examples import examples

# --- places ----------------------------------------------------------------------------------------------------------


class Scene:
    """Slices that are asked for, had, ended and given up, on a clock of our own."""

    def __init__(self) -> None:
        self.now = 0.0
        self.limit = ReadLimit(2, 5, clock=lambda: self.now)
        self.waiting: dict[int, asyncio.Task[None]] = {}
        self.reading: dict[int, tuple[asyncio.Task[None], asyncio.Future[bool]]] = {}
        self.numbers = count()
        self.pages: list[asyncio.Future[None]] = []
        self.tasks: set[asyncio.Task[None]] = set()

    def ask(self) -> None:
        number = next(self.numbers)

        async def read() -> None:
            async with self.limit.slice("kind") as read:
                assert number == min(self.waiting), "not in order"
                ended = asyncio.get_running_loop().create_future()
                self.reading[number] = self.waiting.pop(number), ended
                read.size = 1 if await ended else None

        self.waiting[number] = asyncio.create_task(read())
        self.tasks.add(self.waiting[number])

    def end(self, at: int, *, well: bool) -> None:
        if self.reading:
            _, ended = self.reading.pop(sorted(self.reading)[at % len(self.reading)])
            ended.set_result(well) if well else ended.set_exception(OSError())

    def give_up(self, at: int) -> None:
        """Somebody who waits, perhaps called already, or who reads."""
        if self.waiting and (at % 2 or not self.reading):
            self.waiting.pop(sorted(self.waiting)[at % len(self.waiting)]).cancel()
        elif self.reading:
            task, _ = self.reading.pop(sorted(self.reading)[at % len(self.reading)])
            task.cancel()

    def page(self) -> None:
        ended = asyncio.get_running_loop().create_future()

        async def wait() -> None:
            with self.limit.page():
                async with self.limit.small("kind") as read:
                    await ended
                    read.size = 1

        self.pages.append(ended)
        self.tasks.add(asyncio.create_task(wait()))

    def turn(self) -> None:
        if self.pages:
            self.pages.pop(0).set_result(None)

    async def settle(self) -> None:
        for _ in range(6):
            await asyncio.sleep(0)

    def check(self) -> None:
        assert self.limit.taken == len(self.reading)
        assert 1 <= self.limit.places <= 5
        assert not self.waiting or self.limit.taken >= self.limit.places, "somebody waits beside a free place"


ACTIONS: list[Callable[[Scene, int], None]] = [
    lambda scene, _: scene.ask(),
    lambda scene, _: scene.ask(),
    lambda scene, at: scene.end(at, well=True),
    lambda scene, at: scene.end(at, well=False),
    lambda scene, at: scene.give_up(at),
    lambda scene, _: scene.page(),
    lambda scene, _: scene.turn(),
]
STEPS = st.tuples(st.sampled_from(ACTIONS), st.integers(0, 9), st.integers(0, 3), st.floats(0, 2))


@examples(30)
@given(
    st.lists(st.tuples(st.sampled_from(ACTIONS), st.integers(0, 9), st.integers(0, 3), st.floats(0, 2)), max_size=60)
)
def test_places_are_kept_whatever_happens(steps: list[tuple[Callable[[Scene, int], None], int, int, float]]):
    async def play() -> None:
        scene, most = Scene(), 0
        for act, at, pause, seconds in steps:
            scene.now += seconds
            act(scene, at)
            for _ in range(pause):  # between none and some of what follows from it
                before = max(scene.limit.taken, scene.limit.places)
                await asyncio.sleep(0)
                assert scene.limit.taken <= max(before, scene.limit.places)
            most = max(most, scene.limit.taken)
            if pause == 3:
                await scene.settle()
                scene.check()
        while scene.pages:
            scene.turn()
        await scene.settle()
        while scene.waiting or scene.reading:  # all have their turn in the end
            assert scene.reading, "nobody reads, and nobody is let in"
            scene.end(0, well=True)
            await scene.settle()
            scene.check()
        for outcome in await asyncio.gather(*scene.tasks, return_exceptions=True):
            assert outcome is None or isinstance(outcome, OSError | asyncio.CancelledError), repr(outcome)
        assert (scene.limit.taken, most <= 5) == (0, True)

    asyncio.run(play())


async def test_who_is_called_and_given_up_at_once_passes_it_on():
    limit, had = ReadLimit(1, 1), []

    async def read(name: str, *, hold: bool) -> None:
        async with limit.slice("kind"):
            had.append(name)
            await asyncio.sleep(3600 if hold else 0)

    first, second, third = (
        asyncio.create_task(read(name, hold=hold)) for name, hold in (("a", True), ("b", True), ("c", False))
    )
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)  # the second has been called, and has not gone on
    second.cancel()
    await third
    assert (had, limit.taken) == (["a", "c"], 0)


# --- how many --------------------------------------------------------------------------------------------------------


class Database:
    """What reads of 20 ms take where so many are done at once and others wait, give or take a half."""

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._chance = random.Random(12)

    def seconds(self, beside: int) -> float:
        return 0.02 * max(1, beside / self._at_once) * self._chance.lognormvariate(0, 0.5)


def found(bound: Bound, database: Database, reads: int, *, wanted: bool = True, now: float = 0) -> list[int]:
    """The size of the bound while so many reads come, each beside as many as there may be."""
    sizes = []
    for _ in range(reads):
        beside = bound.size
        took = database.seconds(beside)
        bound.heard("kind", now, now + took, beside, wanted=wanted)
        now += took / beside
        sizes.append(bound.size)
    return sizes


@pytest.mark.parametrize(
    ("few", "at_once", "least", "most"),
    [
        (1, 1, 1, 3),  # a page waits no longer than for a slice or two
        (1, 4, 3, 9),
        (4, 1, 4, 8),  # what one pass may have is not taken from it
        (4, 2, 4, 8),
        (4, 1000, 25, 32),  # far away and large: more is worth having
    ],
)
def test_as_many_as_the_database_does_at_once(few: int, at_once: int, least: int, most: int):
    sizes = found(Bound(few, 32), Database(at_once), 3_000)
    assert least <= mean(sizes[1_000:]) <= most
    assert few <= min(sizes) <= max(sizes) <= 32


def test_what_became_slow_is_noticed_soon():
    bound = Bound(1, 32)
    assert found(bound, Database(1000), 2_000, now=0)[-1] > 20
    assert min(found(bound, Database(2), 60, now=50)) < 8


def test_nothing_grows_that_is_not_wanted():
    assert set(found(Bound(4, 32), Database(1000), 500, wanted=False)) == {4}


def test_a_page_takes_places_away_and_gives_them_back():
    limit = ReadLimit(4, 32)
    assert limit.places == 4
    with limit.page(), limit.page():
        assert limit.places == 1
    assert limit.places == 4
    assert ReadLimit(64, 32).places == 32


# --- passes that begin -----------------------------------------------------------------------------------------------


async def test_few_passes_begin_at_once_and_none_keeps_the_others_for_long():
    limit, go_on = ReadLimit(2, 5), asyncio.Event()
    begun = [asyncio.Event() for _ in range(5)]

    async def begin(at: int) -> None:
        async with limit.chunk(whole=True, first=True):
            begun[at].set()
            await go_on.wait()

    async def all_of(some: list[asyncio.Event]) -> None:
        for event in some:
            await event.wait()

    async with asyncio.TaskGroup() as group:
        for at in range(5):
            group.create_task(begin(at))
        await all_of(begun[:2])
        async with limit.chunk(whole=False, first=True), limit.chunk(whole=True, first=False):
            pass  # neither a page nor a pass that goes on waits
        await all_of(begun)  # though none of them comes to an end
        go_on.set()


async def test_who_begins_gives_its_place_to_the_next():
    limit = ReadLimit(1, 5)
    for _ in range(3):
        with pytest.raises(OSError, match="lost"):
            async with limit.chunk(whole=True, first=True):
                raise OSError("lost")
    begun: list[int] = []
    for number in range(3):
        async with limit.chunk(whole=True, first=True):
            begun.append(number)
    assert begun == [0, 1, 2]
