"""`/gateway/estimate`: how much a selection comes to before any of it is downloaded.

Numbers are counted, within a budget of time; what is not counted to its end is a lower bound, and says so.  Sizes are
exact where the very export is kept, and else estimates that say what they follow from.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from typing import Any, Final

from aiohttp import web

from gateway.bins.maps import bin_map
from gateway.dataset_state import DatasetState
from gateway.download_types import Ask, Part, Plan
from gateway.errors import BadRequest, Forbidden, NotAcceptable, NotFound
from gateway.flow.page_memory import PageMemory
from gateway.flow.sizes import Kind, Sizes
from gateway.flow.totals import Total
from gateway.planning.offers import Offer, Pairs, offers, selecting
from gateway.planning.plan import make_plan
from gateway.query import filters
from gateway.rights import Granularity, View
from gateway.rows import Tally
from gateway.spool.folder import Sum
from gateway.web.app_keys import CATALOG, CONFIG, PUMP, SIZES, SPOOL, TERMS, VIEW
from gateway.web.endpoints.asking import Answer, Asked, answering, database
from gateway.web.endpoints.terms import suggested
from gateway.web.messages.request import DownloadRequest, lasting_base

__all__ = ["estimate"]

_PATH: Final = "/beacon/biosamples"
_LONGER: Final = 3.0  # seconds beyond the budget of a count, for what comes before it
_A_GROUP_A_ROW: Final = "freqmatrix"
_UNKNOWN: Final = 20  # codes of which it is said what may have been meant
_NOT_OFFERED: Final = (BadRequest, Forbidden, NotAcceptable, NotFound)


@dataclass(frozen=True, slots=True)
class _Counts:
    """Numbers of samples, of all their variants, and of those that match."""

    samples: Total | None
    variants: Total | None
    matched: Total | None


@answering
async def estimate(request: web.Request) -> Answer:
    """What is known of a selection, asked for as a Beacon's biosamples are."""
    view = request[VIEW]
    name, level = Asked.of(request).dataset(view)
    pairs = selecting(request.query.items())
    ask = replace(DownloadRequest(_PATH, pairs, None, "", "").ask(), output="json", datasets=(name,))
    with database(request.app):
        said = await _estimated(request, replace(ask, granularity="count"), pairs, level)
    return Answer(said, passing=True, guarded=name in view.guarded)


async def _estimated(request: web.Request, ask: Ask, pairs: Pairs, level: Granularity) -> dict[str, Any]:
    app, (name,) = request.app, ask.datasets
    state = await app[CATALOG].state(name)
    plans = [await _plan(app, request[VIEW], each) for each in _questions(ask)]
    # Before the database is busy with counting.
    planned = await _planned(request, ask, pairs) if level == "record" else []
    unknown = await _unknown(app, ask, state, level)
    counts = await _counted(app, plans)
    return {
        "dataset": name,
        "dataVersion": None if level == "boolean" else state.version,
        "granularity": level,
        "narrowed": not ask.selects_everything,
        "samples": _said(counts.samples, level),
        "variants": _said(counts.variants, level),
        "matchedVariants": _said(counts.matched, level),
        "warnings": list(plans[0].warnings),
        "unknown": unknown,
        "formats": await _formats(app, planned, ask, state, counts),
    }


def _questions(ask: Ask) -> tuple[Ask, Ask, Ask]:
    """What is counted: samples, all of their variants, and those variants that match."""
    every = replace(ask, entity="variants", whole_samples=True)
    return ask, every, replace(every, whole_samples=False)


async def _plan(app: web.Application, view: View, ask: Ask) -> Plan:
    return await make_plan(ask, "", "", config=app[CONFIG], catalog=app[CATALOG], view=view)


# --- numbers ---------------------------------------------------------------------------------------------------------


async def _counted(app: web.Application, plans: Sequence[Plan]) -> _Counts:
    """The numbers of rows of some plans, the samples' first: what finds these is remembered for the others.

    Equal questions are counted once, and all have the same time.
    """
    end = asyncio.get_running_loop().time() + app[CONFIG].count_budget + _LONGER
    parts = [_counting(plan) for plan in plans]
    keys = [PageMemory.rows_key(part) for part in parts]
    distinct = {key: (plan, part) for key, plan, part in zip(keys, plans, parts, strict=True)}
    found = {keys[0]: await _total(app, *distinct.pop(keys[0]), end)}
    totals = await asyncio.gather(*(_total(app, plan, part, end) for plan, part in distinct.values()))
    found |= dict(zip(distinct, totals, strict=True))
    return _Counts(*(found[key] for key in keys))


def _counting(plan: Plan) -> Part:
    """The part of a plan whose rows are counted, without them and without words around them."""
    part = plan.parts[0]
    bare = Part(
        dataset_state=part.dataset_state,
        selection=part.selection,
        collection=part.collection,
        projection=part.projection,
        encode=part.encode,
        narrow=part.narrow,
        ids=part.ids,
    )
    return replace(bare, fetch=False, count=True, enough=part.enough)


