"""Pages of records: whether another is behind one, and what is said of totals."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from gateway.download_types import Part
from gateway.rows import Tally

__all__ = ["Page"]

# Documents of a collection that are counted by index in some ten milliseconds.
_COUNTED_AT_ONCE: Final = 50_000


def _goes_on(part: Part, tally: Tally) -> bool:
    """Whether there are rows behind those of a page."""
    return (tally.total or 0) > part.skip + part.limit if tally.more is None else tally.more


@dataclass(frozen=True, slots=True)
class Page:
    """Parts that are pages or numbers, what their tallies tell, and the URL of another page."""

    parts: Sequence[Part]
    url: Callable[[int], str]

    @property
    def waits(self) -> bool:
        """Whether the total is there so soon that the first byte waits for it."""
        return all(part.dataset_state.counts.get(part.source, 0) <= _COUNTED_AT_ONCE for part in self.parts)

    def is_told(self, tallies: Sequence[Tally]) -> bool:
        """Whether all rows are there."""
        pairs = zip(self.parts, tallies, strict=False)
        return len(tallies) == len(self.parts) and all(not p.fetch or t.more is not None for p, t in pairs)

    def following(self, tallies: Sequence[Tally]) -> str:
        """The URL of the page behind this one; empty where there is none."""
        pairs = zip(self.parts, tallies, strict=True)
        page = max((p.skip // p.limit + 1 for p, t in pairs if p.fetch and p.limit and _goes_on(p, t)), default=0)
        return self.url(page) if page else ""

    def is_known(self, total: Callable[[Part], int | None]) -> bool:
        """Whether the totals that it says are known already."""
        return all(total(part) is not None for part in self.parts if part.count)

    def is_certain(self, tallies: Sequence[Tally]) -> bool:
        """Whether the numbers that are said, or will be, are the same for whoever asks for this data version."""
        known = all(tally.total is not None and not tally.lower for tally in tallies)
        return not any(part.count for part in self.parts) or (known and len(tallies) == len(self.parts))
