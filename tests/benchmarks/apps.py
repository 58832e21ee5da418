"""What a server of variants looks like where nobody thought about streams: four handlers over the same upstream.

    python -m tests.benchmarks.apps URI

`/one`: a `find_one` for each id; `/list`: a list of all, joined in memory; `/each`: `async for` with a write a line;
`/thousand`: `async for`, a write for each 1,000 lines.  All take `?dataset=` and answer pgxseg rows.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from typing import Any, Final

from aiohttp import web
from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorCollection

from tests.benchmarks.drain import PROJECTION
from tests.benchmarks.ready import main

__all__ = ["WAYS"]

WAYS: Final = ("one", "list", "each", "thousand")
_BATCH: Final = 1_000
_TYPES: Final = {"EFO:0030067": "DEL", "EFO:0030068": "DEL", "EFO:0030070": "DUP", "EFO:0030071": "DUP"}
_DATABASE: Final = web.AppKey("database", AsyncIOMotorClient)

Collection = AsyncIOMotorCollection[dict[str, Any]]


def line(document: dict[str, Any]) -> str:
    """A document as a row, the quick way."""
    place, state = document["location"], document["variant_state"]
    return (
        f"{document['biosample_id']}\t{place['chromosome']}\t{place['start']}\t{place['end']}\t"
        f"{document['info']['cnv_value']}\t{_TYPES[state['id']]}\t.\t.\t{state['id']}\t{state['label']}\n"
    )


async def _one(variants: Collection) -> AsyncIterator[bytes]:
    ids = [document["_id"] async for document in variants.find({}, {"_id": 1}, batch_size=_BATCH)]
    for one in ids:
        document = await variants.find_one({"_id": one}, PROJECTION)
        assert document is not None
        yield line(document).encode()


async def _list(variants: Collection) -> AsyncIterator[bytes]:
    documents = await variants.find({}, PROJECTION, batch_size=_BATCH).to_list(None)
    yield "".join([line(document) for document in documents]).encode()


async def _each(variants: Collection) -> AsyncIterator[bytes]:
    async for document in variants.find({}, PROJECTION, batch_size=_BATCH):
        yield line(document).encode()


async def _thousand(variants: Collection) -> AsyncIterator[bytes]:
    lines: list[str] = []
    async for document in variants.find({}, PROJECTION, batch_size=_BATCH):
        lines.append(line(document))
        if len(lines) == _BATCH:
            yield "".join(lines).encode()
            lines.clear()
    if lines:
        yield "".join(lines).encode()


async def answer(request: web.Request) -> web.StreamResponse:
    """Write what one of the ways yields."""
    way = {"one": _one, "list": _list, "each": _each, "thousand": _thousand}[request.match_info["way"]]
    response = web.StreamResponse()
    response.enable_chunked_encoding()
    await response.prepare(request)
    async for piece in way(request.app[_DATABASE][request.query["dataset"]].variants):
        await response.write(piece)
    await response.write_eof()
    return response


async def _run(uri: str) -> None:
    app = web.Application()
    app[_DATABASE] = AsyncIOMotorClient(uri)
    app.router.add_get("/{way}", answer)
    await main(app)


if __name__ == "__main__":
    asyncio.run(_run(sys.argv[1]))
