"""Whether anything that a pass read was changed meanwhile, as a change stream tells.

The stream is opened behind the pass, and asked for what happened since its beginning: nothing is kept open meanwhile.
It is read until it has come to the time of the question.  `startAtOperationTime` needs MongoDB 4.0.
"""

import logging
import struct
import time
from collections.abc import Iterable, Mapping
from typing import Any, Final

from bson.timestamp import Timestamp

from gateway.dataset_state import Bounds
from gateway.db.source import Source
from gateway.errors import GatewayError
from gateway.logs import fields

__all__ = ["changed"]

log = logging.getLogger("gateway.db")

# Events that concern all collections of a database, or a collection under another name.
_WHOLE: Final = ["dropDatabase", "invalidate", "rename"]
_SECONDS: Final = 30.0
_TIMESTAMP: Final = 0x82
_TIME: Final = struct.Struct(">BII")


async def changed(
    source: Source,
    dataset: str,
    collections: Iterable[str],
    since: Any,
    bounds: Bounds,
    *,
    until: Any = None,
    as_wholes: bool = False,
) -> bool | None:
    """Whether documents of these collections were changed, deleted, or inserted within the bounds, after a time.

    Until another time, or now.  `as_wholes`: whether collections were dropped or renamed, whatever was in them.

    None if that cannot be told: the user may not watch, or the server does not remember so much; the log says why.
    """
    names = sorted(collections)
    condition = {"operationType": {"$in": [*_WHOLE, "drop"]}} if as_wholes else _condition(names, bounds)
    # The stream begins with what happened at that very time, which was read.
    pipeline = [{"$match": {"$and": [{"clusterTime": {"$gt": since}}, condition]}}]
    try:
        until = until or await source.cluster_time()
        async with source.watching(dataset, names[0], pipeline, since, until) as stream:
            deadline = time.monotonic() + _SECONDS
            while time.monotonic() < deadline:
                # A first reply without events says how far it looked, which is as far as there was, nearly always.
                if (read := _time_of(stream.token)) is not None and read >= until:
                    return False
                if await stream.event():
                    return True
                # Before 4.0.7 servers do not say how far they are: on a replica set a first look goes to the end.
                if _time_of(stream.token) is None and source.topology.kind == "replica set":
                    return False
        log.warning("the change stream does not come to an end", extra=fields(dataset=dataset))
    except GatewayError as error:
        log.warning("the change stream cannot be read", extra=fields(dataset=dataset, reason=error))
    return None


def _time_of(token: Mapping[str, Any] | None) -> Timestamp | None:
    """The time in a resume token, whose first part it is: type, seconds and number of a timestamp."""
    data = (token or {}).get("_data")
    try:
        raw = bytes.fromhex(data) if isinstance(data, str) else bytes(data or b"")
    except (TypeError, ValueError):
        return None
    if len(raw) < _TIME.size or raw[0] != _TIMESTAMP:
        return None
    _, seconds, number = _TIME.unpack_from(raw)
    return Timestamp(seconds, number)


def _condition(collections: list[str], bounds: Bounds) -> Mapping[str, Any]:
    later = [
        {"operationType": "insert", "ns.coll": name, "documentKey._id": {"$gt": last}}
        for name, last in sorted(bounds.last.items())
        if name in collections
    ]
    mine = {"$or": [{"ns.coll": {"$in": collections}}, {"operationType": {"$in": _WHOLE}}]}
    return {"$and": [mine, *([{"$nor": later}] if later else [])]}
