"""The database, read-only, by a driver: what the gateway asks of it, and how it can fail.

Promises: raw replies are handed over untouched; every read is bounded in time; no cursor is left open, not even by a
caller that is cancelled in mid-read; drivers' exceptions become `gateway.errors` here and nowhere else.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import bson
from bson.errors import BSONError
from pymongo import errors

from gateway import codec
from gateway.config import ConfigError
from gateway.db.driver import Command, Connection, Driver, Member, RawReply
from gateway.db.motor_driver import MotorDriver
from gateway.db.pymongo_driver import PymongoDriver
from gateway.errors import BadDocument, DatabaseDown, DatabaseSlow, DatasetChanged, GatewayError
from gateway.model import Condition

__all__ = ["Page", "Reply", "Source"]

log = logging.getLogger("gateway.db")

_DRIVERS: Final[Mapping[str, Callable[[Connection], Driver]]] = {"motor": MotorDriver, "pymongo": PymongoDriver}
# Server codes: the data went away under a query (drop, rename, killed plan); the time allowed was over.
_CHANGED: Final = {175, 43}
_SLOW: Final = {50, 202}
_DRAIN_BATCH: Final = 5_000

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
    if isinstance(error, errors.OperationFailure):
        if error.code in _SLOW:
            return DatabaseSlow("the database did not answer within its time")
        if error.code in _CHANGED:
            return DatasetChanged("the dataset changed during the download; ask again for the new data")
        return DatabaseDown("the database refused a query")
    if isinstance(error, errors.NetworkTimeout | errors.ExecutionTimeout):
        return DatabaseSlow("the database did not answer within its time")
    if isinstance(error, BSONError):
        return BadDocument("the database's reply is not valid BSON")
    return DatabaseDown("the database cannot be reached")


class Source:
    """A MongoDB deployment.  Create it inside the running event loop; `close` it."""

    def __init__(self, connection: Connection) -> None:
        """Connect lazily: nothing is sent before the first read.  Raises ConfigError."""
        try:
            self._driver = _DRIVERS[connection.driver](connection)
        except (errors.InvalidURI, errors.ConfigurationError, ValueError) as error:
            raise ConfigError(f"the MongoDB URI cannot be used: {error}") from error
        self._milliseconds = int(connection.timeout * 1000)
        self._orphans: set[asyncio.Future[Any]] = set()

    async def close(self) -> None:
        """Close all connections, after reads that were abandoned have ended."""
        if self._orphans:
            await asyncio.wait(self._orphans, timeout=2)
        await self._driver.close()

    async def ping(self) -> None:
        """Raise DatabaseDown unless the database answers."""
        await self._read(self._driver.reply("admin", {"ping": 1}, lambda _: None))

    async def _read(self, work: Awaitable[T]) -> T:
        try:
            return await work
        except (errors.PyMongoError, BSONError) as error:
            raise _translate(error) from error

    # --- replies as they come ----------------------------------------------------------------------------------------

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
        return await self._asked(dataset, command, Reply.page)

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
        """What `shape` makes of the reply to a `find` of up to `limit` documents, in the thread that read it."""
        return await self._asked(dataset, self._find(collection, condition, projection, limit), shape)

    def _find(self, collection: str, condition: Condition, projection: Mapping[str, int], limit: int) -> dict[str, Any]:
        command: dict[str, Any] = {"find": collection, "filter": condition, "projection": dict(projection)}
        return command | {"limit": limit, "batchSize": limit, "maxTimeMS": self._milliseconds}

    async def _asked(self, dataset: str, command: Command, shape: Callable[[Reply], T]) -> T:
        def split(reply: RawReply) -> tuple[T | None, int, Member]:
            cursor, batch = codec.split_reply(reply.raw)
            nothing_yet = cursor and len(batch) <= _EMPTY
            found = None if nothing_yet else shape(Reply(batch, bool(cursor), command["limit"]))
            return found, cursor, reply.member

        async def whole() -> T:
            found, cursor, member = await self._driver.reply(dataset, command, split)
            if cursor:  # where it lives: another member does not know it
                kill = {"killCursors": command["find"], "cursors": [cursor]}
                await self._driver.reply(dataset, kill, lambda _: None, member)
            if found is None:
                raise DatabaseSlow("the database answered with nothing yet")
            return found

        return await self._read(self._unbroken(whole()))

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
        command = {
            "find": collection,
            "filter": condition,
            "projection": {field: 1, "_id": 0},
            "batchSize": _DRAIN_BATCH,
            "maxTimeMS": self._milliseconds,
        }
        batches = self._driver.batches(dataset, command, _DRAIN_BATCH)
        task: asyncio.Future[list[dict[str, Any]] | None] | None = None
        try:
            while True:
                task = asyncio.ensure_future(anext(batches, None))
                batch = await self._read(asyncio.shield(task))
                if batch is None:
                    return
                yield [value for item in batch if isinstance(value := item.get(field), str)]
        finally:
            # A read under way must end before its cursor is known, and can be closed.
            await self._unbroken(_closed_after(task, batches))

    # --- small look-ups ----------------------------------------------------------------------------------------------

    async def _documents(self, dataset: str, command: Command) -> list[dict[str, Any]]:
        """The documents of a reply that holds all there are."""

        def decoded(reply: RawReply) -> list[dict[str, Any]]:
            cursor: dict[str, Any] = bson.decode(reply.raw)["cursor"]
            found: list[dict[str, Any]] = cursor["firstBatch"]
            return found

        return await self._read(self._unbroken(self._driver.reply(dataset, command, decoded)))

    async def count(self, dataset: str, collection: str, condition: Condition) -> int:
        """How many documents match; exact."""
        if condition:
            found = await self._aggregated(dataset, collection, [{"$match": condition}, {"$count": "n"}], 1)
            return int(found[0]["n"]) if found else 0
        command = {"count": collection, "query": {}, "maxTimeMS": self._milliseconds}
        counted = self._driver.reply(dataset, command, lambda reply: int(bson.decode(reply.raw)["n"]))
        return await self._read(self._unbroken(counted))

    async def find_one(
        self,
        dataset: str,
        collection: str,
        condition: Condition,
        *,
        descending: str | None = None,
        fields: Mapping[str, int] | None = None,
    ) -> dict[str, Any] | None:
        """One document, the one with the largest `descending` where that is given."""
        command = self._find(collection, condition, fields or {}, 1) | {"singleBatch": True}
        if descending:
            command["sort"] = {descending: -1}
        found = await self._documents(dataset, command)
        return found[0] if found else None

    async def find_some(
        self, dataset: str, collection: str, condition: Condition, fields: Mapping[str, int], limit: int
    ) -> list[dict[str, Any]]:
        """Up to `limit` decoded documents: for small look-ups."""
        return await self._listed(dataset, self._find(collection, condition, fields, limit))

    async def values(self, dataset: str, collection: str, condition: Condition, field: str, limit: int) -> set[str]:
        """The distinct string values of a field of all matching documents, up to `limit`."""
        pipeline: list[dict[str, Any]] = [{"$match": condition}, {"$group": {"_id": f"${field}"}}, {"$limit": limit}]
        groups = await self._aggregated(dataset, collection, pipeline, limit)
        return {value for group in groups if isinstance(value := group["_id"], str)}

    async def _aggregated(
        self, dataset: str, collection: str, pipeline: list[dict[str, Any]], limit: int
    ) -> list[dict[str, Any]]:
        """The documents of an aggregation that gives `limit` at most, small ones."""
        cursor = {"batchSize": limit + 1}  # more than there can be: nothing stays open
        command = {"aggregate": collection, "pipeline": pipeline, "cursor": cursor, "maxTimeMS": self._milliseconds}
        return await self._documents(dataset, command)

    async def collections(self, dataset: str) -> dict[str, frozenset[str]]:
        """The collections of a dataset, each with the fields that lead one of its indexes."""
        listing = {"listCollections": 1, "nameOnly": True, "authorizedCollections": True}
        names = [str(found["name"]) for found in await self._listed(dataset, listing)]
        found = {}
        for name in names:
            if name.startswith("system."):
                continue
            indexes = await self._listed(dataset, {"listIndexes": name})
            found[name] = frozenset(str(next(iter(index["key"]))) for index in indexes if index.get("key"))
        return found

    async def _listed(self, dataset: str, command: Command) -> list[dict[str, Any]]:
        """All documents that a command lists, however many replies that takes."""

        async def whole() -> list[dict[str, Any]]:
            batches = self._driver.batches(dataset, command, _DRAIN_BATCH)
            return [document async for batch in batches for document in batch]

        return await self._read(self._unbroken(whole()))


async def _closed_after(task: "asyncio.Future[Any] | None", batches: AsyncGenerator[Any, None]) -> None:
    if task is not None:
        await asyncio.wait([task])
        task.cancelled() or task.exception()  # seen; the reader has had it
    await batches.aclose()
