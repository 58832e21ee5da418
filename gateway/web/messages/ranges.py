"""Ranges as RFC 9110 (14, 13.1.5) has them: pure arithmetic on bytes.

A header that is malformed, in another unit or with several ranges is no reason to fail: it is left out, and the whole
is sent.
"""

import re
from dataclasses import dataclass
from typing import Final

__all__ = ["Span", "read", "same"]

_UNIT = re.compile(r"bytes=(.*)\Z", re.IGNORECASE | re.DOTALL)
_RANGE = re.compile(r"([0-9]*)-([0-9]*)\Z")
# More digits than any size has; text of thousands of digits is not made a number.
_DIGITS: Final = 18


@dataclass(frozen=True, slots=True)
class Span:
    """A range as asked for: `first` to `last`, both included; no `last` is to the end; no `first` the last bytes."""

    first: int | None
    last: int | None

    def within(self, size: int) -> tuple[int, int] | None:
        """Start and stop (excluded) of what there is of it in `size` bytes; None if there is nothing of it."""
        if self.first is None:
            start, stop = max(0, size - (self.last or 0)), size
        else:
            start, stop = self.first, size if self.last is None else min(self.last + 1, size)
        return (start, stop) if start < stop else None


def read(header: str) -> Span | None:
    """The single range of a `Range` header; None if it is to be left out."""
    unit = _UNIT.match(header.strip(" \t"))
    ranges = [item for text in unit[1].split(",") if (item := text.strip(" \t"))] if unit else []
    found = _RANGE.match(ranges[0]) if len(ranges) == 1 else None
    if found is None or found[0] == "-":
        return None
    first, last = (_number(text) if text else None for text in found.groups())
    if first is not None and last is not None and last < first:
        return None
    return Span(first, last)


def _number(digits: str) -> int:
    digits = digits.lstrip("0")[: _DIGITS + 1]
    return 10**_DIGITS if len(digits) > _DIGITS else int(digits or "0")


def same(if_range: str | None, etag: str, modified: str = "") -> bool:
    """Whether a range may be answered: without `If-Range`, with the very ETag, or the very `Last-Modified`.

    That is as good as an ETag where the bytes never change; elsewhere there is none.
    """
    return if_range is None or if_range.strip(" \t") in {etag, modified} - {""}
