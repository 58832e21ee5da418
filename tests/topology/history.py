"""What was written and when: the log of a topology, and each collection with all its past.

Time is counted in positions of the log, the first being 0; each entry has its Timestamp.  A rollback cuts the log, and
what comes after takes the same positions again: `serial` tells entries apart for ever.
"""

import time
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any
from uuid import UUID, uuid4

import bson
from bson import Timestamp
from bson.raw_bson import RawBSONDocument

__all__ = ["Collection", "Entry", "Log", "key_of"]

Key = tuple[str, Any]


def key_of(value: Any) -> Key:
    """An `_id` as a key: numbers that are equal are one."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return ("number", value)
    return ("bytes", bson.encode({"": value}))


@dataclass(slots=True)
class Entry:
    """One write to one document, or to the catalog, or a `noop`."""

    position: int
    serial: int
    time: Timestamp
    wall: datetime
    kind: str
    collection: "Collection | None" = None
    key: Any = None
    """The `_id` of the document."""
    before: RawBSONDocument | None = None
    after: RawBSONDocument | None = None
    note: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Collection:
    """A collection from its creation to its end, with all its states."""

    database: str
    name: str
    made: Entry
    options: dict[str, Any] = field(default_factory=dict)
    uuid: UUID = field(default_factory=uuid4)
    gone: Entry | None = None
    documents: dict[Key, list[tuple[int, RawBSONDocument | None]]] = field(default_factory=dict)
    indexes: list[tuple[int, list[dict[str, Any]]]] = field(default_factory=list)
    changes: list[Entry] = field(default_factory=list)

    @property
    def namespace(self) -> str:
        return f"{self.database}.{self.name}"

    @property
    def capped(self) -> bool:
        return bool(self.options.get("capped"))

    def seen(self, position: int) -> bool:
        """Whether the collection exists there."""
        return self.made.position <= position and (self.gone is None or self.gone.position > position)

    def version(self, position: int) -> Entry:
        """The last change until there."""
        return self.changes[max(0, bisect_right(self.changes, position, key=lambda entry: entry.position) - 1)]

    def document(self, key: Any, position: int) -> RawBSONDocument | None:
        """A document as it was there."""
        return _there(self.documents.get(key_of(key), []), position)

    def state(self, position: int) -> Iterator[RawBSONDocument]:
        """All documents as they were there."""
        for versions in self.documents.values():
            if (found := _there(versions, position)) is not None:
                yield found

    def indexes_at(self, position: int) -> list[dict[str, Any]]:
        """The indexes as they were there."""
        return _there(self.indexes, position) or [{"v": 2, "key": {"_id": 1}, "name": "_id_"}]

    def fill(self, documents: Iterable[RawBSONDocument], indexes: list[dict[str, Any]]) -> None:
        """Have all this from the beginning."""
        for document in documents:
            self.documents[key_of(document["_id"])] = [(self.made.position, document)]
        self.indexes = [(self.made.position, indexes)]

    def cut(self, position: int) -> None:
        """Forget all that came after."""
        if self.gone is not None and self.gone.position > position:
            self.gone = None
        for versions in [*self.documents.values(), self.indexes]:
            while versions and versions[-1][0] > position:
                versions.pop()
        self.changes = [entry for entry in self.changes if entry.position <= position]


def _there(versions: list[Any], position: int) -> Any:
    at = bisect_right(versions, position, key=lambda version: version[0])
    return versions[at - 1][1] if at else None


class Log:
    """All entries in order, and all collections there ever were."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self._serials = count(1)
        self._collections: dict[tuple[str, str], list[Collection]] = {}
        self._last = Timestamp(1, 0)
        self.append("noop")

    @property
    def end(self) -> int:
        """The position of the last entry."""
        return len(self.entries) - 1

    def tick(self) -> Timestamp:
        """The next time."""
        seconds = int(time.time())
        last = self._last
        self._last = Timestamp(seconds, 1) if seconds > last.time else Timestamp(last.time, last.inc + 1)
        return self._last

    def learn(self, other: Timestamp) -> None:
        """No time after this will be before that one."""
        self._last = max(self._last, other)

    def append(self, kind: str, collection: Collection | None = None, **fields: Any) -> Entry:
        """A new entry."""
        at = len(self.entries)
        entry = Entry(at, next(self._serials), self.tick(), datetime.now(UTC), kind, collection, **fields)
        self.entries.append(entry)
        if collection is not None:
            collection.changes.append(entry)
        return entry

    def write(self, kind: str, collection: Collection, key: Any, after: RawBSONDocument | None, **note: Any) -> Entry:
        """A document was written, or deleted."""
        before = collection.document(key, self.end)
        entry = self.append(kind, collection, key=key, before=before, after=after, note=note)
        collection.documents.setdefault(key_of(key), []).append((entry.position, after))
        return entry

    def create(self, database: str, name: str, options: dict[str, Any] | None = None) -> Collection:
        """A new collection."""
        entry = self.append("create")
        made = Collection(database, name, entry, options or {}, changes=[entry])
        entry.collection = made
        self._collections.setdefault((database, name), []).append(made)
        return made

    def drop(self, collection: Collection, kind: str = "drop", **note: Any) -> Entry:
        """A collection ends."""
        entry = self.append(kind, note=note)
        entry.collection = collection
        collection.gone = entry
        return entry

    def index(self, collection: Collection, indexes: list[dict[str, Any]]) -> None:
        """A collection has other indexes from now on."""
        entry = self.append("createIndexes", collection)
        collection.indexes.append((entry.position, indexes))

    def find(self, database: str, name: str, position: int) -> Collection | None:
        """The collection of that name that exists there."""
        those = self._collections.get((database, name), [])
        return next((one for one in reversed(those) if one.seen(position)), None)

    def all(self, position: int, database: str | None = None) -> list[Collection]:
        """The collections that exist there."""
        every = (one for those in self._collections.values() for one in those if one.seen(position))
        return [one for one in every if database in {None, one.database}]

    def position(self, at: Timestamp) -> int:
        """Of the last entry until that time; -1 for a time before all."""
        return bisect_right(self.entries, at, key=lambda entry: entry.time) - 1

    def cut(self, position: int) -> None:
        """Roll back to there."""
        del self.entries[position + 1 :]
        for name, those in self._collections.items():
            self._collections[name] = [one for one in those if one.made.position <= position]
            for one in self._collections[name]:
                one.cut(position)
