"""The bytes of a plan: a pass through the database, packed and indexed as the plan says."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

from aiohttp import web

from gateway.download_types import Plan
from gateway.flow.compression import compressed
from gateway.flow.indexing import Indexing
from gateway.formats import indexed
from gateway.formats.plots import SAMPLESPLOT
from gateway.rows import NotToBeKept, Tally
from gateway.web.app_keys import EXECUTOR, PUMP, SIZES
from gateway.web.learning import learn

__all__ = ["is_kept", "produced"]

_PICTURES: Final = frozenset({SAMPLESPLOT.name})


def is_kept(plan: Plan) -> bool:
    """Whether it is made once for all who ask, and kept: all that there is, or a picture of a page.

    Such a picture takes long to make, does not grow with the page, and is asked for again by its URL.
    """
    return plan.whole or (plan.form in _PICTURES and not plan.reduced)


async def produced(
    app: web.Application, plan: Plan, tallies: list[Tally], beside: dict[str, bytes]
) -> AsyncGenerator[bytes, None]:
    """The bytes of a plan, packed if it says so, and indexed.  Raises NotToBeKept behind the last."""
    to_be_kept, size = True, 0
    beside.clear()
    lines = indexed(plan.form, plan.packing)
    indexing = Indexing(lines) if lines else None

    async def passed() -> AsyncGenerator[bytes, None]:
        nonlocal to_be_kept
        async with aclosing(app[PUMP].chunks(plan, tallies, kept=is_kept(plan))) as found:
            try:
                async for chunk in found:
                    yield chunk
            except NotToBeKept:  # not before the file is packed to its end
                to_be_kept = False

    plain = passed()
    async with (
        aclosing(plain),
        aclosing(compressed(plain, plan.packing, app[EXECUTOR], indexing) if plan.packing else plain) as chunks,
    ):
        async for chunk in chunks:
            size += len(chunk)
            yield chunk
    if indexing is not None:
        beside |= await asyncio.get_running_loop().run_in_executor(app[EXECUTOR], indexing.made)
    if plan.whole:
        learn(app[SIZES], plan, tallies, size)
    if not to_be_kept:
        raise NotToBeKept
