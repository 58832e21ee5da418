"""Commands that write documents: done in the embedded database, then put into the log with what they changed.

Each document that is written has a time of its own, as in a real oplog.
"""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final

from bson import ObjectId
from bson.raw_bson import RawBSONDocument

from tests.topology import catalog
from tests.topology.engine import plain
from tests.topology.failures import Refused
from tests.topology.history import Collection, key_of
from tests.topology.request import Request
from tests.topology.waiting import now
from tests.topology.wire import raw

__all__ = ["HANDLERS", "confirm"]

Document = dict[str, Any]

_PASSED: Final = ("collation", "arrayFilters", "c", "hint")


class _Writer:
    """One collection, as it is written by one command."""

    def __init__(self, request: Request, collection: Collection, name: str) -> None:
        self.request = request
        self.collection = collection
        self._name = name
        self._states = request.cluster.states
        self._database = self._states.database(request.database)

    @classmethod
    async def of(cls, request: Request, *, make: bool) -> "_Writer | None":
        """For the collection of a command; it is made where a write may need it."""
        collection = request.found()
        if collection is None:
            if not make:
                return None
            collection = catalog.create(request, request.collection)
        return cls(request, collection, await request.cluster.states.head(collection))

    async def ask(self, verb: str, **fields: Any) -> RawBSONDocument:
        """A write, to the newest state."""
        return await self._states.engine.ask(self._database, {verb: self._name} | fields)

    async def ids(self, condition: Any, *, limit: int = 0, sort: Any = None, collation: Any = None) -> list[Any]:
        """The `_id` of what a condition finds."""
        command: Document = {"find": self._name, "filter": condition, "projection": {"_id": 1}, "limit": limit}
        command |= {"sort": sort} if sort else {}
        command |= {"collation": collation} if collation else {}
        return [one["_id"] for one in await self._states.engine.drain(self._database, command)]

    async def note(self, kind: str, ids: Iterable[Any]) -> None:
        """Put into the log what became of documents."""
        ids = list(ids)
        found = {}
        for some in (ids[at : at + 500] for at in range(0, len(ids), 500)):
            command = {"find": self._name, "filter": {"_id": {"$in": some}}}
            for document in await self._states.engine.drain(self._database, command):
                found[key_of(document["_id"])] = document
        for key in ids:
            self.record(kind, key, found.get(key_of(key)))

    def record(self, kind: str, key: Any, after: RawBSONDocument | None) -> None:
        """Put into the log what became of a document, unless it is as it was."""
        log = self.request.cluster.log
        before = self.collection.document(key, log.end)
        if before is None:
            kind = "insert"
        elif after is None:
            kind = "delete"
        if (before.raw if before else None) != (after.raw if after else None):
            log.write(
                "insert" if before is None else kind if after is not None else "delete", self.collection, key, after
            )

    def done(self) -> None:
        """The newest state is what was written."""
        self._states.written(self.collection)


def _plain(error: Any) -> Document:
    return dict(error) | {"errmsg": plain(str(error["errmsg"]))}


def _identified(document: Any) -> RawBSONDocument:
    """A document with an `_id`, in front."""
    if "_id" in document:
        return raw(document)
    return raw({"_id": ObjectId(), **document})


async def _insert(request: Request) -> Document:
    documents = [_identified(one) for one in request.command["documents"]]
    if not documents:
        raise Refused(16, "Write batch sizes must be between 1 and 100000. Got 0 operations.")
    writer = await _Writer.of(request, make=True)
    assert writer is not None
    ordered = request.command.get("ordered", True)
    reply = await writer.ask("insert", documents=documents, ordered=ordered)
    errors = [_plain(one) for one in reply.get("writeErrors", [])]
    failed = {int(one["index"]) for one in errors}
    tried = documents[: min(failed)] if ordered and failed else documents
    for index, document in enumerate(tried):
        if index not in failed:
            writer.record("insert", document["_id"], document)
    writer.done()
    return {"n": int(reply["n"])} | ({"writeErrors": errors} if errors else {})


def _operators(update: Any) -> bool:
    return isinstance(update, list) or next(iter(update), "").startswith("$")


async def _update(request: Request) -> Document:
    reply: Document = {"n": 0, "nModified": 0}
    upserted, errors = [], []
    for index, one in enumerate(request.command["updates"]):
        try:
            matched, modified, made = await _update_one(request, one)
        except Refused as refused:
            errors.append({"index": index, "code": refused.code, "errmsg": refused.message})
            if request.command.get("ordered", True):
                break
            continue
        reply["n"] += matched
        reply["nModified"] += modified
        if made:
            upserted.append({"index": index, "_id": made[0]})
    return reply | ({"upserted": upserted} if upserted else {}) | ({"writeErrors": errors} if errors else {})


