"""What comes back from a `find`, as raw BSON: a whole page, or a reply that is looked at where it lies."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from gateway import codec
from gateway.db.driver import REUSED
from gateway.rows import Array

__all__ = ["EMPTY", "Concern", "Page", "Reply"]

EMPTY: Final = 5
"""Bytes of a BSON array of nothing."""

Concern = Mapping[str, Any]
"""The read concern of a command, as its fields: `Moment.concern`."""


@dataclass(frozen=True, slots=True)
class Page:
    """The documents of one `find`: raw BSON arrays, whether they are all there were, how many, and their bytes."""

    arrays: list[Array]
    complete: bool
    count: int
    size: int


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
        found = self.look()
        own = len(self.batch) > REUSED
        return replace(found, arrays=[self.batch if own else bytes(self.batch)] if found.count else [])

    def look(self) -> Page:
        """The same without the documents."""
        count = codec.count(self.batch)
        return Page([], not self.full and count < self.limit, count, len(self.batch))
