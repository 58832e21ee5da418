"""Handovers in requests: what is stored under an `accessid`, and whether its query is asked again or its list read."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from gateway.dataset_state import DatasetState
from gateway.db.catalog import Catalog
from gateway.download_types import Ask
from gateway.formats import Format
from gateway.handovers import Handover
from gateway.query import handovers
from gateway.query.handovers import HEAD, LIST
from gateway.rights import View

__all__ = ["handed_over", "warnings_of"]


async def handed_over(ask: Ask, form: Format, catalog: Catalog, view: View) -> Ask:
    """The same with the handover that it names, and its dataset.  NotFound where nothing can be had of it here.

    What is stored is read anew each time: a handover is as old as the page that has its link, and a part of the
    question.
    """
    if not ask.access_id:
        return ask
    stored = handovers.head(await catalog.query_buffers.record(ask.access_id, HEAD) or {})
    # What is not served here, or not for the caller, is not known here; a list is of records, and tells their number.
    if stored is None or not view.admits([stored.dataset]) or {*ask.datasets} - {stored.dataset}:
        raise handovers.unknown()
    ask = replace(ask, datasets=(stored.dataset,))
    # Formats without pages deliver all of a page of what is listed, as Beacons do.
    page = (ask.skip, ask.limit) if ask.limit and not form.pages else None
    is_current = (await catalog.state(stored.dataset)).analyses == "analyses"
    if stored.is_asked_again and page is None and is_current:
        handover = Handover(dataset=stored.dataset, collection=stored.collection, queries=stored.queries)
        return replace(ask, handover=handover)
    make = partial(_listed, dataset=stored.dataset, page=page)
    found = await catalog.query_buffers.handover(ask.access_id, (*HEAD, LIST), make, of=(stored.dataset, page))
    if found is None:
        raise handovers.unknown()
    return replace(ask, handover=found) if page is None else replace(ask, handover=found, limit=None, skip=0)


def _listed(record: Mapping[str, Any], *, dataset: str, page: tuple[int, int] | None) -> Handover:
    stored = handovers.head(record)
    if stored is None or stored.dataset != dataset:  # replaced since
        raise handovers.unknown()
    listed = handovers.listed(record, stored, page)
    return Handover(dataset=dataset, collection=stored.collection, listed=listed, page=page[0] if page else 0)


async def warnings_of(ask: Ask, dataset_state: DatasetState, catalog: Catalog) -> tuple[str, ...]:
    """What there is to say of what a handover lists."""
    if ask.handover is None or ask.handover.listed is None:
        return ()
    listed = ask.handover.listed
    return handovers.doubts(listed, await catalog.listed(dataset_state, listed), dataset_state.dataset)
