"""What a caller may see: which datasets, and of each down to which granularity."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal, Self

__all__ = ["GRANULARITIES", "Granularity", "View", "greatest", "lesser"]

Granularity = Literal["boolean", "count", "record"]
"""As Beacon v2 has them: whether there is anything, how much there is, or what."""
GRANULARITIES: Final[tuple[Granularity, ...]] = ("boolean", "count", "record")


def lesser(one: Granularity, other: Granularity) -> Granularity:
    """What both allow."""
    return min(one, other, key=GRANULARITIES.index)


def greatest(several: Iterable[Granularity]) -> Granularity:
    """The finest of them; `boolean` of none."""
    return max(several, key=GRANULARITIES.index, default="boolean")


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """The datasets that there are for a caller: for all that follows, there are no others.

    `granted` is in the order in which they are served; `default` is meant where a request names none (one, or none at
    all).  `guarded` are those of which others may see less, `differs` says that others may see other ones.
    """

    granted: Mapping[str, Granularity]
    default: tuple[str, ...]
    guarded: frozenset[str] = field(default_factory=frozenset)
    differs: bool = False

    @classmethod
    def whole(cls, datasets: tuple[str, ...]) -> Self:
        """That of a gateway whose datasets are public."""
        return cls(granted=dict.fromkeys(datasets, "record"), default=datasets[:1])

    def only(self, datasets: Iterable[str]) -> Self:
        """The same, of these datasets alone, which are then meant where a request names none."""
        kept = tuple(datasets)
        return replace(self, granted={n: g for n, g in self.granted.items() if n in kept}, default=kept)

    def admits(self, datasets: Iterable[str]) -> bool:
        """Whether the caller may see the records of all of these."""
        return all(self.granted.get(name) == "record" for name in datasets)
