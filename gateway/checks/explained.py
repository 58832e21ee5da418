"""What a server says of how it reads (`explain`), and whether that is as it should be.

Servers say it in many forms: with a stage around a stage, by shards, in the stages of an aggregation, in the words of
either of their engines.  So it is looked for wherever it may be.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

__all__ = ["Reading", "explainable"]

# Of so few documents all can be read without anybody noticing.
_FEW: Final = 10_000
_TIMES: Final = 20
# What a plan does once for all that it examines: how many come out tells nothing.
_GATHERING: Final = frozenset({"GROUP", "COUNT", "group"})
_LOOKING: Final = frozenset({"FETCH", "COLLSCAN"})


def explainable(command: Mapping[str, Any]) -> dict[str, Any]:
    """A read as it can be explained: a moment to read at, or a time to read for, is no part of a plan."""
    inner = {key: value for key, value in command.items() if key not in {"readConcern", "maxTimeMS"}}
    return inner | ({"cursor": {}} if "aggregate" in inner else {})


@dataclass(frozen=True, slots=True)
class Reading:
    """How a read is done: its stages, the indexes that it uses; what it examined and found, None if it was not run."""

    stages: frozenset[str]
    indexes: frozenset[str]
    documents: int | None = None
    keys: int | None = None
    found: int | None = None

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Self:
        """From the reply to `explain`."""
        plans = [stage for plan in _at("winningPlan", told) for stage in _stages(plan)]
        stages = frozenset(str(stage["stage"]) for stage in plans)
        indexes = frozenset(str(stage["indexName"]) for stage in plans if "indexName" in stage)
        ran = list(_ran(told))
        if not ran:
            return cls(stages, indexes)
        documents, keys = (sum(int(one.get(name) or 0) for one in ran) for name in _EXAMINED)
        return cls(stages, indexes, documents, keys, sum(map(_found, ran)))

    def fault(self, hint: str | None) -> str | None:
        """What is wrong with it, in words; `hint` is the index that the read named."""
        if hint and self.indexes and hint not in self.indexes:
            return f"the server takes {', '.join(sorted(self.indexes))} where the read names {hint}"
        if self.documents is None:
            return "the collection is read whole" if "COLLSCAN" in self.stages else None
        if self.documents < _FEW:
            return None
        gathers = not _GATHERING.isdisjoint(self.stages) and self.found in {0, 1}
        by = f" by {', '.join(sorted(self.indexes))}" if self.indexes else ""
        for wrong, words in (
            ("COLLSCAN" in self.stages, f"the collection is read whole, {self.documents:,} documents"),
            ("SORT" in self.stages, f"{self.documents:,} documents are sorted"),
            (
                not gathers and self.documents > _TIMES * max(1, self.found or 0),
                f"{self.documents:,} documents are examined{by} for {self.found or 0:,}",
            ),
        ):
            if wrong:
                return words
        return None


_EXAMINED: Final = ("totalDocsExamined", "totalKeysExamined")


def _at(name: str, told: Any) -> Iterator[Mapping[str, Any]]:
    """What stands under a name, at any depth; not what stands within that."""
    for key, value in _items(told):
        if key == name and isinstance(value, Mapping):
            yield value
        elif key != "rejectedPlans":
            yield from _at(name, value)


def _ran(told: Any) -> Iterator[Mapping[str, Any]]:
    """What was examined, once for each server: a router sums up what its shards say."""
    if isinstance(told, Mapping) and _EXAMINED[0] in told:
        yield told
        return
    for key, value in _items(told):
        if key not in {"rejectedPlans", "allPlansExecution"}:
            yield from _ran(value)


def _stages(told: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(told, Mapping) and "stage" in told:
        yield told
    for key, value in _items(told):
        if key != "rejectedPlans":
            yield from _stages(value)


def _found(ran: Mapping[str, Any]) -> int:
    """How many of the documents that were examined were asked for."""
    fetched = [int(stage.get("nReturned") or 0) for stage in _stages(ran) if stage["stage"] in _LOOKING]
    return sum(fetched) if fetched else int(ran.get("nReturned") or 0)


def _items(told: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(told, Mapping):
        yield from told.items()
    elif isinstance(told, list):
        yield from (("", value) for value in told)
