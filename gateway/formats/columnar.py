"""Rows of text as Arrow's record batches, in an IPC stream or a Parquet file, written as they come.

Sole owner of pyarrow, an optional library that takes its time to load and some 30 MB, with its functions to compute 8
more: imported where such a file is asked for, not before.  Pure, and called in threads; pyarrow lets go of the
interpreter while it works.
"""

import math
import struct
from collections.abc import Mapping, Sequence
from typing import Any, Final

import pyarrow as pa
from pyarrow import csv, ipc, parquet

from gateway.memory import mapped
from gateway.text import unescape

__all__ = ["WRITERS", "ParquetFile", "Stream"]

_CODED: Final = pa.dictionary(pa.int32(), pa.string())
_TYPES: Final = {"text": pa.string(), "code": _CODED, "integer": pa.int64(), "number": pa.float64()}


class _Sink:
    """A file for pyarrow to write to, whose bytes are taken away."""

    closed = False

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._pieces.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing waits."""

    def take(self) -> bytes:
        data = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces.clear()
        return data


class _Rows:
    """How lines of tab-separated cells become a record batch.  `missing` is what stands for nothing."""

    def __init__(self, columns: Sequence[tuple[str, str]], missing: str, said: Mapping[str, str]) -> None:
        self.schema = pa.schema([(name, _TYPES[kind]) for name, kind in columns], metadata=dict(said))
        # A line of names comes first: there a byte order mark, which is skipped, is none of the data's.
        self._names = ("\t".join(name for name, _ in columns) + "\n").encode()
        self._parse = csv.ParseOptions(delimiter="\t", quote_char=False, ignore_empty_lines=False)
        self._convert = csv.ConvertOptions(
            column_types=self.schema, null_values=[missing], strings_can_be_null=True, check_utf8=True
        )

    def batch(self, pieces: list[bytes]) -> Any:
        """All lines of some pieces, which are cleared, as one batch; its bytes depend on the lines alone."""
        size = len(self._names) + sum(map(len, pieces))
        text = mapped(size)
        text.write(self._names)
        while pieces:
            text.write(pieces.pop(0))
        escaped = text.find(b"%", len(self._names)) >= 0
        read = csv.ReadOptions(use_threads=False, block_size=size + 1)  # one block: one chunk, one dictionary
        table = csv.read_csv(pa.BufferReader(pa.py_buffer(text)), read, self._parse, self._convert)
        del text
        # A chunk as it is: put together it would be copied.
        columns = [column.chunk(0) if column.num_chunks == 1 else column.combine_chunks() for column in table.columns]
        if escaped:
            columns = [_unescaped(column) for column in columns]
        return pa.record_batch([_finite(column) for column in columns], schema=self.schema)


def _holds(column: Any, data: bytes) -> bool:
    """Whether these bytes are among those of the column's values, at any place."""
    values = column.buffers()[-1]
    return values is not None and values.to_pybytes().find(data) >= 0


def _unescaped(column: Any) -> Any:
    """The texts themselves, where cells are written with percent codes."""
    if column.type == _CODED:
        return pa.DictionaryArray.from_arrays(column.indices, _unescaped(column.dictionary))
    if column.type != pa.string() or not _holds(column, b"%"):
        return column
    return pa.array([None if text is None else unescape(text) for text in column.to_pylist()], pa.string())


def _finite(column: Any) -> Any:
    """Without what no double can hold: decimals that are larger are missing, as they are in JSON."""
    if column.type != pa.float64() or not any(_holds(column, struct.pack("d", x)) for x in (math.inf, -math.inf)):
        return column
    numbers = column.to_pylist()
    return pa.array([x if x is not None and math.isfinite(x) else None for x in numbers], pa.float64())


class Stream:
    """An Arrow IPC stream.  Each batch has its own dictionaries: they replace those of the batch before.

    It has no place to say by which columns its rows are sorted.
    """

    def __init__(
        self, columns: Sequence[tuple[str, str]], missing: str, said: Mapping[str, str], *, by: Sequence[str] = ()
    ) -> None:
        del by
        self._rows = _Rows(columns, missing, said)
        self._sink = _Sink()
        options = ipc.IpcWriteOptions(use_threads=False, emit_dictionary_deltas=False)
        self._writer = ipc.new_stream(self._sink, self._rows.schema, options=options)
        self._said = 0

    def opening(self) -> bytes:
        """The schema, which the writer itself would say with the first batch."""
        schema: bytes = self._rows.schema.serialize().to_pybytes()
        self._said = len(schema)
        return schema

    def write(self, pieces: list[bytes]) -> bytes:
        """A batch of the rows of some pieces, at least one row."""
        self._writer.write_batch(self._rows.batch(pieces))
        return self._taken()

    def close(self) -> bytes:
        """What ends the stream."""
        self._writer.close()
        return self._taken()

    def _taken(self) -> bytes:
        data, said = self._sink.take(), self._said
        self._said = 0
        return data[said:]


class ParquetFile:
    """A Parquet file, a row group a batch, compressed by zstd, whose bytes are the same on every kind of processor.

    Its footer says by which columns rows are sorted, those `by`, each ascending and what is missing last.
    """

    def __init__(
        self, columns: Sequence[tuple[str, str]], missing: str, said: Mapping[str, str], *, by: Sequence[str] = ()
    ) -> None:
        self._rows = _Rows(columns, missing, said)
        self._sink = _Sink()
        # Numbers are seldom the same: looking for it costs time and space.
        texts = [name for name, kind in columns if kind in {"text", "code"}]
        self._writer = parquet.ParquetWriter(
            self._sink,
            self._rows.schema,
            compression="zstd",
            use_dictionary=texts,
            write_page_index=True,
            sorting_columns=[parquet.SortingColumn(self._rows.schema.get_field_index(name)) for name in by] or None,
        )

    def opening(self) -> bytes:
        """The magic bytes of a file."""
        return self._sink.take()

    def write(self, pieces: list[bytes]) -> bytes:
        """A row group of the rows of some pieces, at least one row."""
        batch = self._rows.batch(pieces)
        size = len(batch)
        self._writer.write_batch(batch, row_group_size=size)
        del batch
        return self._sink.take()

    def close(self) -> bytes:
        """The footer: where everything is."""
        self._writer.close()
        return self._sink.take()


WRITERS: Final[Mapping[str, type[Stream | ParquetFile]]] = {"arrow": Stream, "parquet": ParquetFile}
"""By the name of the format."""
