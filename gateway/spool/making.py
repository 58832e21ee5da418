"""What an export is made of: what was asked, what makes its bytes, and what a pass holds meanwhile."""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from gateway.rows import Tally

__all__ = ["Charge", "Making", "Pass", "Produce", "Progress", "Slot", "Unspooled"]


class Pass(Protocol):
    """A pass that may have to give way: `users` follow it, and the last of them `left` then (monotonic seconds)."""

    users: int
    left: float

    @property
    def digest(self) -> str:
        """What it makes."""
        ...

    def give_way(self) -> None:
        """Give up, at once; nobody follows."""
        ...


Produce = Callable[[list[Tally]], AsyncGenerator[bytes, None]]
"""Makes the bytes of an export, from the start; the tallies tell how far it is."""
Charge = Callable[[int], None]
"""Hears of so many bytes before they are written; raises Unspooled if they may not be."""
Slot = Callable[[Pass], AbstractContextManager[Charge]]
"""What each pass holds; may raise what says that there is none."""


class Unspooled(Exception):
    """The spool cannot hold this export, or no longer; its bytes must come from elsewhere.

    Not `lasting` where that is so for who asked alone: another may ask at once.
    """

    def __init__(self, why: str, *, lasting: bool = True) -> None:
        super().__init__(why)
        self.lasting = lasting


@dataclass(frozen=True, slots=True)
class Making:
    """An export: its digest, what was asked (kept beside it, as JSON), and what makes its bytes.

    Once it is produced, `beside` holds its indexes, by kind, which are kept with it.
    """

    digest: str
    record: Mapping[str, Any]
    produce: Produce
    beside: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(slots=True)
class Progress:
    """How far an export is, as a ticket says it."""

    rows: int = 0
    size: int = 0
