"""Lanes: how far the reading of each part of a pass is, and how wide its next slice will be."""

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import Final

from gateway.flow.source import Page
from gateway.model import Part, Rows

__all__ = ["Lane", "Pace"]

# Ids of one slice: a `$in` of some hundred values is sought in an index by every server.
_WIDEST: Final = 400
_WIDER_AT_MOST: Final = 4
_FIRST_WIDTH: Final = 4


class Pace:
    """How many biosamples the slices of a walk ask for: as many as should bring the `rows` aimed at, or one `fixed` number."""

    def __init__(self, rows: int, *, fixed: bool) -> None:
        self.rows = rows
        self._fixed = _WIDEST // 2 if fixed else 0
        self._last = 0
        self._density: float | None = None  # rows a biosample, as seen so far

    def width(self) -> int:
        """Biosamples of the next slice."""
        if self._fixed:
            return self._fixed
        if not self._last or self._density is None:
            self._last = _FIRST_WIDTH
            return self._last
        fitting = int(self.rows / self._density) if self._density else _WIDEST
        self._last = max(1, min(fitting, self._last * _WIDER_AT_MOST, _WIDEST))
        return self._last

    def learn(self, biosamples: int, rows: int) -> None:
        """Take note of what a slice brought."""
        seen = rows / biosamples
        self._density = seen if self._density is None else 0.7 * self._density + 0.3 * seen


@dataclass(slots=True)
class Lane:
    """How far the reading of a part is: where its next slice begins, and the slices under way, in order."""

    part: Part
    pace: Pace
    position: int = 0
    flights: "deque[tuple[list[str], asyncio.Task[Rows | Page]]]" = field(default_factory=deque)

    @property
    def ahead(self) -> bool:
        """Whether it may begin before its turn."""
        return self.part.fetch and not self.part.limit and self.part.fold is None
