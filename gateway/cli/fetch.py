"""`pgx-gateway fetch`."""

import argparse
import asyncio

from gateway.cli.arguments import number_in
from gateway.fetch import urls

__all__ = ["add_options"]

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
    parser.add_argument("--overwrite", action="store_true", help="replace FILE if it exists")
    parser.add_argument(
        "--give-up",
        type=_SECONDS,
        default=600.0,
        metavar="SECONDS",
        help="without any progress (default: 600)",
    )
    parser.add_argument("--quiet", action="store_true", help="show nothing but errors")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from gateway.fetch.progress import Progress  # noqa: PLC0415
    from gateway.fetch.transfer import FetchOptions, fetch  # noqa: PLC0415

    wanted = FetchOptions(url=options.url, output=options.output, overwrite=options.overwrite, give_up=options.give_up)
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
