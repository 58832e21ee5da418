"""JSON Lines: one Beacon record a line, with no envelope around them."""

from typing import Final

from gateway.download_types import Part, Wanted
from gateway.formats.base import Format, paged
from gateway.formats.beacon import record_part
from gateway.formats.beacon_records import RECORDS

__all__ = ["FORMAT"]


def _parts(wanted: Wanted) -> tuple[Part, ...]:
    ((dataset_state, selection),) = wanted.datasets
    encode = RECORDS[wanted.ask.entity].rows(after=b"\n")
    return (paged(record_part(wanted, dataset_state, selection, encode), wanted.ask),)


FORMAT: Final = Format(
    name="jsonl",
    words=("jsonl", "ndjson"),
    media="application/x-ndjson",
    accepts=("application/x-ndjson", "application/jsonl", "application/x-jsonlines"),
    extension="jsonl",
    summary="JSON Lines: one Beacon v2 record a line",
    parts=_parts,
    entities=("variants", "biosamples", "individuals", "analyses", "runs"),
    records=True,
    handover="EDAM:3464",
)
