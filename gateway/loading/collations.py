"""The filtering terms of a dataset, from the codes that its documents use.

Pure but for what it asks of the store: which codes are in use, and which collations there are.  A collation that is
stored keeps all it has (label, place in a hierarchy); only its counts are brought up to date.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Protocol

__all__ = ["CLASSES", "FilterClass", "Store", "recount"]

Document = dict[str, Any]


class Store(Protocol):
    """What `recount` asks."""

    def all(self, collection: str, without: Iterable[str] = ()) -> Iterator[Document]:
        """All documents of a collection."""

    def tally(self, collection: str, path: str, *, many: bool) -> Iterator[Document]:
        """Each code at a path, as `{_id, label, count}`."""

    def count(self, collection: str, key: str, values: Iterable[str]) -> int:
        """How many documents have one of these values."""


@dataclass(frozen=True, slots=True)
class FilterClass:
    """Where codes of a kind are found.  `pattern` tells the codes of this class from others in the same field."""

    name: str
    scope: str
    path: str
    pattern: str
    many: bool = False

    @property
    def db_key(self) -> str:
        """The field of the code itself."""
        return f"{self.path}.id"

    @property
    def entity(self) -> str:
        """The entity that has it."""
        return {"biosamples": "biosample", "individuals": "individual", "analyses": "analysis"}[self.scope]


# bycon's filter definitions.  A code in use in two fields belongs to the first of them here.
CLASSES: Final = (
    FilterClass("NCIT", "biosamples", "histological_diagnosis", r"NCIT:"),
    FilterClass("icdom", "biosamples", "icdo_morphology", r"pgx:icdom-"),
    FilterClass("icdot", "biosamples", "icdo_topography", r"pgx:icdot-"),
    FilterClass("UBERON", "biosamples", "sample_origin_detail", r"UBERON:"),
    FilterClass("EFOmaterial", "biosamples", "biosample_status", r"(EFO|OBI):"),
    FilterClass("NCITstage", "biosamples", "pathological_stage", r"NCIT:"),
    FilterClass("NCITgrade", "biosamples", "tumor_grade", r"NCIT:"),
    FilterClass("NCITtnm", "biosamples", "pathological_tnm_findings", r"NCIT:", many=True),
    FilterClass("pubmed", "biosamples", "references.pubmed", r"pubmed:"),
    FilterClass("cellosaurus", "biosamples", "references.cellosaurus", r"cellosaurus:"),
    FilterClass("cbioportal", "biosamples", "references.cbioportal", r"cbioportal:"),
    FilterClass("TCGAproject", "biosamples", "references.tcgaproject", r"pgx:TCGA-"),
    FilterClass("pgxcohort", "biosamples", "cohorts", r"pgx:cohort-", many=True),
    FilterClass("NCITsex", "individuals", "sex", r"NCIT:|pgx:sex-"),
    FilterClass("NCITrace", "individuals", "ethnicity", r"NCIT:"),
    FilterClass("EFOfus", "individuals", "index_disease.followup_state", r"EFO:"),
    FilterClass("NCITauxiliary", "individuals", "auxiliary_disease.disease_code", r"NCIT:"),
    FilterClass("GEOseries", "analyses", "series", r"geo:GSE"),
    FilterClass("AEseries", "analyses", "series", r"arrayexpress:"),
    FilterClass("GenomePlatforms", "analyses", "platform_model", r"geo:GPL|EFO:|OBI:|arrayexpress:|pgx:|NCIT:"),
)
_LARGE: Final = ("frequencymap",)  # some 3,000 objects that nobody here looks at


def recount(store: Store, dataset: str) -> list[Document]:
    """New collations whole, stored ones as `{id, count, code_matches}` where these change."""
    uses = _uses(store)
    stored = {document["id"]: document for document in store.all("collations", _LARGE)}
    new = _new(uses, dataset, stored.keys())
    changed: list[Document] = []
    for collation in stored.values():
        counts = _counts(store, collation, uses)
        if any(collation.get(key) != value for key, value in counts.items()):
            changed.append({"id": collation["id"], **counts})
    changed.extend({**collation, **_counts(store, collation, uses)} for collation in new)
    return changed


Uses = dict[tuple[str, str], dict[str, Document]]
"""For a scope and a field's path: the codes found there."""


def _uses(store: Store) -> Uses:
    uses: Uses = {}
    for kind in CLASSES:
        if (kind.scope, kind.path) not in uses:
            found = store.tally(kind.scope, kind.path, many=kind.many)
            codes = {use["_id"]: use for use in found if isinstance(use["_id"], str) and use["_id"]}
            uses[kind.scope, kind.path] = codes
    return uses


def _new(uses: Uses, dataset: str, known: Iterable[str]) -> list[Document]:
    """Collations for the codes in use that have none yet; each covers itself only."""
    known = set(known)
    new: list[Document] = []
    for (scope, path), codes in uses.items():
        kinds = [kind for kind in CLASSES if (kind.scope, kind.path) == (scope, path)]
        for code, use in sorted(codes.items()):
            if code not in known:
                known.add(code)
                kind = next((k for k in kinds if re.match(k.pattern, code)), None)
                # A code of another vocabulary (MONDO in the place of NCIT) makes a class named as its prefix.
                name = kind.name if kind else code.partition(":")[0]
                label = use["label"] if isinstance(use["label"], str) else ""
                new.append(_collation(code, label, name, kinds[0], dataset))
    return new


def _collation(code: str, label: str, name: str, kind: FilterClass, dataset: str) -> Document:
    return {
        "id": code,
        "label": label,
        "type": "ontologyTerm",
        "collation_type": name,
        "namespace_prefix": code.partition(":")[0],
        "scope": kind.scope,
        "entity": kind.entity,
        "db_key": kind.db_key,
        "dataset_id": dataset,
        "child_terms": [code],
        "parent_terms": [],
        "hierarchy_paths": [{"order": 0, "depth": 0, "path": [code]}],
    }


def _counts(store: Store, collation: Document, uses: Uses) -> dict[str, int]:
    """`count` of documents with the code or a descendant, `code_matches` with the code itself; empty if not known."""
    kind = next((k for k in CLASSES if (k.scope, k.db_key) == (collation.get("scope"), collation.get("db_key"))), None)
    if kind is None:
        return {}
    codes = uses[kind.scope, kind.path]
    family = {collation["id"], *(collation.get("child_terms") or ())}
    used = sorted(family & codes.keys())
    # A document that holds several codes of one family still counts once.
    ask = kind.many and len(used) > 1
    count = store.count(kind.scope, kind.db_key, used) if ask else sum(codes[code]["count"] for code in used)
    return {"count": count, "code_matches": codes[collation["id"]]["count"] if collation["id"] in codes else 0}
