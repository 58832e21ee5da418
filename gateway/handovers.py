"""Handovers: what a Beacon stored of a query that it answered, as far as downloads go by it.  Values only."""

from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = ["Handover", "Listed", "Place"]

Place = Literal["biosamples", "individuals", "analyses", "variants"]
"""A collection of records, as it is called now; `callsets` of 2021 are analyses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """Documents of a collection one by one: those whose `key` is one of the `values`, for which `name` stands.

    Values are texts or ObjectIds, distinct and in an order of their own.
    """

    collection: Place
    key: str
    name: str
    values: tuple[Any, ...] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Handover:
    """Records of one dataset: those of a `collection` that meet `queries`, or those that are `listed`.

    Each query is a condition on a collection, and all of them are met; see `Listed` for the other kind.  `page` is
    which page of the list this is, where it is one.
    """

    dataset: str
    collection: Place
    queries: tuple[tuple[Place, dict[str, Any]], ...] = ()
    listed: Listed | None = None
    page: int = 0
