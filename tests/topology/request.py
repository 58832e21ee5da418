"""A command that is being answered."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bson import Timestamp

from tests.topology.concern import Concern
from tests.topology.failures import Refused

if TYPE_CHECKING:
    from tests.topology.cluster import Cluster
    from tests.topology.history import Collection
    from tests.topology.member import Member

__all__ = ["Request"]


@dataclass
class Request:
    """What is asked, of whom, and until when; `at` and `snapshot` are found when the read concern is met."""

    member: "Member"
    name: str
    command: dict[str, Any]
    concern: Concern
    deadline: float | None = None
    at: int = 0
    """The position that is read."""
    snapshot: Timestamp | None = None
    """The time that is read, where the read concern is snapshot."""

    @property
    def cluster(self) -> "Cluster":
        return self.member.cluster

    @property
    def database(self) -> str:
        return str(self.command["$db"])

    @property
    def collection(self) -> str:
        """The collection that the command is about."""
        value = self.command[self.name]
        if not isinstance(value, str):
            raise Refused(73, f"collection name has invalid type {type(value).__name__}")
        if not value or value.startswith("."):
            raise Refused(73, f"Invalid namespace specified '{self.database}.{value}'")
        return value

    @property
    def namespace(self) -> str:
        return f"{self.database}.{self.collection}"

    def found(self) -> "Collection | None":
        """The collection as it is read."""
        return self.cluster.log.find(self.database, self.collection, self.at)
