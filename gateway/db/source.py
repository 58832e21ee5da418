"""The database, read-only: sole owner of motor.  The day motor must go, this file changes and no other.

Promises: raw replies are handed over untouched; every read is bounded in time; no cursor is left open, not even by a
caller that is cancelled in mid-read; drivers' exceptions become `gateway.errors` here and nowhere else.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from urllib.parse import parse_qsl

from bson.codec_options import CodecOptions
from bson.errors import BSONError
from bson.raw_bson import RawBSONDocument
from motor.core import AgnosticCursor
from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorDatabase
from pymongo import errors as driver

from gateway import codec
from gateway.config import ConfigError
from gateway.errors import BadDocument, DatabaseDown, DatabaseSlow, DatasetChanged, GatewayError
from gateway.model import Condition
from gateway.threads import give_way

__all__ = ["Page", "Reply", "Source"]

log = logging.getLogger("gateway.flow")

_RAW: Final = CodecOptions(document_class=RawBSONDocument)
# Server codes: the data went away under a query (drop, rename, killed plan); the time allowed was over.
_CHANGED: Final = {175, 43}
_SLOW: Final = {50, 202}
_DRAIN_BATCH: Final = 5_000
# A server that is down must be known quickly, so that the client hears of it; the URI can say otherwise.
_SELECTION_SECONDS: Final = 3

# Bytes of a BSON array of nothing.
_EMPTY: Final = 5

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page:
    """The documents of one `find`: raw BSON arrays, their bytes, and whether they are all there were."""

    arrays: list[bytes]
    complete: bool

    @property
    def size(self) -> int:
        """Bytes of BSON."""
        return sum(len(array) for array in self.arrays)


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply to a `find` of up to `limit` documents: its BSON array where it lies; `full`: it could not hold all.

    Valid only in the thread that is given it.
    """

    batch: memoryview
    full: bool
    limit: int

    def page(self) -> Page:
        """A copy of the documents."""
        array = bytes(self.batch)
        count = codec.count(array)
        return Page([array] if count else [], not self.full and count < self.limit)


def _translate(error: Exception) -> GatewayError:
    """A driver's exception in our words.  The driver's own text goes to the log: it may name hosts."""
    # What follows the first sentence of a driver's message is the topology, over and over.
    log.warning("database: %s: %s", type(error).__name__, str(error).split(", Timeout:")[0][:300])
    if isinstance(error, driver.OperationFailure):
        if error.code in _SLOW:
            return DatabaseSlow("the database did not answer within its time")
        if error.code in _CHANGED:
            return DatasetChanged("the dataset changed during the download; ask again for the new data")
        return DatabaseDown("the database refused a query")
    if isinstance(error, driver.NetworkTimeout | driver.ExecutionTimeout):
        return DatabaseSlow("the database did not answer within its time")
    if isinstance(error, BSONError):
        return BadDocument("the database's reply is not valid BSON")
    return DatabaseDown("the database cannot be reached")


