"""The formats table: adding a format is one module and one row here.  Choice by word, by `Accept`, or by default."""

import re
from collections.abc import Mapping
from typing import Final

from gateway.download_types import Entity
from gateway.errors import NotAcceptable
from gateway.formats import (
    arrow,
    beacon,
    bed,
    cnvstats,
    filtering_terms,
    frequencies,
    gistic,
    jsonl,
    matrix,
    pgxseg,
    plots,
    seg,
    service_json,
    sessions,
    tables,
    vcf,
)
from gateway.formats.base import Format
from gateway.formats.beacon_envelope import error as envelope_error
from gateway.tabix import Indexed

__all__ = [
    "FORMATS",
    "OFFERED",
    "Format",
    "by_accept",
    "by_word",
    "delivered",
    "downloads",
    "envelope_error",
    "indexed",
    "names",
]

FORMATS: Final[tuple[Format, ...]] = (
    pgxseg.FORMAT,
    beacon.FORMAT,
    jsonl.FORMAT,
    vcf.FORMAT,
    bed.FORMAT,
    seg.FORMAT,
    gistic.FORMAT,
    tables.FORMAT,
    tables.IDS,
    arrow.ARROW,
    arrow.PARQUET,
    pgxseg.FORMAT_2021,
    frequencies.PGXFREQ,
    frequencies.MATRIX,
    frequencies.JSON,
    matrix.COVERAGE,
    matrix.VALUES,
    cnvstats.FORMAT,
    service_json.COLLATIONS,
    service_json.COLLATION_TEXT,
    filtering_terms.FORMAT,
    sessions.IGV,
    sessions.UCSC,
    plots.HISTOPLOT,
    plots.SAMPLESPLOT,
)
OFFERED: Final = tuple(form for form in FORMATS if form.offered)
"""Those that this installation can make."""


# What a file is made of where it does not hold what was asked: all variants of the matched samples, or what is computed
# from them.  A run is an analysis; what is no sample, nor of one, owns nothing.
_MADE: Final[tuple[Entity, ...]] = ("variants", "frequencies", "analyses")
_NO_OWNERS: Final[tuple[Entity, ...]] = ("frequencies", "collations", "cohorts", "datasets")


def delivered(form: Format, entity: Entity) -> Entity | None:
    """What a format delivers where an entity is asked for; None if it has nothing to do with that."""
    if entity in form.entities:
        return entity
    made: tuple[Entity, ...] = ("analyses", *_MADE) if entity == "runs" else _MADE
    return next((each for each in made if each in form.entities and entity not in _NO_OWNERS), None)


def downloads(entity: Entity) -> tuple[Mapping[str, str], ...]:
    """All formats that a query of an entity can be had in, as handovers tell of them."""
    found = []
    for form in OFFERED:
        if made := delivered(form, entity):
            words = (form.words[0], *(form.whole[:1] if made == entity else ()))
            found += [_download(form, word, made=made != entity or word in form.whole) for word in words]
    return tuple(found)


def _download(form: Format, word: str, *, made: bool) -> dict[str, str]:
    summary = form.summary.replace("`", "")
    what = "all variants of the matched samples" if "variants" in form.entities else "of the matched samples"
    return {
        "id": form.handover or f"pgx:HO.{word}",
        "label": re.split("[:;,]", summary)[0],
        "note": f"{what}: {summary}" if made else summary,
        "content": word,
        "query": f"output={word}" + ("&limit=0" if form.paged else ""),
    }


def indexed(name: str, packing: str) -> Indexed | None:
    """What the indexes of a file are made by; None if it has none."""
    return next((form.index for form in FORMATS if form.name == name and packing == "bgzf"), None)


def names() -> str:
    """The words that `output=` knows, for messages."""
    words = ", ".join((*(word for form in OFFERED for word in form.words), *(w for f in OFFERED for w in f.whole)))
    return f"{words}; each also with .gz behind it, and those of genome tools with .gz.tbi or .gz.csi"


def by_word(word: str, entity: Entity = "variants") -> Format:
    """The format that `output=word` asks for, of an entity; NotAcceptable names those that there are."""
    own = [form for form in FORMATS if entity in form.entities]
    for form in (*(f for f in own if word in f.words), *(f for f in own if word in f.also), *FORMATS):
        if word in form.words or word in form.whole or (word in form.also and form in own):
            if not form.offered:
                raise NotAcceptable(f"{word} needs {form.library}, which is not installed here", parameter="output")
            return form
    raise NotAcceptable(f"no such output; known are: {names()}", parameter="output")


def by_accept(header: str, entity: Entity = "variants") -> Format:
    """The format that an `Accept` header prefers (RFC 9110, 12.5.1).

    Ties go to what holds the entity before what makes variants of it, then to JSON, then to the table's order.
    """
    ranges = _ranges(header) or [("*/*", 1.0)]
    ordered = sorted(OFFERED, key=lambda form: (entity not in form.entities, form is not beacon.FORMAT))
    best = max(ordered, key=lambda form: _quality(form, ranges))
    if _quality(best, ranges) <= 0:
        known = ", ".join(kind for form in OFFERED for kind in form.accepts)
        raise NotAcceptable(f"none of the accepted media types can be had; known are: {known}", parameter="Accept")
    return best


def _ranges(header: str) -> list[tuple[str, float]]:
    found = []
    for item in header.split(","):
        kind, *parameters = (piece.strip().lower() for piece in item.split(";"))
        if "/" not in kind:
            continue
        quality = 1.0
        for parameter in parameters:
            if parameter.startswith("q="):
                try:
                    quality = float(parameter[2:])
                except ValueError:
                    quality = 0.0
        found.append((kind, quality if 0.0 <= quality <= 1.0 else 0.0))
    return found


def _quality(form: Format, ranges: list[tuple[str, float]]) -> float:
    """The quality of the most specific range that matches the format."""
    best = (-1, 0.0)
    for kind, quality in ranges:
        for accepted in form.accepts:
            family = accepted.partition("/")[0]
            rank = 2 if kind == accepted else 1 if kind == f"{family}/*" else 0 if kind == "*/*" else -1
            if rank >= 0:
                best = max(best, (rank, quality))
    return best[1]
