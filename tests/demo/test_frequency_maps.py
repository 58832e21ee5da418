"""Frequency maps of the demo's collations, against an independent count of the same documents."""

from bisect import bisect_right
from collections import defaultdict
from typing import Any

import pytest

from gateway.bins.maps import bin_map
from gateway.demo import maps as module
from gateway.demo.cohort import documents
from gateway.demo.maps import Maps
from gateway.genome import HIGH_LEVEL, STATES

BINS = bin_map().bins
FIRST = {b.chromosome: at for at, b in reversed(list(enumerate(BINS)))}
LAST = {b.chromosome: at for at, b in enumerate(BINS)}
REFERENCE = "EFO:0009654"
SAMPLES = 60
LEAST = 5  # so that there is a map of the reference samples, too

Made = dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def made() -> Made:
    found: Made = defaultdict(list)
    maps = Maps()
    for collection, document in maps.watched(documents(SAMPLES)):
        found[collection].append(document)
    with pytest.MonkeyPatch.context() as changed:
        changed.setattr(module, "LEAST", LEAST)
        found["maps"] = list(maps.documents())
    return found


def hit(variants: list[dict[str, Any]]) -> dict[str, set[int]]:
    """The bins that the segments of one analysis hit, by the name of their frequency."""
    covered: dict[str, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    for variant in variants:
        state, place = variant["variant_state"]["id"], variant.get("location")
        kind = {"DUP": "gain", "DEL": "loss"}.get(STATES[state].variant_type or "")
        if place and kind:
            first, last = FIRST[place["chromosome"]], LAST[place["chromosome"]]
            at = bisect_right(BINS, place["start"], first, last, key=lambda b: b.end)
            while at <= last and BINS[at].start < place["end"]:
                bases = min(place["end"], BINS[at].end) - max(place["start"], BINS[at].start)
                covered[f"{kind}_frequency"][at] += bases
                if state in HIGH_LEVEL:
                    covered[f"{kind}_hlfrequency"][at] += bases
                at += 1
    return {
        name: {at for at, bases in found.items() if round(bases / BINS[at].size, 3) > 0}
        for name, found in covered.items()
    }


def carried(document: Any, path: list[str]) -> set[str]:
    if isinstance(document, list):
        return {code for item in document for code in carried(item, path)}
    if not path:
        return {document}
    return carried(document[path[0]], path[1:]) if path[0] in document else set()


def test_maps_count_the_copy_number_analyses_of_each_collation(made):
    variants = defaultdict(list)
    for variant in made["variants"]:
        variants[variant["analysis_id"]].append(variant)
    analyses = [a for a in made["analyses"] if a["operation"]["id"] == "EDAM:operation_3961"]
    hits = {a["id"]: hit(variants[a["id"]]) for a in analyses}
    biosamples = {b["id"]: b for b in made["biosamples"]}
    individuals = {i["id"]: i for i in made["individuals"]}
    maps = {one["id"]: one for one in made["maps"]}
    for collation in made["collations"]:
        path, members = collation["db_key"].split("."), set(collation["child_terms"])
        counted = []
        for analysis in analyses:
            biosample = biosamples[analysis["biosample_id"]]
            individual = individuals[biosample["individual_id"]]
            holder = {"biosamples": biosample, "individuals": individual, "analyses": analysis}[collation["scope"]]
            is_reference = biosample["biosample_status"]["id"] == REFERENCE and collation["id"] != REFERENCE
            if not is_reference and carried(holder, path) & members:
                counted.append(hits[analysis["id"]])
        assert (collation["id"] in maps) == (len(counted) >= LEAST)
        if collation["id"] not in maps:
            continue
        found = maps[collation["id"]]["frequencymap"]
        assert maps[collation["id"]]["cnv_analyses"] == found["frequencymap_samples"] == len(counted)
        assert (found["binning"], found["interval_count"]) == ("1Mb", len(BINS)) == ("1Mb", len(found["intervals"]))
        for name in ("gain_frequency", "gain_hlfrequency", "loss_frequency", "loss_hlfrequency"):
            numbers = [0] * len(BINS)
            for own in counted:
                for at in own.get(name, ()):
                    numbers[at] += 1
            told = [interval[name] for interval in found["intervals"]]
            apart = [abs(one - 100 * n / len(counted)) for one, n in zip(told, numbers, strict=True)]
            assert max(apart) < 0.0006  # three digits
        assert [interval["no"] for interval in found["intervals"]] == [b.no for b in BINS]
    assert {"NCIT:C3262", REFERENCE, "NCIT:C20197", "geo:GPL6801"} <= maps.keys()


def test_the_documents_are_the_same_as_without_maps(made):
    names = ("biosamples", "individuals", "analyses", "variants", "collations", "publications")
    whole = defaultdict(list)
    for collection, document in documents(SAMPLES):
        whole[collection].append(document)
    assert {name: made[name] for name in names} == whole
