"""Metrics for Prometheus, on a port of their own.

One process counts in its own memory.  Of several, each counts in files of its own in a folder of memory, and any of
them tells the sums: they share the socket.  A process that takes the place of another goes on with its files, so that
there are never more of those than places; what a dead one said of the moment is forgotten.
"""

import asyncio
import contextlib
import fcntl
import logging
import os
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

import prometheus_client
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from prometheus_client import exposition, multiprocess, values

from gateway import metrics
from gateway.config import Config
from gateway.metrics import Child, Metric
from gateway.threads import give_way
from gateway.web.app_keys import SPOOL
from gateway.web.operations.pulse import beating

__all__ = ["Exposition"]

log = logging.getLogger("gateway.web.metrics")


def _is_no_bad_request(record: logging.LogRecord) -> bool:
    """Aiohttp logs what is no HTTP as an error of its own, with a traceback; who sent it was answered 400."""
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


log.addFilter(_is_no_bad_request)

_PREFIX: Final = "pgx_gateway_"
_FOLDER: Final = "pgx-gateway-metrics-"
_MEMORY: Final = "/dev/shm"  # noqa: S108 - a file system in memory, where there is one
_LOCK: Final = "lock"
# Prometheus' own library takes this from the environment alone.
_VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"
_BACKLOG: Final = 16
_KINDS: Final[dict[str, Any]] = {
    "counter": prometheus_client.Counter,
    "gauge": prometheus_client.Gauge,
    "histogram": prometheus_client.Histogram,
}


@dataclass(slots=True)
class Exposition:
    """The socket, and for several processes the folder.  Made before they are, by the one that starts them."""

    listening: socket.socket
    folder: Path | None = None
    place: int = 0  # of this process among several
    _lock: int | None = None
    _owner: int = field(default_factory=os.getpid)

    @classmethod
    def opened(cls, config: Config) -> "Exposition | None":
        """As the settings say; None where nobody wants metrics.  OSError, in words, if the address is taken."""
        if not config.metrics_port:
            return None
        family = socket.AF_INET6 if ":" in config.metrics_host else socket.AF_INET
        try:
            listening = socket.create_server(
                (config.metrics_host, config.metrics_port), family=family, backlog=_BACKLOG
            )
        except OSError as error:
            where, reason = f"{config.metrics_host}:{config.metrics_port}", error.strerror or error
            text = f"cannot listen on {where}: {reason}; --metrics-host and --metrics-port name another address"
            raise OSError(text) from error
        made = cls(listening)
        if config.workers > 1:
            made._make_folder()
        return made

    def _make_folder(self) -> None:
        where = _MEMORY if os.access(_MEMORY, os.W_OK) else tempfile.gettempdir()
        _sweep(Path(where))
        self.folder = Path(tempfile.mkdtemp(prefix=_FOLDER, dir=where))
        making = self.folder / "making"
        self._lock = os.open(making, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)  # held by all processes that are forked from this one
        making.rename(self.folder / _LOCK)  # which nobody has ever seen unlocked

    def close(self) -> None:
        """Take the folder away; in the process that made it."""
        if self.folder is not None and os.getpid() == self._owner:
            shutil.rmtree(self.folder, ignore_errors=True)

    # --- several processes -------------------------------------------------------------------------------------------

    def died(self, place: int) -> None:
        """Forget what the process in a place said of the moment; what it counted stays."""
        if self.folder is not None:
            multiprocess.mark_process_dead(place, str(self.folder))  # type: ignore[no-untyped-call]

    # --- in each process ---------------------------------------------------------------------------------------------

    def registry(self) -> prometheus_client.CollectorRegistry:
        """Have everything counted from here on; the registry that tells of it."""
        prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]
        counting = telling = prometheus_client.CollectorRegistry()
        if self.folder is not None:
            os.environ[_VARIABLE] = str(self.folder)
            values.ValueClass = values.MultiProcessValue(lambda: self.place)  # type: ignore[no-untyped-call]
            telling = prometheus_client.CollectorRegistry()
            multiprocess.MultiProcessCollector(telling, str(self.folder))  # type: ignore[no-untyped-call]
        metrics.connect(partial(_maker, counting))
        return telling

    async def serving(self, app: web.Application) -> AsyncIterator[None]:
        """Count, and tell who asks, for the lifetime of the application."""
        registry = self.registry()
        # One at a time, and behind everything else that the process does.
        with ThreadPoolExecutor(1, "metrics", initializer=give_way) as thread:

            def told(accept: str) -> tuple[bytes, str]:
                _look(app)
                encode, media = exposition.choose_encoder(accept)
                return encode(registry), media

            async def answer(request: web.Request) -> web.Response:
                accept = request.headers.get("Accept", "")
                body, media = await asyncio.get_running_loop().run_in_executor(thread, told, accept)
                return web.Response(body=body, headers={"Content-Type": media, "Cache-Control": "no-store"})

            own = web.Application()
            own.router.add_get("/metrics", answer)
            runner = web.AppRunner(own, access_log=None, logger=log, keepalive_timeout=75, shutdown_timeout=0.5)
            await runner.setup()
            try:
                await web.SockSite(runner, self.listening.dup()).start()
                async with beating():
                    yield
            finally:
                await runner.cleanup()


def _maker(registry: prometheus_client.CollectorRegistry, metric: Metric) -> Callable[[tuple[str, ...]], Child]:
    """What makes the children of a metric, in prometheus-client's own."""
    options: dict[str, Any] = {"registry": registry}
    if metric.kind == "gauge":
        options["multiprocess_mode"] = "mostrecent" if metric.shared else "livesum"
    elif metric.kind == "histogram":
        options["buckets"] = metric.buckets
    made = _KINDS[metric.kind](_PREFIX + metric.name, metric.help, tuple(metric.labels), **options)
    return lambda labels: made.labels(*labels) if labels else made


def _look(app: web.Application) -> None:
    """State what is looked at only when somebody asks."""
    if (spool := app.get(SPOOL)) is not None:
        with contextlib.suppress(OSError):
            metrics.SPOOL_BYTES.put(spool.folder.room.usage())
            metrics.SPOOL_QUOTA_BYTES.put(spool.folder.room.quota)


def _sweep(where: Path) -> None:
    """Take away the folders of gateways that were killed."""
    for folder in where.glob(f"{_FOLDER}*"):
        with contextlib.suppress(OSError):  # another user's, or somebody else takes it away
            descriptor = os.open(folder / _LOCK, os.O_RDWR)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(descriptor)
