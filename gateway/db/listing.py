"""What a database holds: its collections, what tells them from others of the same names, their indexes."""

import asyncio
from collections.abc import Iterable
from typing import Any

from gateway.db.source import Source
from gateway.indexes import Index

__all__ = ["collections", "identities", "indexes"]


async def collections(source: Source, dataset: str, time: Any = None) -> list[str]:
    """The names of the collections of a dataset that its reader may read, not before a time."""
    command = {"listCollections": 1, "nameOnly": True, "authorizedCollections": True}
    return [str(one["name"]) for one in await source.listed(dataset, command | _not_before(time))]


async def identities(source: Source, dataset: str, time: Any) -> dict[str, str]:
    """The same names, each with what tells the collection from others that have it; not everybody may ask for that."""
    command = {"listCollections": 1, "authorizedCollections": True}
    found = await source.listed(dataset, command | _not_before(time))
    return {str(one["name"]): repr(one.get("info", {}).get("uuid")) for one in found}


async def indexes(source: Source, dataset: str, names: Iterable[str], time: Any = None) -> dict[str, tuple[Index, ...]]:
    """The indexes of some collections, not before a time, all asked for at once."""

    async def of(name: str) -> tuple[Index, ...]:
        found = await source.listed(dataset, {"listIndexes": name} | _not_before(time))
        return tuple(Index.of(index) for index in found if index.get("key"))

    names = list(names)
    return dict(zip(names, await asyncio.gather(*map(of, names)), strict=True))


def _not_before(time: Any) -> dict[str, Any]:
    """The read concern of a list: of this one level, for which a member waits as long as for reads of the others."""
    return {} if time is None else {"readConcern": {"level": "local", "afterClusterTime": time}}
