"""Commands about the server itself: `hello`, `ping`, sessions, what version this is."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from bson import Int64, ObjectId

from tests.topology.failures import Refused
from tests.topology.request import Request

if TYPE_CHECKING:
    from tests.topology.member import Member

__all__ = ["HANDLERS", "HELLO", "hello"]

Document = dict[str, Any]

HELLO: Final = {"hello", "isMaster", "ismaster"}


async def hello(member: "Member", command: Document) -> Document:
    """Who this is, by the rules of the driver's specification of server discovery and monitoring."""
    cluster = member.cluster
    writable = "isWritablePrimary" if "hello" in command else "ismaster"
    body: Document = {
        "helloOk": True,
        writable: member.primary,
        "maxBsonObjectSize": 16 * 1024 * 1024,
        "maxMessageSizeBytes": 48_000_000,
        "maxWriteBatchSize": 100_000,
        "localTime": datetime.now(UTC),
        "logicalSessionTimeoutMinutes": 30,
        "connectionId": 1,
        "minWireVersion": 0,
        "maxWireVersion": cluster.version.wire,
        "readOnly": False,
    }
    if cluster.mode == "sharded":
        return body | {"msg": "isdbgrid"}
    if cluster.mode == "replica set":
        body |= _membership(member)
    return body


def _membership(member: "Member") -> Document:
    cluster = member.cluster
    last, common = cluster.log.entries[member.applied], cluster.log.entries[min(member.applied, cluster.committed)]
    body: Document = {
        "hosts": [one.address for one in cluster.members],
        "setName": cluster.name,
        "setVersion": 1,
        "secondary": not member.primary,
        "me": member.address,
        "lastWrite": {
            "opTime": {"ts": last.time, "t": Int64(cluster.term)},
            "lastWriteDate": last.wall,
            "majorityOpTime": {"ts": common.time, "t": Int64(cluster.term)},
            "majorityWriteDate": common.wall,
        },
    }
    if cluster.primary is not None:
        body["primary"] = cluster.primary.address
    if member.primary:
        body["electionId"] = ObjectId(f"7fffffff{cluster.term:016x}")
    return body


async def _fine(request: Request) -> Document:
    return {}


async def _build_info(request: Request) -> Document:
    full = request.cluster.version.full
    parts = [*map(int, full.split(".")), 0]
    return {"version": full, "versionArray": parts, "gitVersion": "0" * 40, "bits": 64, "maxBsonObjectSize": 1 << 24}


async def _server_status(request: Request) -> Document:
    mode = request.cluster.mode
    body: Document = {"host": request.member.address, "version": request.cluster.version.full}
    body |= {"process": "mongos" if mode == "sharded" else "mongod", "uptime": 1.0, "localTime": datetime.now(UTC)}
    if mode == "replica set":
        body["repl"] = _membership(request.member)
    return body


async def _get_parameter(request: Request) -> Document:
    if request.database != "admin":
        raise Refused(13, "getParameter may only be run against the admin database.")
    cluster = request.cluster
    known = {"minSnapshotHistoryWindowInSeconds": int(cluster.window)} if cluster.version >= (5, 0) else {}
    known["featureCompatibilityVersion"] = {"version": cluster.version.text}
    if request.command["getParameter"] == "*":
        return known
    found = {name: value for name, value in known.items() if name in request.command}
    if not found:
        raise Refused(72, "no option found to get")
    return found


async def _start_session(request: Request) -> Document:
    return {"id": {"id": ObjectId()}, "timeoutMinutes": 30}


async def _no_transaction(request: Request) -> Document:
    raise Refused(251, "Given transaction number does not match any in-progress transactions.")


async def _get_more(request: Request) -> Document:
    if request.concern.given:
        raise Refused(72, "Command getMore does not support { readConcern } :: caused by :: read concern not supported")
    return await request.member.cursors.more(request.command, request.database)


async def _kill_cursors(request: Request) -> Document:
    ids = request.command["cursors"]
    if not all(isinstance(one, Int64) for one in ids):
        raise Refused(14, "BSON field 'killCursors.cursors.0' is the wrong type, expected type 'long'")
    return request.member.cursors.kill(ids)


HANDLERS: Final[dict[str, Callable[[Request], Awaitable[Document]]]] = {
    "ping": _fine,
    "buildInfo": _build_info,
    "buildinfo": _build_info,
    "serverStatus": _server_status,
    "getParameter": _get_parameter,
    "startSession": _start_session,
    "endSessions": _fine,
    "refreshSessions": _fine,
    "commitTransaction": _no_transaction,
    "abortTransaction": _no_transaction,
    "getMore": _get_more,
    "killCursors": _kill_cursors,
}
