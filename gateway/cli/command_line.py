"""The command `pgx-gateway`: its commands, and how their failures are told.

Exit codes: 0 done, 1 failed (one line on standard error says why), 2 wrong use, 130 Ctrl-C, 141 who reads standard
output has left; `fetch` tells more kinds of failure apart, see `gateway/fetch/errors.py`.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from gateway import __version__, codec
from gateway.cli import check, demo, export, fetch, import_files, proxy_config, serve, store, token, write_settings
from gateway.config import ConfigError
from gateway.errors import Failure, plain
from gateway.loading.errors import LoadingError
from gateway.logs import set_up

__all__ = ["main"]

_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
# As shells tell the end of programs by SIGPIPE: not all was told, so 0 would say too much, but nothing failed either.
_NO_READER: Final = 141


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    options = _parser().parse_args(arguments)
    level = options.log_level.upper()
    if level not in _LEVELS:
        print(f"pgx-gateway: GATEWAY_LOG_LEVEL {level!r}: one of {', '.join(_LEVELS).lower()}", file=sys.stderr)
        return 2
    form = getattr(options, "log_format", None) or os.environ.get("GATEWAY_LOG_FORMAT")
    set_up(level, "json" if form == "json" else "text")  # what is neither is refused with the other settings
    return _told(options.run, options)


def _told(run: Callable[[argparse.Namespace], int], options: argparse.Namespace) -> int:
    """The exit code of a command; why it failed is told."""
    try:
        code = run(options)
        sys.stdout.flush()  # here, where a reader that has left is no error
    except KeyboardInterrupt:
        return 130
    except (ConfigError, Failure, LoadingError, OSError) as error:
        if isinstance(error, BrokenPipeError) or isinstance(error.__cause__, BrokenPipeError):
            return _left()
        return _failed(error, 2 if isinstance(error, ConfigError) else getattr(error, "code", 1))
    return code


def _left() -> int:
    """Nobody reads standard output any more, as behind `| head`: what is still in its buffer goes nowhere."""
    with suppress(OSError, ValueError):  # one that is no file
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
    return _NO_READER


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
        ("proxy-config", proxy_config.add_options, "print what to put into nginx or Apache before gateway and Beacon"),
        ("store", store.add_options, "the embedded database alone"),
        ("token", token.add_options, "make a token for who may see datasets that are not public"),
        ("check", check.add_options, "say what of settings, database, spool and versions is not as it should be"),
        ("settings", write_settings.add_options, "print a file of all settings, with their defaults, for --config"),
    ):
        add(commands.add_parser(name, help=summary, description=summary))
    return parser
