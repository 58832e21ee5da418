"""The folds of a VCF: rows of `vcf.COLUMNS` in, the names of the samples and the sorted records out.

`Records` is the reference; `CoreRecords` has the core do it, but for what that leaves to `vcf_sites`.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import groupby
from operator import itemgetter
from typing import Final

from gateway import codec
from gateway.codec import Column, Sites
from gateway.formats.base import compiled
from gateway.formats.vcf_sites import RULES, Seen, copies, entries
from gateway.rows import Encode, Fold, Rows, in_pieces
from gateway.sorting import Sorter
from gateway.text import escape_cell

__all__ = ["CoreRecords", "Records", "encoder", "fold"]

_NOWHERE: Final = "."
_PIECE: Final = 64 * 1024
_CORE_PIECE: Final = 512 * 1024
_KEY: Final = 12
"""Characters that sort a line: two of the chromosome's rank, ten of the position."""
_COLUMN: Final = 8
"""Digits of a column's number."""
_LOG2, _PARTNER = 7, 8
"""Where cells of `vcf.COLUMNS` are."""


def encoder(columns: tuple[Column, ...]) -> Encode:
    """The encoder of variants for `fold`: rows of `vcf.COLUMNS`, or what the core makes of its own of them at once."""
    key = "biosample_id"
    return compiled(
        partial(codec.sure_site_rows, columns=columns, key=key, rules=RULES),
        partial(codec.rows, columns=columns, key=key),
    )


def fold() -> Fold:
    """The fold of a download."""
    sites = codec.sites(RULES)
    return Records() if sites is None else CoreRecords(sites)


class Records:
    """The fold of a VCF: first the names of the samples, then, of what was fed, the records."""

    def __init__(self, sorter: Sorter | None = None) -> None:
        self._sorter = sorter or Sorter()
        self._samples: dict[str, str] = {}  # each with its column, as lines have it
        self._named = False

    def feed(self, _: int, data: bytes) -> None:
        """Take in rows of `COLUMNS`; those of the samples' own documents say nothing that is not known."""
        if self._named:
            for lines in in_pieces(data):
                self._sorter.add(self._entries(lines.decode().split("\n")[:-1]))

    def _entries(self, lines: Iterable[str]) -> Iterator[bytes]:
        for line in lines:
            cells = line.split("\t")
            column = self._samples.get(cells[0])
            if column is None:
                continue
            place = copies(cells[1], cells[2], cells[3], cells[4]) if cells[_PARTNER] == _NOWHERE else None
            if place:
                yield f"{place}{column}0/1:{cells[_LOG2]}\n".encode()
            elif place is None:
                for other, value in entries(Seen(*cells)):
                    yield f"{other}{column}{value}\n".encode()

    def through(self, ids: Sequence[str]) -> Iterator[Rows]:
        """The names of samples, where they are not all said yet."""
        if not self._named and ids:
            yield Rows(_names(ids, first=not self._samples), 0, 0)
            for name in ids:
                self._samples[escape_cell(name)] = f"\t{len(self._samples):0{_COLUMN}d}\t"

    def finish(self) -> Iterator[Rows]:
        """The end of the names; then the records."""
        if self._named:
            yield from self._records()
        else:
            self._named = True
            yield Rows(b"\n", 0, 0)

    def _records(self) -> Iterator[Rows]:
        gaps = b"\t." * len(self._samples)
        kept: list[bytes] = []
        size = 0
        for place, group in groupby(map(_parted, self._sorter.sorted()), key=itemgetter(0)):
            # Behind what sorts the line come the fields of the record.
            records = _site(place[_KEY:], group, gaps)
            kept += records
            size += sum(map(len, records))
            if size >= _PIECE:
                yield Rows(b"".join(kept), len(kept), 0)
                kept, size = [], 0
        yield Rows(b"".join(kept), len(kept), 0)


def _names(ids: Sequence[str], *, first: bool) -> bytes:
    """The names of samples, behind that of the column before the first of them."""
    return ("\tFORMAT" * first + "".join(f"\t{escape_cell(name)}" for name in ids)).encode()


def _site(fields: bytes, cells: Iterable[tuple[bytes, int, bytes]], gaps: bytes) -> list[bytes]:
    """The records of a site, of its cells in order: as many as the most values that a sample has there.

    Two analyses of a sample may find one segment with two ratios.
    """
    records = []
    while True:
        record, at = [fields], 0
        others = []
        for place, column, value in cells:
            if column >= at:
                record += (gaps[: 2 * (column - at)], value)
                at = column + 1
            elif value != record[-1]:
                others.append((place, column, value))
        records.append(b"".join((*record, gaps[2 * at :], b"\n")))
        if not others:
            return records
        cells = others


def _parted(line: bytes) -> tuple[bytes, int, bytes]:
    """Place, column, and cell of a line with the tab before it."""
    end = line.rindex(b"\t")
    return line[: end - _COLUMN - 1], int(line[end - _COLUMN : end]), line[end:-1]


class CoreRecords:
    """The same, by the core."""

    def __init__(self, sites: Sites) -> None:
        self._sites = sites
        self._any = self._named = False

    def feed(self, _: int, data: bytes) -> None:
        """Take in rows."""
        if self._named:
            for row in self._sites.feed(data).splitlines():
                cells = row.decode().split("\t")
                for place, value in entries(Seen(*cells)):
                    chromosome, position, fields = place[_KEY:].split("\t", 2)
                    site = (chromosome.encode(), int(position), f"\t{fields}".encode())
                    self._sites.add(cells[0].encode(), *site, value.encode())

    def through(self, ids: Sequence[str]) -> Iterator[Rows]:
        """The names of samples."""
        if not self._named and ids:
            yield Rows(_names(ids, first=not self._any), 0, 0)
            self._any = True
            self._sites.name(map(escape_cell, ids))

    def finish(self) -> Iterator[Rows]:
        """The end of the names; then the records."""
        if not self._named:
            self._named = True
            yield Rows(b"\n", 0, 0)
            return
        while True:
            records, count = self._sites.records(_CORE_PIECE)
            yield Rows(records, count, 0)
            if not records:
                return
