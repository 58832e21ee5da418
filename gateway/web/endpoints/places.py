"""`/gateway/genes` and `/gateway/cytobands`: where in the genome what somebody types is."""

import asyncio
from typing import Any, Final

from aiohttp import web

from gateway.bins.bands import bands_of
from gateway.db.genes import Gene
from gateway.errors import BadRequest
from gateway.genome import ASSEMBLY
from gateway.web.app_keys import GENES
from gateway.web.endpoints.asking import Answer, Asked, answering, database

__all__ = ["cytobands", "genes"]

_USUAL: Final = 10


def _needed(asked: Asked) -> str:
    text = asked.text("text").strip()
    if not text:
        raise BadRequest("text: what is looked for", parameter="text")
    return text


def _place(symbol: str, chromosome: str, start: int, end: int) -> dict[str, Any]:
    return {"symbol": symbol, "referenceName": chromosome, "start": start, "end": end}


def _described(gene: Gene) -> dict[str, Any]:
    return {**_place(gene.symbol, gene.chromosome, gene.start, gene.end), "synonyms": list(gene.synonyms)}


@answering
async def genes(request: web.Request) -> Answer:
    """The genes that are called so, or nearly so."""
    asked = Asked.of(request)
    text, limit = _needed(asked), asked.limit(_USUAL)
    known = request.app[GENES].kept
    if known is None:
        with database(request.app):
            known = await request.app[GENES].all()
    found = await asyncio.to_thread(known.search.find, text, limit)
    told = [_described(known.genes[entry]) for entry in found.entries]
    about = {"available": bool(known.genes), "assembly": ASSEMBLY, "text": text}
    return Answer({**about, "genes": told, "more": found.more})


@answering
async def cytobands(request: web.Request) -> Answer:
    """The stretch of the genome that a name of bands means, and the bands in it."""
    asked = Asked.of(request)
    text, limit = _needed(asked), asked.limit(_USUAL)
    found = bands_of(text)
    told = [_place(band.name, band.chromosome, band.start, band.end) for band in found[:limit]]
    about = {"available": True, "assembly": ASSEMBLY, "text": text}
    return Answer({**about, "cytobands": told, "more": len(found) > limit})
