"""Read concern: what it may say, what it waits for, what is read; by the rules of a real server.

The rules are those of src/mongo/db/repl/read_concern_args.cpp (`ReadConcernArgs::parse`),
src/mongo/db/read_concern_mongod.cpp (`waitForReadConcernImpl`), src/mongo/db/service_entry_point_common.cpp
(`_extractReadConcern`) and src/mongo/s/commands/strategy.cpp (routers) in github.com/mongodb/mongo.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from bson import Timestamp

from tests.topology.failures import Refused, expired, options
from tests.topology.versions import Version

if TYPE_CHECKING:
    from tests.topology.cluster import Cluster
    from tests.topology.request import Request

__all__ = ["Concern", "alone", "oldest", "parse", "settle", "support"]

_LEVELS: Final = ("local", "majority", "linearizable", "available", "snapshot")
_READS: Final = {"find", "aggregate", "distinct", "count"}
_SNAPSHOT_READS: Final = _READS - {"count"}
_NULL: Final = Timestamp(0, 0)


@dataclass(frozen=True, slots=True)
class Concern:
    """A read concern."""

    level: str = "local"
    after: Timestamp | None = None
    at: Timestamp | None = None
    given: bool = False


def parse(command: dict[str, Any], version: Version) -> Concern:
    """The read concern of a command."""
    if "readConcern" not in command:
        return Concern()
    told = command["readConcern"]
    if not isinstance(told, dict):
        raise Refused(9, "readConcern field should be an object")
    for name in told:
        if name not in {"level", "afterClusterTime", "atClusterTime", "provenance"}:
            raise options(f"Unrecognized option in readConcern: {name}")
    level = told.get("level", "local")
    if not isinstance(level, str):
        raise Refused(14, '"level" had the wrong type. Expected string')
    if level not in _LEVELS or (level == "snapshot" and version < (4, 0)):
        names = "', '".join(_LEVELS[:-1])
        raise Refused(9, f"readConcern.level must be either '{names}', or 'snapshot'")
    for name in ("afterClusterTime", "atClusterTime"):
        if name in told and not isinstance(told[name], Timestamp):
            raise Refused(14, f'"{name}" had the wrong type. Expected timestamp, found {type(told[name]).__name__}')
    concern = Concern(level, told.get("afterClusterTime"), told.get("atClusterTime"), given=True)
    _combine(concern)
    return concern


def _combine(concern: Concern) -> None:
    if concern.after is not None and concern.at is not None:
        raise options("Specifying a timestamp for readConcern snapshot in a causally consistent session is not allowed")
    if concern.after is not None and concern.level in {"available", "linearizable"}:
        raise options("afterClusterTime field can be set only if level is equal to majority, local, or snapshot")
    if concern.at is not None and concern.level != "snapshot":
        raise options("atClusterTime field can be set only if level is equal to snapshot")
    for name, time in (("atClusterTime", concern.at), ("afterClusterTime", concern.after)):
        if time == _NULL:
            raise options(f"{name} cannot be a null timestamp")


def support(request: "Request") -> None:
    """Refuse a read concern that the command, or the version, does not know."""
    name, concern = request.name, request.concern
    level = concern.level
    if level == "local":
        return
    if level == "snapshot":
        if request.cluster.version < (5, 0):
            if request.cluster.mode == "sharded":
                raise options("read concern snapshot is only supported in a multi-statement transaction")
            raise options("readConcern level snapshot is only valid in multi-statement transactions")
        if name not in _SNAPSHOT_READS:
            raise options(
                f'Command {name} does not support {{ readConcern: {{ level: "snapshot" }} }} :: caused by :: '
                "read concern snapshot not supported"
            )
    elif name not in _READS:
        raise options(
            f'Command {name} does not support {{ readConcern: {{ level: "{level}" }} }} :: caused by :: '
            "read concern not supported"
        )


def oldest(cluster: "Cluster") -> Timestamp:
    """The oldest time of which there is a snapshot."""
    stable = cluster.log.entries[cluster.committed].time
    window = (
        Timestamp(max(1, int(stable.time - cluster.window)), 0) if cluster.window < stable.time else Timestamp(1, 0)
    )
    return max(cluster.oldest, window)


async def settle(request: "Request") -> None:
    """Wait until the read concern can be met, and fix what is read."""
    cluster, member, concern = request.cluster, request.member, request.concern
    if cluster.mode == "standalone":
        alone(concern)
        request.at = cluster.log.end
        return
    if concern.level == "linearizable" and not member.primary:
        raise Refused(10107, "cannot satisfy linearizable read concern on non-primary node")
    wanted = concern.after or concern.at
    if wanted is not None:
        await _reach(request, wanted)
    if concern.level == "snapshot":
        _snapshot(request)
    elif concern.level == "majority":
        request.at = min(member.applied, cluster.committed)
    else:
        request.at = member.applied


def alone(concern: Concern) -> None:
    """Refuse what a standalone does not know."""
    if concern.level in {"linearizable", "snapshot"}:
        which = "readConcern: snapshot" if concern.level == "snapshot" else "read concern"
        raise Refused(123, f"node needs to be a replica set member to use {which}")
    if concern.after is not None:
        raise Refused(20, "Cannot specify afterClusterTime readConcern without replication enabled")


async def _reach(request: "Request", wanted: Timestamp) -> None:
    """Wait until this member has applied a time, or knows that a majority has."""
    cluster, member, concern = request.cluster, request.member, request.concern
    name = "afterClusterTime" if concern.after is not None else "atClusterTime"
    if wanted > cluster.time:
        raise options(
            f"readConcern {name} value must not be greater than the current clusterTime. "
            f"Requested clusterTime: {_text(wanted)}; current clusterTime: {_text(cluster.time)}"
        )
    if cluster.mode == "sharded" and wanted > cluster.log.entries[-1].time:
        cluster.log.append("noop")  # a shard has its primary write one
        cluster.wrote(member)

    def there() -> bool:
        position = member.applied
        if concern.level in {"majority", "snapshot"}:
            position = min(position, cluster.committed)
        return cluster.log.entries[position].time >= wanted

    if not await cluster.bell.wait(there, request.deadline):
        raise expired()


def _snapshot(request: "Request") -> None:
    cluster, concern = request.cluster, request.concern
    if concern.at is None:
        request.at = min(request.member.applied, cluster.committed)
        request.snapshot = cluster.log.entries[request.at].time
        return
    if concern.at < oldest(cluster):
        raise Refused(239, f"Read timestamp {_text(concern.at)} is older than the oldest available timestamp.")
    request.at = cluster.log.position(concern.at)
    request.snapshot = concern.at


async def linearize(request: "Request") -> None:
    """After a linearizable read: write something, and wait until a majority has it."""
    cluster, member = request.cluster, request.member
    if request.concern.level != "linearizable" or cluster.mode == "standalone":
        return
    if not member.primary:
        raise Refused(10107, "No longer primary when waiting for linearizable read concern")
    position = cluster.log.append("noop", note={"msg": "linearizable read"}).position
    cluster.wrote(member)
    if not await cluster.bell.wait(lambda: cluster.committed >= position or not member.primary, request.deadline):
        raise expired()
    if cluster.committed < position:
        raise Refused(11602, "operation was interrupted")


def _text(time: Timestamp) -> str:
    return f"{{ ts: Timestamp({time.time}, {time.inc}) }}"
