"""Change streams: made from the log, as far as a majority has it.

Rules: src/mongo/db/pipeline/document_source_change_stream.cpp (40573 without a replica set, 286 for what the log has no
more), and the driver's specification of change streams.
"""

import re
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from bson import Timestamp

from tests.topology.cursors import Cursor
from tests.topology.failures import Refused, options
from tests.topology.history import Entry
from tests.topology.matching import matches
from tests.topology.request import Request
from tests.topology.waiting import now
from tests.topology.wire import raw

__all__ = ["open_stream"]

Document = dict[str, Any]

_FIELDS: Final = {"fullDocument", "resumeAfter", "startAfter", "startAtOperationTime", "allChangesForCluster"}
_LATER: Final = {"fullDocumentBeforeChange", "showExpandedEvents"}
_AWAIT: Final = 1.0  # seconds, where a getMore does not say
_DOCUMENTS: Final = {"insert", "update", "replace", "delete"}
_ENDS: Final = {"drop", "rename", "dropDatabase"}


def open_stream(request: Request) -> Document:
    """The first batch."""
    cluster = request.cluster
    if cluster.mode == "standalone":
        raise Refused(40573, "The $changeStream stage is only supported on replica sets")
    if request.concern.given and request.concern.level != "majority" and "level" in request.command["readConcern"]:
        raise options(f"$changeStream cannot run with a readConcern level of '{request.concern.level}'")
    pipeline = request.command["pipeline"]
    told = pipeline[0]["$changeStream"]
    for name in told:
        if name not in _FIELDS and not (name in _LATER and cluster.version >= (6, 0)):
            raise Refused(40415, f"BSON field '$changeStream.{name}' is an unknown field.")
    whole = request.command["aggregate"] == 1
    if whole and cluster.version < (4, 0):
        raise Refused(73, f"{{aggregate: 1}} is not valid for '$changeStream' on {request.database}")
    stages = pipeline[1:]
    for stage in stages:
        if "$match" not in stage:
            raise Refused(20, f"this stand-in has no {next(iter(stage))} after $changeStream")
    stream = _Stream(request, told, whole, [stage["$match"] for stage in stages], _begin(request, told))
    namespace = f"{request.database}.$cmd.aggregate" if whole else request.namespace
    cursor = Cursor(namespace, [], lsid=request.command.get("lsid"), follow=stream.follow)
    stream.collect(cursor)
    size = request.command.get("cursor", {}).get("batchSize")
    return request.member.cursors.first(cursor, None if size is None else int(size))


def _begin(request: Request, told: Document) -> int:
    """The position of the first entry that may be an event."""
    log, cluster = request.cluster.log, request.cluster
    given = [name for name in ("resumeAfter", "startAfter", "startAtOperationTime") if name in told]
    if len(given) > 1:
        raise Refused(40674, f"Only one type of resume option is allowed, but multiple were found: {given}")
    if not given:
        return min(request.member.applied, cluster.committed) + 1
    value = told[given[0]]
    if given[0] == "startAtOperationTime":
        if not isinstance(value, Timestamp):
            raise Refused(14, "BSON field '$changeStream.startAtOperationTime' is the wrong type, expected 'timestamp'")
        _kept(request, value)
        return bisect_left(log.entries, value, key=lambda entry: entry.time)
    time, serial = _parse(value)
    _kept(request, time)
    position = log.position(time)
    if serial and (position < 0 or log.entries[position].serial != serial):
        raise Refused(280, "cannot resume stream; the resume token was not found.")
    return position + 1


def _kept(request: Request, time: Timestamp) -> None:
    if time < max(request.cluster.log.entries[0].time, request.cluster.log_begin):
        message = "Resume of change stream was not possible, as the resume point may no longer be in the oplog."
        raise Refused(286, message, errorLabels=["NonResumableChangeStreamError"])


def _token(entry: Entry, *, event: bool) -> Document:
    return {"_data": f"82{entry.time.time:08X}{entry.time.inc:08X}{entry.serial if event else 0:08X}"}


