"""`pgx-gateway export`: the bytes that the server would send, written to a file, with no server."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

import aiofiles

from gateway.config import Config
from gateway.flow.pump import Pump, Slicing
from gateway.flow.source import Source
from gateway.flow.survey import Surveyor
from gateway.model import Tally
from gateway.query import params
from gateway.web.prepare import prepare

__all__ = ["export"]


async def export(query: str, target: Path, config: Config) -> tuple[int, int]:
    """Write a download to `target`; returns bytes and rows.

    What is written grows beside the target, under `.part`, and takes its name only when it is complete.
    """
    address = urlsplit(query)
    ask = params.read(unquote(address.path), parse_qsl(address.query, keep_blank_values=True))
    source = Source(config.mongo_uri, query_timeout=config.query_timeout, connections=64)
    surveyor = Surveyor(source, ttl=config.version_ttl)
    slicing = Slicing(rows=config.slice_rows, flights=config.flights)
    part = target.with_name(target.name + ".part")
    tallies: list[Tally] = []
    size = 0
    with ThreadPoolExecutor(config.encode_threads) as executor:
        pump = Pump(source, surveyor, executor, slicing=slicing, retry_window=config.retry_window)
        try:
            plan = await prepare(ask, "*/*", "", config=config, surveyor=surveyor)
            async with aiofiles.open(part, "wb") as file, aclosing(pump.chunks(plan, tallies)) as chunks:
                async for chunk in chunks:
                    await file.write(chunk)
                    size += len(chunk)
        finally:
            await source.close()
    part.replace(target)
    return size, sum(tally.rows for tally in tallies[-1:])
