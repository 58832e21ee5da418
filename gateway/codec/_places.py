"""The reference of the indexer: where the lines of a sorted BGZF file are, by bins and windows (SAM, 5.1).

It is told the text of blocks as they are made, so that an index costs no second look at the file.  What it keeps grows
with the number of blocks and of the windows of the genome, not with that of the lines.
"""

from collections.abc import Sequence
from typing import Final

from gateway.tabix.layout import DEPTH, WINDOW, Chunk, Indexed, Placed, first_bin

__all__ = ["Indexer", "NotSorted"]

_LONGEST: Final = 1 << 29  # positions that bins have
_UNSET: Final = -1
# Bins whose lines take less of the file than this become parts of the one around them, if there is one: a reader reads
# that anyway, and the index is smaller.
_SMALL: Final = 65_536
_DIGITS: Final = 9
_VCF_FIELDS: Final = 8
_REFERENCE, _ALTERNATE, _INFO = 3, 4, 7


class NotSorted(ValueError):
    """A line of which no index can be made: it comes before those above it, or has no place."""


class Indexer:
    """Takes in the blocks of a file in their order.  One call at a time, in threads."""

    def __init__(self, lines: Indexed) -> None:
        self._lines = lines
        self._meta = lines.meta.encode()
        self._names_due = lines.named
        self._heading = 0  # lines above the first of the data
        self._address = 0
        self._rest = b""  # of a line that has not come to its end
        self._rest_at = 0
        self._done: list[Placed] = []
        self._seen: set[bytes] = set()
        self._now: _Sequence | None = None

    def add(self, text: bytes | memoryview, blocks: Sequence[tuple[int, int]]) -> None:
        """The next blocks: their text, and of each how many bytes of it there are in how many of the file.

        NotSorted if there can be no index of it.
        """
        at, whole = 0, bytes(text)
        for size, packed in blocks:
            self._block(whole[at : at + size], packed)
            at += size

    def _block(self, text: bytes, packed: int) -> None:
        here, behind, at = self._address << 16, (self._address + packed) << 16, 0
        while (end := text.find(b"\n", at)) >= 0:
            line, begin = text[at:end], here | at
            if self._rest:
                line, begin, self._rest = self._rest + line, self._rest_at, b""
            at = end + 1
            self._line(line, begin, here | at if at < len(text) else behind)
        if at < len(text):
            self._rest_at = self._rest_at if self._rest else here | at
            self._rest += text[at:]
        self._address += packed

    def _line(self, line: bytes, begin: int, end: int) -> None:
        if self._now is None and not self._done and (line.startswith(self._meta) or not line or self._names_due):
            self._heading += 1
            self._names_due &= line.startswith(self._meta) or not line
            return
        if not line or line.startswith(self._meta):
            return
        name, first, last = _place(line, self._lines)
        if not 0 <= first < last <= _LONGEST:
            raise NotSorted(f"a line lies at {first} to {last}")
        if self._now is None or self._now.name != name:
            self._end()
            if name in self._seen:
                raise NotSorted(f"lines of {name.decode(errors='replace')} are in several places")
            self._seen.add(name)
            self._now = _Sequence(name, begin)
        self._now.add(first, last, begin, end)

    def _end(self) -> None:
        if self._now is not None:
            self._done.append(self._now.placed())
            self._now = None

    def finish(self) -> tuple[int, list[Placed]]:
        """Lines above the first of the data, and the sequences in their order.  NotSorted if a line has no end."""
        if self._rest:
            raise NotSorted("the last line has no end")
        self._end()
        return self._heading, self._done


def _place(line: bytes, lines: Indexed) -> tuple[bytes, int, int]:
    """Sequence, begin and end of a line, interbase.  NotSorted if it has none."""
    vcf = lines.preset == "vcf"
    most = max(lines.sequence, lines.begin, lines.end, _VCF_FIELDS if vcf else 0)
    cells = line.split(b"\t", most)
    if len(cells) < most:
        raise NotSorted("a line has too few columns")
    name, begin = cells[lines.sequence - 1], _number(cells[lines.begin - 1])
    end = _number(cells[lines.end - 1]) if lines.end else 0
    if not name or begin is None or end is None:
        raise NotSorted("a line has no place")
    begin -= not lines.zero_based
    if vcf:
        return name, begin, _vcf_end(begin, cells[_REFERENCE], cells[_ALTERNATE], cells[_INFO])
    return name, begin, max(end, begin + 1)  # what has no bases lies at one


