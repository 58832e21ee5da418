"""Collations: the filtering terms of the cohort, counted while its documents go by.

`count` is the number of documents of the term's scope that carry the term or one below it, `code_matches` of those
that carry the term itself.  Where a document carries several codes of one field, the field's terms are roots, so sums
over a tree never count a document twice.  Frequency maps are kept apart (`gateway.demo.maps`).
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from gateway.demo.terms import FIELDS, TERMS, Field, Term

__all__ = ["Census", "codes"]


class Census:
    """Counts codes by field; `collations()` is what it found."""

    def __init__(self, extra: Iterable[Term], updated: str) -> None:
        self._terms = {**TERMS, **{term.id: term for term in extra}}
        self._updated = updated
        self._matches: dict[Field, Counter[str]] = {field: Counter() for field in FIELDS}
        self._analyses: dict[Field, Counter[str]] = {field: Counter() for field in FIELDS}

    def add(self, collection: str, document: dict[str, Any], cnv_analyses: int) -> None:
        """Count a document, which stands for so many copy-number analyses."""
        for field, matches in self._matches.items():
            if field.scope == collection:
                for code in codes(document, field.db_key.split(".")):
                    matches[code] += 1
                    self._analyses[field][code] += cnv_analyses

    def collations(self) -> Iterator[dict[str, Any]]:
        """A document for each code that occurs and each term above it, trees depth first."""
        for field, matches in self._matches.items():
            seen = {code: None for match in matches for code in self._terms[match].path}
            ordered = [code for code in self._terms if code in seen]
            for order, code in enumerate(ordered):
                yield self._collation(field, self._terms[code], order, ordered)

    def _collation(self, field: Field, term: Term, order: int, known: list[str]) -> dict[str, Any]:
        matches = self._matches[field]
        children = [code for code in known if term.id in self._terms[code].path]
        return {
            "id": term.id,
            "label": term.label,
            "type": "ontologyTerm",
            "collation_type": field.type,
            "name": field.name,
            "namespace_prefix": field.prefix,
            "reference": field.reference,
            "scope": field.scope,
            "entity": field.entity,
            "db_key": field.db_key,
            "dataset_id": "progenetix",
            "count": sum(matches[code] for code in children),
            "code_matches": matches[term.id],
            "cnv_analyses": sum(self._analyses[field][code] for code in children),
            "child_terms": children,
            "parent_terms": list(term.path[-2:-1]),
            "hierarchy_paths": [{"order": order, "depth": len(term.path), "path": list(term.path)}],
            "updated": self._updated,
        }


def codes(value: Any, path: list[str]) -> Iterator[str]:
    """The codes that a document holds at a path, through lists."""
    for step, key in enumerate(path):
        if isinstance(value, list):
            for item in value:
                yield from codes(item, path[step:])
            return
        value = value.get(key)
        if value is None:
            return
    yield value
