"""Copy-number profiles by plain loops over stored documents: what the gateway computes another way."""

from collections import defaultdict
from typing import Any

from pymongo.database import Database

from gateway.bins.maps import BinMap

__all__ = ["fractions", "frequencies", "profiles"]

GAINS = {"EFO:0030070", "SO:0001742", "EFO:0030071", "EFO:0030072", "EFO:0030073", "DUP"}
LOSSES = {"EFO:0030067", "SO:0001743", "EFO:0030068", "EFO:0020073", "EFO:0030069", "DEL"}
HIGH = {"EFO:0030072", "EFO:0030073", "EFO:0020073", "EFO:0030069"}
KINDS = ("dup", "hldup", "del", "hldel")

Profile = dict[str, list[int]]  # covered bases of each bin, by kind


def profiles(data: Database[dict[str, Any]], bins: BinMap) -> dict[tuple[str, str], Profile]:
    """Of each copy-number analysis, by (biosample, analysis): covered bases of each bin."""
    by_chromosome = defaultdict(list)
    for at, each in enumerate(bins.bins):
        by_chromosome[each.chromosome].append((at, each))
    analyses = data["callsets"] if "callsets" in data.list_collection_names() else data["analyses"]
    found = {}
    for document in analyses.find():
        if document.get("operation", {}).get("id", "EDAM:operation_3961") == "EDAM:operation_3961":
            found[document["biosample_id"], document["id"]] = {kind: [0] * len(bins) for kind in KINDS}
    for variant in data["variants"].find():
        place = variant.get("location", variant)
        state = variant["variant_state"]["id"] if "variant_state" in variant else variant.get("variant_type")
        kind = "dup" if state in GAINS else "del" if state in LOSSES else None
        if kind is None:
            continue
        profile = found[variant["biosample_id"], variant.get("analysis_id", variant.get("callset_id"))]
        for at, each in by_chromosome[place.get("chromosome", place.get("reference_name"))]:
            bases = int(min(place["end"], each.end) - max(place["start"], each.start))
            if bases > 0:
                profile[kind][at] += bases
                profile[f"hl{kind}"][at] += bases if state in HIGH else 0
    return found


def fractions(profile: Profile, kind: str, bins: BinMap) -> list[float]:
    """Covered fractions, as they are stored: 0 where nothing is covered."""
    return [round(n / each.size, 3) if n else 0 for n, each in zip(profile[kind], bins.bins, strict=True)]


def frequencies(chosen: list[Profile], bins: BinMap) -> dict[str, list[float]]:
    """Percent of the profiles with a hit, by kind."""
    found = {}
    for kind in KINDS:
        rows = [fractions(profile, kind, bins) for profile in chosen]
        hits = [sum(row[at] >= 0.001 for row in rows) for at in range(len(bins))]
        found[kind] = [round(100 * n / len(chosen), 3) if chosen else 0.0 for n in hits]
    return found
