"""Walks in step: several collections read by the same biosamples, in the same order, for a fold that joins them.

Each walk has slices of its own size; the one that is behind is advanced, so that what a fold holds back is at most a
slice of each.  The fold works in the executor, piece by piece, never on the event loop.  Meanwhile the next step of a
walk that is alone is on its way; and the next piece that a fold makes, while one is delivered.
"""

import asyncio
import errno
import logging
import tempfile
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import AsyncExitStack, aclosing
from functools import partial
from typing import Final, TypeVar

from gateway import metrics
from gateway.errors import GatewayError, NoTemporaryRoom, refusal
from gateway.flow.read_ahead import ahead, steps
from gateway.logs import fields
from gateway.metrics import Spent, timed
from gateway.rows import Fold, Rows

__all__ = ["WalkStep", "encoded", "folded"]

log = logging.getLogger("gateway.flow")

WalkStep = tuple[Rows, int]
"""Encoded documents of a walk, and how many biosamples it has wholly passed with them."""

T = TypeVar("T")

_UNWRITABLE: Final = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES}


async def encoded(walk: AsyncGenerator[WalkStep, None]) -> AsyncGenerator[Rows, None]:
    """A walk that needs no fold."""
    async with aclosing(walk):
        async for rows, _ in walk:
            yield rows


async def _read_ahead(walk: AsyncGenerator[WalkStep, None]) -> AsyncGenerator[WalkStep, None]:
    """A walk of which the next step is on its way while one is worked on; the first goes alone."""
    async with aclosing(walk):
        first = await anext(walk, None)
        if first is None:
            return
        yield first
        async with aclosing(ahead(walk)) as rest:
            async for landed in rest:
                yield landed


async def folded(
    fold: Fold,
    walks: Sequence[AsyncGenerator[WalkStep, None]],
    ids: Sequence[str],
    executor: Executor,
    spent: Spent,
) -> AsyncGenerator[Rows, None]:
    """What the fold makes of the walks; `ids` are those of the biosamples, which grow while they go."""
    passed, going, done = [0] * len(walks), set(range(len(walks))), 0
    async with AsyncExitStack() as stack:
        if len(walks) == 1:  # several read ahead of one another
            walks = [_read_ahead(walks[0])]
        for walk in walks:
            await stack.enter_async_context(aclosing(walk))
        while going:
            behind = min(sorted(going), key=passed.__getitem__)
            landed = await anext(walks[behind], None)
            if landed is None:
                going.discard(behind)
                passed[behind] = len(ids)
            else:
                rows, passed[behind] = landed
                await _off(executor, spent, fold.feed, behind, rows.data)
            yield Rows(b"", 0, 0)  # a sign of life: what was said before is not held back
            ready = min(passed)
            async for rows in _made(executor, spent, fold.through(ids[done:ready])):
                yield rows
            done = ready
    async for rows in _made(executor, spent, fold.finish()):
        yield rows


def _made(executor: Executor, spent: Spent, rows: Iterator[Rows]) -> AsyncGenerator[Rows, None]:
    return steps(partial(_off, executor, spent, next, rows, None))


async def _off(executor: Executor, spent: Spent, work: Callable[..., T], *values: object) -> T:
    with spent.encodes():
        return await asyncio.get_running_loop().run_in_executor(executor, partial(_computed, work, *values))


def _computed(work: Callable[..., T], *values: object) -> T:
    with timed(metrics.ENCODING_SECONDS, "computed"):
        try:
            return work(*values)
        except OSError as error:  # all that a fold asks of the system, beside memory, is files to gather rows in
            raise _refused(error) from error


def _refused(error: OSError) -> GatewayError:
    """What a fold's temporary files failed by."""
    folder = tempfile.tempdir or "none that can be written to"
    told = fields(folder=folder, variable="TMPDIR", reason=error)
    if error.errno in _UNWRITABLE or (error.errno == errno.ENOENT and tempfile.tempdir is None):
        log.error("temporary files cannot be written", extra=told)
        return NoTemporaryRoom("the gateway has no room for temporary files, which this format needs")
    log.error("temporary files cannot be used", extra=told)
    return refusal(error, "temporary files, which this format needs")
