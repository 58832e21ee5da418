"""How far the reading of each part of a pass is, and how wide its next slice will be."""

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import Final

from gateway.db.replies import Page
from gateway.download_types import Part
from gateway.rows import Rows

__all__ = ["WIDEST", "PartReading", "SliceSizer"]

WIDEST: Final = 400
"""Ids of one slice: a `$in` of some hundred values is sought in an index by every server."""
_WIDER_AT_MOST: Final = 4
_FIRST_WIDTH: Final = 4
# A slice that takes longer leaves the client without a byte for too long.
_SECONDS_A_SLICE: Final = 2.0
_LEAST_ROWS: Final = 100
# Rows of a slice that are made by the interpreter, some tens of microseconds each.
_INTERPRETED: Final = 2_000
# Bytes of a slice's documents: of segments 10,000 have half of it, other documents may be large.
_BYTES_A_SLICE: Final = 4 * 1024 * 1024


class SliceSizer:
    """How many biosamples the slices of a walk ask for: as many as bring the `rows` aimed at, or a `fixed` number.

    Fewer where the database is so slow that a client would be left without a byte for seconds, and where documents are
    so large that a slice would be more than some megabytes.
    """

    def __init__(self, rows: int, *, fixed: bool, first: int | None = None, widest: int = WIDEST) -> None:
        """`first`: biosamples of the first slice, where it is known how many are wanted; `widest`: of any slice."""
        self.rows = rows
        self.widest = widest
        self._first = first
        self._fixed = fixed
        self._last = 0
        self._density: float | None = None  # rows a biosample, as seen so far
        self._speed: float | None = None  # biosamples a second in one flight, as seen so far
        self._weight = 1.0  # bytes a biosample, as seen so far

    def width(self) -> int:
        """Biosamples of the next slice."""
        soon = self.widest if self._speed is None else max(1, int(self._speed * _SECONDS_A_SLICE))
        soon = min(soon, self.widest, max(1, int(_BYTES_A_SLICE / self._weight)))
        if self._fixed:
            return min(WIDEST // 2 if self._first is None or self._density is not None else self._first, soon)
        if not self._last or self._density is None:
            self._last = self._first or _FIRST_WIDTH
        else:
            fitting = int(self.rows / self._density) if self._density else WIDEST
            self._last = max(1, min(fitting, self._last * _WIDER_AT_MOST, WIDEST))
        return min(self._last, soon)

    def begin_with(self, biosamples: int) -> None:
        """Let the first slice be of so many."""
        self._first = max(1, min(WIDEST, biosamples))

    def interpreted(self) -> None:
        """Aim at few rows: each of them keeps the interpreter from others."""
        self.rows = min(self.rows, _INTERPRETED)

    def learn(self, biosamples: int, rows: int) -> None:
        """Take note of what a slice brought."""
        seen = rows / biosamples
        self._density = seen if self._density is None else 0.7 * self._density + 0.3 * seen

    def took(self, biosamples: int, seconds: float) -> None:
        """Take note of how long it took: what is slow is believed at once, what is fast with time."""
        seen = biosamples / max(seconds, 1e-6)
        self._speed = seen if self._speed is None or seen < self._speed else (self._speed + seen) / 2

    def weighed(self, biosamples: int, size: int) -> None:
        """Take note of how many bytes it brought: what is heavy is believed at once, what is light with time."""
        seen = max(1.0, size / biosamples)
        self._weight = seen if seen > self._weight else (self._weight + seen) / 2

    def within(self, limit: int, known: int) -> int:
        """As many of `limit` rows of one biosample as come soon enough, where `known` of them came with a slice."""
        if self._speed is None:
            return limit
        return min(limit, max(_LEAST_ROWS, int(known * self._speed * _SECONDS_A_SLICE)))


@dataclass(slots=True)
class PartReading:
    """How far the reading of a part is: where its next slice begins, and the slices under way, in order."""

    part: Part
    sizer: SliceSizer
    position: int = 0
    density: float = 1.0  # documents a biosample, in the dataset as a whole
    hint: str | None = None  # an index better than that of the biosamples' ids
    flights: "deque[tuple[list[str], asyncio.Task[Rows | Page]]]" = field(default_factory=deque)

    @property
    def ahead(self) -> bool:
        """Whether it may begin before its turn."""
        return self.part.fetch and not self.part.limit and self.part.fold is None
