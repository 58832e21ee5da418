"""Files sorted by position: the lines of a part wait on disk, each behind a key that sorts it, until all are there.

Rows come by sample, whatever reads parts of a file goes by position.  Lines with equal keys follow each other by their
own bytes, so that a file is the same however its rows came.  Memory is that of the engine's sorter.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Final

from gateway.codec import Sorter
from gateway.genome import CHROMOSOMES
from gateway.rows import Fold, Rows, in_pieces
from gateway.text import unescape

__all__ = ["InOrder", "Keyed", "by_genome", "by_name", "by_values"]

Keyed = Callable[[bytes], bytes | None]
"""A line behind its key and a tab, neither with a line end; None for one that has no place."""


class InOrder:
    """The fold of a part whose lines are sorted by what `keyed` puts before them.

    They are given on as they are, or fed to another fold, which makes the rows.  `opening` is said before them, given
    how many lines had no place and are left out.
    """

    def __init__(
        self,
        keyed: Keyed,
        *,
        then: Fold | None = None,
        opening: Callable[[int], bytes] = lambda _: b"",
        sorter: Sorter | None = None,
    ) -> None:
        self._keyed = keyed
        self._then = then
        self._opening = opening
        self._sorter = sorter or Sorter()
        self._left_out = 0

    def feed(self, _: int, data: bytes) -> None:
        """Take in lines."""
        for lines in in_pieces(data):
            found = list(map(self._keyed, lines[:-1].split(b"\n")))
            placed = [line for line in found if line is not None]
            self._left_out += len(found) - len(placed)
            if placed:
                self._sorter.add_lines(b"\n".join((*placed, b"")))

    def through(self, ids: Sequence[str]) -> Iterator[Rows]:
        """Nothing yet but what another fold says first."""
        if self._then:
            yield from self._then.through(ids)

    def finish(self) -> Iterator[Rows]:
        """Yield the rows."""
        if opening := self._opening(self._left_out):
            yield Rows(opening, 0, 0)
        for piece in self._sorter.pieces():
            lines = b"\n".join([line[line.find(b"\t") + 1 :] for line in piece.split(b"\n")])
            if self._then:
                self._then.feed(0, lines)
                yield from self._then.through(())
            else:
                yield Rows(lines, lines.count(b"\n"), 0)
        if self._then:
            yield from self._then.finish()


# --- keys ------------------------------------------------------------------------------------------------------------

_RANKS: Final = {c.name.encode(): (b"%02d" % rank, c.size) for rank, c in enumerate(CHROMOSOMES.values())}
_NOWHERE: Final = (b"", 0)


def by_genome(line: bytes) -> bytes | None:
    """By chromosome (1 to 22, X, Y, MT), start and end, which are the second to fourth cell.

    A line has a place if it begins with a base of a chromosome, and does not end before that; its end is cut at that
    of the chromosome.
    """
    first, name, start, end, rest = line.split(b"\t", 4)
    rank, size = _RANKS.get(name, _NOWHERE)
    if not (start.isdigit() and end.isdigit() and int(start) < size and int(end) >= int(start)):
        return None
    if int(end) > size:
        end = b"%d" % size
        line = b"\t".join((first, name, start, end, rest))
    return b"%b%10b%10b\t%b" % (rank, start.lstrip(b"0"), end.lstrip(b"0"), line)


def by_name(line: bytes) -> bytes:
    """By the name of the chromosome as text, start and end: the first three cells, all of which are there."""
    name, start, end, _ = line.split(b"\t", 3)
    # A name ends with what is less than any character of a longer one.
    return b"%b %10b%10b\t%b" % (name, start.lstrip(b"0"), end.lstrip(b"0"), line)


def by_values(line: bytes) -> bytes:
    """By the values of the second to fourth cell, as columns are compared: a text, integers; what is missing is last.

    Texts are compared by their bytes in UTF-8, not by those of their percent codes.
    """
    _, name, start, end, _ = line.split(b"\t", 4)
    return b"%b%b%b\t%b" % (_text(name), _integer(start), _integer(end), line)


_MISSING: Final = b"~"  # behind all digits


@lru_cache(maxsize=1024)
def _text(cell: bytes) -> bytes:
    return _MISSING if cell == b"." else unescape(cell.decode()).encode().hex().encode() + b" "


def _integer(cell: bytes) -> bytes:
    """Of 64 bits: as its digits behind blanks, as many as it takes; what is negative is before all of these."""
    if cell.isdigit():
        return b"%20b" % cell.lstrip(b"0")
    return _MISSING if cell == b"." else b"\1%020d" % (int(cell) + 2**63)
