"""Topologies for tests: start, stop, and what can be done to all members at once."""

import asyncio
import shutil
import tempfile
import threading
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
from uuid import uuid4

from bson import Timestamp
from pymongo import MongoClient

from gateway.demo.store import Store
from tests.topology.cluster import Cluster, Mode
from tests.topology.engine import Engine
from tests.topology.member import Member
from tests.topology.versions import Version

__all__ = ["ReplicaSet", "Sharded", "Standalone"]

Document = dict[str, Any]

_CLIENT: Final = {"serverSelectionTimeoutMS": 5000, "heartbeatFrequencyMS": 500}


class Deployment:
    """Members, all in a thread, over an embedded database: the one given, or one of their own."""

    mode: Mode = "standalone"
    options = ""

    def __init__(self, version: str = "5.0", *, members: int = 1, store: Store | None = None) -> None:
        self._own: Store | None = None
        if store is None:
            self._folder = tempfile.mkdtemp(prefix="topology-")
            store = self._own = Store(Path(self._folder))
            self._own.start()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="topology", daemon=True)
        prefix = f"t{uuid4().hex[:8]}_"
        self.cluster = Cluster(Version(version), self.mode, "rs", Engine(store.port), prefix)
        self.members = [Member(self.cluster, index, self._loop) for index in range(members)]
        self.cluster.members = self.members
        self._clients: list[MongoClient[Document]] = []

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.stop()

    def start(self) -> Self:
        """All members listen."""
        self._thread.start()
        for member in self.members:
            member.restart()
        return self

    def stop(self) -> None:
        """Clients and members end, the embedded database is left as it was."""
        for client in self._clients:
            client.close()
        for member in self.members:
            member.kill()
        self._await(self._leave())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()
        if self._own is not None:
            self._own.stop()
            shutil.rmtree(self._folder, ignore_errors=True)

    async def _leave(self) -> None:
        if self._own is None:
            await self.cluster.states.forget()
        self.cluster.engine.close()
        running = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await asyncio.sleep(0.01)  # for transports to be told that they are closed

    def _await(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    def _do(self, work: Any) -> Any:
        async def wrapped() -> Any:
            return work()

        return self._await(wrapped())

    def seed(self, name: str, source: str | None = None) -> None:
        """Begin with a database that the embedded database has (under another name, maybe), as if always there."""
        self._await(self._seed(name, source or name))

    async def _seed(self, name: str, source: str) -> None:
        cluster = self.cluster
        async with cluster.states.lock.alone():
            for one in await cluster.engine.drain(source, {"listCollections": 1}):
                documents = await cluster.engine.drain(source, {"find": one["name"]})
                listed = await cluster.engine.drain(source, {"listIndexes": one["name"]})
                indexes = [{key: value for key, value in index.items() if key != "ns"} for index in listed]
                made = cluster.log.create(name, one["name"])
                made.fill(documents, indexes)
            for member in self.members:
                member.applied = cluster.log.end
            cluster.replicate()

    @property
    def uri(self) -> str:
        """For the driver."""
        return f"mongodb://{','.join(member.address for member in self.members)}/{self.options}"

    def client(self, **options: Any) -> MongoClient[Document]:
        """A client of all members, closed with them; writes with `w=1` unless told otherwise, lest they wait."""
        client = MongoClient[Document](self.uri, **({"w": 1} | _CLIENT | options))
        self._clients.append(client)
        return client

    @property
    def commands(self) -> list[tuple[Member, Document]]:
        """All that was asked, but for `hello`."""
        return list(self.cluster.commands)

    def asked(self, *names: str) -> list[Document]:
        """The commands of these names, in order."""
        return [command for _, command in self.commands if not names or next(iter(command)) in names]

    def forget_commands(self) -> None:
        """Begin the record anew."""
        self._do(self.cluster.commands.clear)


class Standalone(Deployment):
    """One server without a log: no logical time, no snapshots, no change streams."""

    options = "?directConnection=true"


class Logical(Deployment):
    """What has a logical time."""

    @property
    def time(self) -> Timestamp:
        """The cluster time."""
        time: Timestamp = self._do(lambda: self.cluster.time)
        return time

    def forget_history(self) -> None:
        """From now on there are no snapshots of times before the newest that a majority has."""

        def work() -> None:
            self.cluster.oldest = self.cluster.log.entries[self.cluster.committed].time

        self._do(work)

    def forget_log(self) -> None:
        """No change stream can be resumed from before now."""
        self._do(lambda: setattr(self.cluster, "log_begin", self.cluster.log.entries[-1].time))

    def keep_history(self, seconds: float) -> None:
        """Set `minSnapshotHistoryWindowInSeconds`."""
        self._do(lambda: setattr(self.cluster, "window", seconds))

    def write_noop(self) -> Timestamp:
        """Advance the time, as a primary does every ten seconds; returns it."""

        def work() -> Timestamp:
            entry = self.cluster.log.append("noop")
            self.cluster.wrote(self.cluster.primary)
            return entry.time

        time: Timestamp = self._do(work)
        return time


class ReplicaSet(Logical):
    """A replica set; member 0 is the primary at first."""

    mode: Mode = "replica set"
    options = "?replicaSet=rs"

    def __init__(self, version: str = "5.0", *, members: int = 3, store: Store | None = None) -> None:
        super().__init__(version, members=members, store=store)

    @property
    def primary(self) -> Member | None:
        """Who may write."""
        primary: Member | None = self._do(lambda: self.cluster.primary)
        return primary

    @property
    def secondaries(self) -> list[Member]:
        """Who else is alive."""
        secondaries: list[Member] = self._do(lambda: [one for one in self.members if one.alive and not one.primary])
        return secondaries

    def elect(self, member: Member) -> None:
        """Another primary.  Writes that nobody alive has are rolled back."""
        self._await(self.cluster.elect(member))

    def step_down(self) -> None:
        """No primary, until one is elected."""
        self._do(self.cluster.step_down)


class Sharded(Logical):
    """Routers of a sharded cluster with one shard behind them; `sharded` names collections that have more."""

    mode: Mode = "sharded"

    def __init__(
        self, version: str = "5.0", *, routers: int = 1, sharded: Iterable[str] = (), store: Store | None = None
    ) -> None:
        super().__init__(version, members=routers, store=store)
        self.cluster.sharded = frozenset(sharded)

    def orphan(self, namespace: str, documents: int) -> None:
        """So many documents of a collection are counted that no query finds."""
        self._do(lambda: self.cluster.orphans.update({namespace: documents}))