async def _update_one(request: Request, one: Document) -> tuple[int, int, list[Any]]:
    multi, upsert = bool(one.get("multi")), bool(one.get("upsert"))
    writer = await _Writer.of(request, make=upsert)
    if writer is None:
        return 0, 0, []
    ids = await writer.ids(one["q"], limit=0 if multi else 1, collation=one.get("collation"))
    change: Document = {name: one[name] for name in _PASSED if name in one and name != "hint"}
    change |= {"q": _those(one["q"], ids) if ids else one["q"], "u": one["u"], "multi": multi}
    reply = await writer.ask("update", updates=[change | {"upsert": upsert and not ids}])
    made = [item["_id"] for item in reply.get("upserted", [])]
    await writer.note("update" if _operators(one["u"]) else "replace", [*ids, *made])
    writer.done()
    for error in reply.get("writeErrors", []):
        raise Refused(int(error["code"]), plain(str(error["errmsg"])))
    return int(reply["n"]), int(reply["nModified"]), made


def _those(condition: Any, ids: list[Any]) -> Document:
    """The condition, for just these documents."""
    mine = ids[0] if len(ids) == 1 else {"$in": ids}
    return {"$and": [condition, {"_id": mine}]} if "_id" in condition else {**condition, "_id": mine}


async def _delete(request: Request) -> Document:
    total = 0
    writer = await _Writer.of(request, make=False)
    for one in request.command["deletes"] if writer else []:
        assert writer is not None
        ids = await writer.ids(one["q"], limit=int(one["limit"]), collation=one.get("collation"))
        if ids:
            reply = await writer.ask("delete", deletes=[{"q": {"_id": {"$in": ids}}, "limit": 0}])
            total += int(reply["n"])
            for key in ids:
                writer.record("delete", key, None)
            writer.done()
    return {"n": total}


async def _find_and_modify(request: Request) -> Document:
    command = request.command
    upsert = bool(command.get("upsert"))
    writer = await _Writer.of(request, make=upsert)
    if writer is None:
        return {"lastErrorObject": {"n": 0, "updatedExisting": False}, "value": None}
    condition = command.get("query", {})
    ids = await writer.ids(condition, limit=1, sort=command.get("sort"), collation=command.get("collation"))
    passed = ("update", "remove", "new", "fields", "collation", "arrayFilters", "sort")
    fields: Document = {name: command[name] for name in passed if name in command}
    fields |= {"query": _those(condition, ids) if ids else condition}
    reply = await writer.ask("findAndModify", **fields, upsert=upsert and not ids)
    last = reply["lastErrorObject"]
    if "upserted" in last:
        ids = [last["upserted"]]
    await writer.note("update" if _operators(command.get("update", {})) else "replace", ids)
    writer.done()
    return {"lastErrorObject": last, "value": reply["value"]}


async def confirm(request: Request) -> Document:
    """Wait until the write is where the write concern wants it: on a majority from 5.0 on, where none is given."""
    cluster, member, told = request.cluster, request.member, request.command.get("writeConcern") or {}
    wanted = told.get("w", "majority" if cluster.version >= (5, 0) else 1)
    position, members = member.applied, len(cluster.members)
    if cluster.mode != "replica set":
        return {}
    if isinstance(wanted, int) and wanted > members:
        return _unconfirmed(100, "Not enough data-bearing nodes")
    if not isinstance(wanted, int) and wanted != "majority":
        return _unconfirmed(79, f"No write concern mode named '{wanted}' found in replica set configuration")

    def there() -> bool:
        if wanted == "majority":
            return cluster.committed >= position or not member.primary
        return sum(one.applied >= position for one in cluster.members) >= wanted or not member.primary

    limit = told.get("wtimeout", 0)
    deadline = now() + limit / 1000 if limit else None
    if not await cluster.bell.wait(there, deadline):
        return _unconfirmed(64, "waiting for replication timed out", errInfo={"wtimeout": True})
    if not member.primary:
        return _unconfirmed(189, "Primary stepped down while waiting for replication")
    return {}


def _unconfirmed(code: int, message: str, **fields: Any) -> Document:
    return {"writeConcernError": Refused(code, message).reply(5) | fields}


HANDLERS: Final[dict[str, Callable[[Request], Awaitable[Document]]]] = {
    "insert": _insert,
    "update": _update,
    "delete": _delete,
    "findAndModify": _find_and_modify,
    "findandmodify": _find_and_modify,
}
