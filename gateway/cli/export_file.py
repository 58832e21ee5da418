"""`pgx-gateway export`: the bytes that the server would send, written to a file, with no server."""

from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import aiofiles
import aiofiles.os

from gateway.config import Config
from gateway.flow.compression import compressed
from gateway.flow.resources import opened
from gateway.planning.plan import make_plan
from gateway.planning.route_table import ROUTES
from gateway.query.beacon_request import parse_request
from gateway.rights import View
from gateway.rows import Tally, delivered

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
    ask = parse_request(address.path, parse_qsl(address.query, keep_blank_values=True), routes=ROUTES)
    tallies: list[Tally] = []
    size = 0
    base = f"http://{config.host}:{config.port}"
    view = View.whole(config.datasets)  # who can read the database can see all of it
    async with opened(replace(config, selection_budget=0)) as resources:  # who has the command line may wait
        plan = await make_plan(ask, "*/*", base, config=config, catalog=resources.catalog, view=view)
        plain = resources.pump.chunks(plan, tallies)
        packed = compressed(plain, plan.packing, resources.executor) if plan.packing else plain
        async with _file(target) as file, aclosing(plain), aclosing(packed):
            async for chunk in packed:
                await file.write(chunk)
                size += len(chunk)
    return Exported(delivered(tallies), size, plan.warnings)


@asynccontextmanager
async def _file(target: Path | None) -> AsyncGenerator[Any, None]:
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
