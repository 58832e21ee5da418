"""Entry types that are served, and the endpoints that lead to them, as Beacon's framework describes them.

Both follow from the tables of records and of routes.
"""

from collections.abc import Mapping
from typing import Any, Final

from gateway.download_types import Entity
from gateway.formats.beacon_envelope import API_VERSION, schema_of
from gateway.formats.beacon_records import RECORDS
from gateway.query.routes import BEACON

__all__ = ["entry_types", "map_of"]

_SPECIFICATION: Final = f"Beacon {API_VERSION}"
_MODEL: Final = "v2.0.0"  # of the default model
# The name of each entity's records, what they are, and the term of the default model for that.
_DATASET: Final = "dataset"
_TYPES: Final[Mapping[str, tuple[str, str, str, str]]] = {
    "genomicVariant": ("Genomic Variants", "Variants of single samples", "ENSGLOSSARY:0000092", "Variant"),
    "biosample": ("Biological Sample", "Samples taken from individuals", "NCIT:C70699", "Biospecimen"),
    "individual": ("Individual", "Whom samples were taken from", "NCIT:C25190", "Person"),
    "analysis": ("Bioinformatics analysis", "Analyses that called variants", "EDAM:operation_2945", "Analysis"),
    "run": ("Sequencing run", "Experiments behind the analyses", "NCIT:C148088", "Sequencing run"),
    "cohort": ("Cohort", "Samples that belong together", "NCIT:C61512", "Cohort"),
    _DATASET: ("Dataset", "The datasets that are served", "NCIT:C47824", "Data set"),
}
_MEMBERS: Final[Mapping[str, tuple[str, ...]]] = {
    "cohort": ("individual", "biosample"),
    _DATASET: ("genomicVariant", "biosample", "individual", "analysis", "run"),
}
# Each entity's records, and the word of its path.
_KINDS: Final[Mapping[Entity, str]] = {
    **{entity: record.name for entity, record in RECORDS.items()},
    "datasets": _DATASET,
}
_WORDS: Final[Mapping[Entity, str]] = {entity: "g_variants" if entity == "variants" else entity for entity in _KINDS}


def entry_types() -> dict[str, Any]:
    """The entry types by name."""
    return {kind: _entry_type(kind) for kind in _KINDS.values()}


def _entry_type(kind: str) -> dict[str, Any]:
    name, what, term, label = _TYPES[kind]
    members = [{"id": member, "name": _TYPES[member][0]} for member in _MEMBERS.get(kind, ())]
    return {
        "id": kind,
        "name": name,
        "description": what,
        "ontologyTermForThisType": {"id": term, "label": label},
        "partOfSpecification": _SPECIFICATION,
        "defaultSchema": {
            "id": f"ga4gh-beacon-{kind}-{_MODEL}",
            "name": f"Beacon's default schema: {name}",
            "referenceToSchemaDefinition": schema_of(kind),
            "schemaVersion": _MODEL,
        },
        "additionallySupportedSchemas": [],
        **({"aCollectionOf": members} if members else {}),
        "nonFilteredQueriesAllowed": True,
    }


def map_of(base: str) -> dict[str, Any]:
    """The endpoints of each entry type; `base` is the gateway's URL."""
    return {f"{kind}Endpoints": _endpoints(entity, kind, base) for entity, kind in _KINDS.items()}


def _endpoints(entity: Entity, kind: str, base: str) -> dict[str, Any]:
    root = f"/beacon/{_WORDS[entity]}"
    paths = {route.path: route.entity for route in BEACON}
    beyond = {
        f"{_KINDS[other]}Lookup": {"url": f"{base}{root}/{{id}}/{word}", "returnedEntryType": _KINDS[other]}
        for other, word in _WORDS.items()
        if paths.get(f"{root}/{{ids}}/{word}") == other
    }
    return {
        "entryType": kind,
        "openAPIEndpointsDefinition": f"{base}/gateway/openapi.json",
        "rootUrl": base + root,
        "singleEntryUrl": f"{base}{root}/{{id}}",
        "filteringTermsUrl": f"{base}/beacon/filtering_terms",
        "endpoints": beyond,
    }
