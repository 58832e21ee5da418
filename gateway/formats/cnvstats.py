"""`cnvstats`: analyses as Beacon JSON, with how much of the genome, of each chromosome and each arm is gained or lost.

Stored statistics are delivered as they are; where a dataset stores none they are computed.  Computed ones count the
arms to their very border; Progenetix counts the bin before the centromere to the long arm.  The numbers stand in
alphabetical order, as Beacons of Progenetix print them: pgxRpi takes them by position.  Analyses of other things than
copy numbers are left out: what was not looked for would be zeros, and dilute every mean.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, Final

from gateway.bins.counting import stats
from gateway.bins.coverage import Segments
from gateway.bins.maps import ARMS
from gateway.download_types import Part, Wanted
from gateway.formats import beacon_records
from gateway.formats.base import Format, document_rows, dumps
from gateway.formats.beacon_envelope import page, result_sets
from gateway.formats.cnv_profiles import COUNTED, Analysis, Profiles, variants_part
from gateway.rows import Rows
from gateway.text import escape_cell

__all__ = ["FORMAT"]

_STATS: Final = ("cnvStats", "cnvChroStats")
_PROJECTION: Final = dict.fromkeys(
    ("info.statusmaps", "geo_location", "cnv_statusmaps", "var_genemaps", "provenance"), 0
)
_GENOME: Final = sum(arm.size for arm in ARMS.bins)


def _line(document: dict[str, Any]) -> bytes | None:
    """Biosample, analysis, the names of statistics that are stored, and record."""
    if not isinstance(biosample := document.get("biosample_id"), str):
        return None
    identity, record = document.get("id"), _ordered(beacon_records.analysis(document, stats=True))
    name = escape_cell(identity) if isinstance(identity, str) else "."
    stored = ",".join(name for name in _STATS if name in record)
    return f"{escape_cell(biosample)}\t{name}\t{stored}\t".encode() + dumps(record) + b"\n"


def _sorted(numbers: Any) -> Any:
    return dict(sorted(numbers.items())) if isinstance(numbers, dict) else numbers


def _ordered(record: dict[str, Any]) -> dict[str, Any]:
    """The same record, with its statistics in alphabetical order: those of the genome, and of each part of it."""
    found = {name: record[name] for name in _STATS if isinstance(record.get(name), dict)}
    if whole := found.get("cnvStats"):
        found["cnvStats"] = _sorted(whole)
    if parts := found.get("cnvChroStats"):
        found["cnvChroStats"] = {name: _sorted(numbers) for name, numbers in parts.items()}
    return {**record, **found}


def _computed(dup: Sequence[int], lost: Sequence[int]) -> dict[str, Any]:
    """`cnvStats` and `cnvChroStats` from the bases of each arm."""
    arms = list(zip(ARMS.bins, dup, lost, strict=True))
    found: dict[str, Any] = {}
    for name in dict.fromkeys(arm.chromosome for arm in ARMS.bins):
        own = [(arm, (gain, loss)) for arm, gain, loss in arms if arm.chromosome == name]
        found[name] = stats([bases for _, bases in own], sum(arm.size for arm, _ in own))
        found.update({f"{name}{arm.arm}": stats([bases], arm.size) for arm, bases in own})
    return _ordered({"cnvStats": stats([(gain, loss) for _, gain, loss in arms], _GENOME), "cnvChroStats": found})


_Record = tuple[str, str, bytes]  # analysis, names of its stored statistics, JSON


class _Stats:
    """Sources: analyses, and their segments where statistics are computed."""

    def __init__(self, window: tuple[int, int], *, compute: bool) -> None:
        self._profiles = Profiles(ARMS)
        self._skip, limit = window
        self._left = limit or -1
        self._compute = compute
        self._records: dict[str, list[_Record]] = {}

    def feed(self, source: int, data: bytes) -> None:
        """Take in encoded documents."""
        if source:
            self._profiles.feed_segments(data)
            return
        for line in data.split(b"\n")[:-1]:
            biosample, analysis, stored, record = line.split(b"\t", 3)
            one = (analysis.decode(), stored.decode(), record)
            self._records.setdefault(biosample.decode(), []).append(one)

    def through(self, ids: Sequence[str]) -> Iterator[Rows]:
        """Yield the records of complete biosamples."""
        segments = {(a.biosample, a.id): a.segments for batch in self._profiles.batches(ids) for a in batch}
        records = [
            (segments.get((biosample, analysis), ()), stored, record)
            for biosample in map(escape_cell, ids)
            for analysis, stored, record in self._records.pop(biosample, ())
        ]
        chosen = records[self._skip :]
        self._skip = max(0, self._skip - len(records))
        if self._left >= 0:
            chosen = chosen[: self._left]
            self._left -= len(chosen)
        yield Rows(b"".join(b",\n" + record for record in self._told(chosen)), len(chosen), len(records))

    def _told(self, records: Sequence[tuple[Sequence[Segments], str, bytes]]) -> Iterator[bytes]:
        if not self._compute:
            yield from (record for _, _, record in records)
            return
        coverage = self._profiles.coverage([Analysis("", "", segments) for segments, _, _ in records])
        gains, losses = coverage.bases("dup").tolist(), coverage.bases("del").tolist()
        for (_, stored, record), gain, loss in zip(records, gains, losses, strict=True):
            computed = {name: value for name, value in _computed(gain, loss).items() if name not in stored.split(",")}
            yield record[:-1] + b"," + dumps(computed)[1:] if computed else record

    def finish(self) -> Iterator[Rows]:
        """Nothing follows the last record."""
        return iter(())


def _parts(wanted: Wanted) -> tuple[Part, ...]:
    parts = []
    limit, skip = page(wanted)
    ids = wanted.ask.analysis_ids
    for dataset_state, selection in wanted.datasets:
        compute = dataset_state.dataset not in wanted.stats
        parts.append(
            Part(
                dataset_state=dataset_state,
                selection=selection,
                collection="analyses",
                projection=_PROJECTION,
                encode=document_rows("biosample_id", _line),
                narrow={**COUNTED, **({"id": {"$in": list(ids)}} if ids else {})},
                beside=(variants_part(wanted, dataset_state, selection),) if compute else (),
                fold=partial(_Stats, (skip, limit), compute=compute),
            )
        )
    return result_sets(wanted, "analysis", parts)


FORMAT: Final = Format(
    name="cnvstats",
    words=("cnvstats",),
    also=("json",),
    services=("cnvstats",),
    ids="analysisIds",
    media="application/json",
    accepts=(),
    extension="json",
    summary="Beacon v2 analyses with `cnvStats` and `cnvChroStats`; a page of `limit` records",
    parts=_parts,
    entities=("analyses",),
    paged=True,
    sets=True,
    attachment=False,
)
