"""What the gateway needs of a MongoDB driver: commands go out, replies come back as bytes.

It is little, so that one driver can take the place of another: `motor_driver` and `pymongo_driver` do the same, and the
setting `driver` says which serves.  Their exceptions are PyMongo's, and are translated in `source`.
"""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol, Self, TypeVar
from urllib.parse import parse_qsl

from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from bson.timestamp import Timestamp
from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent
from pymongo.read_preferences import Nearest, Primary, PrimaryPreferred, SecondaryPreferred, _ServerMode
from pymongo.server_description import ServerDescription
from pymongo.topology_description import TopologyDescription

__all__ = [
    "AWAIT_MILLISECONDS",
    "RAW",
    "REUSED",
    "Command",
    "Connection",
    "Cursor",
    "Driver",
    "Member",
    "Others",
    "RawReply",
    "Route",
    "Stream",
    "Topology",
    "others",
]

T = TypeVar("T")

Command = Mapping[str, Any]
"""A database command; the name of the command comes first."""

Others = Literal["same", "primary", "none"]

Member = tuple[str, int | None]
"""Host and port of a member of a replica set, or of a router of a cluster."""

REUSED: Final = 4 * 1024 * 1024
"""Bytes of a reply: what is larger lies in memory of its own, which is not used again."""
RAW: Final = CodecOptions(document_class=RawBSONDocument)
AWAIT_MILLISECONDS: Final = 20
"""For an event of a change stream."""
# A server that is down must be known quickly, so that the client hears of it; the URI can say otherwise.
_SELECTION_SECONDS: Final = 3


@dataclass(frozen=True, slots=True)
class RawReply:
    """A reply as it came, and who gave it.  What shapes it must not keep it: its memory may be used again."""

    raw: bytes | memoryview
    member: Member


@dataclass(frozen=True, slots=True)
class Topology:
    """What `hello` says of a deployment: its kind, and the lowest wire version of the members that hold data."""

    kind: Literal["unknown", "standalone", "replica set", "sharded cluster"] = "unknown"
    wire_version: int = 0

    @classmethod
    def of(cls, described: TopologyDescription) -> Self:
        """What a client has heard from the members, as of their last answers."""
        servers = [server for server in described.server_descriptions().values() if server.is_readable]
        kinds = {_KINDS.get(server.server_type_name) for server in servers}
        kind = kinds.pop() if len(kinds) == 1 else None
        if kind is None:
            return cls()
        return cls(kind, min(server.max_wire_version for server in servers))

    @property
    def way(self) -> Literal["snapshot", "watched", "recounted"]:
        """What it can do to have all reads of a pass of one moment, see `Moment`."""
        if self.kind not in {"replica set", "sharded cluster"} or self.wire_version < _WATCHES:
            return "recounted"
        return "snapshot" if self.wire_version >= _SNAPSHOTS else "watched"


# Wire versions of MongoDB 4.0, whose change streams begin at a time, and 5.0, whose snapshots need no transaction.
_WATCHES: Final = 7
_SNAPSHOTS: Final = 13
_KINDS: Final[Mapping[str, Literal["standalone", "replica set", "sharded cluster"]]] = {
    "Standalone": "standalone",
    "Mongos": "sharded cluster",
    "RSPrimary": "replica set",
    "RSSecondary": "replica set",
}


@dataclass(slots=True, eq=False)
class Route:
    """Where a command is to go: to `member`, or to one that is not to be avoided, or to the `primary`.

    Within what the read preference allows, but for what is asked of the `freshest` and is no data; `taken` is where it
    went, `sent` when, by the monotonic clock.
    """

    member: Member | None = None
    avoided: frozenset[Member] = frozenset()
    primary: bool = False
    freshest: bool = False
    taken: Member = ("", None)
    sent: float = math.inf

    def preference(self, usual: _ServerMode) -> _ServerMode:
        """The read preference of the command."""
        if self.freshest:
            return PrimaryPreferred()
        return Primary() if self.primary else usual

    @contextmanager
    def followed(self) -> Iterator[None]:
        """Let the command of the block, sent by this thread or task, take this way."""
        token = _route.set(self)
        try:
            yield
        finally:
            _route.reset(token)

    def choose(self, servers: Sequence[ServerDescription]) -> Sequence[ServerDescription]:
        """Those of the servers to which it may go; all of them rather than none."""
        if self.member is not None:
            return [server for server in servers if server.address == self.member] or servers
        return [server for server in servers if server.address not in self.avoided] or servers


