"""Records of the Beacon v2 default model, made of stored documents of either model.

What the model requires and a document lacks is said to be unknown where the model has a word for that; dates that are
not stored are those of the document.  Variations are in VRS v2, as Progenetix stores and answers them.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from bson import ObjectId

from gateway import codec
from gateway.codec import Camel, Known, Listed, Object, RecordPlan, Renewal, Rest, Value, camel, filled, is_term, plain
from gateway.download_types import Entity
from gateway.formats import model_2021
from gateway.formats.base import json_rows, record_rows
from gateway.rows import Encode

__all__ = ["RECORDS", "Record", "analysis", "biosample", "cohort", "individual", "run", "variant"]

Document = dict[str, Any]

_UNKNOWN: Final = {"id": "NCIT:C17998", "label": "Unknown"}
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_REFERENCE_URLS: Final = (
    (re.compile(r"pubmed:(\d+)\Z"), "https://pubmed.ncbi.nlm.nih.gov/{}/"),
    (re.compile(r"cellosaurus:(CVCL_\w+)\Z"), "https://www.cellosaurus.org/{}"),
    (re.compile(r"cbioportal:(\w+)\Z"), "https://www.cbioportal.org/study/summary?id={}"),
)
# Fields of a stored variant that the record holds elsewhere, or that Beacon answers leave out.
_NOT_VARIATION: Final = frozenset(
    {
        *("_id", "id", "variant_internal_id", "analysis_id", "biosample_id", "individual_id", "callset_id"),
        *("info", "identifiers", "molecular_attributes", "variant_level_data", "updated"),
    }
)
_NOT_BIOSAMPLE: Final = frozenset({"_id", "followup_state", "followup_time", "references"})
# What Progenetix leaves out of analyses; status maps and statistics have formats of their own.
_NOT_ANALYSIS: Final = frozenset({"_id", "info", "geo_location", "cnv_statusmaps", "var_genemaps"})
_STATS: Final = frozenset({"cnv_stats", "cnv_chro_stats"})
_DISEASES: Final = ("index_disease", "auxiliary_disease")


def _without(document: Document, names: frozenset[str]) -> Document:
    return filled(plain({name: value for name, value in document.items() if name not in names}, camel))


def _day(*values: Any) -> str | None:
    """The date of the first value that has one; ids have that at which they were made."""
    for value in values:
        moment = value.generation_time if isinstance(value, ObjectId) else value
        if isinstance(moment, datetime):
            return moment.date().isoformat()
        if isinstance(moment, str) and (found := _DATE.match(moment)):
            return found[0]
    return None


_VARIANT_ID: Final = ("id", "_id")
_VARIANT: Final = RecordPlan(
    Object(
        (
            ("variantInternalId", Value(("variant_internal_id", *_VARIANT_ID))),
            ("variation", Rest(_NOT_VARIATION)),
            (
                "caseLevelData",
                Listed(
                    Known(
                        (
                            ("analysisId", Value(("analysis_id",))),
                            ("biosampleId", Value(("biosample_id",))),
                            ("individualId", Value(("individual_id",))),
                            ("variantId", Value(_VARIANT_ID)),
                        )
                    )
                ),
            ),
            ("identifiers", Camel("identifiers")),
            ("molecularAttributes", Camel("molecular_attributes")),
            ("variantLevelData", Camel("variant_level_data")),
        )
    ),
    Renewal(model_2021.OLD_VARIANT, model_2021.NEW_VARIANT, model_2021.variation),
)


def variant(document: Document) -> Document:
    """A genomicVariation with one case."""
    made: Document = codec.record(_VARIANT, document)
    return made


def biosample(document: Document) -> Document:
    """A biosample."""
    stored = model_2021.biosample(document)
    record = _without(stored, _NOT_BIOSAMPLE)
    record["sampleOriginType"] = {"id": "OBI:0001479", "label": "specimen from organism"}
    record.setdefault("biosampleStatus", _UNKNOWN)
    references = stored.get("references")
    terms = references.values() if isinstance(references, dict) else ()
    record["externalReferences"] = [_reference(term) for term in terms if is_term(term)]
    return record


def _reference(term: Document) -> Document:
    shaped = {"id": term["id"], "description": plain(term.get("label"))}
    for pattern, url in _REFERENCE_URLS:
        if found := pattern.match(term["id"]):
            shaped["reference"] = url.format(found[1])
    return filled(shaped)


def individual(document: Document) -> Document:
    """An individual, with its diseases in a list."""
    stored = model_2021.individual(document)
    found = [stored.get(name) for name in _DISEASES]
    record = _without(stored, frozenset({"_id", *_DISEASES}))
    record.setdefault("sex", _UNKNOWN)
    known = [each for each in found if isinstance(each, dict) and is_term(each.get("disease_code"))]
    diseases = [filled(plain(each, camel)) for each in known]
    return {**record, "diseases": diseases} if diseases else record


def analysis(document: Document, *, stats: bool = False) -> Document:
    """An analysis; `stats` are those of coverage, as far as they are stored."""
    stored = model_2021.analysis(document)
    info = stored.get("info")
    if isinstance(info, dict) and "cnvstatistics" in info:  # the place of 2021
        stored.setdefault("cnv_stats", info["cnvstatistics"])
    record = _without(stored, _NOT_ANALYSIS if stats else _NOT_ANALYSIS | _STATS)
    record.setdefault("pipelineName", "progenetix")
    day = _day(stored.get("analysis_date"), stored.get("updated"), stored.get("_id"))
    return filled({**record, "analysisDate": day})


def run(document: Document) -> Document:
    """The experiment behind an analysis, which has the same id."""
    stored = model_2021.analysis(document)
    names = ("id", "biosample_id", "individual_id", "platform_model")
    day = _day(stored.get("run_date"), stored.get("updated"), stored.get("_id"))
    return filled({**plain({name: stored.get(name) for name in names}, camel), "runDate": day})


def cohort(document: Document) -> Document:
    """A cohort, of its collation."""
    name, count = plain(document.get("label")), plain(document.get("count"))
    record = {"id": document.get("id"), "name": name if isinstance(name, str) and name else document.get("id")}
    sized = isinstance(count, int | float) and not isinstance(count, bool) and count >= 0
    return {**record, "cohortType": "beacon-defined", **({"cohortSize": int(count)} if sized else {})}


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A kind of record: its name in Beacons, how it is made, where its documents are, and what leads to them.

    One with a `plan` is made by that, and `shape` does the same.
    """

    name: str
    shape: Callable[[Document], Document]
    collection: Entity
    key: str = "biosample_id"
    projection: Mapping[str, int] = field(default_factory=dict)
    plan: RecordPlan | None = None

    def rows(self, *, before: bytes = b"", after: bytes = b"") -> Encode:
        """An encoder of its documents."""
        if self.plan:
            return record_rows(self.plan, self.key, before=before, after=after)
        return json_rows(self.key, self.shape, before=before, after=after)


# What is bulky, and no part of a record.
_ANALYSES: Final = dict.fromkeys(("cnv_statusmaps", "var_genemaps", "cnv_chro_stats", "info.statusmaps"), 0)
RECORDS: Final[Mapping[Entity, Record]] = {
    "variants": Record(
        name="genomicVariant", shape=variant, collection="variants", projection={"updated": 0}, plan=_VARIANT
    ),
    "biosamples": Record(
        name="biosample", shape=biosample, collection="biosamples", key="id", projection={"info.cnvstatistics": 0}
    ),
    "individuals": Record(
        name="individual", shape=individual, collection="individuals", key="id", projection={"provenance": 0}
    ),
    "analyses": Record(name="analysis", shape=analysis, collection="analyses", projection=_ANALYSES),
    "runs": Record(name="run", shape=run, collection="analyses", projection=_ANALYSES),
    "cohorts": Record(
        name="cohort",
        shape=cohort,
        collection="collations",
        key="id",
        projection=dict.fromkeys(("id", "label", "count"), 1),
    ),
}
