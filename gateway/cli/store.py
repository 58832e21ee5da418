"""`pgx-gateway store`."""

import argparse
from pathlib import Path

from gateway.cli.arguments import number_in

__all__ = ["add_options"]

_PORT = number_in(int, 0, 65_535, "must be a whole number from 0 to 65535")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("--path", type=Path, required=True, help="folder of the database; made if missing")
    parser.add_argument(
        "--port",
        type=_PORT,
        default=27017,
        help="port to listen on (default: 27017; 0: a free one)",
    )
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from gateway.demo.store import run_store  # noqa: PLC0415

    return run_store(options.path, options.port)
