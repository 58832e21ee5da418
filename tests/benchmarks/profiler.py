"""What a MongoDB did for a request, from its profiler; a server without one is told by `available`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

from pymongo.database import Database
from pymongo.errors import OperationFailure, PyMongoError

__all__ = ["Effort", "Profiler"]

Document = dict[str, Any]

_SIZE: Final = 64 << 20
_CLIENT: Final = "pgx-gateway"
_FEW: Final = 20


@dataclass(frozen=True, slots=True)
class Effort:
    """The commands of a request: how many, what they looked at, what they gave back, and by which plans."""

    commands: int
    keys: int
    documents: int
    returned: int
    plans: Sequence[str]


class Profiler:
    """Profiles a database while it is entered, and leaves its level as it was."""

    def __init__(self, database: Database[Document]) -> None:
        self._database = database
        self._before = 0
        self.available = False
        self.why = ""

    def __enter__(self) -> Self:
        try:
            self._before = self._database.command("profile", -1)["was"]
            self._database.command("profile", 0)
            self._database.drop_collection("system.profile")
            self._database.create_collection("system.profile", capped=True, size=_SIZE)
            self._database.command("profile", 2)
            self.available = self._database.command("profile", -1)["was"] == 2
        except (PyMongoError, KeyError) as error:
            self.why = str(error).partition(", full error")[0]
        return self

    def __exit__(self, *_: object) -> None:
        if self.available:
            self._database.command("profile", self._before)

    def forget_plans(self) -> None:
        """Empty the plan caches, where there are any: the planner decides anew."""
        for name in ("variants", "biosamples", "analyses", "individuals"):
            try:
                self._database.command("planCacheClear", name)
            except OperationFailure:
                return

    def mark(self) -> int:
        """Where the profile ends now."""
        return self._database["system.profile"].estimated_document_count() if self.available else 0

    def since(self, mark: int) -> Effort | None:
        """What the gateway's commands did since then; None where no profiler tells."""
        if not self.available:
            return None
        found = [each for each in self._database["system.profile"].find().skip(mark) if each.get("appName") == _CLIENT]
        return Effort(
            commands=len(found),
            keys=sum(each.get("keysExamined", 0) for each in found),
            documents=sum(each.get("docsExamined", 0) for each in found),
            returned=sum(each.get("nreturned", 0) for each in found),
            plans=_plans(found),
        )


def _plans(found: Sequence[Document]) -> list[str]:
    """The commands that read more than a few documents, alike ones together, the most costly first."""
    sums: dict[str, list[int]] = {}
    for each in found:
        name = next(iter(each.get("command", {})), "")
        what = f"{name} {each['ns'].partition('.')[2]}: {each.get('planSummary', '')}"
        told = (1, each.get("keysExamined", 0), each.get("docsExamined", 0), each.get("millis", 0))
        sums[what] = [a + b for a, b in zip(sums.get(what, [0] * 4), told, strict=True)]
    ordered = sorted(sums.items(), key=lambda item: -sum(item[1][1:3]))
    return [
        f"{times} x {what}: {keys:,} keys, {documents:,} documents, {took:,} ms"
        for what, (times, keys, documents, took) in ordered
        if keys + documents > _FEW
    ]
