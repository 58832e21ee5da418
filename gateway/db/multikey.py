"""Whether an index is multikey: whether a document may be found in it by each of several values, those of a list.

A server says so in the plan of a read.  A mark that it has set stays, so that no index is taken for single-valued that
was multikey at an earlier moment.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from gateway.dataset_state import DatasetState
from gateway.db.driver import Command
from gateway.errors import GatewayError

__all__ = ["MultikeyIndexes"]

_MOST: Final = 1_000  # indexes that are remembered

_Version = tuple[str, int]


class MultikeyIndexes:
    """The indexes of some datasets: each is asked about once a data version."""

    def __init__(self, answer: Callable[[str, Command], Awaitable[Mapping[str, Any]]]) -> None:
        """`answer`: the reply to a command that reads no data."""
        self._answer = answer
        self._asked: dict[tuple[str, str, str], tuple[_Version, asyncio.Task[bool]]] = {}

    async def may_hold_lists(self, state: DatasetState, collection: str, field: str, index: str) -> bool:
        """Whether documents may have a list in the first field of an index; True where that is not told."""
        key, version = (state.dataset, collection, index), state.edition
        asked = self._asked.get(key)
        if asked is None or asked[0] != version:
            task = asyncio.create_task(self._ask(state, collection, field, index))
            asked = self._asked[key] = version, task
            while len(self._asked) > _MOST:
                del self._asked[next(iter(self._asked))]
        return await asyncio.shield(asked[1])

    async def _ask(self, state: DatasetState, collection: str, field: str, index: str) -> bool:
        read = {"find": collection, "filter": {field: ""}, "hint": index}
        command: Command = {"explain": read, "verbosity": "queryPlanner", "maxTimeMS": 2_000}
        if (time := state.moment.time) is not None:  # a member that lags may not have the first list yet
            command = {**command, "readConcern": {"level": "local", "afterClusterTime": time}}
        try:
            told = list(_told(await self._answer(state.dataset, command)))
        except GatewayError:  # of a server that does not explain
            return True
        return not told or any(told)


def _told(plan: object) -> Sequence[bool]:
    """What the stages of a plan say of their indexes, those of all shards."""
    if isinstance(plan, Mapping):
        own = [bool(plan["isMultiKey"])] if "isMultiKey" in plan else []
        return [*own, *(said for value in plan.values() for said in _told(value))]
    return [said for value in plan for said in _told(value)] if isinstance(plan, list) else []
