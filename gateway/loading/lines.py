"""The lines of a file, plain or gzip, in flat memory: whatever ends them (LF, CRLF, or CR alone), only those that hold
something, each with its number.

Read in blocks: what a file of nothing costs follows from its bytes.  A small gzip may hold any number of bytes, so one
that expands like no file of segments is refused.
"""

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from gateway.loading.errors import BadFile, BadLine

__all__ = ["MAX_EXPANSION", "MAX_LINE", "lines"]

MAX_LINE: Final = 1 << 20  # bytes; far above any header line, and what a file without line ends may cost in memory
# Segments are some five times smaller as gzip, and repeated sample lines some fifty times; gzip's own limit is 1,032.
MAX_EXPANSION: Final = 300
_ANY_EXPANSION: Final = 16 << 20  # bytes up to which it does not matter

_BLOCK: Final = 1 << 18
_GZIP: Final = b"\x1f\x8b"
_BOM: Final = b"\xef\xbb\xbf"


def lines(raw: BinaryIO, file: str | Path) -> Iterator[tuple[int, bytes]]:
    """Numbered lines, from 1, without their ends; `file` is for messages."""
    number, rest = 0, b""
    try:
        for block in _blocks(raw, file):
            data = rest + block
            # A CR that comes last may be half of a CRLF.
            end = max(data.rfind(b"\n"), data.rfind(b"\r", 0, -1)) + 1
            whole, rest = data[:end], data[end:]
            if not whole.strip(b"\r\n"):
                number += _ends(whole)
            else:
                yield from _numbered(whole, number, file)
                number += _ends(whole)
            if len(rest) > MAX_LINE:
                raise BadLine(file, number + 1, f"longer than {MAX_LINE:,} bytes")
        yield from _numbered(rest, number, file)
    except (OSError, EOFError, zlib.error) as error:  # gzip: damaged, or cut short
        raise BadFile(file, f"cannot be read after line {number}: {error}") from error


def _ends(text: bytes) -> int:
    return text.count(b"\n") + text.count(b"\r") - text.count(b"\r\n")


def _numbered(text: bytes, number: int, file: str | Path) -> Iterator[tuple[int, bytes]]:
    if not number:
        text = text.removeprefix(_BOM)
    for at, line in enumerate(text.splitlines(), number + 1):  # of bytes: at LF, CRLF and CR, and nowhere else
        if len(line) > MAX_LINE:
            raise BadLine(file, at, f"longer than {MAX_LINE:,} bytes")
        if line and not line.isspace():
            yield at, line


def _blocks(raw: BinaryIO, file: str | Path) -> Iterator[bytes]:
    """The bytes of a stream, decompressed if its first say that it is gzip."""
    start = raw.read(len(_GZIP))
    raw.seek(0)
    if start != _GZIP:
        while block := raw.read(_BLOCK):
            yield block
        return
    size = 0
    with gzip.GzipFile(fileobj=raw, mode="rb") as packed:
        while block := packed.read(_BLOCK):
            size += len(block)
            if size > _ANY_EXPANSION and size > MAX_EXPANSION * raw.tell():
                raise BadFile(file, f"expands to more than {MAX_EXPANSION} times its size, as no file of segments does")
            yield block
