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
"""

from tests.topology.deployments import ReplicaSet, Sharded, Standalone
from tests.topology.member import Member

__all__ = ["Member", "ReplicaSet", "Sharded", "Standalone"]
