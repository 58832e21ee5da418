"""What happened to a synthetic genome: segments, small variants, fusions, and their documents.

A profile is drawn in three layers, the later ones around the earlier: focal events at known genes, the diagnosis's own
arm-level changes, then passenger segments.  Segments of one profile do not overlap, as in real segmentations.
Coordinates are GRCh38, 0-based, interbase.  Everything is drawn from the `random.Random` that is handed in.
"""

import base64
import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from random import Random
from types import MappingProxyType
from typing import Any, Final

from gateway.demo.terms import Diagnosis
from gateway.genome import CHROMOSOMES, COPY_CHANGES, STATES, Chromosome

__all__ = ["Segment", "fusion_body", "germline", "hotspots", "segment_body", "small_body", "tumour"]

_GENES: Final = MappingProxyType(
    {
        "EGFR": ("7", 55019016, 55211628),
        "CDKN2A": ("9", 21967751, 21995301),
        "ERBB2": ("17", 39688094, 39728658),
        "MYC": ("8", 127735433, 127742951),
        "TP53": ("17", 7661778, 7687538),
        "PTEN": ("10", 87862637, 87971930),
        "CCND1": ("11", 69641155, 69654474),
        "MYCN": ("2", 15940549, 15947004),
        "RB1": ("13", 48303750, 48481890),
        "CDK4": ("12", 57747726, 57756013),
        "MDM2": ("12", 68808176, 68850686),
        "PDGFRA": ("4", 54229292, 54298245),
        "AR": ("X", 67544020, 67730619),
        "REL": ("2", 60881490, 60931612),
    }
)

# gene -> changes of one base: chromosome, 0-based position on the plus strand, reference, alternative, protein change.
_HOTSPOTS: Final[dict[str, tuple[tuple[str, int, str, str, str], ...]]] = {
    "TP53": (
        ("17", 7675087, "C", "T", "R175H"),
        ("17", 7673801, "C", "T", "R273H"),
        ("17", 7673802, "G", "A", "R273C"),
        ("17", 7674219, "C", "T", "R248Q"),
        ("17", 7674220, "G", "A", "R248W"),
        ("17", 7673775, "G", "A", "R282W"),
    ),
    "IDH1": (("2", 208248387, "C", "T", "R132H"),),
    "KRAS": (
        ("12", 25245349, "C", "T", "G12D"),
        ("12", 25245349, "C", "A", "G12V"),
        ("12", 25245350, "C", "A", "G12C"),
    ),
    "BRAF": (("7", 140753335, "A", "T", "V600E"),),
    "PIK3CA": (("3", 179234296, "A", "G", "H1047R"), ("3", 179218302, "G", "A", "E545K")),
}

# name -> the partners: chromosome, which side of the break is kept, and the range within which it lies.
_FUSIONS: Final = {
    "TMPRSS2-ERG": (("21", "end", 41464304, 41508158), ("21", "start", 38380026, 38661780)),
    "RUNX1-RUNX1T1": (("21", "end", 34787800, 35049302), ("8", "start", 91954966, 92103286)),
    "IGH-BCL2": (("14", "end", 105586436, 106879844), ("18", "start", 63123345, 63320128)),
}

# Mean and spread of log2 by state, and what a profile of it must not leave.
_LOG2: Final = {
    "EFO:0030065": (0.0, 0.03, -0.1, 0.1),
    "EFO:0030067": (-0.52, 0.14, -1.1, -0.15),
    "EFO:0030068": (-0.28, 0.06, -0.5, -0.1),
    "EFO:0020073": (-1.7, 0.2, -2.4, -1.2),
    "EFO:0030069": (-2.8, 0.5, -4.5, -2.0),
    "EFO:0030070": (0.45, 0.12, 0.15, 0.95),
    "EFO:0030071": (0.25, 0.05, 0.1, 0.4),
    "EFO:0030072": (1.4, 0.25, 1.0, 2.2),
    "EFO:0030073": (2.9, 0.6, 2.0, 5.0),
}

# Where healthy people differ: chromosome and the borders of a polymorphic region.
_POLYMORPHIC: Final = (
    ("1", 152555000, 152615000),
    ("3", 162512000, 162627000),
    ("8", 39370000, 39530000),
    ("14", 105600000, 106870000),
    ("15", 34650000, 34870000),
    ("17", 45500000, 46200000),
    ("22", 22300000, 22900000),
)

