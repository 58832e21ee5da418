"""Beacon v2 JSON of every entity: result sets of records, and the collections that datasets and cohorts are.

A stored observation is one result; observations are not grouped by variation, because groups would not cross pages.
"""

from dataclasses import replace
from typing import Any, Final

from gateway.dataset_state import DatasetState
from gateway.download_types import Part, Selection, Wanted
from gateway.formats.base import Format, dumps
from gateway.formats.beacon_envelope import collections, end, meta, page, result_sets
from gateway.formats.beacon_records import RECORDS
from gateway.rows import Encode

__all__ = ["FORMAT", "record_part"]


def record_part(wanted: Wanted, dataset_state: DatasetState, selection: Selection, encode: Encode) -> Part:
    """The documents that the wanted records are made of."""
    record = RECORDS[wanted.ask.entity]
    return Part(
        dataset_state=dataset_state,
        selection=selection,
        collection=record.collection,
        projection=record.projection,
        encode=encode,
    )


def _parts(wanted: Wanted) -> tuple[Part, ...]:
    entity = wanted.ask.entity
    if entity == "datasets":
        return _datasets(wanted)
    record = RECORDS[entity]
    encode = record.rows(before=b",\n")
    parts = [record_part(wanted, dataset_state, selection, encode) for dataset_state, selection in wanted.datasets]
    around = collections if entity == "cohorts" else result_sets
    return around(wanted, record.name, parts)


def _datasets(wanted: Wanted) -> tuple[Part, ...]:
    """Datasets are known by what the catalog says: nothing is read for them.  That there is one is no record of it."""
    limit, skip = page(wanted)
    records = [dumps(_dataset(wanted, dataset_state)) for dataset_state, _ in wanted.datasets]
    wanted = replace(wanted, levels={})
    listed = b",\n".join(records[skip : skip + limit if limit else None])
    told = b'"collections":[\n' + listed + b"\n]" if wanted.ask.granularity == "record" else b""
    said = b'{"meta":' + meta(wanted, "dataset", limit=limit) + b',\n"response":{' + told + end(wanted, len(records))
    dataset_state, selection = wanted.datasets[0]
    return (
        Part(
            dataset_state=dataset_state,
            selection=replace(selection, nothing=True),
            collection="biosamples",
            projection={},
            encode=RECORDS["biosamples"].rows(),
            before=said,
            fetch=False,
        ),
    )


def _dataset(wanted: Wanted, dataset_state: DatasetState) -> dict[str, Any]:
    counted = ("individuals", "biosamples", "analyses", "variants")
    names = {name: dataset_state.analyses if name == "analyses" else name for name in counted}
    about = {"licence": wanted.licence, "citation": wanted.citation, "assemblyId": "GRCh38"}
    numbers = {name: dataset_state.counts.get(collection, 0) for name, collection in names.items()}
    # Of one that says only whether there is anything, neither numbers nor when they change.
    told = wanted.levels.get(dataset_state.dataset) != "boolean"
    return {
        "id": dataset_state.dataset,
        "name": dataset_state.dataset,
        **({"version": dataset_state.stated or dataset_state.version} if told else {}),
        "info": {
            **({"counts": numbers} if told else {}),
            **{name: text for name, text in about.items() if text},
        },
    }


FORMAT: Final = Format(
    name="json",
    words=("json",),
    media="application/json",
    accepts=("application/json",),
    extension="json",
    summary="Beacon v2 result sets; a page of `limit` records, `limit=0` for all",
    parts=_parts,
    entities=(*RECORDS, "datasets"),
    paged=True,
    sets=True,
    attachment=False,
    records=True,
    handover="EDAM:3464",
)