_route: ContextVar[Route | None] = ContextVar("route", default=None)


class _Listener(CommandListener):
    """Notes where a command goes: called in the thread, or the task, that sends it."""

    def started(self, event: CommandStartedEvent) -> None:
        if route := _route.get():
            route.taken, route.sent = event.connection_id, time.monotonic()

    def succeeded(self, event: CommandSucceededEvent) -> None:
        pass

    def failed(self, event: CommandFailedEvent) -> None:
        pass


def _selected(servers: Sequence[ServerDescription]) -> Sequence[ServerDescription]:
    """Of the servers that a read preference allows, those to which the route of the command leads."""
    route = _route.get()
    return servers if route is None else route.choose(servers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """How to connect: `timeout` is seconds that one command may take, `size` connections at most at a time."""

    uri: str
    timeout: float
    size: int
    driver: Literal["motor", "pymongo"] = "motor"

    @property
    def options(self) -> dict[str, Any]:
        """Options of the client, but for those that the URI states."""
        stated = {name.lower() for name, _ in parse_qsl(self.uri.partition("?")[2])}
        defaults: dict[str, Any] = {
            "serverSelectionTimeoutMS": _SELECTION_SECONDS * 1000,
            "connectTimeoutMS": _SELECTION_SECONDS * 1000,
            # The server gives up first and says so; the socket's own limit is for servers that vanish.
            "socketTimeoutMS": int(self.timeout * 1000) + 10_000,
            "maxPoolSize": self.size,
            "appname": "pgx-gateway",
        }
        options = {name: value for name, value in defaults.items() if name.lower() not in stated}
        return options | {"server_selector": _selected, "event_listeners": [_Listener()]}


class Cursor(Protocol):
    """A cursor, walked where it was opened.  `close` it: it costs nothing where the server has closed it already."""

    async def batch(self, size: int) -> list[dict[str, Any]]:
        """The next documents, `size` at most; none at the end."""
        ...

    async def close(self) -> None:
        """Leave nothing open on the server."""
        ...


class Stream(Protocol):
    """A change stream."""

    async def event(self) -> bool:
        """Whether there is another event; waits for some time where there is none yet."""
        ...

    @property
    def token(self) -> Mapping[str, Any] | None:
        """The resume token: how far it was read, if the server says so."""
        ...


class Driver(Protocol):
    """A client of one deployment.  Nothing is sent before the first command."""

    async def reply(
        self, database: str, command: Command, shape: Callable[[RawReply], T], route: Route | None = None
    ) -> T:
        """What `shape` makes of the reply to a command, in a thread beside the event loop."""
        ...

    async def opened(self, database: str, command: Command, route: Route | None = None) -> "Cursor":
        """The cursor that a command opens, with the documents of the first reply."""
        ...

    def watch(
        self, database: str, pipeline: Sequence[Command], since: Timestamp, until: Timestamp, route: Route
    ) -> AbstractAsyncContextManager["Stream"]:
        """A change stream of a database from a time on, opened by a member that has come `until` another."""
        ...

    @property
    def topology(self) -> Topology:
        """What the members have said of the deployment, lately."""
        ...

    def others(self, avoided: frozenset[Member]) -> Others:
        """Who could be asked instead of these: members of the `same` kind, the `primary` alone, or none."""
        ...

    async def close(self) -> None:
        """Close all connections; nothing is under way any more."""
        ...


def others(described: TopologyDescription, usual: _ServerMode, avoided: frozenset[Member]) -> Others:
    """Who could be asked instead of these members, within what the read preference allows."""
    route = Route(avoided=avoided)
    readable = described.apply_selector(usual, custom_selector=lambda servers: list(route.choose(servers)))
    if any(server.address not in avoided for server in readable):
        return "same"
    primary = [s.address for s in described.server_descriptions().values() if s.server_type_name == "RSPrimary"]
    # `primaryPreferred`, `secondaryPreferred` and `nearest` allow it, `secondary` does not.
    allowed = isinstance(usual, PrimaryPreferred | SecondaryPreferred | Nearest)
    return "primary" if allowed and primary and primary[0] not in avoided else "none"