_GAINS = ("EFO:0030070", "EFO:0030070", "EFO:0030070", "EFO:0030071")
_LOSSES = ("EFO:0030067", "EFO:0030067", "EFO:0030067", "EFO:0030068")
_LARGEST_PASSENGER = 30_000_000  # bases
_SMALLEST_PASSENGER = 20_000
# Chances that an arm is hit are the diagnosis's; a broken arm comes in one to five pieces.
_PIECES = (1, 1, 2, 2, 3, 5)


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of a chromosome in one state; `log2` None where the method gives no number."""

    chromosome: Chromosome
    start: int
    end: int
    state: str
    log2: float | None

    @property
    def change(self) -> str:
        """`dup`, `del`, or the short type of a state that is neither."""
        return (STATES[self.state].variant_type or "").lower()


@dataclass(slots=True)
class _Profile:
    rng: Random
    segments: list[Segment] = field(default_factory=list)
    taken: dict[str, list[tuple[int, int]]] = field(default_factory=dict)

    def free(self, name: str, start: int, end: int) -> bool:
        return all(end <= a or start >= b for a, b in self.taken.get(name, ()))

    def add(self, name: str, start: int, end: int, state: str) -> None:
        mean, spread, low, high = _LOG2[state]
        log2 = round(min(max(self.rng.gauss(mean, spread), low), high), 4)
        self.segments.append(Segment(CHROMOSOMES[name], start, end, state, log2))
        self.taken.setdefault(name, []).append((start, end))

    def gaps(self, name: str, start: int, end: int) -> list[tuple[int, int]]:
        """What of a range is not taken yet, in order."""
        found = []
        for a, b in sorted(self.taken.get(name, ())):
            if start < a < end:
                found.append((start, a))
            if a < end:
                start = max(start, b)
        return [*found, (start, end)] if start < end else found


def _chances(text: str) -> Iterator[tuple[str, str, float]]:
    """`+7:.8 TP53:.4` as (sign or nothing, name, chance)."""
    for word in text.split():
        name, _, chance = word.partition(":")
        bare = name.lstrip("+-")
        yield name.removesuffix(bare), bare, float(chance)


def _span(region: str) -> tuple[str, int, int]:
    """Chromosome, start and end of `7` or `9p`."""
    chromosome = CHROMOSOMES[region.rstrip("pq")]
    start = chromosome.p_end if region.endswith("q") else 0
    return chromosome.name, start, chromosome.p_end if region.endswith("p") else chromosome.size


def _focal(profile: _Profile, diagnosis: Diagnosis) -> None:
    rng = profile.rng
    for sign, gene, chance in _chances(diagnosis.focal):
        if rng.random() >= chance:
            continue
        name, start, end = _GENES[gene]
        start -= rng.randrange(30_000, 900_000)
        end += rng.randrange(30_000, 900_000)
        states = ("EFO:0030072", "EFO:0030073") if sign == "+" else ("EFO:0020073", "EFO:0030069", "EFO:0030069")
        if profile.free(name, start, end):
            profile.add(name, start, end, rng.choice(states))


def _arms(profile: _Profile, diagnosis: Diagnosis) -> None:
    rng = profile.rng
    for sign, region, chance in _chances(diagnosis.arms):
        if rng.random() >= chance:
            continue
        name, start, end = _span(region)
        margin = (end - start) // 50
        start, end = start + rng.randrange(margin), end - rng.randrange(margin)
        state = rng.choice(_GAINS if sign == "+" else _LOSSES)
        borders = sorted({start, end, *(rng.randrange(start, end) for _ in range(rng.choice(_PIECES) - 1))})
        for low, high in pairwise(borders):
            for a, b in profile.gaps(name, low, high):
                profile.add(name, a, b, state)


def _passengers(profile: _Profile, count: int) -> None:
    rng = profile.rng
    names = [name for name in CHROMOSOMES if name not in {"Y", "MT"}]
    weights = [CHROMOSOMES[name].size for name in names]
    scale = math.log(_LARGEST_PASSENGER / _SMALLEST_PASSENGER)
    for name in rng.choices(names, weights, k=count):
        size = CHROMOSOMES[name].size
        # The logarithm of the length is uniform: many small, few large; shorter ones are tried where it does not fit.
        length = int(_SMALLEST_PASSENGER * math.exp(scale * rng.random() ** 1.5))
        for _ in range(6):
            start = rng.randrange(size - length)
            if profile.free(name, start, start + length):
                state = "EFO:0030065" if rng.random() < 0.04 else rng.choice((*_GAINS, *_LOSSES))
                profile.add(name, start, start + length, state)
                break
            length = max(length // 3, _SMALLEST_PASSENGER)


def tumour(rng: Random, diagnosis: Diagnosis, passengers: int) -> list[Segment]:
    """The segments of a tumour's genome, in the order in which they are drawn."""
    profile = _Profile(rng)
    _focal(profile, diagnosis)
    _arms(profile, diagnosis)
    _passengers(profile, passengers)
    return profile.segments


