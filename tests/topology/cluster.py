"""What the members of a topology have in common: log, clock, majority, elections.  Lives in the loop's thread."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

from bson import Binary, Int64, Timestamp

from tests.topology.engine import Engine
from tests.topology.failures import Refused
from tests.topology.history import Log
from tests.topology.states import States
from tests.topology.versions import Version
from tests.topology.waiting import Bell

if TYPE_CHECKING:
    from tests.topology.member import Member

__all__ = ["Cluster", "Mode"]

Mode = Literal["replica set", "standalone", "sharded"]

_DRIFT: Final = 365 * 24 * 3600  # maxAcceptableLogicalClockDriftSecs


@dataclass
class Cluster:
    """A topology as its members see it."""

    version: Version
    mode: Mode
    name: str
    engine: Engine
    prefix: str
    members: "list[Member]" = field(default_factory=list)
    commands: "list[tuple[Member, dict[str, Any]]]" = field(default_factory=list)
    sharded: frozenset[str] = frozenset()
    """Collections with parts on several shards, where this is a sharded cluster: `database.collection`."""
    orphans: dict[str, int] = field(default_factory=dict)
    """Documents that were moved to another shard but not yet removed here, by `database.collection`."""
    window: float = 300.0
    """`minSnapshotHistoryWindowInSeconds`."""

    def __post_init__(self) -> None:
        self.log = Log()
        self.states = States(self.engine, self.prefix)
        self.bell = Bell()
        self.term = 1
        self.committed = 0
        """The position that a majority has applied, as far as the primary knows."""
        self.oldest = Timestamp(0, 0)
        """There are no snapshots of times before."""
        self.log_begin = Timestamp(0, 0)
        """The log has been cut off before."""
        self.retried: dict[tuple[bytes, int], dict[str, Any]] = {}
        """Replies to retryable writes, by session and number."""
        self._gossiped = Timestamp(0, 0)

    @property
    def logical(self) -> bool:
        """Whether there is a logical time at all."""
        return self.mode != "standalone"

    @property
    def primary(self) -> "Member | None":
        return next((member for member in self.members if member.primary), None)

    @property
    def time(self) -> Timestamp:
        """The highest time that anybody knows."""
        return max(self.log.entries[-1].time, self._gossiped)

    def gossip(self, told: Any) -> None:
        """A client tells a cluster time that it has heard."""
        if not self.logical or not isinstance(told, dict) or not isinstance(told.get("clusterTime"), Timestamp):
            return
        heard: Timestamp = told["clusterTime"]
        if heard.time > time.time() + _DRIFT:
            raise Refused(209, f"New cluster time, {heard.time}, is too far from this node's wall clock time")
        self._gossiped = max(self._gossiped, heard)
        self.log.learn(heard)

    def signed(self) -> dict[str, Any]:
        """The cluster time as in replies of a deployment without keys."""
        return {"clusterTime": self.time, "signature": {"hash": Binary(bytes(20)), "keyId": Int64(0)}}

    def replicate(self) -> None:
        """Whoever applies gets what somebody alive has; the primary learns what a majority has."""
        living = [member for member in self.members if member.alive]
        newest = max((member.applied for member in living), default=0)
        for member in living:
            if member.applying or self.mode != "replica set":
                member.applied = newest
        if self.primary is not None:
            everybody = sorted((member.applied for member in self.members), reverse=True)
            self.committed = max(self.committed, everybody[len(self.members) // 2])
        self.bell.ring()

    def wrote(self, member: "Member | None") -> None:
        """Who wrote has what is in the log."""
        if member is not None:
            member.applied = self.log.end
        self.replicate()

    def step_down(self) -> None:
        """There is no primary any more."""
        for member in self.members:
            member.primary = self.mode != "replica set"
        self.bell.ring()

    async def elect(self, member: "Member") -> None:
        """Make a member the primary; writes that only others have, who are dead, are rolled back."""
        async with self.states.lock.alone():
            self._elect(member)

    def _elect(self, member: "Member") -> None:
        living = [one for one in self.members if one.alive]
        if not member.alive or len(living) <= len(self.members) // 2:
            raise ValueError("a primary must be alive, and with it a majority")
        newest = max(one.applied for one in living)
        if member.applied < newest and not member.applying:
            raise ValueError("a member that does not apply cannot catch up, and is not elected: resume() first")
        self.step_down()
        self.log.cut(newest)
        for one in self.members:
            one.applied = min(one.applied, newest)
        member.applied = newest
        member.primary = True
        self.term += 1
        self.log.append("noop", note={"msg": "new primary"})
        self.wrote(member)

    def lost(self) -> None:
        """Somebody died: a primary that sees no majority is none."""
        living: Sequence[Member] = [one for one in self.members if one.alive]
        primary = self.primary
        if self.mode == "replica set" and (
            primary is None or not primary.alive or len(living) <= len(self.members) // 2
        ):
            self.step_down()
        self.bell.ring()
