"""What slices brought, so that it can be counted again at the end of a pass."""

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.download_types import Condition

__all__ = ["Delivered", "counted_at_once"]


@dataclass(frozen=True, slots=True)
class Delivered:
    """What a slice brought: of which documents, of which ids, how many."""

    collection: str
    key: str
    narrower: Condition
    ids: Sequence[str]
    rows: int

    def alike(self, other: "Delivered") -> bool:
        """Whether both can be counted at once."""
        same = (self.collection, self.key) == (other.collection, other.key)
        return same and self.narrower is other.narrower  # not compared: it may be long


def counted_at_once(delivered: Sequence[Delivered], most: int) -> list[list[Delivered]]:
    """Neighbours that are alike and have no more than so many ids together; none has an id of another of its group."""
    groups: list[list[Delivered]] = []
    ids: set[str] = set()  # of the last of them
    for one in delivered:
        fits = bool(groups) and groups[-1][0].alike(one) and len(ids) + len(one.ids) <= most
        # What was read and counted as well is counted again by itself.
        if fits and ids.isdisjoint(one.ids):
            groups[-1].append(one)
            ids.update(one.ids)
        else:
            groups.append([one])
            ids = set(one.ids)
    return groups
