"""What Progenetix' services answer in JSON beside Beacon's result sets: the envelope, and collations."""

from collections.abc import Sequence
from typing import Final

from gateway.formats.base import Format, camel, dumps, json_rows, plain
from gateway.formats.envelope import meta
from gateway.model import Entity, Part, Say, Tally, Wanted

__all__ = ["COLLATIONS", "envelope"]

_KINDS: Final[dict[Entity, str]] = {"frequencies": "intervalFrequencies", "collations": "collation"}


def envelope(wanted: Wanted, entity: Entity) -> tuple[bytes, Say]:
    """What is said before the results of a service, and after them, their number included."""
    ask = wanted.ask
    said = {"filters": list(ask.prefixes) or [term.asked for term in ask.filters], "genomeBinning": ask.binning}
    begin = meta(wanted, _KINDS[entity], limit=ask.limit or 0, said=said)

    def say(tallies: Sequence[Tally]) -> bytes:
        found = sum(tally.rows for tally in tallies)
        return b']},\n"responseSummary":' + dumps({"exists": found > 0, "numTotalResults": found}) + b"}\n"

    return b'{"meta":' + begin + b',\n"response":{"results":[\n', say


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
