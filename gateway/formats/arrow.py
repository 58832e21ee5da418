"""Arrow IPC streams and Parquet files: the rows of pgxseg, or of the table of biosamples, in typed columns.

Column plans give text, as fast as they do for pgxseg; pyarrow reads it into batches.  A batch ends after so many rows,
or bytes of text, counted from the first row of the file, so that how a pass was sliced does not show.
"""

import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final

from gateway.download_types import Part, Wanted
from gateway.formats import pgxseg, tables
from gateway.formats.base import Format
from gateway.formats.position_order import InOrder, by_values
from gateway.formats.preload import preload
from gateway.formats.variant_columns import rows_part
from gateway.genome import ASSEMBLY
from gateway.rows import Rows
from gateway.threads import apart_from_others, give_back

__all__ = ["ARROW", "COLUMNS", "PARQUET", "Batches"]

_ROWS: Final = 65_536
_ROWS_BY_PLACE: Final = 16_384
"""Of a batch where rows are sorted by place, so that a gene is in few of them: 0.2 MB of Parquet each.  Half as many
made files of 10^6 rows 10 % larger, with twice the footer; all that is read of one for a gene was 12 % less.
"""
_PLACE: Final = ("reference_name", "start", "end")
# Of text in a batch, where rows are long: a batch is in memory several times.
_BYTES: Final = 16 * 1024 * 1024

_EXTENSIONS: Final = ("lib", "_csv", "_parquet", "_fs", "_s3fs")
"""The modules of pyarrow that `columnar` needs."""
_POOL: Final = ("ARROW_DEFAULT_MEMORY_POOL", "system")
"""The memory of the process, where what a batch leaves serves whatever comes next: a pool of its own would keep it."""

_KINDS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("start", "end"), "integer"),
    "log2": "number",
    **dict.fromkeys(("reference_sequence", "sequence"), "text"),
}
COLUMNS: Final[Mapping[str, str]] = {column.name: _KINDS.get(column.name, "code") for column in pgxseg.COLUMNS}
"""Of variants, with what they hold: a `code` is a text that comes again and again."""


class Batches:
    """The fold of a file: cuts what it is fed into batches of rows, and has each written.

    `make` gives the writer, when the first rows are there.
    """

    def __init__(self, make: Callable[[], Any], *, rows: int = _ROWS, size: int = _BYTES) -> None:
        self._make = make
        self._most = rows, size
        self._held: list[bytes] = []
        self._rows = self._size = 0  # of what is held
        self._full: deque[tuple[list[bytes], int]] = deque()
        self._writer: Any = None

    def feed(self, _: int, data: bytes) -> None:
        """Take in lines."""
        at = 0
        while end := self._end(data, at):
            self._hold(data[at:end])
            self._fill()
            at = end
        self._hold(data[at:])

    def _hold(self, lines: bytes) -> None:
        if lines:
            self._held.append(lines)
            self._rows += lines.count(b"\n")
            self._size += len(lines)

    def _fill(self) -> None:
        self._full.append((self._held, self._rows))
        self._held, self._rows, self._size = [], 0, 0

    def _end(self, data: bytes, at: int) -> int:
        """Where the batch that is held ends in lines that begin at `at`; 0 if it goes on behind them."""
        rows, size = self._most
        end = data.find(b"\n", at + size - self._size - 1) + 1  # of the first line that makes it large enough
        wanted = rows - self._rows
        stop = end or len(data)
        return _nth(data, wanted, at, stop) if data.count(b"\n", at, stop) >= wanted else end

    def through(self, _: Sequence[str]) -> Iterator[Rows]:
        """Yield the batches that are full."""
        if self._writer is None:
            self._writer = self._make()
            yield Rows(self._writer.opening(), 0, 0)
        while self._full:
            pieces, rows = self._full.popleft()
            yield Rows(self._writer.write(pieces), rows, 0)

    def finish(self) -> Iterator[Rows]:
        """Yield the last batch, and the end of the file."""
        if self._held:
            self._fill()
        yield from self.through(())
        yield Rows(self._writer.close(), 0, 0)


