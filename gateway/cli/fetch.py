"""`pgx-gateway fetch`."""

import argparse
import asyncio
import os
import re
from pathlib import Path
from typing import Final

from gateway.cli.arguments import number_in
from gateway.config import ConfigError
from gateway.fetch import urls

__all__ = ["add_options"]

_VARIABLE: Final = "PGX_TOKEN"
# As RFC 6750 (2.1) has it; anything else could be another header.
_TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/-]+=*")
_MOST_CONNECTIONS: Final = 16  # each holds blocks in memory, and has a place at the server that others may want
_CONNECTIONS = number_in(int, 1, _MOST_CONNECTIONS, f"must be from 1 to {_MOST_CONNECTIONS}")
_SECONDS = number_in(float, 1, 604_800, "must be from 1 to 604800 seconds")


def _url(text: str) -> str:
    if not urls.is_understood(text):
        raise argparse.ArgumentTypeError("must be an http or https URL")
    return text


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument(
        "url", type=_url, metavar="URL", help="of a download, as for a browser; of its ticket; or an immutable address"
    )
    target = "file or folder to write to (FOLDER/ is made); - is standard output (default: as named)"
    parser.add_argument("-o", "--output", metavar="FILE", help=target)
    parser.add_argument("--overwrite", action="store_true", help="replace FILE if it exists and has other bytes")
    parser.add_argument(
        "--give-up",
        type=_SECONDS,
        default=600.0,
        metavar="SECONDS",
        help="without any progress (default: 600)",
    )
    parser.add_argument(
        "--connections",
        type=_CONNECTIONS,
        default=1,
        metavar="N",
        help="at once, for parts of what the server has complete (default: 1)",
    )
    parser.add_argument(
        "--token-file",
        type=Path,
        metavar="FILE",
        help=f"holds the token to show to the server (default: {_VARIABLE} of the environment); never given elsewhere",
    )
    parser.add_argument("--quiet", action="store_true", help="show nothing but errors")
    parser.set_defaults(run=_run)


def _token(options: argparse.Namespace) -> str:
    """The token to show, empty where there is none; never from the command line, which others can read."""
    where, text = _VARIABLE, os.environ.get(_VARIABLE, "")
    if options.token_file is not None:
        where, text = f"--token-file {options.token_file}", options.token_file.read_text()
    if (token := text.strip()) and not _TOKEN.fullmatch(token):
        raise ConfigError(f"{where}: is no token: one word of letters, digits and -._~+/=")
    if options.token_file is not None and not token:
        raise ConfigError(f"{where}: is empty")
    return token


def _run(options: argparse.Namespace) -> int:
    from gateway.fetch.progress import Progress  # noqa: PLC0415
    from gateway.fetch.transfer import FetchOptions, fetch  # noqa: PLC0415

    wanted = FetchOptions(
        url=options.url,
        output=options.output,
        overwrite=options.overwrite,
        give_up=options.give_up,
        token=_token(options),
        connections=options.connections,
    )
    with Progress(quiet=options.quiet) as progress:
        try:
            done = asyncio.run(fetch(wanted, progress))
        except KeyboardInterrupt:
            if wanted.output != "-":
                progress.note("stopped; what came stays as .part, and the same command goes on from there")
            raise
    proof = f"SHA-256 {done.sha256}" if done.verified else "whole, but the server has no checksum to compare with"
    progress.note(f"{done.place}: {'there already, ' if done.already else ''}{done.size:,} bytes, {proof}")
    return 0
