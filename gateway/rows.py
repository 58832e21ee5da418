"""Rows: how documents become bytes, and what is counted of them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar, cast

__all__ = ["Array", "Encode", "Fold", "NotToBeKept", "Rows", "Say", "Tally", "delivered", "in_pieces", "in_slices"]

S = TypeVar("S", bound=Sequence[Any])

# Bytes: as objects of Python lines take some ten times as much.
_PIECE: Final = 256 * 1024


class NotToBeKept(Exception):
    """Said behind the last chunk of a download of which it cannot be told that it is of one moment."""


@dataclass(slots=True)
class Tally:
    """What a part has delivered so far, of which collection; and all documents that match, if they are counted.

    `lower` says that there are at least so many, `more` whether some are behind those of a page, once that is known.
    Once all is delivered, it was made of so many `documents`, of so many `samples`.
    """

    rows: int = 0
    total: int | None = None
    collection: str = ""
    lower: bool = False
    more: bool | None = None
    documents: int = 0
    samples: int = 0


def delivered(tallies: Sequence[Tally]) -> int:
    """The rows of a download so far: those of its last part, and of parts of the same collection before it."""
    return sum(tally.rows for tally in tallies if tally.collection == tallies[-1].collection)


@dataclass(frozen=True, slots=True)
class Rows:
    """Encoded rows: their bytes, how many documents they are of, and how many documents the encoder was given.

    A format that has no place for a document drops its row, and counts it all the same: pages are of documents.
    """

    data: bytes
    rows: int
    matched: int


Array = bytes | memoryview
"""A BSON array of documents, or where it lies in a reply."""


def in_slices(values: S, size: int) -> Iterator[S]:
    """The values, so many at a time."""
    return (cast(S, values[at : at + size]) for at in range(0, len(values), size))


def in_pieces(lines: bytes, most: int = _PIECE) -> Iterator[bytes]:
    """The lines, some at a time: as many as have no more than `most` bytes, or one."""
    at = 0
    while at < len(lines):
        end = len(lines)
        if end - at > most:
            end = lines.rfind(b"\n", at, at + most) + 1 or lines.find(b"\n", at + most) + 1 or end
        yield lines[at:end]
        at = end


class Encode(Protocol):
    """Shapes rows: raw BSON arrays in (as replies carry them), bytes out, in (key, `_id`) order.

    Only rows `start:stop` of that order are written.  Split-invariant: encode(a) + encode(b) == encode(a + b) where
    all of a's rows precede b's.  Pure, and called in threads.  One that needs the interpreter has `sure`, what it does
    without (None, or what gives None where it cannot), and `reference`, which always can.
    """

    def __call__(self, arrays: Sequence[Array], *, start: int = 0, stop: int | None = None) -> Rows:
        """Encode the documents of `arrays`."""
        ...


class Fold(Protocol):
    """Makes rows of more than one document, and of what was counted on the way: the state of one download.

    It is fed what a part (source 0) and those beside it encoded, each in its order, and told of biosamples whose
    documents are all there.  What it gives depends on the documents alone, not on the pieces they came in.  Called in
    threads, one call after the other, and each takes a bounded piece of work: iterators are advanced one by one.
    """

    def feed(self, source: int, data: bytes) -> None:
        """Take in the next encoded documents of a source."""
        ...

    def through(self, ids: Sequence[str]) -> Iterator[Rows]:
        """Yield the rows of these biosamples, which come after all of before; their documents have all been fed.

        Called after each feed, also where no biosample is complete: what needs none may be told then.
        """
        ...

    def finish(self) -> Iterator[Rows]:
        """Yield what follows the last biosample of the part."""
        ...


Say = Callable[[Sequence[Tally]], bytes]
"""What is said around rows, given the tallies of all parts so far; the last is the part's own."""


def tiles(ids: Sequence[str], width: int) -> Iterator[dict[str, str]]:
    """Ranges that have all texts in them, each once: those that begin with every so manieth id."""
    begins = ["", *(some[0] for some in in_slices(ids[width:], width))]
    for begin, end in zip(begins, [*begins[1:], None], strict=True):
        yield {"$gte": begin} if end is None else {"$gte": begin, "$lt": end}
