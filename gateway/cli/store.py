"""`pgx-gateway store`."""

import argparse
from contextlib import suppress
from pathlib import Path

__all__ = ["add_options"]


def _port(text: str) -> int:
    with suppress(ValueError):
        if 0 <= (number := int(text)) <= 65_535:
            return number
    raise argparse.ArgumentTypeError(f"{text!r}: must be a whole number from 0 to 65535")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("--path", type=Path, required=True, help="folder of the database; made if missing")
    parser.add_argument("--port", type=_port, default=27017, help="port to listen on (default: 27017; 0: a free one)")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from gateway.demo.store import run_store  # noqa: PLC0415

    return run_store(options.path, options.port)
