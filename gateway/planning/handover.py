"""Handovers in requests: what is stored under an `accessid`, and whether its query is asked again or its list read."""

import asyncio
from dataclasses import replace
from typing import Final

from gateway.db.catalog import Catalog
from gateway.download_types import Ask, DatasetState
from gateway.formats import Format
from gateway.handovers import Handover
from gateway.query import handovers
from gateway.query.handovers import HEAD, LIST, PARAMETER, Stored

__all__ = ["handed_over", "warnings_of"]

_UNIQUE: Final = ("_id", "id")


async def handed_over(ask: Ask, form: Format, catalog: Catalog, datasets: tuple[str, ...]) -> Ask:
    """The same with the handover that it names, and its dataset.  NotFound where nothing can be had of it here.

    It is read anew each time: a handover is as old as the page that has its link, and what is stored of it is part of
    the question.
    """
    if not ask.access_id:
        return ask
    record = await catalog.query_buffers.find(ask.access_id, HEAD)
    stored = handovers.head(record) if record is not None else None
    # What is not served here is not known here.
    if stored is None or stored.dataset not in datasets or {*ask.datasets} - {stored.dataset}:
        raise handovers.unknown()
    ask = replace(ask, datasets=(stored.dataset,))
    # Formats without pages deliver all of a page of what is listed, as Beacons do.
    page = (ask.skip, ask.limit) if ask.limit and not form.pages else None
    is_current = (await catalog.state(stored.dataset)).analyses == "analyses"
    if stored.is_asked_again and page is None and is_current:
        handover = Handover(dataset=stored.dataset, collection=stored.collection, queries=stored.queries)
        return replace(ask, handover=handover)
    handover = await _listed(ask.access_id, stored, page, catalog)
    return replace(ask, handover=handover) if page is None else replace(ask, handover=handover, limit=None, skip=0)


async def _listed(access_id: str, seen: Stored, page: tuple[int, int] | None, catalog: Catalog) -> Handover:
    record = await catalog.query_buffers.find(access_id, (*HEAD, LIST))
    stored = handovers.head(record) if record is not None else None
    if record is None or stored is None or stored.dataset != seen.dataset:  # replaced since
        raise handovers.unknown()
    listed = await asyncio.to_thread(handovers.listed, record, stored, page)
    return Handover(
        dataset=stored.dataset, collection=stored.collection, listed=listed, page=page[0] if page is not None else 0
    )


async def warnings_of(ask: Ask, dataset_state: DatasetState, catalog: Catalog) -> tuple[str, ...]:
    """What there is to say of a handover: that some of what it lists is no longer there."""
    listed = ask.handover.listed if ask.handover else None
    if listed is None or listed.key not in _UNIQUE:
        return ()
    number = len(listed.values)
    missing = number - await catalog.listed(dataset_state, listed)
    if missing <= 0:
        return ()
    return (f"{PARAMETER}: {missing} of {number} records of this handover are no longer in {dataset_state.dataset}",)
