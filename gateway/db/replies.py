"""What comes back from a `find`, as raw BSON: a whole page, or a reply that is looked at where it lies."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from gateway import codec

__all__ = ["EMPTY", "Concern", "Page", "Reply"]

EMPTY: Final = 5
"""Bytes of a BSON array of nothing."""

Concern = Mapping[str, Any]
"""The read concern of a command, as its fields: `Moment.concern`."""


@dataclass(frozen=True, slots=True)
class Page:
    """The documents of one `find`: raw BSON arrays, their bytes, and whether they are all there were."""

    arrays: list[bytes]
    complete: bool

    @property
    def size(self) -> int:
        """Bytes of BSON."""
        return sum(len(array) for array in self.arrays)


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply to a `find` of up to `limit` documents: its BSON array where it lies; `full`: it could not hold all.

    Valid only in the thread that is given it.
    """

    batch: memoryview
    full: bool
    limit: int

    def page(self) -> Page:
        """A copy of the documents."""
        array = bytes(self.batch)
        count = codec.count(array)
        return Page([array] if count else [], not self.full and count < self.limit)