class Source:
    """A MongoDB deployment.  Create it inside the running event loop; `close` it."""

    def __init__(self, uri: str, *, query_timeout: float, connections: int) -> None:
        """Connect lazily: nothing is sent before the first read.  `query_timeout` is in seconds.

        There is a thread that reads for each of the `connections`.
        """
        stated = {name.lower() for name, _ in parse_qsl(uri.partition("?")[2])}
        defaults: dict[str, Any] = {
            "serverSelectionTimeoutMS": _SELECTION_SECONDS * 1000,
            "connectTimeoutMS": _SELECTION_SECONDS * 1000,
            # The server gives up first and says so; the socket's own limit is for servers that vanish.
            "socketTimeoutMS": int(query_timeout * 1000) + 10_000,
            "maxPoolSize": connections,
            "appname": "pgx-gateway",
        }
        options = {name: value for name, value in defaults.items() if name.lower() not in stated}
        try:
            self._client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(uri, **options)
        except (driver.InvalidURI, driver.ConfigurationError, ValueError) as error:
            raise ConfigError(f"the MongoDB URI cannot be used: {error}") from error
        # Motor's own threads, five a processor, would be the limit where the database is slow.
        self._readers = ThreadPoolExecutor(connections, thread_name_prefix="read", initializer=give_way)
        self._milliseconds = int(query_timeout * 1000)
        self._orphans: set[asyncio.Future[Any]] = set()

    async def close(self) -> None:
        """Close all connections, after reads that were abandoned have ended."""
        if self._orphans:
            await asyncio.wait(self._orphans, timeout=2)
        self._client.close()
        self._readers.shutdown(wait=False, cancel_futures=True)

    def _database(self, dataset: str) -> AsyncIOMotorDatabase[dict[str, Any]]:
        return self._client[dataset]

    async def ping(self) -> None:
        """Raise DatabaseDown unless the database answers."""
        await self._read(self._client.admin.command("ping"))

    async def _read(self, work: Awaitable[T]) -> T:
        try:
            return await work
        except (driver.PyMongoError, BSONError) as error:
            raise _translate(error) from error

    async def page(
        self,
        dataset: str,
        collection: str,
        condition: Condition,
        *,
        projection: Mapping[str, int],
        limit: int,
        sort: str | None = None,
    ) -> Page:
        """Up to `limit` documents in one reply (16 MiB at most); `complete` only if there were fewer and all fitted.

        A cursor that the server keeps because the reply was full is killed at once: what is missing is asked anew, by
        smaller slices or after the last key.
        """
        command = self._find(collection, condition, projection, limit)
        if sort:
            command["sort"] = {sort: 1}
        return await self._in_reader(lambda: self._reply(dataset, command).page())

    async def read(
        self,
        dataset: str,
        collection: str,
        condition: Condition,
        shape: Callable[[Reply], T],
        *,
        projection: Mapping[str, int],
        limit: int,
    ) -> T:
        """What `shape` makes of the reply to a `find` of up to `limit` documents.

        Read and shaped in one go by the same thread: the event loop hears of it once, when it is done.
        """
        command = self._find(collection, condition, projection, limit)
        return await self._in_reader(lambda: shape(self._reply(dataset, command)))

    def _find(self, collection: str, condition: Condition, projection: Mapping[str, int], limit: int) -> dict[str, Any]:
        command: dict[str, Any] = {"find": collection, "filter": condition, "projection": dict(projection)}
        return command | {"limit": limit, "batchSize": limit, "maxTimeMS": self._milliseconds}

    async def _in_reader(self, work: Callable[[], T]) -> T:
        return await self._read(self._unbroken(asyncio.get_running_loop().run_in_executor(self._readers, work)))

    def _reply(self, dataset: str, command: dict[str, Any]) -> Reply:
        """Asked and waited for in a thread, through motor's own client, whose pool and server selection are shared."""
        database = self._client.delegate[dataset]
        preference = self._client.read_preference
        reply = database.command(command, read_preference=preference, codec_options=_RAW)
        cursor, batch = codec.split_reply(bytes(reply.raw))
        if cursor:
            kill = {"killCursors": command["find"], "cursors": [cursor]}
            database.command(kill, read_preference=preference)
        if cursor and len(batch) <= _EMPTY:
            raise DatabaseSlow("the database answered with nothing yet")
        return Reply(batch, bool(cursor), command["limit"])

    async def _unbroken(self, work: Awaitable[T]) -> T:
        """Await work that runs to its end even if the caller is cancelled: half-read replies would leave cursors."""
        task = asyncio.ensure_future(work)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            self._orphans.add(task)
            task.add_done_callback(self._forget)
            raise

    def _forget(self, task: asyncio.Future[Any]) -> None:
        self._orphans.discard(task)
        if not task.cancelled() and task.exception():
            log.debug("an abandoned read failed: %r", task.exception())

    async def drain(self, dataset: str, collection: str, condition: Condition, field: str) -> AsyncIterator[list[str]]:
        """The string values of a top-level field of all matching documents, in batches, in no order.

        Read as fast as the database gives them; the cursor is closed whatever happens.
        """
        cursor = self._database(dataset)[collection].find(
            condition, {field: 1, "_id": 0}, batch_size=_DRAIN_BATCH, max_time_ms=self._milliseconds
        )
        task: asyncio.Future[list[dict[str, Any]]] | None = None
        try:
            while True:
                task = asyncio.ensure_future(cursor.to_list(_DRAIN_BATCH))
                batch = await self._read(asyncio.shield(task))
                if not batch:
                    return
                yield [value for item in batch if isinstance(value := item.get(field), str)]
        finally:
            # A read under way must end before its cursor is known, and can be closed.
            await self._unbroken(self._close_after(task, cursor))

    async def _close_after(self, task: asyncio.Future[Any] | None, cursor: AgnosticCursor[Any]) -> None:
        if task is not None:
            await asyncio.wait([task])
            task.cancelled() or task.exception()  # seen; the reader has had it
        await cursor.close()

    async def count(self, dataset: str, collection: str, condition: Condition) -> int:
        """How many documents match; exact."""
        command = {"count": collection, "query": condition, "maxTimeMS": self._milliseconds}
        if condition:
            pipeline: list[dict[str, Any]] = [{"$match": condition}, {"$count": "n"}]
            cursor = self._database(dataset)[collection].aggregate(pipeline, maxTimeMS=self._milliseconds)
            found = await self._read(self._unbroken(cursor.to_list(1)))
            return int(found[0]["n"]) if found else 0
        return int((await self._command(dataset, command))["n"])

    async def _command(self, dataset: str, command: dict[str, Any]) -> dict[str, Any]:
        database = self._database(dataset)
        work = database.command(command, read_preference=self._client.read_preference)
        return await self._read(self._unbroken(work))

    async def find_one(
        self, dataset: str, collection: str, condition: Condition, *, descending: str | None = None, fields: Any = None
    ) -> dict[str, Any] | None:
        """One document, the one with the largest `descending` where that is given."""
        sort = [(descending, -1)] if descending else None
        work = self._database(dataset)[collection].find_one(
            condition, fields, sort=sort, max_time_ms=self._milliseconds
        )
        return await self._read(self._unbroken(work))

    async def find_some(
        self, dataset: str, collection: str, condition: Condition, fields: Mapping[str, int], limit: int
    ) -> list[dict[str, Any]]:
        """Up to `limit` decoded documents: for small look-ups."""
        cursor = self._database(dataset)[collection].find(
            condition, dict(fields), limit=limit, max_time_ms=self._milliseconds
        )
        try:
            return await self._read(self._unbroken(cursor.to_list(limit)))
        finally:
            await self._unbroken(cursor.close())

    async def values(self, dataset: str, collection: str, condition: Condition, field: str, limit: int) -> set[str]:
        """The distinct string values of a field of all matching documents, up to `limit`."""
        pipeline: list[dict[str, Any]] = [{"$match": condition}, {"$group": {"_id": f"${field}"}}, {"$limit": limit}]
        cursor = self._database(dataset)[collection].aggregate(pipeline, maxTimeMS=self._milliseconds)
        groups = await self._read(self._unbroken(cursor.to_list(limit)))
        return {value for group in groups if isinstance(value := group["_id"], str)}

    async def collections(self, dataset: str) -> dict[str, frozenset[str]]:
        """The collections of a dataset, each with the fields that lead one of its indexes."""
        database = self._database(dataset)
        names = await self._read(self._unbroken(database.list_collection_names()))
        found = {}
        for name in names:
            if name.startswith("system."):
                continue
            indexes = await self._read(self._unbroken(database[name].index_information()))
            found[name] = frozenset(str(index["key"][0][0]) for index in indexes.values() if index.get("key"))
        return found
