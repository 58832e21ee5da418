"""The command `pgx-gateway`: its commands, and how their failures are told.

Exit codes: 0 done, 1 failed (one line on standard error says why), 2 wrong use; `fetch` tells more kinds of failure
apart, see `gateway/fetch/errors.py`.
"""

import argparse
import logging
import os
import sys
from collections.abc import Callable, Sequence

from gateway import __version__, codec
from gateway.cli import demo, export, fetch, import_files, serve, store
from gateway.config import ConfigError
from gateway.errors import Failure, plain
from gateway.loading.errors import LoadingError

__all__ = ["main"]

_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    options = _parser().parse_args(arguments)
    level = options.log_level.upper()
    if level not in _LEVELS:
        print(f"pgx-gateway: GATEWAY_LOG_LEVEL {level!r}: one of {', '.join(_LEVELS).lower()}", file=sys.stderr)
        return 2
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    run: Callable[[argparse.Namespace], int] = options.run
    try:
        return run(options)
    except ConfigError as error:
        return _failed(error, 2)
    except Failure as error:
        return _failed(error, error.code)
    except (LoadingError, OSError) as error:
        return _failed(error, 1)
    except KeyboardInterrupt:
        return 130


def _failed(error: Exception, code: int) -> int:
    print(f"pgx-gateway: {plain(str(error))}", file=sys.stderr)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="pgx-gateway", description="Streams genomic variants from MongoDB to files.")
    parser.add_argument(
        "--version", action="version", version=f"pgx-gateway {__version__} ({codec.IMPLEMENTATION} engine)"
    )
    parser.set_defaults(log_level=os.environ.get("GATEWAY_LOG_LEVEL", "info"))
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for name, add, summary in (
        ("serve", serve.add_options, "serve named datasets of a MongoDB, read-only"),
        ("demo", demo.add_options, "embedded database, synthetic cohort and gateway in one"),
        ("import", import_files.add_options, "load .pgxseg and .seg files into a database"),
        ("export", export.add_options, "write a download to a file, with no server"),
        ("fetch", fetch.add_options, "download a file from a gateway, resuming by itself, and verify it"),
        ("store", store.add_options, "the embedded database alone"),
    ):
        add(commands.add_parser(name, help=summary, description=summary))
    return parser
