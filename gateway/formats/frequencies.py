"""Frequencies of gains and losses in genome bins, of one group of analyses or several: `.pgxfreq`, matrix, JSON.

A group's map is read where one is stored, else computed from its segments; both print the same.  All groups are
counted before the first is told, because every group is introduced at the head of a file: memory is groups by bins.

A group of no analyses is left out, as Progenetix leaves out codes that it does not know.  Clients read the groups by
number, from the second line on, in the order that was asked in: whatever else is to be said stands behind them.
"""

import math
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import Any, Final, Protocol

from gateway.bins.counting import FREQUENCIES, Census
from gateway.bins.maps import BinMap, bin_map
from gateway.download_types import Group, Part, Wanted
from gateway.errors import DatasetChanged
from gateway.formats.base import Format, camel, document_rows, dumps, plain
from gateway.formats.cnv_profiles import Profiles, analyses_part
from gateway.formats.matrix import header
from gateway.formats.service_json import envelope
from gateway.rows import Encode, Rows
from gateway.tabix import NAMED_LINES
from gateway.text import escape_cell, escape_value

__all__ = ["JSON", "MATRIX", "PGXFREQ", "Counted", "Tell", "frequency_parts"]

_COLUMNS: Final = ("group_id", "reference_name", "start", "end", "gain_frequency", "loss_frequency")
_BINS_A_PIECE: Final = 5_000
_GAIN, _LOSS = (list(FREQUENCIES).index(name) for name in ("gain_frequency", "loss_frequency"))


class Counted(Protocol):
    """What is known of a group in the end: `Census`, or a stored map."""

    @property
    def analyses(self) -> int:
        """How many analyses were counted."""
        ...

    def frequencies(self, start: int, stop: int) -> list[list[float]]:
        """Percent for bins `start:stop`, for each of FREQUENCIES; NaN where it is not known."""
        ...


class _Stored:
    """A stored frequency map, as `_stored_rows` packed it."""

    def __init__(self, data: bytes, bins: int) -> None:
        values = array("d")
        values.frombytes(data[: 8 * (1 + bins * len(FREQUENCIES))])  # of twins the first counts
        self.analyses = int(values[0])
        self._bins = bins
        self._values = values

    def frequencies(self, start: int, stop: int) -> list[list[float]]:
        """As `Counted` has it."""
        firsts = range(1, len(self._values), self._bins)
        return [self._values[first + start : first + min(stop, self._bins)].tolist() for first in firsts]


def _number(value: Any, default: float) -> float:
    fine = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if fine else default


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _stored_rows(bins: int) -> Encode:
    """An encoder of documents with a frequency map: the number of its analyses, and four doubles a bin."""

    def packed(document: dict[str, Any]) -> bytes:
        found, counts = _dict(document.get("frequencymap")), _dict(document.get("counts"))
        said = (
            found.get("frequencymap_samples"),
            found.get("sample_count"),
            document.get("cnv_analyses"),
            counts.get("callsets"),
            counts.get("analyses"),
        )
        numbers = array("d", [next((n for n in (_number(value, -1) for value in said) if n >= 0), 0)])
        stored = found.get("intervals")
        intervals = [_dict(item) for item in stored] if isinstance(stored, list) else []
        intervals = [*intervals, *({} for _ in range(bins - len(intervals)))][:bins]
        for name in FREQUENCIES:
            numbers.extend(_number(interval.get(name), math.nan) for interval in intervals)
        return numbers.tobytes()

    return document_rows("id", packed)


