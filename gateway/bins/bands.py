"""Cytobands by their names: `9`, `9p`, `9p21`, `chr9p21.3`, `9p24p21`; pure.  Coordinates are 0-based, interbase."""

import re
from dataclasses import dataclass
from typing import Final

from gateway.bins.maps import bands
from gateway.genome import chromosome

__all__ = ["Band", "bands_of"]

_BLANKS: Final = re.compile(r"\s+")
_NAME: Final = re.compile(r"(?:chr)?(\d\d?|x|y)(?:([pq][\d.]*)(?:-?(?:chr)?\1?([pq][\d.]*))?)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Band:
    """A band, or a stretch of bands, of a chromosome."""

    name: str
    chromosome: str
    start: int
    end: int


def bands_of(text: str) -> tuple[Band, ...]:
    """The stretch that a name means, then the single bands in it; none of what is no name of bands.

    A name without its last digits means all bands that begin so; of two names all that lies from one to the other.
    """
    found = _NAME.fullmatch(_BLANKS.sub("", text).lower())
    own = chromosome(found[1]) if found else None
    if found is None or own is None or not own.p_end:
        return ()
    first, last = found[2] or "", found[3] or found[2] or ""
    every = [Band(own.name + name, own.name, start, end) for c, name, start, end in bands() if c == own.name]
    places = [[n for n, band in enumerate(every) if band.name.startswith(own.name + end)] for end in (first, last)]
    if not all(places):
        return ()
    single = tuple(every[min(map(min, places)) : max(map(max, places)) + 1])
    whole = Band(own.name + first + (found[3] or ""), own.name, single[0].start, single[-1].end)
    return single if len(single) == 1 else (whole, *single)
