"""Commands that read documents: `find`, `aggregate`, `count`, `distinct`.

The embedded database evaluates them on the state of the collection that the read concern asks for.  Results of a
snapshot are all taken at once; a cursor without a snapshot goes on after its last document in what is there by then,
as a scan of a real server does.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from bson.raw_bson import RawBSONDocument

from tests.topology import lookups, streams, strict
from tests.topology.cursors import Cursor, snapshot_fields
from tests.topology.failures import Refused
from tests.topology.history import Collection, key_of
from tests.topology.request import Request
from tests.topology.waiting import now

__all__ = ["HANDLERS", "visible"]

Document = dict[str, Any]

_NOWHERE: Final = ".0"
_FORWARDED: Final = {
    "find": ("filter", "projection", "sort", "skip", "limit", "min", "max", "returnKey", "collation", "let"),
    "count": ("query", "limit", "skip", "collation"),
    "distinct": ("key", "query", "collation"),
    "aggregate": ("collation", "let", "allowDiskUse"),
}


def visible(request: Request) -> Collection | None:
    """The collection that is read.

    A capped collection has no snapshots (jstests/noPassthrough/snapshot_reads_capped_collection.js).  Before 7.0 a
    server knows only the newest catalog, and refuses to read what was made after the snapshot; from then on it knows
    all of it (jstests/noPassthrough/point_in_time_lookups_drop_pending.js).
    """
    found = request.found()
    if request.snapshot is None:
        return found
    if request.cluster.version < (7, 0):
        found = request.cluster.log.find(request.database, request.collection, request.member.applied)
        if found is not None and found.made.position > request.at:
            raise Refused(
                246,
                "Unable to read from a snapshot due to pending collection catalog changes; please retry the operation. "
                f"Snapshot timestamp is {request.snapshot}. Collection minimum is {found.made.time}",
            )
    if found is not None and found.capped:
        raise Refused(246, "Reading from capped collections with readConcern snapshot is not supported")
    return found


def _hint(request: Request, collection: Collection | None) -> None:
    hint = request.command.get("hint")
    if not hint or collection is None:
        return
    keys = [list(one["key"].items()) for one in collection.indexes_at(request.at)]
    names = [one["name"] for one in collection.indexes_at(request.at)]
    known = hint in names if isinstance(hint, str) else list(hint.items()) in keys or next(iter(hint)) == "$natural"
    if not known:
        raise Refused(
            2,
            f"error processing query: ns={request.namespace}: planner returned error :: caused by :: "
            "hint provided does not correspond to an existing index",
        )


def _forwarded(request: Request) -> Document:
    command = {name: request.command[name] for name in _FORWARDED[request.name] if name in request.command}
    if request.deadline is not None:
        command["maxTimeMS"] = max(1, int((request.deadline - now()) * 1000))
    return command


async def _ask(request: Request, collection: Collection | None, position: int, command: Document) -> Any:
    """Ask the embedded database about a state; documents for a `find`, a reply for others."""
    cluster = request.cluster
    database = cluster.states.database(request.database)
    async with cluster.states.places(position, *([collection] if collection else [])) as names:
        asked = {request.name: names[0] if names else request.collection + _NOWHERE} | command
        if request.name == "find":
            return await cluster.engine.drain(database, asked)
        return await cluster.engine.ask(database, asked)


async def _find(request: Request) -> Document:
    collection = visible(request)
    _hint(request, collection)
    if request.command.get("tailable") and (collection is None or not collection.capped):
        raise Refused(2, "error processing query: tailable cursor requested on non capped collection")
    command = request.command
    found = await _ask(request, collection, request.at, _forwarded(request))
    cursor = Cursor(request.namespace, found, lsid=command.get("lsid"), single=bool(command.get("singleBatch")))
    cursor.fields = snapshot_fields(request.snapshot)
    if request.snapshot is None and collection is not None:
        cursor.refresh = _Scan(request, collection, request.at).refresh
    size = command.get("batchSize")
    return request.member.cursors.first(cursor, None if size is None else int(size))


@dataclass
class _Scan:
    """How a cursor without a snapshot goes on."""

    request: Request
    collection: Collection
    position: int
    ids: list[Any] | None = None
    """Of all documents of the result, as far as known: those sent, and those that would come."""

    async def refresh(self, cursor: Cursor) -> None:
        """Let the rest of the result be what is there now."""
        request, cluster, applied = self.request, self.request.cluster, self.request.member.applied
        at = min(applied, cluster.committed) if request.concern.level == "majority" else applied
        if not self.collection.seen(at):
            request.member.cursors.kill([cursor.id])
            raise Refused(175, f"collection dropped between getMore calls: {request.namespace}")
        if self.collection.version(at) is self.collection.version(self.position):
            return
        if self.ids is None:
            self.ids = await self._ids(self.position, _forwarded(request))
        command = _forwarded(request)
        most = int(command.pop("limit", 0))
        command.pop("skip", None)
        documents = await _ask(request, self.collection, at, command)
        ids = await self._ids(at, command)
        sent = self.ids[: cursor.sent]
        places = {key_of(one): place for place, one in enumerate(ids)}
        begin = _begin(places, sent, self.ids[cursor.sent :])
        end = begin + most - cursor.sent if most else None
        cursor.left, self.ids = documents[begin:end], sent + ids[begin:end]
        self.position = at

    async def _ids(self, position: int, command: Document) -> list[Any]:
        found = await _ask(self.request, self.collection, position, command | {"projection": {"_id": 1}})
        return [one["_id"] for one in found]


def _begin(places: dict[Any, int], sent: list[Any], unsent: list[Any]) -> int:
    """Where a scan goes on: after its last document, or where that would have been."""
    if sent and key_of(sent[-1]) in places:
        return places[key_of(sent[-1])] + 1
    following = (places[key_of(one)] for one in unsent if key_of(one) in places)
    preceding = (places[key_of(one)] + 1 for one in reversed(sent) if key_of(one) in places)
    return next(following, next(preceding, 0))


async def _count(request: Request) -> Document:
    collection = visible(request)
    _hint(request, collection)
    reply = await _ask(request, collection, request.at, _forwarded(request))
    counted = int(reply["n"])
    if not request.command.get("query"):  # with a query the shard looks at the documents, and drops those not its own
        counted += request.cluster.orphans.get(request.namespace, 0)
    return {"n": counted}


async def _distinct(request: Request) -> Document:
    if request.snapshot is not None and request.namespace in request.cluster.sharded:
        raise Refused(72, "distinct with readConcern snapshot is not supported on sharded collections")
    collection = visible(request)
    _hint(request, collection)
    reply = await _ask(request, collection, request.at, _forwarded(request))
    return {"values": reply["values"]} | snapshot_fields(request.snapshot)


async def _aggregate(request: Request) -> Document:
    command, pipeline = request.command, request.command["pipeline"]
    if not all(isinstance(stage, dict) and len(stage) == 1 for stage in pipeline):
        raise Refused(40323, "A pipeline stage specification object must contain exactly one field.")
    if "cursor" not in command and not command.get("explain"):
        raise Refused(9, "The 'cursor' option is required, except for aggregate with the explain argument")
    for name in command.get("cursor", {}):
        if name != "batchSize":
            raise Refused(40415, f"BSON field 'cursor.{name}' is an unknown field.")
    if pipeline and "$changeStream" in pipeline[0]:
        return streams.open_stream(request)
    if any({"$out", "$merge"} & stage.keys() for stage in pipeline):
        raise Refused(20, "this stand-in has neither $out nor $merge")
    found, namespace = await _piped(request)
    cursor = Cursor(namespace, found, lsid=command.get("lsid"), fields=snapshot_fields(request.snapshot))
    size = command.get("cursor", {}).get("batchSize")
    return request.member.cursors.first(cursor, None if size is None else int(size))


async def _piped(request: Request) -> tuple[list[RawBSONDocument], str]:
    """The whole result of a pipeline, all collections of which are read at one position."""
    cluster, command = request.cluster, request.command
    if command["aggregate"] == 1:
        database = cluster.states.database(request.database)
        asked = {"aggregate": 1, "pipeline": command["pipeline"]} | _forwarded(request)
        return await cluster.engine.drain(database, asked), f"{request.database}.$cmd.aggregate"
    collection = visible(request)
    _hint(request, collection)
    others = {name: cluster.log.find(request.database, name, request.at) for name in lookups.names(command["pipeline"])}
    wanted = {name: one for name, one in others.items() if one is not None}
    database = cluster.states.database(request.database)
    async with cluster.states.places(request.at, *filter(None, [collection]), *wanted.values()) as names:
        main = names[0] if collection else request.collection + _NOWHERE
        known = dict(zip(wanted, names[1 if collection else 0 :], strict=True))
        new = {name: known.get(name, name + _NOWHERE) for name in others}
        asked = {"aggregate": main, "pipeline": lookups.renamed(command["pipeline"], new)} | _forwarded(request)
        return await cluster.engine.drain(database, asked), request.namespace


async def _explain(request: Request) -> Document:
    """The plan of a `find` by the index that it names; whether that is multikey is looked up in the documents."""
    command = request.command["explain"]
    if not isinstance(command, dict) or "find" not in command or "hint" not in command:
        raise Refused(20, "this stand-in explains plans of finds by a hint only")
    if request.command.get("verbosity") != "queryPlanner":
        raise Refused(20, "this stand-in has no statistics of executions")
    strict.check("find", command, request.cluster.version)
    read = replace(request, name="find", command={"$db": request.database, **command})
    collection = read.found()
    if collection is None:
        return {"queryPlanner": {"winningPlan": {"stage": "EOF"}}}
    _hint(read, collection)
    (index,) = (one for one in collection.indexes_at(read.at) if one["name"] == command["hint"])
    lists = {"$or": [{field: {"$type": "array"}} for field in index["key"]]}
    found = await _ask(read, collection, read.at, {"filter": lists, "limit": 1})
    scan = {"stage": "IXSCAN", "keyPattern": index["key"], "indexName": index["name"], "isMultiKey": bool(found)}
    return {"queryPlanner": {"namespace": read.namespace, "winningPlan": {"stage": "FETCH", "inputStage": scan}}}


HANDLERS: Final[dict[str, Callable[[Request], Awaitable[Document]]]] = {
    "explain": _explain,
    "find": _find,
    "count": _count,
    "distinct": _distinct,
    "aggregate": _aggregate,
}