class _Frequencies:
    """Counts group after group, then tells them all, in the words of `tell`."""

    def __init__(self, groups: Sequence[Group], bins: BinMap, tell: "Tell", min_number: int) -> None:
        self._groups = groups
        self._bins = bins
        self._tell = tell
        self._least = min_number
        self._profiles = Profiles(bins)
        self._counted: list[Counted] = []
        self._census = Census(bins)
        self._stored: _Stored | None = None

    def feed(self, source: int, data: bytes) -> None:
        """Take in a stored map, or analyses (source 0) and their segments (1)."""
        if self._groups[len(self._counted)].stored:
            self._stored = self._stored or (_Stored(data, len(self._bins)) if data else None)
        elif source:
            self._profiles.feed_segments(data)
        else:
            self._profiles.feed_analyses(data)

    def through(self, ids: Sequence[str]) -> Iterator[Rows]:
        """Count complete biosamples; their rows come at the end."""
        if not self._groups[len(self._counted)].stored:
            for batch in self._profiles.batches(ids):
                some = [analysis for analysis in batch if analysis.segments]
                self._census.add(self._profiles.coverage(some) if some else None, len(batch))
                yield Rows(b"", 0, len(batch))

    def finish(self) -> Iterator[Rows]:
        """End a group; after the last one tell them all."""
        group = self._groups[len(self._counted)]
        if group.stored and self._stored is None:
            raise DatasetChanged(f"the frequency map of {group.id} is no longer there; ask again")
        self._counted.append(self._stored if group.stored and self._stored else self._census)
        self._census, self._stored = Census(self._bins), None
        if len(self._counted) == len(self._groups):
            pairs = zip(self._groups, self._counted, strict=True)
            yield from self._tell([pair for pair in pairs if self._is_told(*pair)], self._bins)

    def _is_told(self, group: Group, counted: Counted) -> bool:
        # A stored map may lack the number of its analyses.
        return counted.analyses >= self._least and (counted.analyses > 0 or group.stored is not None)


Tell = Callable[[list[tuple[Group, Counted]], BinMap], Iterator[Rows]]
"""Writes all groups that are to be told."""


def _slices(bins: BinMap) -> Iterator[tuple[int, int]]:
    return ((at, min(at + _BINS_A_PIECE, len(bins))) for at in range(0, len(bins), _BINS_A_PIECE))


def _percent(value: float) -> str:
    return "." if math.isnan(value) else repr(value)


def _heads(counted: list[tuple[Group, Counted]], warnings: Iterable[str]) -> str:
    lines = []
    for group, found in counted:
        label = f"label={escape_value(group.label)};dataset_id={escape_value(group.selection.dataset)}"
        lines.append(f"#group=>group_id={escape_value(group.id)};{label};sample_count={found.analyses}\n")
    lines += [f"#meta=>warning={escape_value(warning)}\n" for warning in warnings]
    return "".join(lines)


def _head(counted: list[tuple[Group, Counted]], bins: BinMap, warnings: Iterable[str]) -> bytes:
    names = "\t".join((*_COLUMNS, "index" if bins.old else "no"))
    return f"{_heads(counted, warnings)}{names}\n".encode()


def _tell_pgxfreq(counted: list[tuple[Group, Counted]], bins: BinMap, *, warnings: Iterable[str]) -> Iterator[Rows]:
    yield Rows(_head(counted, bins, warnings), 0, 0)
    for group, found in counted:
        for start, stop in _slices(bins):
            lines = _lines(group, found, bins, start, stop)
            yield Rows("".join(lines).encode(), len(lines), 0)


def _lines(group: Group, found: Counted, bins: BinMap, start: int, stop: int) -> list[str]:
    """The lines of a group for bins `start:stop`, which are in order of position."""
    name, frequencies = escape_cell(group.id), found.frequencies(start, stop)
    told = zip(bins.bins[start:stop], frequencies[_GAIN], frequencies[_LOSS], strict=True)
    return [
        f"{name}\t{b.chromosome}\t{b.start}\t{b.end}\t{_percent(gain)}\t{_percent(loss)}\t{b.no}\n"
        for b, gain, loss in told
    ]


