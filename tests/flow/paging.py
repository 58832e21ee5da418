"""Questions about pages, what is asked about, and a rig whose pages remember."""

import json
from contextlib import aclosing
from typing import Any

import pytest
from bson import ObjectId

from gateway.config import load
from gateway.db import checked_ids, sample_ids, term_ids
from gateway.flow import sample_numbers, small_datasets, totals
from gateway.flow.pump import Pump
from gateway.flow.run import Slicing
from gateway.flow.scheduling import EncodeScheduler
from gateway.rows import Tally
from tests.flow.test_pump import Rig

__all__ = ["DEL", "DUP", "QUESTIONS", "SAMPLES", "STRATEGIES", "PageRig", "fill", "follow"]

SAMPLES = 36
DEL, DUP = "EFO:0030067", "EFO:0030070"
QUESTIONS = {
    "everything": {"allData": "true"},
    "one of three": {"filters": "NCIT:C3058"},
    "one alone": {"filters": "NCIT:C3059"},
    "nearly all variants": {"variantType": "DUP"},
    "few variants": {"referenceName": "9"},
    "variants of some": {"filters": "NCIT:C3058", "variantType": "DUP"},
    "excluded": {"filters": "!NCIT:C3058"},
    "individuals": {"filters": "NCIT:C16576"},
    "individuals or diagnosis": {"filters": "NCIT:C16576,NCIT:C3059", "filterLogic": "OR"},
    "two kinds of variants": {"variantType": "DUP,DEL", "filters": "!NCIT:C16576"},
    "variants but those of some individuals": {"variantType": "DUP", "filters": "!followupTime:>=P60M"},
    "nothing": {"referenceName": "21"},
}


def fill(database: Any) -> None:
    """Biosamples of 0 to 6 variants, and documents as they should not be: lists, strays, twins."""
    database.client.drop_database(database.name)
    codes = ("NCIT:C3058", "NCIT:C3262", "NCIT:C3262")
    samples: list[dict[str, Any]] = [
        {
            "_id": n,
            "id": f"s{n:02}",
            "individual_id": f"i{n // 2:02}" if n % 7 else [f"i{n // 2:02}", "i00"],
            "histological_diagnosis": {"id": codes[n % 3] if n != 20 else "NCIT:C3059"},
        }
        for n in range(SAMPLES)
    ]
    database.biosamples.insert_many([*samples, {"_id": 97}, {"_id": 98, "id": 5}])
    database.individuals.insert_many(
        [
            {
                "_id": n,
                "id": f"i{n:02}",
                "sex": {"id": "NCIT:C16576" if n < 4 else "NCIT:C20197"},
                "index_disease": {"followup_days": 4000 if n % 5 == 2 else 40},
            }
            for n in range(SAMPLES // 2)
        ]
    )
    owners: list[Any] = [f"s{n:02}" for n in range(SAMPLES) for _ in range(n % 7)]
    owners += ["stray", "stray", None, 7]
    database.variants.insert_many(
        [
            {
                "_id": ObjectId(f"{(n * 7919) % 10007:024x}"),
                "id": f"v{n:03}",
                **({"biosample_id": owner} if owner != 7 else {}),
                "location": {"sequence_id": f"refseq:NC_00000{9 if n % 25 == 11 else 8}.{12 if n % 25 == 11 else 11}"},
                "variant_state": {"id": DEL if n % 11 == 3 else DUP},
            }
            for n, owner in enumerate(owners)
        ]
    )
    for field in ("id", "individual_id", "histological_diagnosis.id"):
        database.biosamples.create_index(field)
    for field in ("id", "sex.id", "index_disease.followup_days"):
        database.individuals.create_index(field)
    for field in ("biosample_id", "location.sequence_id", "variant_state.id"):
        database.variants.create_index(field)


class PageRig(Rig):
    """One whose pages remember, as those of a server do."""

    def __init__(self, uri: str, budget: float = 60) -> None:
        super().__init__(uri)
        self.config = load({"mongo_uri": uri, "datasets": "demo,pages,moving,old"}, {})
        self.one = self._pump(budget)

    def _pump(self, budget: float = 60) -> Pump:
        how: Any = {"slicing": Slicing(rows=5000, flights=4), "retry_window": 30, "count_budget": budget}
        return Pump(self.source, self.catalog, self.executor, EncodeScheduler(2), **how)

    async def forget(self) -> None:
        """Know nothing of what was asked before; what the dataset holds is believed from now on."""
        await self.one.totals.close()
        self.one = self._pump()
        self.catalog._ttl = 60

    async def rows(self, dataset: str, question: dict[str, str], **more: str) -> tuple[list[str], Tally]:
        """The ids of the variants of a page, or of all, and what was counted."""
        plan = await self.plan("/beacon/g_variants", datasetIds=dataset, output="json", **question, **more)
        tallies: list[Tally] = []
        async with aclosing(self.one.chunks(plan, tallies)) as chunks:
            whole = json.loads(b"".join([chunk async for chunk in chunks]))
        sets = whole["response"].get("resultSets", [])
        return [each["variantInternalId"] for found in sets for each in found.get("results", [])], tallies[-1]

    async def close(self) -> None:
        await self.one.totals.close()
        await self.catalog.close()
        await self.source.close()
        self.executor.shutdown()


STRATEGIES = {
    "as it is": {},
    "always resolved": {(term_ids, "FEW"): 10**9},
    "always walked": {(term_ids, "FEW"): 0, (checked_ids, "_PART"): 0, (checked_ids, "_PART_OF_PAGE"): 0},
    "turned in mid-walk": {
        (term_ids, "FEW"): 0,
        (checked_ids, "_WIDTHS"): (1, 4),
        (checked_ids, "_WIDTH"): 3,
        (checked_ids, "_LOOKED"): 5,
        (checked_ids, "_PART"): 2,
        (checked_ids, "_PART_OF_PAGE"): 2,
    },
    "looks that do not suffice": {(sample_ids, "_LOOK"): 2, (sample_ids, "_FIRST"): 3},
    "slices counted": {(totals, "_MOST_VALUES"): 1},
    "numbers of samples known": {(sample_numbers, "_LONG"): 0, (sample_numbers, "_AIM"): 10},
    "counted without the database": {(small_datasets, "_FEWEST_VARIANTS"): 0, (small_datasets, "_WAITED"): 60},
}


def follow(strategy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have ids and totals found in one of these ways."""
    for (module, constant), value in STRATEGIES[strategy].items():
        monkeypatch.setattr(module, constant, value)
