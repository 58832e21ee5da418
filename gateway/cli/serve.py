"""`pgx-gateway serve`."""

import argparse
import asyncio
import sys
from collections.abc import Sequence

from gateway import __version__, codec
from gateway.cli.settings import add_settings, serving
from gateway.config import Config

__all__ = ["add_options", "run_server"]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    add_settings(parser)
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    return run_server(serving(options), [])


def run_server(config: Config, urls: Sequence[tuple[str, str]]) -> int:
    """Serve until the process is told to stop; `urls` are sentences and paths to be told at the start."""
    from gateway.web.operations.traces import check as check_traces  # noqa: PLC0415
    from gateway.web.server import serve  # noqa: PLC0415 - aiohttp and motor are slow to import for `--help`
    from gateway.web.workers import serve_in_workers  # noqa: PLC0415

    def started(base: str) -> None:
        print(
            f"pgx-gateway {__version__} ({codec.IMPLEMENTATION} engine) serves {', '.join(config.datasets)} at {base}"
        )
        for sentence, url in urls:
            print(f"  {sentence}\n    {base}{url}")
        sys.stdout.flush()

    if config.traces:
        check_traces()
    if config.workers > 1:
        serve_in_workers(config, started=started)
    else:
        asyncio.run(serve(config, started=started))
    return 0
