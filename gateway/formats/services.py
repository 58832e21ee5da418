"""What Progenetix' services answer in JSON beside Beacon's result sets: the envelope, and collations."""

from collections.abc import Sequence
from typing import Final

from gateway.formats.base import Format, camel, dumps, json_rows, plain
from gateway.formats.beacon import API_VERSION
from gateway.model import Entity, Part, Say, Tally, Wanted

__all__ = ["COLLATIONS", "envelope"]

_SCHEMAS: Final[dict[Entity, tuple[str, str]]] = {
    "frequencies": ("intervalFrequencies", "https://progenetix.org/services/schemas/intervalFrequencies/"),
    "collations": ("collation", "https://progenetix.org/services/schemas/collation/"),
}


def envelope(wanted: Wanted, entity: Entity) -> tuple[bytes, Say]:
    """What is said before the results of a service, and after them, their number included."""
    ask = wanted.ask
    kind, schema = _SCHEMAS[entity]
    names = [selection.dataset for _, selection in wanted.datasets]
    warnings = [warning for _, selection in wanted.datasets for warning in selection.warnings]
    warnings += [warning for group in wanted.groups for warning in group.selection.warnings]
    summary = {
        "apiVersion": API_VERSION,
        "datasetIds": names,
        "filters": [{"id": term.asked} for term in ask.filters] or [{"id": prefix} for prefix in ask.prefixes],
        "genomeBinning": ask.binning,
        "requestedSchemas": [{"entityType": kind, "schema": schema}],
        "requestedGranularity": "record",
        "pagination": {"skip": ask.skip, "limit": ask.limit or 0},
    }
    meta = {
        "apiVersion": API_VERSION,
        "beaconId": wanted.beacon_id,
        "receivedRequestSummary": summary,
        "returnedGranularity": "record",
        "returnedSchemas": [{"entityType": kind, "schema": schema}],
        "info": {"warnings": list(dict.fromkeys([*ask.warnings, *warnings]))},
    }

    def say(tallies: Sequence[Tally]) -> bytes:
        found = sum(tally.rows for tally in tallies)
        return b']},\n"responseSummary":' + dumps({"exists": found > 0, "numTotalResults": found}) + b"}\n"

    return b'{"meta":' + dumps(meta) + b',\n"response":{"results":[\n', say


def _collation(document: dict[str, object]) -> object:
    return plain({name: value for name, value in document.items() if name != "_id"}, camel)


def _parts(wanted: Wanted) -> tuple[Part, ...]:
    ((survey, selection),) = wanted.datasets
    begin, end = envelope(wanted, "collations")
    limit = wanted.ask.limit or 0
    return (
        Part(
            survey=survey,
            selection=selection,
            collection="collations",
            projection={"frequencymap": 0},
            encode=json_rows("id", _collation, before=b",\n"),
            before=begin,
            closing=end,
            lead=2,
            limit=limit,
            skip=wanted.ask.skip * limit,
        ),
    )


COLLATIONS: Final = Format(
    name="collations",
    words=("collations",),
    also=("json",),
    services=("collations",),
    ids="filters",
    media="application/json",
    accepts=(),
    extension="json",
    summary="filtering terms with their counts",
    parts=_parts,
    entities=("collations",),
    attachment=False,
)
