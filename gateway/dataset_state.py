"""What is known of a dataset before it is queried: its version, what it has, and the moment at which it is read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from gateway.indexes import Index

__all__ = ["Bounds", "DatasetState", "Moment"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """The largest `_id`, and the largest indexed `updated`, of each collection when the data version was read.

    Absent where it is not known: a dataset that states its version is not asked for the largest `_id`.
    """

    last: Mapping[str, Any] = field(default_factory=dict)
    updated: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """When, in the cluster's own time, a dataset is read, and what makes sure that all reads are of that moment.

    `snapshot`: every read is of the state at `time`.  `watched`: reads are of a state not older than `time`, and a
    change stream tells at the end whether anything changed since.  `recounted`: only counting again at the end tells.
    """

    by: Literal["snapshot", "watched", "recounted"] = "recounted"
    time: Any = None

    @property
    def concern(self) -> dict[str, Any]:
        """The read concern that a command has for it, as its fields; none where the deployment knows no time."""
        if self.time is None:
            return {}
        if self.by == "snapshot":
            return {"readConcern": {"level": "snapshot", "atClusterTime": self.time}}
        return {"readConcern": {"level": "majority", "afterClusterTime": self.time}}


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetState:
    """What the gateway knows of a dataset before it queries it; kept for some seconds.

    `indexed` maps a collection to the fields that lead one of its `indexes`; `version` changes when the data does;
    `stated` is the version that the dataset itself states, if it does; `counts` are numbers of documents; all is of one
    `moment`.  `identities` tell collections from others of their names; `spell` counts changes of the version seen.
    """

    dataset: str
    version: str
    stated: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)
    collections: frozenset[str] = frozenset()
    indexed: Mapping[str, frozenset[str]] = field(default_factory=dict)
    indexes: Mapping[str, tuple[Index, ...]] = field(default_factory=dict)
    bounds: Bounds = field(default_factory=Bounds)
    moment: Moment = field(default_factory=Moment)
    identities: Mapping[str, str] = field(default_factory=dict)
    spell: int = 0

    @property
    def edition(self) -> tuple[str, int]:
        """What tells the data from all that the dataset had before: a version may come back, with other data."""
        return self.version, self.spell

    @property
    def analyses(self) -> str:
        """The collection of analyses: `callsets` in a dataset of 2021."""
        return "callsets" if "callsets" in self.collections and "analyses" not in self.collections else "analyses"
