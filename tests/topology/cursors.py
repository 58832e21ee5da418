"""Cursors of one member: results that are sent in batches."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from itertools import count
from random import randrange
from typing import Any, Final

from bson import Int64, Timestamp
from bson.raw_bson import RawBSONDocument

from tests.topology.failures import Refused

__all__ = ["Cursor", "Cursors"]

FIRST_BATCH: Final = 101
_MOST_BYTES: Final = 16 * 1024 * 1024


@dataclass
class Cursor:
    """A result, and how it goes on."""

    namespace: str
    left: list[RawBSONDocument]
    id: int = 0
    lsid: Any = None
    single: bool = False
    fields: dict[str, Any] = field(default_factory=dict)
    """Sent with each batch."""
    refresh: Callable[["Cursor"], Awaitable[None]] | None = None
    """Called before each batch after the first: a cursor without a snapshot sees what was written meanwhile."""
    follow: Callable[["Cursor", dict[str, Any]], Awaitable[None]] | None = None
    """Called before each batch of a cursor that never ends, to wait for more."""
    sent: int = 0

    def batch(self, size: int | None) -> list[RawBSONDocument]:
        """The next documents: as many as asked for, or as fit."""
        taken, total = 0, 0
        for document in self.left:
            total += len(document.raw) + 8
            if (size is not None and taken >= size) or (taken and total > _MOST_BYTES):
                break
            taken += 1
        found, self.left = self.left[:taken], self.left[taken:]
        self.sent += taken
        return found

    @property
    def over(self) -> bool:
        return self.follow is None and (self.single or not self.left)


class Cursors:
    """What is open on a member."""

    def __init__(self, seed: int) -> None:
        self._open: dict[int, Cursor] = {}
        self._numbers = count(randrange(1 << 40, 1 << 60) + seed)

    def __len__(self) -> int:
        return len(self._open)

    def clear(self) -> None:
        """Kill all."""
        self._open.clear()

    def first(self, cursor: Cursor, size: int | None) -> dict[str, Any]:
        """The first batch; the cursor stays open if there is more."""
        batch = cursor.batch(FIRST_BATCH if size is None else size)
        if not cursor.over:
            cursor.id = next(self._numbers)
            self._open[cursor.id] = cursor
        return self._reply(cursor, "firstBatch", batch)

    async def more(self, command: dict[str, Any], database: str) -> dict[str, Any]:
        """The next batch."""
        number = command["getMore"]
        cursor = self._open.get(number)
        if cursor is None:
            raise Refused(43, f"cursor id {number} not found")
        namespace = f"{database}.{command['collection']}"
        if namespace != cursor.namespace:
            message = f"Requested getMore on namespace '{namespace}', but cursor belongs to a different namespace"
            raise Refused(13, f"{message} {cursor.namespace}")
        _same_session(cursor, command.get("lsid"))
        if command.get("maxTimeMS") and cursor.follow is None:
            raise Refused(2, "cannot set maxTimeMS on getMore command for a non-awaitData cursor")
        if cursor.refresh is not None:
            await cursor.refresh(cursor)
        if cursor.follow is not None:
            await cursor.follow(cursor, command)
        if number not in self._open:
            raise Refused(43, f"cursor id {number} not found")
        size = command.get("batchSize")
        batch = cursor.batch(int(size) if size else None)
        if cursor.over:
            del self._open[number]
            cursor.id = 0
        return self._reply(cursor, "nextBatch", batch)

    def _reply(self, cursor: Cursor, name: str, batch: list[RawBSONDocument]) -> dict[str, Any]:
        body = {name: batch, "id": Int64(cursor.id), "ns": cursor.namespace}
        return {"cursor": body | cursor.fields}

    def kill(self, ids: list[int]) -> dict[str, Any]:
        """Close some."""
        known = [Int64(one) for one in ids if self._open.pop(one, None)]
        unknown = [Int64(one) for one in ids if one not in known]
        return {"cursorsKilled": known, "cursorsNotFound": unknown, "cursorsAlive": [], "cursorsUnknown": []}


def _same_session(cursor: Cursor, lsid: Any) -> None:
    if cursor.lsid == lsid:
        return
    if cursor.lsid is None:
        code, how = 50736, "which was not created in a session, in a session"
    elif lsid is None:
        code, how = 50737, "which was created in a session, without an lsid"
    else:
        code, how = 50738, "which was created in another session"
    raise Refused(code, f"Cannot run getMore on cursor {cursor.id}, {how}")


def snapshot_fields(at: Timestamp | None) -> dict[str, Any]:
    """What the batches of a snapshot say about it."""
    return {} if at is None else {"atClusterTime": at}
