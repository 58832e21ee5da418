"""JSON Lines: one Beacon record a line, variants or biosamples, with no envelope around them."""

from typing import Final

from gateway.formats.base import Format, json_rows
from gateway.formats.beacon import PROJECTIONS, biosample_record, variant_record
from gateway.model import Part, Wanted

__all__ = ["FORMAT"]


def _parts(wanted: Wanted) -> tuple[Part, ...]:
    ((survey, selection),) = wanted.datasets
    samples = wanted.ask.entity == "biosamples"
    limit = wanted.ask.limit or 0
    shape = biosample_record if samples else variant_record
    return (
        Part(
            survey=survey,
            selection=selection,
            collection=wanted.ask.entity,
            projection=PROJECTIONS[wanted.ask.entity],
            encode=json_rows("id" if samples else "biosample_id", shape, after=b"\n"),
            limit=limit,
            skip=wanted.ask.skip * limit,
        ),
    )


FORMAT: Final = Format(
    name="jsonl",
    words=("jsonl", "ndjson"),
    media="application/x-ndjson",
    accepts=("application/x-ndjson", "application/jsonl", "application/x-jsonlines"),
    extension="jsonl",
    summary="JSON Lines: one Beacon v2 record a line",
    parts=_parts,
    entities=("variants", "biosamples"),
)
