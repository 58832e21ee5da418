"""What the gateway needs of a MongoDB driver: commands go out, replies come back as bytes.

It is little, so that one driver can take the place of another: `motor_driver` and `pymongo_driver` do the same, and the
setting `driver` says which serves.  Their exceptions are PyMongo's, and are translated in `source`.
"""

from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol, TypeVar
from urllib.parse import parse_qsl

from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent
from pymongo.server_description import ServerDescription

__all__ = ["RAW", "Command", "Connection", "Driver", "Member", "RawReply", "at_member"]

T = TypeVar("T")

Command = Mapping[str, Any]
"""A database command; the name of the command comes first."""

Member = tuple[str, int | None]
"""Host and port of a member of a replica set, or of a router of a cluster."""

RAW: Final = CodecOptions(document_class=RawBSONDocument)
# A server that is down must be known quickly, so that the client hears of it; the URI can say otherwise.
_SELECTION_SECONDS: Final = 3


@dataclass(frozen=True, slots=True)
class RawReply:
    """A reply as it came, and who gave it."""

    raw: bytes
    member: Member


@dataclass(slots=True)
class _Route:
    """Where the command goes that this thread or task sends: to whom it must, and to whom it went."""

    wanted: Member | None
    taken: Member = ("", None)


_route: ContextVar[_Route | None] = ContextVar("route", default=None)


@contextmanager
def at_member(wanted: Member | None) -> Iterator[_Route]:
    """Send the block's command to this member, or to any that the read preference allows."""
    route = _Route(wanted)
    token = _route.set(route)
    try:
        yield route
    finally:
        _route.reset(token)


class _Listener(CommandListener):
    """Notes which member a command goes to: called in the thread, or the task, that sends it."""

    def started(self, event: CommandStartedEvent) -> None:
        if route := _route.get():
            route.taken = event.connection_id

    def succeeded(self, event: CommandSucceededEvent) -> None:
        pass

    def failed(self, event: CommandFailedEvent) -> None:
        pass


def _selected(servers: Sequence[ServerDescription]) -> Sequence[ServerDescription]:
    """Of the servers that a read preference allows, the one that is wanted, if it is among them."""
    route = _route.get()
    wanted = [server for server in servers if route and server.address == route.wanted]
    return wanted or servers


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


class Driver(Protocol):
    """A client of one deployment.  Nothing is sent before the first command."""

    async def reply(
        self, database: str, command: Command, shape: Callable[[RawReply], T], member: Member | None = None
    ) -> T:
        """What `shape` makes of the reply to a command, in a thread beside the event loop."""
        ...

    def batches(self, database: str, command: Command, size: int) -> AsyncGenerator[list[dict[str, Any]], None]:
        """The documents of the cursor that a command opens, `size` at a time; it is closed whatever happens."""
        ...

    async def close(self) -> None:
        """Close all connections; nothing is under way any more."""
        ...
