"""The least that must be read for a page: bare finds with the driver, each by an index that is named."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pymongo.database import Database
from pymongo.errors import PyMongoError

from tests.benchmarks.bycon import VARIANTS_EACH

__all__ = ["Ceiling", "Read", "fastest"]

_RUNS: Final = 3
_MOST: Final = 20_000  # milliseconds that a find may take
_DIAGNOSIS: Final = "histological_diagnosis.id"


@dataclass(frozen=True, slots=True)
class Read:
    """How long it took, and by which index."""

    milliseconds: float
    hint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceiling:
    """A page: of the biosamples of a diagnosis or of all, and of their variants those that fulfil a condition."""

    diagnosis: str = field(default="", kw_only=False)
    limit: int
    page: int = 0
    condition: dict[str, Any] = field(default_factory=dict)
    hints: Sequence[str] = ("biosample_id_1",)
    biosamples: bool = False

    def read(self, database: Database[dict[str, Any]], hint: str) -> int:
        """Read it, its biosamples first where they must be known; the number of documents."""
        first, condition = self.page * self.limit, dict(self.condition)
        if self.biosamples or self.diagnosis or first:
            chosen = {_DIAGNOSIS: self.diagnosis} if self.diagnosis else {}
            by = f"{_DIAGNOSIS}_1" if self.diagnosis else "id_1"
            if not self.limit:
                return database.biosamples.count_documents(chosen, hint=by)
            fields = None if self.biosamples else {"_id": 0, "id": 1}
            found = database.biosamples.find(chosen, fields, hint=by)
            # Each biosample has as many variants, so whole ones are skipped.
            found = found.skip(first // VARIANTS_EACH).limit(self.limit if self.biosamples else self._enough)
            some = list(found.max_time_ms(_MOST))
            if self.biosamples:
                return len(some)
            condition["biosample_id"] = {"$in": [each["id"] for each in some]}
        return len(list(database.variants.find(condition, hint=hint, limit=self.limit).max_time_ms(_MOST)))

    @property
    def _enough(self) -> int:
        """Biosamples that hold the variants of a page, also where a condition lets only some through."""
        return -(-self.limit // VARIANTS_EACH) + 1


def fastest(database: Database[dict[str, Any]], ceiling: Ceiling) -> Read | None:
    """The quickest of some runs by each index, None where the server has none of them."""
    found: list[Read] = []
    for hint in ceiling.hints:
        try:
            for _ in range(_RUNS):
                began = time.perf_counter()
                ceiling.read(database, hint)
                found.append(Read(1000 * (time.perf_counter() - began), hint))
        except PyMongoError:
            continue
    return min(found, key=lambda read: read.milliseconds, default=None)
