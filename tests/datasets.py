"""Datasets that tests write themselves: the flat model of 2021, odd documents, and a long download of few documents."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from bson import Decimal128, Int64, ObjectId
from pymongo.database import Database

Document = dict[str, Any]
TYPES = {"EFO:0030067": "DEL", "EFO:0030070": "DUP", "EFO:0030065": "LOH"}

__all__ = ["LONG", "ODD_VARIANTS", "flatten", "old_variant", "thinned", "write_long", "write_odd"]


def thinned(cohort: Iterable[tuple[str, Document]], most: int) -> Iterator[tuple[str, Document]]:
    """A cohort with at most so many segments a biosample, evenly spread over its genome; what is rare is kept."""
    found = list(cohort)
    common = {"EFO:0030067", "EFO:0030068", "EFO:0030070", "EFO:0030071"}
    totals, seen = Counter[str](), Counter[str]()
    segments = [collection == "variants" and d["variant_state"]["id"] in common for collection, d in found]
    totals.update(d["biosample_id"] for (_, d), segment in zip(found, segments, strict=True) if segment)
    for (collection, document), segment in zip(found, segments, strict=True):
        if segment:
            whose = document["biosample_id"]
            total, number = max(totals[whose], most), seen[whose]
            seen[whose] += 1
            if number * most // total == (number + 1) * most // total:
                continue
        yield collection, document


def flatten(current: Database[Document], old: Database[Document]) -> None:
    """Write a dataset of the current model as it would have been in 2021; fusions did not exist then."""
    for collection, fields in (
        ("biosamples", ("id", "individual_id", "biocharacteristics.id")),
        ("variants", ("biosample_id", "callset_id", "reference_name", "start", "end", "variant_type")),
        ("callsets", ("id", "biosample_id")),
        ("individuals", ("id",)),
    ):
        for field in fields:
            old[collection].create_index(field)
    old.biosamples.insert_many([_old_biosample(document) for document in current.biosamples.find()])
    old.variants.insert_many([old_variant(d) for d in current.variants.find() if "location" in d])
    callsets = [{k: d[k] for k in ("_id", "id", "biosample_id")} for d in current.analyses.find()]
    old.callsets.insert_many(callsets)
    old.individuals.insert_many([{k: d[k] for k in ("_id", "id")} for d in current.individuals.find()])
    collations = ({k: d[k] for k in ("id", "label", "count", "child_terms")} for d in current.collations.find())
    old.collations.insert_many(
        [
            {**d, "id": _old_code(d["id"]), "child_terms": [_old_code(code) for code in d["child_terms"]]}
            for d in collations
            if d["id"].startswith(("NCIT:", "pgx:icd", "UBERON:"))
        ]
    )


def _old_code(code: str) -> str:
    return code.removeprefix("pgx:").replace("pubmed:", "PMID:")


def _old_term(term: Document) -> Document:
    return {"id": _old_code(term["id"]), "label": term.get("label", "")}


def _old_biosample(document: Document) -> Document:
    terms = ("sample_origin_detail", "icdo_topography", "icdo_morphology", "histological_diagnosis")
    references = [_old_term(term) for term in document.get("references", {}).values()]
    return {
        "_id": document["_id"],
        "id": document["id"],
        "individual_id": document["individual_id"],
        "description": document.get("notes", ""),
        "biocharacteristics": [_old_term(document[name]) for name in terms if name in document],
        "external_references": references,
        "provenance": {"material": document["biosample_status"], "geo_location": document.get("geo_location", {})},
        "individual_age_at_collection": {"age": document.get("collection_moment", "")},
        "info": {"cnvstatistics": {"cnvfraction": 0.263}},
    }


def old_variant(document: Document) -> Document:
    """A variant as it would have been in 2021."""
    location = document["location"]
    old: Document = {
        "_id": document["_id"],
        "id": str(document["_id"]),
        "biosample_id": document["biosample_id"],
        "callset_id": document["analysis_id"],
        "reference_name": location["chromosome"],
        "start": float(location["start"]),  # some were stored as floats
        "info": document.get("info", {}),
    }
    if "reference_sequence" in document:
        return {
            **old,
            "reference_bases": document["reference_sequence"],
            "alternate_bases": document["state"]["sequence"],
        }
    state = document["variant_state"]["id"]
    gain = state in {"EFO:0030070", "EFO:0030071", "EFO:0030072", "EFO:0030073"}
    kind = TYPES.get(state, "DUP" if gain else "DEL")
    return {**old, "end": location["end"], "variant_type": kind}


def _id(number: int) -> ObjectId:
    return ObjectId(f"{number:024x}")


def _segment(number: int, **fields: Any) -> Document:
    place = {"chromosome": "1", "start": number, "end": number + 10, "sequence_id": "refseq:NC_000001.11"}
    base = {"_id": _id(number), "id": f"v{number}", "biosample_id": "odd-1", "location": place}
    return {**base, "variant_state": {"id": "EFO:0030067", "label": "loss"}, "info": {"cnv_value": -0.5}, **fields}


# A document, and the cells of its row, as they must come out.
LOSS = ("EFO:0030067", "loss")
ODD_VARIANTS: tuple[tuple[Document, tuple[str, ...]], ...] = (
    (_segment(1), ("1", "1", "11", "-0.5", "DEL", ".", ".", *LOSS)),
    (_segment(2, info={}), ("1", "2", "12", ".", "DEL", ".", ".", *LOSS)),
    (_segment(3, info={"cnv_value": math.nan}), ("1", "3", "13", ".", "DEL", ".", ".", *LOSS)),
    (_segment(4, info={"cnv_value": "0.25"}), ("1", "4", "14", "0.25", "DEL", ".", ".", *LOSS)),
    (_segment(5, info={"cnv_value": Decimal128("-1.25")}), ("1", "5", "15", "-1.25", "DEL", ".", ".", *LOSS)),
    (_segment(6, info={"cnv_value": "n/a"}), ("1", "6", "16", ".", "DEL", ".", ".", *LOSS)),
    (_segment(7, info={"cnv_value": 1e-7}), ("1", "7", "17", "1e-07", "DEL", ".", ".", *LOSS)),
    (_segment(8, info=None), ("1", "8", "18", ".", "DEL", ".", ".", *LOSS)),
    (
        _segment(9, location={"chromosome": "X", "start": 9.0, "end": Int64(2**40)}),
        ("X", "9", "1099511627776", "-0.5", "DEL", ".", ".", *LOSS),
    ),
    (_segment(10, location={"start": 10}), (".", "10", ".", "-0.5", "DEL", ".", ".", *LOSS)),
    (
        _segment(11, location={"sequence_id": "refseq:NC_000024.10", "start": 1, "end": 2}),
        ("Y", "1", "2", "-0.5", "DEL", ".", ".", *LOSS),
    ),
    (
        _segment(12, variant_state={"id": "EFO:9", "label": "tab\there\nand #more; 50%25"}),
        ("1", "12", "22", "-0.5", ".", ".", ".", "EFO:9", "tab%09here%0Aand %23more; 50%2525"),
    ),
    (
        _segment(13, variant_state={"id": "SO:0000159", "label": "x"}, reference_sequence="ACGT", sequence=""),
        ("1", "13", "23", "-0.5", ".", "ACGT", ".", "SO:0000159", "deletion"),
    ),
    (
        _segment(14, variant_state={"id": "SO:0001059"}, reference_sequence="G", state={"sequence": "A"}, info={}),
        ("1", "14", "24", ".", "SNV", "G", "A", "SO:0001059", "sequence_alteration"),
    ),
    (
        _segment(15, variant_state={"id": "EFO:0030065"}, info={"cnv_value": 0}),
        ("1", "15", "25", "0", "LOH", ".", ".", "EFO:0030065", "copy-neutral loss of heterozygosity"),
    ),
    (
        {
            "_id": _id(16),
            "id": "v16",
            "biosample_id": "odd-1",
            "type": "Adjacency",
            "variant_state": {"id": "SO:0000806", "label": "fusion"},
            "adjoined_sequences": [
                {"chromosome": "8", "sequence_id": "refseq:NC_000008.11", "end": [0, 12800000]},
                {"chromosome": "12", "sequence_id": "refseq:NC_000012.12", "start": [108600000, 133275309]},
            ],
        },
        ("8", "0", "12800000", ".", "BND", ".", ".", "SO:0000806", "fusion"),
    ),
    (
        {"_id": _id(17), "biosample_id": "odd-1", "type": "Adjacency", "adjoined_sequences": [{"start": [5, 6]}]},
        (".", "5", "6", ".", "BND", ".", ".", "SO:0000806", "fusion"),
    ),
    ({"_id": _id(18), "biosample_id": "odd-1"}, (".",) * 9),
    (
        {"_id": _id(19), "biosample_id": "odd-1", "updated": datetime(2021, 2, 3, tzinfo=UTC), "location": [1, 2]},
        (".",) * 9,
    ),
    (
        {"_id": "a string id", "biosample_id": "odd-2", "variant_type": "DUP"},
        (*(".",) * 4, "DUP", ".", ".", "EFO:0030070", "gain"),
    ),
    (_segment(21, biosample_id="odd-2"), ("1", "21", "31", "-0.5", "DEL", ".", ".", *LOSS)),
    (_segment(22, biosample_id="odd-ÄÖ ü"), ("1", "22", "32", "-0.5", "DEL", ".", ".", *LOSS)),
)


def write_odd(database: Database[Document]) -> None:
    """Biosamples that lack everything, and the variants above; written backwards, so that order is the gateway's."""
    database.variants.create_index("biosample_id")
    database.biosamples.create_index("id", unique=True)
    database.biosamples.insert_many(
        [
            {"id": "odd-ÄÖ ü", "notes": "umlauts"},
            {"id": "odd-empty", "histological_diagnosis": None, "references": {}, "cohorts": []},
            {"id": "odd-2", "histological_diagnosis": {"id": "NCIT:C1", "label": 'semi; colon\ttab "quote"'}},
            {"id": "odd-1", "histological_diagnosis": {"id": "NCIT:C1"}, "updated": datetime(9999, 12, 31, tzinfo=UTC)},
        ]
    )
    database.variants.insert_many([document for document, _ in reversed(ODD_VARIANTS)])


# The whole of a dataset that `write_long` wrote: some 16 MB, more than sockets hold (11 MB were seen).
LONG = "/beacon/variants?allData=true&output=jsonl"


def write_long(database: Database[Document]) -> None:
    """Few variants of 40 kB each: a long download of a dataset that the embedded database reads fast."""
    database.variants.create_index("biosample_id")
    database.biosamples.create_index("id", unique=True)
    terms = [{"id": "NCIT:C3058", "label": "Glioblastoma"}, {"id": "NCIT:C4017", "label": "Carcinoma"}]
    database.biosamples.insert_many(
        [{"id": f"long-{n:02}", "histological_diagnosis": terms[n % 5 > 0]} for n in range(50)]
    )
    bulk = "".join(f"{n:05}" for n in range(8000))
    database.variants.insert_many(
        [_segment(n, biosample_id=f"long-{n % 50:02}", variant_level_data={"bulk": bulk}) for n in range(400)]
    )
