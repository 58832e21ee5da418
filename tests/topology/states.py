"""Collections as they were at a time, in the embedded database, so that it can be asked about them.

The newest state of each collection is kept there as it is written; any other is made from the history when it is first
asked for.  Copies have no indexes: what a hint may name is judged before the database is asked.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from typing import Any, Final

from bson.raw_bson import RawBSONDocument

from tests.topology.engine import Engine
from tests.topology.history import Collection
from tests.topology.waiting import SharedLock

__all__ = ["States"]

_COPIES: Final = 16
_INSERT: Final = 1000


class States:
    """Where the embedded database has what."""

    def __init__(self, engine: Engine, prefix: str) -> None:
        self.engine = engine
        self.lock = SharedLock()
        """Held alone by who writes, shared by who reads what may be written."""
        self.copied = 0
        """How many states were made from the history."""
        self._prefix = prefix
        self._heads: dict[Collection, tuple[str, int]] = {}
        self._copies: OrderedDict[int, asyncio.Task[str]] = OrderedDict()
        self._numbers = count(1)
        self._databases: set[str] = set()

    def database(self, name: str) -> str:
        """The name of a database behind the scenes."""
        self._databases.add(self._prefix + name)
        return self._prefix + name

    def adopt(self, collection: Collection) -> str:
        """The name under which a new collection will be written."""
        name = f"{collection.name}.{next(self._numbers)}"
        self._heads[collection] = (name, collection.changes[-1].serial)
        return name

    def written(self, collection: Collection) -> None:
        """The newest state is what the database has now."""
        self._heads[collection] = (self._heads[collection][0], collection.changes[-1].serial)

    async def head(self, collection: Collection) -> str:
        """The name of the newest state, to be written; made anew after a rollback."""
        newest = collection.changes[-1]
        name, serial = self._heads.get(collection, ("", 0))
        if serial != newest.serial:
            name = await self._make(collection, newest.position)
            self._heads[collection] = (name, newest.serial)
            indexes = [one for one in collection.indexes_at(newest.position) if one["name"] != "_id_"]
            if indexes:
                command = {"createIndexes": name, "indexes": indexes}
                await self.engine.ask(self.database(collection.database), command)
        return name

    @asynccontextmanager
    async def places(self, position: int, *collections: Collection) -> AsyncIterator[list[str]]:
        """The names of the states of collections at a position, which are left alone meanwhile."""
        async with self.lock.shared():
            names = []
            for collection in collections:
                version = collection.version(position)
                name, serial = self._heads.get(collection, ("", 0))
                names.append(
                    name if serial == version.serial else await self._copy(collection, position, version.serial)
                )
            yield names

    async def _copy(self, collection: Collection, position: int, serial: int) -> str:
        if serial not in self._copies:
            self._copies[serial] = asyncio.create_task(self._make(collection, position))
        self._copies.move_to_end(serial)
        while len(self._copies) > _COPIES:
            self._copies.popitem(last=False)
        return await asyncio.shield(self._copies[serial])

    async def _make(self, collection: Collection, position: int) -> str:
        self.copied += 1
        name = f"{collection.name}.{next(self._numbers)}"
        for some in _batched(list(collection.state(position))):
            command = {"insert": name, "documents": some, "ordered": True}
            await self.engine.ask(self.database(collection.database), command)
        return name

    async def forget(self) -> None:
        """Leave nothing in the embedded database."""
        for database in self._databases:
            await self.engine.ask(database, {"dropDatabase": 1})


def _batched(documents: list[RawBSONDocument]) -> list[list[Any]]:
    return [documents[at : at + _INSERT] for at in range(0, len(documents), _INSERT)]