def _tell_sorted(counted: list[tuple[Group, Counted]], bins: BinMap, *, warnings: Iterable[str]) -> Iterator[Rows]:
    """The lines of pgxfreq bin after bin, those of all groups together."""
    yield Rows(_head(counted, bins, warnings), 0, 0)
    # All groups of some bins wait together.
    step = max(1, _BINS_A_PIECE // max(1, len(counted)))
    for start in range(0, len(bins), step):
        several = [_lines(*each, bins, start, min(start + step, len(bins))) for each in counted]
        lines = list(chain.from_iterable(zip(*several, strict=True)))
        yield Rows("".join(lines).encode(), len(lines), 0)


def _tell_matrix(counted: list[tuple[Group, Counted]], bins: BinMap, *, warnings: Iterable[str]) -> Iterator[Rows]:
    yield Rows(_heads(counted, warnings).encode() + header(("group_id",), bins), 0, 0)
    for group, found in counted:
        yield Rows(escape_cell(group.id).encode(), 0, 0)
        for kind in (_GAIN, _LOSS):
            for start, stop in _slices(bins):
                cells = found.frequencies(start, stop)[kind]
                yield Rows("".join(f"\t{_percent(value)}" for value in cells).encode(), 0, 0)
        yield Rows(b"\n", 1, 0)


def _tell_json(counted: list[tuple[Group, Counted]], bins: BinMap) -> Iterator[Rows]:
    names = [camel(name) for name in FREQUENCIES]
    for number, (group, found) in enumerate(counted):
        head = {
            "datasetId": group.selection.dataset,
            "groupId": group.id,
            "label": group.label,
            "sampleCount": found.analyses,
            "frequencymapSamples": found.analyses,
        }
        yield Rows((b",\n" if number else b"") + dumps(plain(head))[:-1] + b',"intervalFrequencies":[', 0, 0)
        for start, stop in _slices(bins):
            values = zip(*found.frequencies(start, stop), strict=True)
            told = (
                dumps(plain({**each, **dict(zip(names, four, strict=True))}, camel))
                for each, four in zip(bins.described(start, stop), values, strict=True)
            )
            yield Rows((b",\n" if start else b"\n") + b",\n".join(told), 0, 0)
        yield Rows(b"]}", 1, 0)


def _text_parts(wanted: Wanted, *, tell: Callable[..., Iterator[Rows]]) -> tuple[Part, ...]:
    bins = wanted.bins or bin_map()
    said = dict.fromkeys(warning for group in wanted.groups for warning in group.selection.warnings)
    parts = frequency_parts(wanted, partial(tell, warnings=tuple(said)))
    begin = f"#meta=>genome_binning={bins.name};interval_number={len(bins)}\n"
    return (replace(parts[0], before=begin.encode()), *parts[1:])


def _json_parts(wanted: Wanted) -> tuple[Part, ...]:
    begin, end = envelope(wanted, "frequencies")
    parts = frequency_parts(wanted, _tell_json)
    parts[0] = replace(parts[0], before=begin)
    parts[-1] = replace(parts[-1], closing=end)
    return tuple(parts)


def frequency_parts(wanted: Wanted, tell: Tell) -> list[Part]:
    """The parts of a file of frequencies: the groups are counted, then `tell` says them all."""
    bins = wanted.bins or bin_map()
    fold = partial(_Frequencies, wanted.groups, bins, tell, wanted.ask.min_number)
    parts = []
    for group in wanted.groups:
        if group.stored:
            collection, name = group.stored
            part = Part(
                dataset_state=group.dataset_state,
                selection=group.selection,
                collection=collection,
                projection=dict.fromkeys(("id", "frequencymap", "cnv_analyses", "counts"), 1),
                encode=_stored_rows(len(bins)),
                ids=(name,),
                fold=fold,
            )
        else:
            part = analyses_part(wanted, group.dataset_state, group.selection, fold)
        parts.append(part)
    return parts


def _text(name: str, also: str, extension: str, summary: str, tell: Callable[..., Iterator[Rows]]) -> Format:
    return Format(
        name=name,
        words=(name,),
        also=(also,),
        media="text/plain; charset=utf-8",
        accepts=(),
        extension=extension,
        summary=summary,
        parts=partial(_text_parts, tell=tell),
        entities=("frequencies",),
        of_all=True,
        sets=True,
    )


def _pgxfreq_parts(wanted: Wanted) -> tuple[Part, ...]:
    return _text_parts(wanted, tell=_tell_sorted if wanted.ask.order else _tell_pgxfreq)


PGXFREQ: Final = replace(
    _text("pgxfreq", "pgxseg", "pgxfreq", "CNV frequencies of groups: a line a genome bin", _tell_pgxfreq),
    parts=_pgxfreq_parts,
    by_position="asked",
    index=NAMED_LINES,
)
MATRIX: Final = _text(
    "freqmatrix", "pgxmatrix", "pgxmatrix", "CNV frequencies as a matrix: a line a group", _tell_matrix
)
JSON: Final = Format(
    name="frequencies",
    words=("frequencies",),
    also=("json",),
    services=("intervalFrequencies", "interval_frequencies"),
    ids="filters",
    each=True,
    media="application/json",
    accepts=(),
    extension="json",
    summary="CNV frequencies of groups, as Progenetix' services answer them in JSON",
    parts=_json_parts,
    entities=("frequencies",),
    of_all=True,
    sets=True,
    attachment=False,
)
