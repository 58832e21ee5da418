"""The database, read-only, by a driver: what the gateway asks of it, and how it can fail.

Promises: raw replies are handed over untouched; every read is bounded in time; no cursor is left open, not even by a
caller that is cancelled in mid-read; drivers' exceptions become `gateway.errors` here and nowhere else.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import Any, Final, TypeVar

import bson
from bson.errors import BSONError
from pymongo import errors

from gateway import codec
from gateway.db.clients import client
from gateway.db.cluster_times import times_told
from gateway.db.cursors import all_of, batches, opened
from gateway.db.driver import Command, Connection, Cursor, Driver, Member, RawReply, Route, Stream, Topology
from gateway.db.failures import translated
from gateway.db.members import Members
from gateway.db.multikey import MultikeyIndexes
from gateway.db.observing import Shaping, observed
from gateway.db.replies import EMPTY, Concern, Page, Reply
from gateway.db.stages import staged
from gateway.download_types import Condition
from gateway.errors import DatabaseRefused, DatabaseSlow
from gateway.tasks import failure

__all__ = ["Source"]

log = logging.getLogger("gateway.db")

_DRAIN_BATCH: Final = 5_000
_DRAINS: Final = 4  # one connection in so many: many passes that begin together leave the others to small reads

T = TypeVar("T")
_NONE: Final[Concern] = {}


class Source:
    """A MongoDB deployment.  Create it inside the running event loop; `close` it."""

    def __init__(self, connection: Connection, connect: Callable[[Connection], Driver] = client) -> None:
        """Connect lazily: nothing is sent before the first read.  Raises ConfigError."""
        self._driver = connect(connection)
        self._milliseconds = int(connection.timeout * 1000)
        self._orphans: set[asyncio.Future[Any]] = set()
        self._members = Members(self._driver)
        self._topology = Topology()
        self._lost_indexes: set[str] = set()
        self.multikey = MultikeyIndexes(self.answer)
        self._hints: bool | None = None
        self._draining = asyncio.Semaphore(max(1, connection.size // _DRAINS))

    @property
    def topology(self) -> Topology:
        """The kind of deployment, as its members said when they were last heard."""
        now = self._driver.topology
        if now.kind != "unknown":  # as it is for a moment when a connection breaks
            self._topology = now
        return self._topology

    @property
    def out_of_sight(self) -> bool:
        """Whether there is no member just now of whose state something is known."""
        return self._driver.topology.kind == "unknown"

    def lost_index(self, dataset: str) -> None:
        """Say that an index of a dataset is not there any more: its indexes must be listed again."""
        self._lost_indexes.add(dataset)

    def found_lost(self, dataset: str) -> bool:
        """Whether an index of a dataset was lost since this was asked last."""
        lost = dataset in self._lost_indexes
        self._lost_indexes.discard(dataset)
        return lost

    async def know_server(self) -> None:
        """Learn, once, whether the server is better off with hints: the embedded one walks a whole index by them."""
        if self._hints is None:
            told = self._driver.reply("admin", {"buildInfo": 1}, lambda reply: b"secantus" not in bytes(reply.raw))
            try:
                self._hints = await self._read(self._unbroken(told))
            except DatabaseRefused:
                self._hints = True

    @property
    def takes_hints(self) -> bool:
        """Whether reads are sent with the indexes that they name, as far as is known."""
        return self._hints is not False

    def _named(self, hint: str | None) -> dict[str, Any]:
        return {} if hint is None or not self.takes_hints else {"hint": hint}

    async def close(self) -> None:
        """Close all connections, after reads that were abandoned have ended."""
        if self._orphans:
            await asyncio.wait(self._orphans, timeout=2)
        await self._driver.close()

    async def ping(self) -> None:
        """Raise DatabaseDown unless the database answers."""
        await self.cluster_time()

    async def cluster_time(self) -> Any:
        """The time up to which all writes are safe, a BSON timestamp; None where the deployment keeps no time.

        As the primary knows it; else the newest time that anybody knows of, for which reads may have to wait.
        """
        safe, _ = await self.times()
        return safe

    async def times(self) -> tuple[Any, Any]:
        """The time up to which all writes are safe, and that of the last write; both None where no time is kept."""
        # Under its old name it is known to all versions.
        asked = self._driver.reply("admin", {"isMaster": 1}, times_told, Route(freshest=True))
        return await self._read(self._unbroken(asked))

    async def _read(self, work: Awaitable[T]) -> T:
        try:
            return await work
        except (errors.PyMongoError, BSONError) as error:
            raise translated(error) from error

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
        hint: str | None = None,
        concern: Concern = _NONE,
    ) -> Page:
        """Up to `limit` documents in one reply (16 MiB at most); `complete` only if there were fewer and all fitted.

        A cursor that the server keeps because the reply was full is killed at once: what is missing is asked anew, by
        smaller slices or after the last key.
        """
        command = self._find(collection, condition, projection, limit, sort) | self._named(hint) | {**concern}
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
        sort: str | None = None,
        hint: str | None = None,
        concern: Concern = _NONE,
    ) -> T:
        """What `shape` makes of the reply to a `find` of up to `limit` documents, in the thread that read it."""
        command = self._find(collection, condition, projection, limit, sort) | self._named(hint) | {**concern}
        return await self._asked(dataset, command, shape)

    def _find(
        self, collection: str, condition: Condition, projection: Mapping[str, int], limit: int, sort: str | None = None
    ) -> dict[str, Any]:
        command = {"find": collection, "filter": condition, "projection": dict(projection), "limit": limit}
        return command | ({"sort": {sort: 1}} if sort else {}) | {"batchSize": limit, "maxTimeMS": self._milliseconds}

    async def _asked(self, dataset: str, command: Command, shape: Callable[[Reply], T]) -> T:
        shaping, sent = Shaping(), self._staged(command)

        def split(reply: RawReply) -> tuple[T | None, int, Member]:
            cursor, batch = codec.split_reply(reply.raw)
            nothing_yet = cursor and len(batch) <= EMPTY
            with shaping.encodes():
                found = None if nothing_yet else shape(Reply(batch, bool(cursor), command["limit"]))
            return found, cursor, reply.member

        async def whole(route: Route) -> T:
            found, cursor, member = await self._driver.reply(dataset, sent, split, route)
            if cursor:  # where it lives: another member does not know it
                await self._kill(dataset, command["find"], cursor, Route(member=member, primary=route.primary))
            if found is None:
                raise DatabaseSlow("the database answered with nothing yet")
            return found

        return await self._sent(sent, whole, shaping)

    async def _sent(self, command: Command, send: Callable[[Route], Awaitable[T]], shaping: Shaping | None = None) -> T:
        """The outcome of a read; one that must wait for a member to catch up is sent to another as well."""
        work = self._members.first(send, self._unbroken) if "readConcern" in command else self._unbroken(send(Route()))
        with observed(command, shaping):
            return await self._read(work)

    async def _kill(self, dataset: str, collection: str, cursor: int, route: Route) -> None:
        kill = {"killCursors": collection, "cursors": [cursor]}
        await self._driver.reply(dataset, kill, lambda _: None, route)

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
        if error := failure(task):
            log.debug("an abandoned read failed", exc_info=error)

    async def drain(
        self,
        dataset: str,
        collection: str,
        condition: Condition,
        field: str,
        *,
        hint: str | None = None,
        concern: Concern = _NONE,
    ) -> AsyncIterator[list[str]]:
        """The string values of a top-level field of all matching documents, in batches, in no order.

        Read as fast as the database gives them; the cursor is closed whatever happens.
        """
        command = {
            "find": collection,
            "filter": condition,
            "projection": {field: 1, "_id": 0},
            "batchSize": _DRAIN_BATCH,
            "maxTimeMS": self._milliseconds,
            **self._named(hint),
            **concern,
        }
        async with (
            self._draining,
            aclosing(batches(await self._opened(dataset, command), _DRAIN_BATCH, self._unbroken)) as found,
        ):
            while (batch := await self._read(anext(found, None))) is not None:
                yield [value for item in batch if type(value := item.get(field)) is str]

    def _staged(self, command: Command) -> Command:
        """The command as the server answers it by an index, if any does."""
        return command if self.takes_hints else staged(command)

    async def _opened(self, dataset: str, command: Command) -> Cursor:
        command = self._staged(command)
        return await opened(
            lambda route: self._driver.opened(dataset, command, route),
            lambda take: self._sent(command, take),
            self._unbroken,
        )

    async def _caught_up(self, dataset: str, collection: str, concern: Concern) -> Route:
        """The way to a member that has come to the moment of a read concern: a cursor stays where it was opened."""
        if not concern:
            return Route()
        command = self._find(collection, {}, {"_id": 1}, 1) | {"singleBatch": True, **concern}

        def found(route: Route) -> Awaitable[Route]:
            return self._driver.reply(
                dataset, command, lambda reply: Route(member=reply.member, primary=route.primary), route
            )

        return await self._sent(command, found)

    @asynccontextmanager
    async def watching(
        self, dataset: str, collection: str, pipeline: list[dict[str, Any]], since: Any, until: Any
    ) -> AsyncIterator[Stream]:
        """A change stream of a dataset from one time until another; `collection` is any that there is."""
        try:
            concern = {"readConcern": {"level": "majority", "afterClusterTime": until}}
            route = await self._caught_up(dataset, collection, concern)
            async with self._driver.watch(dataset, pipeline, since, until, route) as stream:
                yield stream
        except (errors.PyMongoError, BSONError) as error:
            raise translated(error) from error

    # --- small look-ups ----------------------------------------------------------------------------------------------

    async def _documents(self, dataset: str, command: Command) -> list[dict[str, Any]]:
        """The documents of a reply that holds all there are; DatabaseSlow if one cannot."""

        def decoded(reply: RawReply) -> tuple[dict[str, Any], Member]:
            return bson.decode(reply.raw)["cursor"], reply.member

        async def whole(route: Route) -> list[dict[str, Any]]:
            cursor, member = await self._driver.reply(dataset, command, decoded, route)
            if cursor["id"]:
                name = command.get("find") or command["aggregate"]
                await self._kill(dataset, name, cursor["id"], Route(member=member, primary=route.primary))
                raise DatabaseSlow("the database answered with more than fits one reply")
            return list(cursor["firstBatch"])

        return await self._sent(command, whole)

    async def stated_count(self, dataset: str, collection: str, *, concern: Concern = _NONE) -> int:
        """How many documents a collection has, as the server keeps it: at once, but not of one moment.

        Not for clusters, where it counts documents that are on their way between shards twice.
        """
        command = {"count": collection, "query": {}, "maxTimeMS": self._milliseconds, **concern}
        return int((await self.answer(dataset, command))["n"])

    async def answer(self, dataset: str, command: Command) -> dict[str, Any]:
        """The whole reply to a command that brings no documents."""

        def asked(route: Route) -> Awaitable[dict[str, Any]]:
            return self._driver.reply(dataset, command, lambda reply: bson.decode(reply.raw), route)

        return await self._sent(command, asked)

    async def find_one(
        self,
        dataset: str,
        collection: str,
        condition: Condition,
        *,
        descending: str | None = None,
        fields: Mapping[str, int] | None = None,
        hint: str | None = None,
        concern: Concern = _NONE,
    ) -> dict[str, Any] | None:
        """One document, the one with the largest `descending` where that is given."""
        command = self._find(collection, condition, fields or {}, 1) | self._named(hint) | {**concern}
        command["singleBatch"] = True
        if descending:
            command["sort"] = {descending: -1}
        found = await self._documents(dataset, command)
        return found[0] if found else None

    async def find_some(
        self,
        dataset: str,
        collection: str,
        condition: Condition,
        fields: Mapping[str, int],
        limit: int,
        *,
        hint: str | None = None,
        concern: Concern = _NONE,
    ) -> list[dict[str, Any]]:
        """Up to `limit` decoded documents: for small look-ups."""
        command = self._find(collection, condition, fields, limit) | self._named(hint)
        return await self.listed(dataset, command | {**concern})

    async def aggregated(
        self,
        dataset: str,
        collection: str,
        pipeline: list[dict[str, Any]],
        limit: int,
        *,
        hint: str | None = None,
        concern: Concern = _NONE,
    ) -> list[dict[str, Any]]:
        """The documents of an aggregation that gives `limit` at most, small ones."""
        cursor = {"batchSize": limit + 1}  # more than there can be: nothing stays open
        command = {"aggregate": collection, "pipeline": pipeline, "cursor": cursor, "maxTimeMS": self._milliseconds}
        return await self._documents(dataset, {**self._staged(command), **self._named(hint), **concern})

    async def count(
        self,
        dataset: str,
        collection: str,
        condition: Condition,
        *,
        most: int = 0,
        hint: str | None = None,
        concern: Concern = _NONE,
    ) -> int:
        """How many documents match; exact, but no more than `most` are counted where that is given."""
        stop = [{"$limit": most}] if most else []
        pipeline: list[dict[str, Any]] = [{"$match": condition}, *stop, {"$count": "n"}]
        found = await self.aggregated(dataset, collection, pipeline, 1, hint=hint, concern=concern)
        return int(found[0]["n"]) if found else 0

    async def listed(self, dataset: str, command: Command) -> list[dict[str, Any]]:
        """All documents that a command gives, however many replies that takes: one, nearly always."""

        async def whole() -> list[dict[str, Any]]:
            cursor = await self._opened(dataset, {**command, "maxTimeMS": self._milliseconds})
            return await all_of(cursor, _DRAIN_BATCH, self._unbroken)

        return await self._read(self._unbroken(whole()))