def _vcf_end(begin: int, reference: bytes, alternate: bytes, info: bytes) -> int:
    """The end that any version of htslib may see: the furthest of those that REF, END and SVLEN say.

    A record that is found although it does not reach so far costs its reader nothing.
    """
    end = begin + len(reference)
    for word in info.split(b";"):
        if word.startswith(b"END="):
            end = max(end, _number(word[4:]) or 0)
        elif word.startswith(b"SVLEN=") and b"<" in alternate:
            for length in word[6:].split(b","):
                end = max(end, begin + 1 + (_number(length.removeprefix(b"-")) or 0))
    return end


def _number(digits: bytes) -> int | None:
    """A number without sign or blanks; None if it is none.  What is beyond all positions need not be exact."""
    if not digits.isdigit():
        return None
    return int(digits) if len(digits) <= _DIGITS else _LONGEST + 1


class _Sequence:
    """What is known of the lines of a sequence."""

    def __init__(self, name: bytes, begin: int) -> None:
        self.name = name
        self._begin = self._behind = begin
        self._records = 0
        self._last = 0
        self._bins: dict[int, list[Chunk]] = {}
        self._windows: list[int] = []

    def add(self, first: int, last: int, begin: int, end: int) -> None:
        """A line that lies so, and is at such offsets."""
        if first < self._last:
            raise NotSorted(f"a line begins at {first}, behind one that begins at {self._last}")
        self._last, self._behind = first, end
        self._records += 1
        _join(self._bins.setdefault(_bin_of(first, last), []), (begin, end))
        # Those from the first to the last that has an offset have one: lines before this one began no later.
        reached = (last - 1 >> WINDOW) + 1
        known = len(self._windows)
        if reached > known:
            self._windows += [_UNSET] * ((first >> WINDOW) - known)
            self._windows += [begin] * (reached - len(self._windows))

    def placed(self) -> Placed:
        """The same for its index."""
        for level in range(DEPTH, 0, -1):
            bins = range(first_bin(level), first_bin(level + 1))
            for number in sorted(number for number in self._bins if number in bins):
                chunks = self._bins[number] = _joined(self._bins[number])
                around = self._bins.get((number - 1) >> 3)
                if around and (chunks[-1][1] >> 16) - (chunks[0][0] >> 16) < _SMALL:
                    around += self._bins.pop(number)
        if 0 in self._bins:
            self._bins[0] = _joined(self._bins[0])
        following = _UNSET
        for at in range(len(self._windows) - 1, -1, -1):
            following = self._windows[at] = following if self._windows[at] == _UNSET else self._windows[at]
        return Placed(
            name=self.name,
            records=self._records,
            begin=self._begin,
            end=self._behind,
            bins=sorted(self._bins.items()),
            windows=self._windows,
        )


def _bin_of(first: int, last: int) -> int:
    """The smallest bin that holds all of a range."""
    last -= 1
    shift, level = WINDOW, DEPTH
    while level and first >> shift != last >> shift:
        shift, level = shift + 3, level - 1
    return first_bin(level) + (first >> shift) if level else 0


def _join(chunks: list[Chunk], chunk: Chunk) -> None:
    """Add a chunk to those before it: to the last of them if it begins in the block where that ends."""
    if chunks and chunks[-1][1] >> 16 >= chunk[0] >> 16:
        chunks[-1] = chunks[-1][0], max(chunks[-1][1], chunk[1])
    else:
        chunks.append(chunk)


def _joined(chunks: list[Chunk]) -> list[Chunk]:
    found: list[Chunk] = []
    for chunk in sorted(chunks):
        _join(found, chunk)
    return found