def _parse(token: Document) -> tuple[Timestamp, int]:
    found = re.fullmatch("82([0-9A-F]{8})([0-9A-F]{8})([0-9A-F]{8})", str(token.get("_data")))
    if found is None:
        raise Refused(40647, f"Bad resume token: _data of missing or of wrong type {token}")
    seconds, increment, serial = (int(part, 16) for part in found.groups())
    return Timestamp(seconds, increment), serial


@dataclass
class _Stream:
    """A stream of events, and how far it is."""

    request: Request
    told: Document
    whole: bool
    conditions: list[Mapping[str, Any]]
    position: int
    ended: bool = False
    last: Entry | None = field(default=None)

    async def follow(self, cursor: Cursor, command: Document) -> None:
        """Wait for events."""
        cluster = self.request.cluster
        seconds = command["maxTimeMS"] / 1000 if "maxTimeMS" in command else _AWAIT
        deadline = now() + seconds
        while not cursor.left and not self.ended:
            self.collect(cursor)
            if cursor.left or not await cluster.bell.wait(lambda: self._end() >= self.position, deadline):
                break
        if self.ended:
            cursor.follow = None

    def _end(self) -> int:
        return min(self.request.member.applied, self.request.cluster.committed)

    def collect(self, cursor: Cursor) -> None:
        """Take what there is."""
        log, end = self.request.cluster.log, self._end()
        while self.position <= end and not self.ended:
            entry = log.entries[self.position]
            self.position += 1
            for event in self._events(entry):
                if all(matches(event, condition) for condition in self.conditions):
                    cursor.left.append(raw(event))
        self.last = log.entries[min(self.position - 1, end)] if self.position else log.entries[0]
        cursor.fields["postBatchResumeToken"] = _token(self.last, event=False)

    def _events(self, entry: Entry) -> list[Document]:
        if not self._mine(entry):
            return []
        event: Document = {"_id": _token(entry, event=True), "operationType": entry.kind, "clusterTime": entry.time}
        if self.request.cluster.version >= (6, 0):
            event["wallTime"] = entry.wall
        event["ns"] = {"db": entry.note.get("database")}
        if entry.collection is not None:
            event["ns"] = {"db": entry.collection.database, "coll": entry.collection.name}
        if entry.kind in _DOCUMENTS:
            return [event | self._document(entry)]
        event |= {"to": entry.note["to"]} if "to" in entry.note else {}
        self.ended = not self.whole or entry.kind == "dropDatabase"
        if not self.ended:
            return [event]
        return [event, {"_id": event["_id"], "operationType": "invalidate", "clusterTime": entry.time}]

    def _mine(self, entry: Entry) -> bool:
        collection = entry.collection
        if entry.kind not in _DOCUMENTS | _ENDS or self.told.get("allChangesForCluster"):
            return entry.kind in _DOCUMENTS | _ENDS
        database = entry.note.get("database") if collection is None else collection.database
        if database != self.request.database:
            return False
        return self.whole or (collection is not None and collection.name == self.request.collection)

    def _document(self, entry: Entry) -> Document:
        part: Document = {"documentKey": {"_id": entry.key}}
        if entry.kind in {"insert", "replace"}:
            part["fullDocument"] = entry.after
        if entry.kind == "update":
            assert entry.before is not None
            assert entry.after is not None
            part["updateDescription"] = _difference(entry.before, entry.after)
            if self.told.get("fullDocument") == "updateLookup" and entry.collection is not None:
                part["fullDocument"] = entry.collection.document(entry.key, self._end())
        return part


def _difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> Document:
    updated: Document = {}
    removed: list[str] = []
    _compare(before, after, "", updated, removed)
    return {"updatedFields": updated, "removedFields": removed, "truncatedArrays": []}


def _compare(
    before: Mapping[str, Any], after: Mapping[str, Any], prefix: str, updated: Document, removed: list[str]
) -> None:
    removed.extend(prefix + name for name in before if name not in after)
    for name, value in after.items():
        old = before.get(name)
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            _compare(old, value, f"{prefix}{name}.", updated, removed)
        elif name not in before or old != value:
            updated[prefix + name] = value
