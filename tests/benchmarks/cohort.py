"""The replay cohort: documents that follow from their numbers, and replies that hold them ready-made.

A dataset is called `b<biosamples>v<variants of each>`, as in `b4000v250`; nothing of it is stored.  The variants of a
biosample repeat a block of `BLOCK` values under their own ids, so that a reply of any size is a template in which two
eight-byte words a row are patched: the biosample's number as text, and biosample and row number in the `_id`.  With an
`s` behind the name variants are scattered, so that hardly two of them have one place: two more words, start and end.
"""

import re
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, Final, Self

import bson
import numpy as np
from numpy.typing import NDArray

__all__ = [
    "BLOCK",
    "STAMP",
    "Cohort",
    "Template",
    "array",
    "biosample",
    "biosample_id",
    "frame",
    "rows_of",
    "template",
    "variant",
]

BLOCK: Final = 250
_STATES: Final = (
    ("EFO:0030067", "loss", -0.35),
    ("EFO:0030070", "gain", 0.3),
    ("EFO:0030071", "low-level gain", 0.15),
    ("EFO:0030068", "low-level loss", -0.15),
)
_CHROMOSOMES: Final = (*map(str, range(1, 23)), "X")
_SPAN: Final = 46_000_000  # all chromosomes of GRCh38 are longer
_STRIDE: Final = 65_537
_DIAGNOSES: Final = (("NCIT:C3058", "Glioblastoma"), ("NCIT:C3512", "Lung Adenocarcinoma"))
# The `_id` of a variant: 4 bytes that all share, its biosample's number, its row within it.
STAMP: Final = b"\x65\x2f\x1a\x00"


def biosample_id(number: int) -> str:
    """The id of a biosample, ascending with its number."""
    return f"pgxbs-{number:08d}"


def biosample(number: int) -> dict[str, Any]:
    """A biosample's document."""
    code, label = _DIAGNOSES[number % len(_DIAGNOSES)]
    return {
        "_id": bson.ObjectId(b"\x65\x2f\x19\x00" + bytes(4) + number.to_bytes(4)),
        "id": biosample_id(number),
        "individual_id": f"pgxind-{number:08d}",
        "notes": f"{label}, sample {number}",
        "histological_diagnosis": {"id": code, "label": label},
        "icdo_morphology": {"id": "pgx:icdom-94403", "label": "Glioblastoma, NOS"},
        "icdo_topography": {"id": "pgx:icdot-C71.9", "label": "Brain, NOS"},
        "sample_origin_detail": {"id": "UBERON:0000955", "label": "brain"},
        "biosample_status": {"id": "EFO:0009656", "label": "neoplastic sample"},
        "collection_moment": f"P{30 + number % 50}Y{number % 12}M",
        "references": {"pubmed": {"id": f"pubmed:{10_000_000 + number % 997}", "label": "Doe J et al. (2012)"}},
        "cohorts": [{"id": "pgx:cohort-arraymap", "label": "arrayMap collection"}],
    }


def _start(number: Any) -> Any:
    return 10_001 + (number * 2_654_435_761) % _SPAN


def _length(number: Any) -> Any:
    return 1_000 + (number * 40_503) % 9_000_000


