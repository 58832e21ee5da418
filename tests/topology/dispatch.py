"""A command's way through a member, in the order of a real server: src/mongo/db/service_entry_point_common.cpp."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

from bson import Int64

from tests.topology import catalog, concern, reads, simple, strict, writes
from tests.topology.failures import Refused, expired
from tests.topology.request import Request
from tests.topology.waiting import now, sleep_until

if TYPE_CHECKING:
    from tests.topology.member import Member

__all__ = ["answer", "finished"]

Document = dict[str, Any]

_WRITES: Final = writes.HANDLERS | catalog.WRITERS
_READS: Final[dict[str, Callable[[Request], Awaitable[Document]]]] = reads.HANDLERS | catalog.READERS
_SIMPLE: Final = simple.HANDLERS
_RETRYABLE: Final = {"insert", "update", "delete", "findAndModify", "findandmodify"}


async def answer(member: "Member", command: Document, name: str, *, legacy: bool = False) -> Document:
    """The reply; raises Refused."""
    if name in simple.HELLO:
        return finished(member, await simple.hello(member, command))
    if legacy:
        raise Refused(352, f"Unsupported OP_QUERY command: {name}. The client driver may require an upgrade.")
    if name not in _WRITES and name not in _READS and name not in _SIMPLE:
        raise Refused(59, f"no such command: '{name}'")
    deadline = now() + command["maxTimeMS"] / 1000 if _limited(command) and name != "getMore" else None
    await sleep_until(member.delays.get(name, member.delays.get("", 0.0)), deadline)
    member.strike(name)
    strict.check(name, command, member.cluster.version)
    member.cluster.gossip(command.get("$clusterTime"))
    _session(member, command, name)
    request = Request(member, name, command, concern.parse(command, member.cluster.version), deadline)
    if name in _SIMPLE:
        return finished(member, await _SIMPLE[name](request))
    if name in _WRITES:
        return await _write(request)
    return await _read(request)


def _limited(command: Document) -> bool:
    value = command.get("maxTimeMS")
    return isinstance(value, int | float) and value > 0


async def _read(request: Request) -> Document:
    member = request.member
    if not member.primary and not _secondary_ok(request.command):
        old = request.cluster.version < (5, 0)
        raise Refused(13435, "not master and slaveOk=false" if old else "not primary and secondaryOk=false")
    concern.support(request)
    await concern.settle(request)
    reply = await _READS[request.name](request)
    await concern.linearize(request)
    if request.deadline is not None and now() > request.deadline:
        raise expired()
    return finished(member, reply, majority=request.concern.level == "majority")


def _secondary_ok(command: Document) -> bool:
    preference = command.get("$readPreference")
    return isinstance(preference, dict) and preference.get("mode", "primary") != "primary"


async def _write(request: Request) -> Document:
    member, cluster, command = request.member, request.cluster, request.command
    if not member.primary:
        raise Refused(10107, "not master" if cluster.version < (5, 0) else "not primary")
    concern.support(request)
    await concern.settle(request)
    once = None
    if "txnNumber" in command and request.name in _RETRYABLE:
        once = (bytes(command["lsid"]["id"]), int(command["txnNumber"]))
        if once in cluster.retried:
            return finished(member, cluster.retried[once])
    # Whole even if the client, or the member, is gone meanwhile: the history must know what the database did.
    reply = await asyncio.shield(asyncio.create_task(_done(request)))
    if once is not None:
        cluster.retried[once] = reply
    reply = reply | await writes.confirm(request)
    return finished(member, reply)


async def _done(request: Request) -> Document:
    member, cluster = request.member, request.cluster
    async with cluster.states.lock.alone():
        if not member.primary:
            raise Refused(10107, "not primary")
        request.at = cluster.log.end
        try:
            return await _WRITES[request.name](request)
        finally:
            cluster.wrote(member)


def _session(member: "Member", command: Document, name: str) -> None:
    if "lsid" in command and not (isinstance(command["lsid"], dict) and "id" in command["lsid"]):
        raise Refused(40414, "BSON field 'OperationSessionInfo.lsid.id' is missing but a required field")
    if "startTransaction" in command or "autocommit" in command:
        raise Refused(263, f"Cannot run '{name}' in a multi-document transaction: this stand-in has none")
    if "txnNumber" not in command:
        return
    if not isinstance(command["txnNumber"], Int64 | int) or "lsid" not in command:
        raise Refused(72, "Transaction number requires a session ID to also be specified")
    if member.cluster.mode == "standalone":
        raise Refused(20, "Transaction numbers are only allowed on a replica set member or mongos")
    if name not in _RETRYABLE:
        raise Refused(50768, f"It is illegal to provide a txnNumber for command {name}")


def finished(member: "Member", reply: Document, *, majority: bool = False) -> Document:
    """A reply with what all replies have."""
    cluster = member.cluster
    reply = {"ok": 1.0} | reply
    if cluster.logical:
        position = min(member.applied, cluster.committed) if majority else member.applied
        reply |= {"operationTime": cluster.log.entries[position].time, "$clusterTime": cluster.signed()}
    return reply
