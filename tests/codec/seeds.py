"""The kept corpus: small batches and replies, one of each kind, from which fuzzers start.

`python -m tests.codec.seeds` writes those named here into `corpus/`; what fuzzers find worth keeping lies beside them.
"""

import struct
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from bson import Code, Decimal128, Int64, ObjectId, encode

from tests.codec import raw

__all__ = ["CORPUS", "corpus"]

CORPUS: Final = Path(__file__).parent / "corpus"


def _batch(*documents: dict) -> bytes:
    return encode({str(n): document for n, document in enumerate(documents)})


def _current(number: int, **fields: object) -> dict:
    return {
        "_id": ObjectId(number.to_bytes(12, "big")),
        "biosample_id": f"pgxbs-kftva{number % 3}",
        "type": "CopyNumberChange",
        "variant_state": {"id": "EFO:0030067", "label": "copy number loss"},
        "location": {"sequence_id": "refseq:NC_000009.12", "chromosome": "9", "start": 21500000, "end": 22000000},
        "info": {"cnv_value": -0.4123, "var_length": 500000},
        **fields,
    }


def _biosample(number: int, **fields: object) -> dict:
    term = {"id": "NCIT:C3058", "label": 'a; "b" # 100%25'}
    return {
        "_id": ObjectId(number.to_bytes(12, "big")),
        "id": f"pgxbs-{number}",
        "notes": '"quoted; and more"',
        "histological_diagnosis": term,
        "pathological_tnm_findings": [term, {"label": "no id"}, {"id": "", "label": ""}, {"id": "T1"}],
        "references": {"pubmed": {"id": "pubmed:1", "label": "é漢🧬" * 4}, "cellosaurus": None},
        "cohorts": [{"id": "pgx:cohort-a", "label": "a"}, {"id": "pgx:cohort-b"}],
        "geo_location": {"geometry": {"coordinates": [8.55, 47, Int64(3), float("nan")]}, "properties": {"id": 7}},
        "info": {"group_id": "", "group_label": "no id"},
        **fields,
    }


def _partner(name: str, border: str) -> dict:
    return {"sequence_id": f"refseq:{name}", border: [Int64(41464304), 41508158]}


def _seeds() -> dict[str, bytes]:
    flat = {
        "_id": "5f2a",
        "biosample_id": "PGX_AM_BS_1",
        "reference_name": "9",
        "start": Int64(5),
        "end": 9.0,
        "variant_type": "DEL",
        "info": {"cnv_value": 1e-7},
    }
    fusion = _current(2, adjoined_sequences=[_partner("NC_000021.9", "end"), _partner("NC_000021.9", "start")])
    del fusion["location"]
    texts = _current(
        3, reference_sequence="A#C\t%41", sequence="é漢🧬" * 5, location={"chromosome": "a\0b", "start": "7"}
    )
    every_type = raw.document(
        ("_id", raw.int32(1)),
        ("biosample_id", raw.string("b")),
        ("dates", raw.array((0x09, bytes(8)), (0x11, bytes(8)), (0x08, b"\1"), (0x0A, b""), (0x06, b""))),
        ("more", raw.array((0xFF, b""), (0x7F, b""), raw.binary(b"xyz"), raw.double(-0.0), raw.nested(3, 0x04))),
        ("rare", raw.array((0x13, Decimal128("1.5").bid), raw.binary(bytes(16), 4), (0x0B, b"a\0i\0"))),
    )
    twice = raw.document(
        ("location", raw.document(("start", raw.int32(1)), ("end", raw.int32(2)))),
        ("biosample_id", raw.string("a")),
        ("location", raw.document(("end", raw.int64(3)))),
        ("biosample_id", raw.string("b")),
    )
    lying = raw.array(raw.string("x" * 40), (0x02, struct.pack("<i", 60) + b"x\0"))
    record = _current(
        5,
        updated=datetime(2025, 8, 1, 10, 11, 12, 123456, tzinfo=UTC),
        molecular_attributes={"aminoacid_changes": ["R273C", 'a"b\\c\n\x1f'], "gene_ids": []},
        state={"type": "x", "no_code": {"id": "", "label": "é"}, "a_b": {"a_b": [1e-7, True, None, {}]}},
        no_code={"id": "none", "label": ""},
    )
    reply = {"cursor": {"firstBatch": [_current(1)], "id": Int64(7), "ns": "a.b"}, "ok": 1.0}
    reference = raw.document(("$ref", raw.string("c")), ("$id", raw.int32(1)))
    return {
        "empty": _batch(),
        "biosamples": _batch(_biosample(2), _biosample(1, cohorts=["a", 1], notes=["x", '"y', 5, ""])),
        "oddly-listed": _batch(_biosample(4, pathological_tnm_findings=[{"id": "T1"}, ObjectId(bytes(12))])),
        "biosample": _batch(_biosample(3, notes=True, cohorts=[], collection_moment=ObjectId(bytes(12)))),
        "current": _batch(_current(9), _current(1), _current(4, info={})),
        "flat": _batch(flat),
        "fusion": _batch(fusion),
        "texts": _batch(texts),
        "every-type": raw.batch(every_type),
        "twice": raw.batch(twice),
        "reference": raw.batch(raw.document(("location", reference))),
        "code": _batch(_current(1, type=Code("f()"), variant_state={"id": Code("EFO:0030067")})),
        "deep": raw.batch(raw.nested(200)),
        "too-deep": raw.batch(raw.nested(201, 0x04)),
        "lying-array": raw.batch(raw.document(("a", lying))),
        "no-text": raw.batch(raw.document(("_id", raw.oid(1)), ("type", raw.string(b"\xed\xa0\x80")))),
        "record": _batch(record, _current(6, variant_level_data={}), record),
        "reply": encode(reply),
    }


def corpus() -> dict[str, bytes]:
    """All kept inputs by name."""
    return {path.name: path.read_bytes() for path in sorted(CORPUS.iterdir())}


if __name__ == "__main__":
    for name, data in _seeds().items():
        (CORPUS / name).write_bytes(data)