def germline(rng: Random) -> list[Segment]:
    """The few small segments of a healthy genome."""
    profile = _Profile(rng)
    for name, low, high in rng.sample(_POLYMORPHIC, k=rng.randint(2, 6)):
        start = rng.randrange(low, (low + high) // 2)
        profile.add(name, start, rng.randrange(start + 1_000, high), rng.choice((*_GAINS, *_LOSSES)))
    return profile.segments


def hotspots(rng: Random, diagnosis: Diagnosis) -> list[tuple[str, int, str, str, str]]:
    """The changes of single bases that this tumour has."""
    chances = _chances(diagnosis.hotspots)
    return [rng.choice(_HOTSPOTS[gene]) for _, gene, chance in chances if rng.random() < chance]


_REFERENCE: Final = {c.name: {"type": "SequenceReference", "refget_accession": c.refget} for c in CHROMOSOMES.values()}
_STATE: Final = {s.id: {"id": s.id, "label": s.label} for s in STATES.values()}


def _location(c: Chromosome, **ends: Any) -> dict[str, Any]:
    return {
        "type": "SequenceLocation",
        "sequence_id": c.sequence_id,
        "chromosome": c.name,
        **ends,
        "sequence_reference": _REFERENCE[c.name],
    }


def _digest(text: str) -> str:
    """32 characters, formed as VRS forms its digests (truncated SHA-512, base64url) but of a simpler text."""
    return base64.urlsafe_b64encode(hashlib.sha512(text.encode()).digest()[:24]).decode()


def segment_body(s: Segment) -> dict[str, Any]:
    """The part of a copy-number document that describes the segment."""
    value = {} if s.log2 is None else {"cnv_value": s.log2}
    change = COPY_CHANGES.get(s.state)
    return {
        "variant_internal_id": f"{s.chromosome.refseq}:{s.start}-{s.end}:{s.state.replace(':', '_')}",
        "type": "CopyNumberChange",
        **({"copy_change": change} if change else {}),
        "variant_state": _STATE[s.state],
        "location": _location(s.chromosome, start=s.start, end=s.end),
        "info": {**value, "var_length": s.end - s.start, "version": "VRSv2"},
    }


def small_body(hotspot: tuple[str, int, str, str, str]) -> dict[str, Any]:
    """The part of a document that describes the change of a single base."""
    name, start, reference, alternative, protein = hotspot
    c = CHROMOSOMES[name]
    internal = f"{c.refseq}:{start}:{alternative}"
    place = _digest(f"{c.refget}:{start}:{start + 1}")
    return {
        "type": "Allele",
        "digest": _digest(internal),
        "variant_internal_id": internal,
        "variant_state": _STATE["SO:0001059"],
        "location": {"id": f"ga4gh:SL.{place}", "digest": place, **_location(c, start=start, end=start + 1)},
        "reference_sequence": reference,
        "state": {"type": "LiteralSequenceExpression", "sequence": alternative},
        "identifiers": {"genomicHGVS_id": f"{c.refseq}:g.{start + 1}{reference}>{alternative}"},
        "molecular_attributes": {"aminoacid_changes": [protein]},
        "info": {"var_length": 1, "version": "VRSv2"},
    }


def fusion_body(rng: Random, diagnosis: Diagnosis) -> dict[str, Any] | None:
    """The part of a document that describes this tumour's fusion, if it has one; it has no `location`."""
    for _, name, chance in _chances(diagnosis.fusion):
        if rng.random() < chance:
            partners = _FUSIONS[name]
            return {
                "type": "Adjacency",
                "variant_internal_id": "&&".join(
                    f"{CHROMOSOMES[c].refseq}::{side}::{low},{high}" for c, side, low, high in partners
                ),
                "variant_state": _STATE["SO:0000806"],
                "info": {"version": "VRSv2"},
                "adjoined_sequences": [
                    _location(CHROMOSOMES[c], **{side: [low, high]}) for c, side, low, high in partners
                ],
            }
    return None
