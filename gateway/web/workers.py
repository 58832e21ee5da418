"""Several processes on one socket: gunicorn supervises, aiohttp's worker serves.

Each process has an event loop, encoding threads and database connections of its own.  A process that dies is
replaced; SIGHUP replaces all of them, one by one, each with its grace time.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from gunicorn.app.base import BaseApplication

from gateway.config import Config
from gateway.web.server import BACKLOG, check_free, make_runner, url_of

__all__ = ["serve_in_workers"]

# On top of the grace time: what a worker may take to close its connections before it is killed.
_SPARE_SECONDS = 5


class _Workers(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn, told by `Config` instead of a command line."""

    def __init__(self, config: Config, started: Callable[[str], None]) -> None:
        self._config = config
        self._started = started
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
            "when_ready": self._when_ready,
            "control_socket_disable": True,
        }.items():
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def _when_ready(self, server: Any) -> None:
        self._started(url_of(*server.LISTENERS[0].sock.getsockname()[:2]))

    def load(self) -> Callable[[], Awaitable[web.AppRunner]]:
        """What each worker runs."""

        async def runner() -> web.AppRunner:
            return make_runner(self._config)

        return runner


def serve_in_workers(config: Config, *, started: Callable[[str], None]) -> None:
    """Serve until a signal says to stop; ends the process, as gunicorn does."""
    if config.port:
        check_free(config.host, config.port)
    _Workers(config, started).run()
