"""Collections and indexes: listed as a member has them, made and dropped by the primary."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

from bson import Binary, Int64

from tests.topology.cursors import Cursor
from tests.topology.failures import Refused
from tests.topology.history import Collection
from tests.topology.matching import matches
from tests.topology.request import Request
from tests.topology.wire import raw

__all__ = ["READERS", "WRITERS", "create"]

Document = dict[str, Any]


def _listed(request: Request, namespace: str, documents: list[Document]) -> Document:
    size = request.command.get("cursor", {}).get("batchSize")
    cursor = Cursor(namespace, [raw(one) for one in documents], lsid=request.command.get("lsid"))
    return request.member.cursors.first(cursor, size)


async def _list_collections(request: Request) -> Document:
    found = []
    for one in request.cluster.log.all(request.at, request.database):
        entry: Document = {"name": one.name, "type": "collection", "options": one.options}
        entry |= {"info": {"readOnly": False, "uuid": Binary(one.uuid.bytes, 4)}}
        entry |= {"idIndex": {"v": 2, "key": {"_id": 1}, "name": "_id_"}}
        if matches(entry, request.command.get("filter", {})):
            short = request.command.get("nameOnly")
            found.append({"name": one.name, "type": "collection"} if short else entry)
    return _listed(request, f"{request.database}.$cmd.listCollections", found)


async def _list_indexes(request: Request) -> Document:
    collection = request.found()
    if collection is None:
        raise Refused(26, f"ns does not exist: {request.namespace}")
    return _listed(request, request.namespace, collection.indexes_at(request.at))


async def _list_databases(request: Request) -> Document:
    if request.database != "admin":
        raise Refused(13, "listDatabases may only be run against the admin database.")
    names = sorted({one.database for one in request.cluster.log.all(request.at)})
    found = [{"name": name, "sizeOnDisk": Int64(4096), "empty": False} for name in names]
    return {"databases": found, "totalSize": Int64(4096 * len(names))}


def create(request: Request, name: str, options: Document | None = None) -> Collection:
    """A new collection; the embedded database makes it by itself."""
    collection = request.cluster.log.create(request.database, name, options)
    request.cluster.states.adopt(collection)
    return collection


async def _create(request: Request) -> Document:
    options = {name: request.command[name] for name in ("capped", "size", "max") if name in request.command}
    if options.get("capped") and "size" not in options:
        raise Refused(72, "the 'size' field is required when 'capped' is true")
    if request.found() is not None:
        raise Refused(48, f"Collection {request.namespace} already exists.")
    create(request, request.collection, options)
    return {}


async def _create_indexes(request: Request) -> Document:
    cluster, specs = request.cluster, request.command.get("indexes")
    collection, made = request.found(), False
    if collection is None:
        collection, made = create(request, request.collection), True
    name = await cluster.states.head(collection)
    before = collection.indexes_at(cluster.log.end)
    database = cluster.states.database(request.database)
    await cluster.engine.ask(database, {"createIndexes": name, "indexes": specs})
    listed = await cluster.engine.drain(database, {"listIndexes": name})
    after = [{key: value for key, value in one.items() if key != "ns"} for one in listed]
    if len(after) != len(before):
        cluster.log.index(collection, after)
        cluster.states.written(collection)
    reply: Document = {"createdCollectionAutomatically": made}
    reply |= {"numIndexesBefore": len(before), "numIndexesAfter": len(after)}
    return reply | ({"note": "all indexes already exist"} if len(after) == len(before) else {})


async def _drop_indexes(request: Request) -> Document:
    cluster, which = request.cluster, request.command.get("index")
    collection = request.found()
    if collection is None:
        raise Refused(26, f"ns not found {request.namespace}")
    before = collection.indexes_at(cluster.log.end)
    after = [
        one for one in before if one["name"] == "_id_" or (which != "*" and which not in (one["name"], one["key"]))
    ]
    if len(after) == len(before) and which != "*":
        raise Refused(27, f"index not found with name [{which}]")
    name = await cluster.states.head(collection)
    await cluster.engine.ask(cluster.states.database(request.database), {"dropIndexes": name, "index": which})
    cluster.log.index(collection, after)
    cluster.states.written(collection)
    return {"nIndexesWas": len(before)}


async def _drop(request: Request) -> Document:
    collection = request.found()
    if collection is None:
        if request.cluster.version < (7, 0):
            raise Refused(26, "ns not found")
        return {}
    request.cluster.log.drop(collection)
    indexes = collection.indexes_at(request.at)
    return {"nIndexesWas": len(indexes), "ns": request.namespace}


async def _drop_database(request: Request) -> Document:
    log = request.cluster.log
    for collection in log.all(log.end, request.database):
        log.drop(collection)
    log.append("dropDatabase", note={"database": request.database})
    return {"dropped": request.database}


async def _rename(request: Request) -> Document:
    """The documents go on under another name: in the history, as a new collection with the same identity."""
    if request.database != "admin":
        raise Refused(13, "renameCollection may only be run against the admin database.")
    log, states = request.cluster.log, request.cluster.states
    old_database, _, old = request.command["renameCollection"].partition(".")
    database, _, name = request.command["to"].partition(".")
    source, target = log.find(old_database, old, log.end), log.find(database, name, log.end)
    if source is None:
        raise Refused(26, f"Source collection {old_database}.{old} does not exist")
    if target is not None:
        if not request.command.get("dropTarget"):
            raise Refused(48, "target namespace exists")
        log.drop(target)
    position = log.end
    to = {"to": {"db": database, "coll": name}}
    log.drop(source, "rename", **to)
    made = log.create(database, name, source.options)
    made.uuid = source.uuid
    made.made.kind = "noop"
    made.fill(source.state(position), source.indexes_at(position))
    await states.head(made)
    return {}


READERS: Final[dict[str, Callable[[Request], Awaitable[Document]]]] = {
    "listCollections": _list_collections,
    "listIndexes": _list_indexes,
    "listDatabases": _list_databases,
}
WRITERS: Final[dict[str, Callable[[Request], Awaitable[Document]]]] = {
    "create": _create,
    "createIndexes": _create_indexes,
    "dropIndexes": _drop_indexes,
    "drop": _drop,
    "dropDatabase": _drop_database,
    "renameCollection": _rename,
}
