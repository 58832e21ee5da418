"""The database: whether it answers, what it is, what its clock says, what we may do there, and how it is read."""

import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from gateway.checks.findings import Finding, fail, ok, warning
from gateway.checks.inspector import Inspector, reason
from gateway.checks.queries import check_dataset
from gateway.checks.rights import rights
from gateway.config import Config, ConfigError
from gateway.db.driver import Connection, Topology
from gateway.errors import GatewayError
from gateway.flow.resources import opened

__all__ = ["check_database"]

_SECONDS: Final = 20.0  # that one read may take
_CLOCK: Final = 10.0
_WAYS: Final[Mapping[str, str]] = {
    "snapshot": "all reads of a download are of one moment",
    "watched": "reads are of the newest data, and what changes during a download cuts it",
    "recounted": "what was delivered is counted again at the end, which does not see every change",
}


async def check_database(config: Config) -> list[Finding]:
    """All that there is to say of it; what cannot be reached is told in one line."""
    inspectors: list[Inspector] = []

    def connect(connection: Connection) -> Inspector:
        inspectors.append(Inspector(connection))
        return inspectors[0]

    # As it would serve, but for waiting: who checks wants to know.
    quick = replace(config, query_timeout=min(config.query_timeout, _SECONDS), retry_window=0.0, version_ttl=3600.0)
    try:
        async with opened(quick, connect) as resources:
            inspector = inspectors[0]
            try:
                await resources.source.ping()
            except GatewayError as error:
                return [fail("database", f"cannot be used: {reason(error)}")]
            found = [*await _server(inspector), await _clock(inspector), *await _rights(inspector, config)]
            found += [await _told(inspector)]
            for dataset in config.datasets:
                found += await check_dataset(dataset, quick, resources, inspector)
            return found
    except ConfigError as error:
        return [fail("settings", f"mongo_uri: {error}")]


async def _server(inspector: Inspector) -> list[Finding]:
    try:
        version = (await inspector.answer("admin", {"buildInfo": 1})).get("version", "of an unknown version")
    except GatewayError as error:
        return [warning("database", f"answers, but not what version it is: {reason(error)}")]
    return [ok("database", f"answers: MongoDB {version}")]


async def _told(inspector: Inspector) -> Finding:
    topology: Topology = inspector.topology
    text = f"a {topology.kind} of wire version {topology.wire_version}: {_WAYS[topology.way]}"
    if topology.kind == "unknown":
        return warning("topology", "the members say different things of what they are, or nothing")
    if topology.way == "snapshot":
        return ok("topology", text)
    better = "a replica set of MongoDB 5.0 or later, of one member if need be, does better"
    return warning("topology", f"{text}; {better}")


async def _clock(inspector: Inspector) -> Finding:
    """How far the clocks are apart: tokens, logs and moments to read at are compared across machines."""
    began = time.time()
    try:
        told = (await inspector.answer("admin", {"isMaster": 1})).get("localTime")
    except GatewayError:
        told = None
    if not isinstance(told, datetime):
        return ok("clock", "the database does not tell the time")
    apart = told.replace(tzinfo=UTC).timestamp() - (began + time.time()) / 2
    if abs(apart) > _CLOCK:
        way = "ahead" if apart > 0 else "behind"
        return warning("clock", f"the database's is {abs(apart):.0f} s {way} of this machine's: let NTP set both")
    return ok("clock", f"within {max(1, round(abs(apart)))} s of the database's")


async def _rights(inspector: Inspector, config: Config) -> list[Finding]:
    try:
        status: Mapping[str, Any] = await inspector.answer("admin", {"connectionStatus": 1, "showPrivileges": True})
    except GatewayError as error:
        return [warning("rights", f"the database does not say what this user may do: {reason(error)}")]
    return rights(status, config.datasets, config.query_buffers, config.genes)
