"""Query buffers: the collections in which Beacons keep handovers, read by id."""

import logging
from collections.abc import Sequence
from typing import Any, Final

from gateway.db.source import Source
from gateway.errors import BadDocument, DatabaseRefused

__all__ = ["QueryBuffers"]

log = logging.getLogger("gateway.db")

_ID: Final = "id"


class QueryBuffers:
    """Places (database and collection) that are looked through in turn, as they are now: a handover may be new."""

    def __init__(self, source: Source, places: Sequence[tuple[str, str]]) -> None:
        """None at all: no handover is known."""
        self._source = source
        self._places = tuple(places)

    async def find(self, access_id: str, fields: Sequence[str]) -> dict[str, Any] | None:
        """The record of an id, of these fields; None if there is none.

        A place that may not be read is passed over, unless the record is in no other: then DatabaseRefused.
        """
        if not self._places:
            return None
        # Whatever was written until now is looked at: the Beacon answered a moment ago.
        time, _ = await self._source.settled_time()
        concern = {} if time is None else {"readConcern": {"level": "majority", "afterClusterTime": time}}
        projection = {"_id": 0, **dict.fromkeys(fields, 1)}
        refused: DatabaseRefused | None = None
        for database, collection in self._places:
            try:
                found = await self._source.find_one(
                    database,
                    collection,
                    {_ID: access_id},
                    fields=projection,
                    concern=concern,
                )
            except DatabaseRefused as error:
                log.warning("the query buffer %s.%s cannot be read: %s", database, collection, error)
                refused = error
            except BadDocument as error:
                log.warning("a record of the query buffer %s.%s cannot be read: %s", database, collection, error)
                return {}
            else:
                if found is not None:
                    return found
        if refused is not None:
            raise refused
        return None
