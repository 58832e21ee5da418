"""Indexes of a collection, and which of them a read should name.

A server that chooses by itself tries plans on the first documents, keeps what looked best, and now and then walks ten
million documents for a page of a hundred.  A read that names its index cannot go wrong that way.  Only indexes are
named that hold every document: no sparse, partial or hidden ones, none of texts, places or hashes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

__all__ = ["Index", "advised", "fitting", "is_served", "ordering"]

# Fields whose values belong to few documents each.
_IDENTITIES: Final = frozenset({"_id", "id", "biosample_id", "individual_id", "analysis_id", "callset_id"})
_LIMITS: Final = ("partialFilterExpression", "sparse", "hidden", "collation")
_LOWER: Final = frozenset({"$gt", "$gte"})
_UPPER: Final = frozenset({"$lt", "$lte"})

# How much a predicate narrows, as far as its form tells.
_NOTHING, _HALF, _RANGE, _SOME, _ONE = range(5)


@dataclass(frozen=True, slots=True)
class Index:
    """An index by its name: its fields in order, and whether a read may name it, because it holds every document."""

    name: str
    fields: tuple[str, ...]
    whole: bool = True

    @classmethod
    def of(cls, listed: Mapping[str, Any]) -> Self:
        """As a server lists it."""
        key = listed.get("key") or {}
        plain = all(isinstance(way, int | float) and "$**" not in field for field, way in key.items())
        return cls(str(listed.get("name", "")), tuple(map(str, key)), plain and not any(map(listed.get, _LIMITS)))


def fitting(indexes: Sequence[Index], condition: Mapping[str, Any]) -> str | None:
    """The name of the index that narrows a condition most; None if none does, or none may be named.

    Judged by the form of the condition: ids come first; then how many fields are sought by their values, one after the
    other, and whether a range follows; then single values before lists, and how many of an index's fields are of use.
    Of alternatives, where nothing is said beside them, one index has to narrow each.
    """
    own = _best(indexes, [_predicates(condition)])
    return own if own or "$or" not in condition else _best(indexes, [_predicates(each) for each in condition["$or"]])


def _best(indexes: Sequence[Index], alternatives: Sequence[Mapping[str, int]]) -> str | None:
    best: tuple[tuple[int, ...], ...] = ()
    name = None
    for index in indexes:
        worths = [_worth(index, predicates) for predicates in alternatives]
        if index.whole and worths and all(worths):
            # The least narrowing counts first, then all of them.
            found = min(worth[:2] for worth in worths), tuple(map(sum, zip(*worths, strict=True)))
            if found > best:
                best, name = found, index.name
    return name


def ordering(indexes: Sequence[Index], field: str) -> str | None:
    """The name of an index that has all documents in the order of a field, the narrowest; None if there is none."""
    found = [index for index in indexes if index.whole and index.fields[:1] == (field,)]
    return min(found, key=lambda index: len(index.fields)).name if found else None


def is_served(indexes: Sequence[Index], condition: Mapping[str, Any]) -> bool:
    """Whether a server can answer a condition by indexes alone; that of everything needs none."""
    if not condition:
        return True
    if any(_narrowing(condition.get(index.fields[0])) for index in indexes if index.fields):
        return True
    if any(is_served(indexes, each) for each in condition.get("$and", ()) if each):
        return True
    branches = condition.get("$or", ())
    return bool(branches) and all(each and is_served(indexes, each) for each in branches)


def advised(indexes: Sequence[Index], condition: Mapping[str, Any]) -> tuple[str, ...]:
    """The fields, of which an index each would let a server answer a condition by indexes alone; none if it can."""
    if is_served(indexes, condition):
        return ()
    own = {key: _narrowing(value) for key, value in condition.items() if key[:1] != "$"}
    best = max(own, key=own.__getitem__, default="")
    found = (best,) if own.get(best) else ()
    if own.get(best, _NOTHING) >= _SOME:
        return found
    for part in condition.get("$and", ()):
        if part and (fields := advised(indexes, part)):
            return fields
    branches = [advised(indexes, each) for each in condition.get("$or", ())]
    return tuple(dict.fromkeys(field for fields in branches for field in fields)) or found


def _predicates(condition: Mapping[str, Any]) -> dict[str, int]:
    """How much each field of a conjunction is narrowed, also where it is said in several parts."""
    found: dict[str, int] = {}
    for part in ({key: value for key, value in condition.items() if key[:1] != "$"}, *condition.get("$and", ())):
        inner = {key: _narrowing(value) for key, value in part.items() if key[:1] != "$"}
        inner |= _predicates({"$and": part["$and"]}) if "$and" in part else {}
        found |= {key: max(worth, found.get(key, _NOTHING)) for key, worth in inner.items()}
    return found


def _worth(index: Index, predicates: Mapping[str, int]) -> tuple[int, ...]:
    """How much an index narrows, the more the larger; empty: it does not."""
    kinds = [predicates.get(field, _NOTHING) for field in index.fields]
    if not kinds or not kinds[0]:
        return ()
    sought = next((at for at, kind in enumerate(kinds) if kind < _SOME), len(kinds))
    # Behind a range an index narrows no more, though what it holds need not be read from documents.
    bounded = sought + bool(kinds[sought:] and kinds[sought])
    is_identity = index.fields[0] in _IDENTITIES and sought > 0
    return is_identity, sought, bounded, kinds[0], sum(map(bool, kinds)), -len(kinds)


def _narrowing(predicate: Any) -> int:
    """How much a predicate on a field narrows a scan of its index."""
    if not isinstance(predicate, Mapping):
        return _NOTHING if predicate is None else _ONE
    if "$eq" in predicate:
        return _ONE
    if "$in" in predicate:
        return _SOME
    lower, upper = not _LOWER.isdisjoint(predicate), not _UPPER.isdisjoint(predicate)
    if lower and upper:
        return _RANGE
    text = predicate.get("$regex")
    if isinstance(text, str) and text.startswith("^"):
        return _RANGE
    return _HALF if lower or upper else _NOTHING
