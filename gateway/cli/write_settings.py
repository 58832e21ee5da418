"""`pgx-gateway settings`."""

import argparse

from gateway.cli.settings_file import commented

__all__ = ["add_options"]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command: there are none."""
    parser.set_defaults(run=_run)


def _run(_: argparse.Namespace) -> int:
    print(commented(), end="")
    return 0
