"""Serving: a listening socket around the application, and a clean end.

On SIGTERM or SIGINT: `/ready` turns red, no new connection is accepted, running downloads have `grace` seconds, then
they are cut visibly.
"""

import asyncio
import logging
import signal
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from aiohttp import web

from gateway.config import Config
from gateway.logs import fields
from gateway.web.app import create_app
from gateway.web.limits.addresses import Proxies
from gateway.web.limits.connections import Runner, Terms
from gateway.web.limits.door import Door
from gateway.web.limits.lines import calm
from gateway.web.messages.origins import shared_errors
from gateway.web.process import keep_freed_memory, leave_alone, open_many, take_short_turns

if TYPE_CHECKING:
    from gateway.web.operations.exposition import Exposition

__all__ = ["BACKLOG", "check_free", "expose", "make_runner", "serve", "url_of"]

log = logging.getLogger("gateway.web")

BACKLOG: Final = 1024
# Connections that are accepted in a turn of the loop: it takes some turns until it is looked whether there may be more.
_AT_ONCE: Final = 16
# What is still running after the grace time is cut; aiohttp waits this long, twice, for the cutting.
_AFTER_GRACE: Final = 0.5
# Files that are open beside one connection a client: the database's connections, exports, what the loop needs.
_OTHER_FILES: Final = 256


def check_free(host: str, port: int) -> None:
    """Raise OSError, in words, if the address cannot be listened on."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise _cannot_listen(host, port, error) from error


def _cannot_listen(host: str, port: int, error: OSError) -> OSError:
    reason = error.strerror or str(error)
    return OSError(f"cannot listen on {host}:{port}: {reason}; --host and --port name another address")


def expose(config: Config) -> "Exposition | None":
    """The socket of metrics, where they are wanted."""
    if not config.metrics_port:
        return None
    from gateway.web.operations.exposition import Exposition  # noqa: PLC0415 - not loaded where nobody asks

    return Exposition.opened(config)


def make_runner(config: Config, exposition: "Exposition | None" = None) -> web.AppRunner:
    """The application, ready to be set up on a socket; its metrics are told there."""
    logging.getLogger("stamina").setLevel(logging.ERROR)  # `db/retry.py` says what is tried again
    keep_freed_memory()
    take_short_turns()
    if (files := open_many()) < config.max_clients + _OTHER_FILES:
        told = fields(open_files=files, max_clients=config.max_clients)
        log.warning("the system allows too few open files for --max-clients", extra=told)
    calm()
    app = create_app(config)
    if exposition is not None:
        app.cleanup_ctx.insert(0, exposition.serving)  # what is opened may be counted
    app.on_startup.append(_settle)
    most = files - min(_OTHER_FILES, files // 2)
    door = Door(Proxies(config.trusted_proxies), config.client_connections, most)
    return Runner(
        app,
        Terms(door, config.head_timeout, config.beacon_id, shared_errors(config)),
        handler_cancellation=True,  # a client that left stops its pass
        keepalive_timeout=config.client_timeout,  # of connections on which nothing is asked
        access_log=None,  # `operations/request_log.py` writes a line a request
        shutdown_timeout=_AFTER_GRACE,
    )


async def _settle(_: web.Application) -> None:
    leave_alone()


async def serve(config: Config, *, started: Callable[[str], None]) -> None:
    """Serve until a signal says to stop; `started` hears the URL once the socket listens."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    exposition = expose(config)
    runner = make_runner(config, exposition)
    await runner.setup()
    try:
        site = web.TCPSite(runner, config.host, config.port, backlog=_AT_ONCE)
        try:
            await site.start()
        except OSError as error:
            raise _cannot_listen(config.host, config.port, error) from error
        _let_wait(site)
        started(url_of(*runner.addresses[0][:2]))
        await stop.wait()
    finally:
        await runner.cleanup()


def _let_wait(site: web.BaseSite) -> None:
    """Let the system hold more connections than are accepted at once: asyncio has one number for both."""
    server = site._server  # noqa: SLF001 - there is no other way to the sockets
    for listening in getattr(server, "sockets", ()):
        with socket.fromfd(listening.fileno(), listening.family, listening.type) as same:
            same.listen(BACKLOG)


def url_of(host: str, port: int) -> str:
    """The URL of an address that is listened on."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
