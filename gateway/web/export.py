"""`pgx-gateway export`: the bytes that the server would send, written to a file, with no server."""

from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import aiofiles
import aiofiles.os

from gateway.config import Config
from gateway.flow.pump import Pump, Slicing
from gateway.flow.source import Source
from gateway.flow.squeeze import squeezed
from gateway.flow.survey import Surveyor
from gateway.model import Tally
from gateway.query import params
from gateway.web.prepare import prepare

__all__ = ["Exported", "export"]


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export came to."""

    rows: int
    size: int
    warnings: tuple[str, ...]


async def export(query: str, target: Path | None, config: Config) -> Exported:
    """Write a download to `target`, or to standard output where that is None.

    What is written grows beside the target, under `.part`, and takes its name only when it is complete.  A target that
    is no regular file (a pipe, a device) is written to as it is.
    """
    address = urlsplit(query)
    ask = params.read(unquote(address.path), parse_qsl(address.query, keep_blank_values=True))
    source = Source(config.mongo_uri, query_timeout=config.query_timeout, connections=64)
    surveyor = Surveyor(source, ttl=config.version_ttl)
    slicing = Slicing(rows=config.slice_rows, flights=config.flights)
    tallies: list[Tally] = []
    size = 0
    with ThreadPoolExecutor(config.encode_threads) as executor:
        pump = Pump(source, surveyor, executor, slicing=slicing, retry_window=config.retry_window)
        try:
            plan = await prepare(ask, "*/*", f"http://{config.host}:{config.port}", config=config, surveyor=surveyor)
            plain = pump.chunks(plan, tallies)
            async with _opened(target) as file, aclosing(plain):
                async for chunk in squeezed(plain, "gzip", executor) if plan.packed else plain:
                    await file.write(chunk)
                    size += len(chunk)
        finally:
            await source.close()
    return Exported(sum(tally.rows for tally in tallies[-1:]), size, plan.warnings)


@asynccontextmanager
async def _opened(target: Path | None) -> AsyncGenerator[Any, None]:
    """A file to write to, which has its name only after a block that did not fail."""
    if target is None:
        async with aiofiles.open(1, "wb", closefd=False) as file:
            yield file
        return
    part, final = _places(target)
    async with aiofiles.open(part, "wb") as file:
        yield file
    if part != final:
        await aiofiles.os.replace(part, final)


def _places(target: Path) -> tuple[Path, Path]:
    """Where to write, and the name that it takes at the end."""
    if target.exists() and not target.is_file():
        return target, target
    final = target.resolve()  # a link stays a link: what it points to is replaced
    return final.with_name(final.name + ".part"), final