def variant(number: int, row: int, *, scattered: bool = False) -> dict[str, Any]:
    """A variant of biosample `number`, as projected for pgxseg: some 200 bytes."""
    at = row % BLOCK
    code, label, height = _STATES[(7 * at + at // 11) % len(_STATES)]
    start = _start((number * _STRIDE + row) % _SPAN if scattered else at)
    return {
        "_id": bson.ObjectId(STAMP + number.to_bytes(4) + row.to_bytes(4)),
        "biosample_id": biosample_id(number),
        "location": {
            "chromosome": _CHROMOSOMES[at * len(_CHROMOSOMES) // BLOCK],
            "start": start,
            "end": start + _length(row if scattered else at),
        },
        "variant_state": {"id": code, "label": label},
        "info": {"cnv_value": round(height + ((at * 7_919) % 2_003 - 1_001) / 10_000, 4)},
    }


@dataclass(frozen=True, slots=True)
class Cohort:
    """A dataset: as many biosamples, as many variants of each; `pause` milliseconds before each reply of variants."""

    biosamples: int
    variants: int
    pause: int = 0
    scattered: bool = False

    @classmethod
    def named(cls, name: str) -> Self | None:
        """The cohort of that name, None if it is not the name of one."""
        found = re.fullmatch(r"b(\d+)v(\d+)(?:p(\d+))?(s?)", name)
        return cls(int(found[1]), int(found[2]), int(found[3] or 0), bool(found[4])) if found else None

    @classmethod
    def of(cls, rows: int, variants: int = BLOCK) -> Self:
        """The cohort of that many rows."""
        return cls(max(1, rows // variants), variants)

    @property
    def name(self) -> str:
        """The name of the dataset."""
        return f"b{self.biosamples}v{self.variants}" + (f"p{self.pause}" if self.pause else "") + "s" * self.scattered

    @property
    def rows(self) -> int:
        """All variants."""
        return self.biosamples * self.variants


# --- BSON ------------------------------------------------------------------------------------------------------------


def array(documents: list[bytes]) -> bytes:
    """A BSON array of encoded documents."""
    body = b"".join(b"\x03%d\0%b" % pair for pair in enumerate(documents))
    return (len(body) + 5).to_bytes(4, "little") + body + b"\0"


def frame(name: str, size: int, batch: str, cursor: int) -> tuple[bytes, bytes]:
    """What stands before and after an array of `size` bytes in the reply to a `find` or `getMore`."""
    after = bson.encode({"id": bson.Int64(cursor), "ns": name})[4:]
    key = b"\x04" + batch.encode() + b"\0"
    inner = 4 + len(key) + size + len(after)
    opening = b"\x03cursor\0" + inner.to_bytes(4, "little") + key
    closing = after + bson.encode({"ok": 1.0})[4:]
    outer = 4 + len(opening) + size + len(closing)
    return outer.to_bytes(4, "little") + opening, closing


# --- variants in bulk ------------------------------------------------------------------------------------------------

Words = NDArray[np.uint64]


class Template:
    """A BSON array of variants in memory of its own, whose words are patched for each reply."""

    def __init__(self, body: bytes, *places: NDArray[np.intp]) -> None:
        self.body = bytearray(body)
        # Words at any byte: a view of overlapping ones, a byte apart.
        self._words: Words = np.ndarray((len(body) - 7,), np.uint64, self.body, strides=(1,))
        self._halves: NDArray[np.uint32] = np.ndarray((len(body) - 3,), np.uint32, self.body, strides=(1,))
        self._id_places, self._number_places, self._starts, self._ends = self._places = places

    def copy(self) -> "Template":
        """The same, in other memory."""
        return Template(bytes(self.body), *self._places)

    def patch(self, biosamples: Words, rows: Words, texts: Words, *, scattered: bool = False) -> bytearray:
        """The array with these ids: biosample number, row number and biosample number as text, of each row."""
        if scattered:
            starts = _start((biosamples * np.uint64(_STRIDE) + rows) % np.uint64(_SPAN))
            self._halves[self._starts] = starts
            self._halves[self._ends] = starts + _length(rows)
        self._words[self._id_places] = ((biosamples << np.uint64(32)) | rows).byteswap()
        self._words[self._number_places] = texts
        return self.body


@cache
def _block() -> list[tuple[bytes, tuple[int, ...]]]:
    """The documents of a block, with the places of their words."""
    found = []
    marks = (STAMP, b"pgxbs-", b"\x10start\0", b"\x10end\0")
    for row in range(BLOCK):
        raw = bson.encode(variant(0, row))
        found.append((raw, tuple(raw.index(mark) + len(mark) for mark in marks)))
    return found


@lru_cache(maxsize=32)
def template(rows: int, phase: int, period: int) -> Template:
    """A template of that many rows, of which the first is row `phase` of its biosample; shared, so copy it."""
    pieces, found, at = [], [], 4
    for place in range(rows):
        raw, places = _block()[(phase + place) % period % BLOCK]
        head = b"\x03%d\0" % place
        start = at + len(head)
        found.append([start + word for word in places])
        pieces += [head, raw]
        at = start + len(raw)
    body = (at + 1).to_bytes(4, "little") + b"".join(pieces) + b"\0"
    return Template(body, *np.array(found, np.intp).reshape(rows, 4).T)


def rows_of(cohort: Cohort, numbers: range | list[int], first: int, count: int) -> tuple[Words, Words, Words]:
    """The words of `count` rows from row `first` of the variants of these biosamples, one biosample after another."""
    per = cohort.variants
    lowest, highest = first // per, (first + count - 1) // per
    some = numbers[lowest : highest + 1]
    texts = [int.from_bytes(b"%08d" % number, "little") for number in some]
    places = np.arange(first, first + count)
    which = places // per - lowest
    return (
        np.array(some, np.uint64)[which],
        (places % per).astype(np.uint64),
        np.array(texts, np.uint64)[which],
    )
