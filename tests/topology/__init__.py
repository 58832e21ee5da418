"""A stand-in for MongoDB deployments that cannot be had here: replica sets, a standalone, routers of a sharded cluster.

    with ReplicaSet("5.0", members=3) as rs:
        rs.client().demo.variants.insert_one({"_id": 1})
        rs.members[1].stop_applying()  # from now on it serves old data
        rs.elect(rs.members[2])
        rs.members[0].kill()
        assert rs.asked("find")[-1]["readConcern"] == {"level": "snapshot"}

One embedded database evaluates queries; everything else is done here: who may write, what time it is, who has applied
what, what was in a collection at a time, how long a read waits, what is refused and with which code.  `concern`,
`dispatch`, `reads`, `strict` and `streams` say where their rules are from.

What is not as it is in a real deployment:
- there are no transactions, no `$out` and `$merge`, no views, and no users;
- a command that writes many documents is seen whole or not at all by reads of the primary, and delays them;
- members apply at once or not at all, a lost primary is followed by nobody until a test elects somebody, and a primary
  does nothing of itself (no entry every ten seconds: `write_noop`);
- natural order is that of the embedded database; copies of older states have no indexes, but hints are judged by what
  the indexes were;
- a router has one shard behind it that never lags, `sharded` and `orphan` being all there is of others;
- a cursor of an `aggregate` without a snapshot keeps what it began with, one of a `find` does not;
- `hello` answers at once and has no `topologyVersion`: drivers ask again instead of being told.
"""

from tests.topology.deployments import ReplicaSet, Sharded, Standalone
from tests.topology.member import Member

__all__ = ["Member", "ReplicaSet", "Sharded", "Standalone"]
