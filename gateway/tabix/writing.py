"""Indexes as bytes, before they are packed: `.tbi` (the tabix specification) and `.csi` (CSI 1)."""

import struct
import sys
from array import array
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, Literal

from gateway.tabix.layout import DEPTH, WINDOW, Chunk, Indexed, Placed, first_bin

__all__ = ["EXTENSIONS", "VERSION", "Kind", "written"]

Kind = Literal["tbi", "csi"]
EXTENSIONS: Final[Mapping[str, Kind]] = {".tbi": "tbi", ".csi": "csi"}
"""What stands behind the name of a file in those of its indexes."""

VERSION: Final = 1
"""Changes whenever the indexes of an unchanged file do."""
_VCF: Final = 2
_ZERO_BASED: Final = 0x10000
# Behind all bins, one that tells where the lines of a sequence are and how many: `bcftools index --stats` reads it.
_COUNTS: Final = first_bin(DEPTH + 1) + 1


def written(kind: Kind, lines: Indexed, heading: int, placed: Sequence[Placed]) -> bytes:
    """An index of these sequences; `heading` lines of the file are above the first of the data."""
    about = _about(lines, heading if lines.named else 0, [each.name for each in placed])
    count = struct.pack("<i", len(placed))
    if kind == "tbi":
        head, body = b"TBI\1" + count + about, [_tbi(each) for each in placed]
    else:
        head = b"CSI\1" + struct.pack("<iii", WINDOW, DEPTH, len(about)) + about + count
        body = [b"".join(_bins(each, with_offsets=True)) for each in placed]
    return b"".join([head, *body, struct.pack("<Q", 0)])  # no line is without a place


def _about(lines: Indexed, skipped: int, names: Sequence[bytes]) -> bytes:
    form = (_VCF if lines.preset == "vcf" else 0) | (_ZERO_BASED if lines.zero_based else 0)
    said = b"".join(name + b"\0" for name in names)
    columns = (lines.sequence, lines.begin, lines.end)
    return struct.pack("<iiiiiii", form, *columns, ord(lines.meta), skipped, len(said)) + said


def _tbi(placed: Placed) -> bytes:
    windows = array("Q", placed.windows)
    if sys.byteorder == "big":
        windows.byteswap()
    return b"".join([*_bins(placed), struct.pack("<i", len(windows)), windows.tobytes()])


def _bins(placed: Placed, *, with_offsets: bool = False) -> Iterator[bytes]:
    counts: list[Chunk] = [(placed.begin, placed.end), (placed.records, 0)]
    yield struct.pack("<i", len(placed.bins) + 1)
    for number, chunks in (*placed.bins, (_COUNTS, counts)):
        yield struct.pack("<I", number)
        if with_offsets:
            yield struct.pack("<Q", 0 if number == _COUNTS else placed.windows[_first_window(number)])
        yield struct.pack("<i", len(chunks))
        yield b"".join(struct.pack("<QQ", *chunk) for chunk in chunks)


def _first_window(number: int) -> int:
    """The first window of a bin; bins that have a line have one that is known of."""
    level = next(level for level in range(DEPTH, -1, -1) if number >= first_bin(level))
    return (number - first_bin(level)) << 3 * (DEPTH - level)