def _nth(data: bytes, number: int, start: int, stop: int) -> int:
    """The end of the line with this number (from 1) of those at `start:stop`; there must be as many."""
    while True:
        middle = (start + stop) // 2
        if stop - start == 1:
            return stop
        before = data.count(b"\n", start, middle)
        if before >= number:
            stop = middle
        else:
            start, number = middle, number - before


# --- the parts -------------------------------------------------------------------------------------------------------


def _said(wanted: Wanted) -> dict[str, str]:
    """What is known of the file, under the names that pgxseg has for it; none of it is of this host or hour."""
    ((dataset_state, selection),) = wanted.datasets
    pairs = {
        "id": selection.dataset,
        "assemblyId": ASSEMBLY,
        "filters": ",".join(term.asked for term in wanted.ask.filters),
        "dataVersion": dataset_state.version,
        "licence": wanted.licence,
        "citation": wanted.citation,
        "warning": "; ".join(selection.warnings),
    }
    return {name: text for name, text in pairs.items() if text}


def _fold(
    name: str, columns: Sequence[tuple[str, str]], missing: str, said: Mapping[str, str], by: Sequence[str] = ()
) -> Batches:
    def make() -> Any:
        # In a thread, and only for who asks: pyarrow takes a while and some 30 MB.
        os.putenv(*_POOL)  # read once, by the library itself
        give_back()  # what other downloads left, before more is needed than they did
        apart_from_others()
        preload("pyarrow", *_EXTENSIONS)
        from gateway.formats.columnar import WRITERS  # noqa: PLC0415

        return WRITERS[name](columns, missing, said, by=by)

    return Batches(make, rows=_ROWS_BY_PLACE if by else _ROWS)


def _sorted_fold(name: str, columns: Sequence[tuple[str, str]], missing: str, said: Mapping[str, str]) -> InOrder:
    """The rows by place; names of chromosomes are plain texts, of which readers use the statistics."""
    plain = [(column, "text" if column == _PLACE[0] else kind) for column, kind in columns]
    return InOrder(by_values, then=_fold(name, plain, missing, said, _PLACE))


def _variants(wanted: Wanted) -> tuple[Part, tuple[tuple[str, str], ...], str]:
    return rows_part(wanted, pgxseg.COLUMNS), tuple(COLUMNS.items()), pgxseg.COLUMNS[0].missing


def _biosamples(wanted: Wanted) -> tuple[Part, tuple[tuple[str, str], ...], str]:
    """The part of the table, whose first line tells its columns; ids and labels of terms come again and again."""
    (part,) = tables.FORMAT.parts(wanted)
    names = part.before.decode().rstrip("\n").split("\t")
    kinds = ("code" if name.endswith(("_id", "_label")) and name != "biosample_id" else "text" for name in names)
    return replace(part, before=b""), tuple(zip(names, kinds, strict=True)), ""


def _parts(wanted: Wanted, *, name: str) -> tuple[Part, ...]:
    part, columns, missing = (_variants if wanted.ask.entity == "variants" else _biosamples)(wanted)
    fold = _sorted_fold if wanted.ask.order else _fold
    return (replace(part, fold=partial(fold, name, columns, missing, _said(wanted))),)


def _format(name: str, media: str, extension: str, summary: str) -> Format:
    return Format(
        name=name,
        words=(name,),
        media=media,
        accepts=(media,),
        extension=extension,
        summary=f"{summary}; where pyarrow is installed (`pip install '.[arrow]'`)",
        parts=partial(_parts, name=name),
        entities=("variants", "biosamples"),
        pages=False,
        library="pyarrow",
        by_position="asked",
    )


ARROW: Final = _format(
    "arrow",
    "application/vnd.apache.arrow.stream",
    "arrows",
    "Arrow IPC stream: pgxseg's columns, or those of the table of biosamples, with their types",
)
PARQUET: Final = _format("parquet", "application/vnd.apache.parquet", "parquet", "the same as a Parquet file")
