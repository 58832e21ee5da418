"""Query buffers: the collections in which Beacons keep handovers, read by id."""

import asyncio
import hashlib
import logging
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from typing import Any, Final

from gateway import codec
from gateway.db.cluster_times import settled_time
from gateway.db.source import Source
from gateway.errors import BadDocument, DatabaseRefused
from gateway.handovers import Handover
from gateway.logs import fields as told_of
from gateway.rows import Array

__all__ = ["QueryBuffers"]

log = logging.getLogger("gateway.db")

_ID: Final = "id"
# Long lists that are taken apart at once: a million ids take seconds of a processor, and some 100 MB.
_AT_ONCE: Final = 2
# Values of the lists that are remembered, in all; each list counts as some more, or empty ones would add up for ever.
_REMEMBERED: Final = 1_000_000
_OF_EACH: Final = 200


class QueryBuffers:
    """Places (database and collection) that are looked through in turn, as they are now: a handover may be new."""

    def __init__(self, source: Source, places: Sequence[tuple[str, str]]) -> None:
        """None at all: no handover is known."""
        self._source = source
        self._places = tuple(places)
        self._making = asyncio.Semaphore(_AT_ONCE)
        self._made: OrderedDict[Hashable, Handover] = OrderedDict()
        self._values = 0

    async def record(self, access_id: str, fields: Sequence[str]) -> dict[str, Any] | None:
        """The record of an id, of these fields; None if there is none that can be read.

        A place that may not be read is passed over, unless the record is in no other: then DatabaseRefused.
        """
        raw = await self._raw(access_id, fields)
        return None if raw is None else await asyncio.to_thread(_decoded, raw)

    async def handover(
        self, access_id: str, fields: Sequence[str], make: Callable[[dict[str, Any]], Handover], *, of: Hashable
    ) -> Handover | None:
        """What is made `of` the record of an id, of these fields; None if there is none.

        Made once for each content of a record, since whoever pages through a long list asks for it again and again.
        """
        async with self._making:
            raw = await self._raw(access_id, fields)
            if raw is None:
                return None
            key = await asyncio.to_thread(_digest, raw), of
            if (known := self._made.get(key)) is None:
                known = await asyncio.to_thread(lambda: make(_decoded(raw) or {}))
            self._remember(key, known)
            return known

    def _remember(self, key: Hashable, handover: Handover) -> None:
        # Another who asked at the same time may have made it, too.
        self._values -= _size(self._made.pop(key, None))
        self._made[key] = handover
        self._values += _size(handover)
        while self._values > _REMEMBERED:
            self._values -= _size(self._made.popitem(last=False)[1])

    async def _raw(self, access_id: str, fields: Sequence[str]) -> list[Array] | None:
        if not self._places:
            return None
        # Whatever was written until now is looked at: the Beacon answered a moment ago.
        time, _ = await settled_time(self._source.times)
        concern = {} if time is None else {"readConcern": {"level": "majority", "afterClusterTime": time}}
        projection = {"_id": 0, **dict.fromkeys(fields, 1)}
        refused: DatabaseRefused | None = None
        for database, collection in self._places:
            try:
                page = await self._source.page(
                    database, collection, {_ID: access_id}, projection=projection, limit=1, concern=concern
                )
            except DatabaseRefused as error:
                told = told_of(database=database, collection=collection, reason=error)
                log.warning("a query buffer cannot be read", extra=told)
                refused = error
            else:
                if page.count:
                    return page.arrays
        if refused is not None:
            raise refused
        return None


def _digest(raw: Sequence[Array]) -> bytes:
    return b"".join(hashlib.sha256(array).digest() for array in raw)


def _decoded(raw: Sequence[Array]) -> dict[str, Any] | None:
    try:
        return codec.decode(raw)[0]
    except BadDocument as error:
        log.warning("a record of a query buffer cannot be read", extra=told_of(reason=error))
        return None


def _size(handover: Handover | None) -> int:
    if handover is None:
        return 0
    return _OF_EACH + (len(handover.listed.values) if handover.listed else 0)
