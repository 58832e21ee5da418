"""Several processes on one socket: gunicorn supervises, aiohttp's worker serves.

Each process has an event loop, encoding threads and database connections of its own.  A process that dies is
replaced; SIGHUP replaces all of them, one by one, each with its grace time.
"""

from collections.abc import Awaitable, Callable
from itertools import count
from typing import Any

from aiohttp import web
from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger

from gateway.config import Config
from gateway.web.server import BACKLOG, check_free, expose, make_runner, url_of

__all__ = ["serve_in_workers"]

# On top of the grace time: what a worker may take to close its connections before it is killed.
_SPARE_SECONDS = 5


class _Log(Logger):  # type: ignore[misc]
    """gunicorn's own lines, in the form of all others."""

    def setup(self, cfg: Any) -> None:
        """Leave everything to the root logger."""
        super().setup(cfg)
        self.error_log.handlers.clear()
        self.error_log.propagate = True


class _Workers(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn, told by `Config` instead of a command line."""

    def __init__(self, config: Config, started: Callable[[str], None]) -> None:
        self._config = config
        self._started = started
        self._exposition = expose(config)
        self._place = 0
        super().__init__()

    def load_config(self) -> None:
        """Set what differs from gunicorn's defaults."""
        host = f"[{self._config.host}]" if ":" in self._config.host else self._config.host
        for name, value in {
            "bind": f"{host}:{self._config.port}",
            "workers": self._config.workers,
            "worker_class": "aiohttp.GunicornWebWorker",
            "graceful_timeout": int(self._config.grace) + _SPARE_SECONDS,
            "backlog": BACKLOG,
            "loglevel": "warning",
            "logger_class": _Log,
            "when_ready": self._when_ready,
            "pre_fork": self._pre_fork,
            "post_fork": self._post_fork,
            "child_exit": self._child_exit,
            "on_exit": self._on_exit,
            "control_socket_disable": True,
        }.items():
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def _when_ready(self, server: Any) -> None:
        self._started(url_of(*server.LISTENERS[0].sock.getsockname()[:2]))

    def _pre_fork(self, server: Any, worker: Any) -> None:
        """Give a new worker the first place that no other has."""
        taken = {other.place for other in server.WORKERS.values()}
        worker.place = next(place for place in count(1) if place not in taken)
        self._forget(worker.place)

    def _post_fork(self, _: Any, worker: Any) -> None:
        self._place = worker.place

    def _child_exit(self, _: Any, worker: Any) -> None:
        self._forget(worker.place)

    def _on_exit(self, _: Any) -> None:
        if self._exposition is not None:
            self._exposition.close()

    def _forget(self, place: int) -> None:
        if self._exposition is not None:
            self._exposition.died(place)

    def load(self) -> Callable[[], Awaitable[web.AppRunner]]:
        """What each worker runs."""

        async def runner() -> web.AppRunner:
            if self._exposition is not None:
                self._exposition.place = self._place
            return make_runner(self._config, self._exposition)

        return runner


def serve_in_workers(config: Config, *, started: Callable[[str], None]) -> None:
    """Serve until a signal says to stop; ends the process, as gunicorn does."""
    if config.port:
        check_free(config.host, config.port)
    _Workers(config, started).run()
