"""`pgx-gateway export`."""

import argparse
import asyncio
import sys
from pathlib import Path

from gateway.cli.settings import SERVING, add_settings, config_of

__all__ = ["add_options"]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument(
        "query", help="path and query, as in a URL: '/beacon/variants?filters=NCIT:C3058&output=pgxseg'"
    )
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="FILE", help="the file to write; - is standard output"
    )
    add_settings(parser, but=SERVING)
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from gateway.cli.export_file import export  # noqa: PLC0415

    target = None if str(options.output) == "-" else options.output
    done = asyncio.run(export(options.query, target, config_of(options)))
    for warning in done.warnings:
        print(f"pgx-gateway: warning: {warning}", file=sys.stderr)
    print(f"{options.output}: {done.rows} rows, {done.size} bytes", file=sys.stderr)
    return 0
