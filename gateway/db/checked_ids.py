"""Candidates walked in order, a handful checked at a time: the ids of a selection that nearly everything fulfils."""

import asyncio
from collections import deque
from typing import Final, Protocol

from gateway.db.retry import RetryPolicy
from gateway.db.term_ids import TermIds
from gateway.errors import GatewayError
from gateway.tasks import cancelled

__all__ = ["CheckedIds"]

# Candidates of the first checks, and of all later ones: a page is content with few, a download asks for all.
_WIDTHS: Final = (2, 18, 80)
_WIDTH: Final = 200
# After so many of them it is known whether it goes on like this.
_LOOKED: Final = sum(_WIDTHS)
_AHEAD: Final = 3
# What part of the candidates must be selected for a walk to be worth it: a page stops soon, a download reads them all.
_PART_OF_PAGE: Final = 0.02
_PART: Final = 0.2


# Candidates, the id behind which they begin, and the last of them; None where nothing bounds them.
_Asked = tuple[list[str], str | None, str | None]


class _Candidates(Protocol):
    ids: list[str]

    async def more(self, position: int) -> bool: ...

    def ready(self, position: int) -> bool: ...

    async def stop(self) -> None: ...


class CheckedIds:
    """The candidates that a selection's indirect terms select.

    Where too few of the first hundred are, the rest is resolved as sets: what comes is the same.
    """

    def __init__(self, candidates: _Candidates, terms: TermIds, retry: RetryPolicy, *, paged: bool) -> None:
        """The candidates have been started, and are stopped by this."""
        self._candidates = candidates
        self._terms = terms
        self._retry = retry
        self._paged = paged
        self._position = self._launched = self._seen = self._hits = 0
        self._last: str | None = None
        self._ended = False
        self._tasks: deque[tuple[_Asked, asyncio.Task[list[str]]]] = deque()

    async def next(self) -> tuple[list[str], bool]:
        """The ids that follow, perhaps none, and whether they are the last."""
        if not self._tasks:
            await self._candidates.more(self._position)
            self._launch()
        found = await self._retry(self._landed)
        (ids, _, upto), _ = self._tasks[0]
        seen, hits = self._seen + len(ids), self._hits + len(found)
        decides = self._seen < _LOOKED <= seen
        if upto is not None and decides and hits < seen * (_PART_OF_PAGE if self._paged else _PART):
            with self._retry.selecting():
                rest = sorted(name for name in await self._retry(self._terms.resolve) if name > upto)
            return found + rest, True
        self._tasks.popleft()
        self._seen, self._hits = seen, hits
        while not self._paged and seen >= _LOOKED and len(self._tasks) < _AHEAD and not self._ended:
            if not self._candidates.ready(self._position):
                break
            await self._candidates.more(self._position)
            self._launch()
        return found, self._ended and not self._tasks

    async def _landed(self) -> list[str]:
        asked, task = self._tasks[0]
        try:
            return await asyncio.shield(task)
        except GatewayError:  # who tries again finds another try under way
            self._tasks[0] = asked, self._check(asked)
            raise

    def _check(self, asked: _Asked) -> "asyncio.Task[list[str]]":
        return asyncio.create_task(self._terms.among(*asked))

    def _launch(self) -> None:
        """Check the candidates that follow; behind the last of them, what is there without one."""
        width = _WIDTHS[self._launched] if self._launched < len(_WIDTHS) else _WIDTH
        ids = self._candidates.ids[self._position : self._position + width]
        asked = ids, self._last, ids[-1] if ids else None
        self._last, self._ended = ids[-1] if ids else self._last, not ids
        self._position += len(ids)
        self._launched += 1
        self._tasks.append((asked, self._check(asked)))

    @property
    def ready(self) -> bool:
        """Whether `next` would answer at once."""
        return bool(self._tasks) and self._tasks[0][1].done()

    async def stop(self) -> None:
        """Give up what is being checked, and the candidates."""
        await cancelled(*(task for _, task in self._tasks))
        await self._candidates.stop()
