"""`pgx-gateway token`."""

import argparse
import os
import sys
from pathlib import Path

from gateway.config import ConfigError

__all__ = ["add_options"]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("name", metavar="NAME", help="what grants in the access file call it")
    parser.add_argument("--until", default="", metavar="DAY", help="2027-01-31: good before that day begins (UTC)")
    parser.add_argument("--file", type=Path, metavar="FILE", help="file of hashes to add it to; made if missing")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from gateway.web.access import static_tokens  # noqa: PLC0415

    token = static_tokens.make()
    try:
        line = static_tokens.line_of(options.name, token, options.until)
    except ValueError as error:
        raise ConfigError(str(error)) from error
    if options.file is None:
        print(f"pgx-gateway: add this line to the file of tokens:\n{line}", file=sys.stderr)
    else:
        _add(options.file, line)
        print(f"pgx-gateway: {options.file}: added {options.name}", file=sys.stderr)
    print(token)  # the only time that anybody sees it
    return 0


def _add(path: Path, line: str) -> None:
    """Put a line behind those of a file, in one write, so that a gateway which reads it finds whole lines."""
    number = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(number, "r+b") as file:
        size = file.seek(0, os.SEEK_END)
        ended = size == 0 or os.pread(number, 1, size - 1) == b"\n"
        file.write(f"{'' if ended else chr(10)}{line}\n".encode())
