"""How a process is, looked at each second: how late its event loop is, its processor time, memory and files."""

import asyncio
import os
import resource
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

from gateway import __version__, codec, metrics
from gateway.tasks import cancelled

__all__ = ["beating"]

_SECOND: Final = 1.0
_STATUS: Final = Path("/proc/self/statm")
_FILES: Final = Path("/proc/self/fd")
_PAGE: Final = resource.getpagesize()


@asynccontextmanager
async def beating() -> AsyncIterator[None]:
    """State how this process is, for as long as the block takes."""
    metrics.START_SECONDS.put(time.time())
    metrics.WORKERS.put(1)
    metrics.INFO.put(1, __version__, codec.IMPLEMENTATION)
    metrics.OPEN_FILES_MOST.put(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    task = asyncio.create_task(_beat())
    try:
        yield
    finally:
        await cancelled(task)


async def _beat() -> None:
    used = 0.0
    while True:
        times = os.times()
        metrics.CPU_SECONDS.add(times.user + times.system - used)
        used = times.user + times.system
        with suppress(OSError, ValueError, IndexError):  # a system without /proc
            metrics.MEMORY_BYTES.put(int(_STATUS.read_text().split()[1]) * _PAGE)
            metrics.OPEN_FILES.put(sum(1 for _ in _FILES.iterdir()))
        due = time.monotonic() + _SECOND
        await asyncio.sleep(_SECOND)
        metrics.LOOP_DELAY_SECONDS.observe(max(0.0, time.monotonic() - due))