async def _total(app: web.Application, plan: Plan, part: Part, end: float) -> Total | None:
    """How many rows there are; None where not even whether there is one is known at `end`, a time of the loop."""
    tallies: list[Tally] = []
    counting = replace(plan, parts=(part,))
    with suppress(TimeoutError):
        async with (
            asyncio.timeout_at(end),
            aclosing(app[PUMP].chunks(counting, tallies)) as chunks,
        ):
            async for _ in chunks:
                pass
    total = tallies[0].total if tallies else None
    return None if total is None else Total(total, exact=not tallies[0].lower)


def _said(total: Total | None, level: Granularity) -> dict[str, Any]:
    if total is None:
        return {"count": None if level == "boolean" else 0, "exact": False, "exists": None}
    exists = bool(total.rows) if total.exact or total.rows else None
    if level == "boolean":
        return {"count": None, "exact": exists is not None, "exists": exists}
    return {"count": total.rows, "exact": total.exact, "exists": exists}


async def _unknown(
    app: web.Application, ask: Ask, state: DatasetState, level: Granularity
) -> Sequence[Mapping[str, Any]]:
    """The codes of filters that are no terms of the dataset, and what may have been meant."""
    codes = [term.id for term in ask.filters if term.operator is None]
    known = await app[CATALOG].collations(state, filters.wanted(ask)) if codes else {}
    missing = [code for code in dict.fromkeys(codes) if not known.keys() & {code, *filters.spellings(code)}]
    if not missing:
        return []
    terms = await app[TERMS].of(state)
    return await asyncio.to_thread(suggested, terms, level, missing[:_UNKNOWN])


# --- formats ---------------------------------------------------------------------------------------------------------


_Numbers = tuple[int, int]  # of rows and samples


@dataclass(frozen=True, slots=True)
class _Planned:
    """An offer, and the digests of its plain and its packed export."""

    offer: Offer
    plain: str
    packed: str


async def _planned(request: web.Request, ask: Ask, pairs: Pairs) -> list[_Planned]:
    """What the selection can be had as; planned together, so that what several look up is looked up once."""
    base = lasting_base(request)

    async def planned(offer: Offer) -> _Planned | None:
        with suppress(*_NOT_OFFERED):
            asked = DownloadRequest(offer.path, offer.asked(), None, "", base)
            plan = await asked.plan(request.app, request[VIEW])
            return _Planned(offer, plan.digest, plan.packed_digest())
        return None

    found = await asyncio.gather(*map(planned, offers(ask, pairs)))
    return [each for each in found if each is not None]


async def _formats(
    app: web.Application, planned: Sequence[_Planned], ask: Ask, state: DatasetState, counts: _Counts
) -> list[dict[str, Any]]:
    """How large that is."""
    spool = app.get(SPOOL)
    digests = (digest for each in planned for digest in (each.plain, each.packed))
    kept = await spool.complete(digests) if spool is not None else {}
    app[SIZES].settle(lambda dataset, rows: _samples(state, rows) if dataset == state.dataset else None)
    numbered = [(each, _numbers(each.offer, state, counts, ask)) for each in planned]
    return [_described(app[SIZES], state.dataset, each, numbers, kept) for each, numbers in numbered]


def _samples(state: DatasetState, rows: int) -> int | None:
    """How many samples have so many variants, more or less."""
    variants = state.counts.get("variants", 0)
    return round(rows * state.counts.get("biosamples", 0) / variants) if variants else None


def _described(
    sizes: Sizes, dataset: str, planned: _Planned, numbers: _Numbers | None, kept: Mapping[str, Sum]
) -> dict[str, Any]:
    offer = planned.offer

    def size(digest: str, *, packed: bool) -> dict[str, Any]:
        if (known := kept.get(digest)) is not None:
            return {"rows": known.rows, "bytes": known.size, "basis": "complete"}
        rows = _rows(offer, numbers)
        found = numbers and sizes.estimate(Kind(dataset, offer.form.name, offer.entity, packed), *numbers)
        return {"rows": rows, "bytes": found.bytes if found else None, "basis": found.basis if found else "typical"}

    packed = {"output": f"{offer.output}.gz", "url": offer.url(packed=True), **size(planned.packed, packed=True)}
    return {
        "output": offer.output,
        "label": offer.label,
        "purpose": offer.purpose,
        "entity": offer.entity,
        "whole": offer.whole,
        "extension": offer.form.extension,
        "media": offer.form.media,
        "url": offer.url(),
        **size(planned.plain, packed=False),
        "packed": packed if offer.packs else None,
    }


def _numbers(offer: Offer, state: DatasetState, counts: _Counts, ask: Ask) -> _Numbers | None:
    """Rows and samples of a file, as sizes are estimated by them; None where they are not known."""
    samples = counts.samples.rows if counts.samples else None
    if samples is None:
        return None
    if offer.entity == "variants":
        total = counts.variants if offer.whole else counts.matched
        return (total.rows, samples) if total else None
    if offer.entity == "frequencies":
        return (len(bin_map(ask.binning)) if samples else 0), 0
    if offer.entity == "individuals":
        return 0, round(samples * state.counts.get("individuals", 0) / max(1, state.counts.get("biosamples", 0)))
    return 0, samples


def _rows(offer: Offer, numbers: _Numbers | None) -> int | None:
    """How many rows are expected, where they were counted: of variants as many as go in."""
    if numbers is None or offer.entity in {"analyses", "individuals"} or offer.output == _A_GROUP_A_ROW:
        return None
    return numbers[1] if offer.entity == "biosamples" else numbers[0]
