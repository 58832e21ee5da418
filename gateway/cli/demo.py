"""`pgx-gateway demo`."""

import argparse
import math
import sys
from dataclasses import replace
from pathlib import Path

from gateway.cli.arguments import number_in
from gateway.cli.serve import run_server
from gateway.cli.settings import add_settings, serving

__all__ = ["add_options"]

_COUNT = number_in(int, 1, math.inf, "must be a whole number, at least 1")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    from gateway.demo.cohort import SAMPLES  # noqa: PLC0415

    parser.add_argument(
        "--samples",
        type=_COUNT,
        default=SAMPLES,
        help=f"biosamples to make (default: {SAMPLES})",
    )
    parser.add_argument("--path", type=Path, help="folder of the database (default: in the user's data folder)")
    add_settings(parser, but=frozenset({"mongo_uri", "datasets", "environment"}))
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from gateway.demo.run import demo_store, demo_urls  # noqa: PLC0415
    from gateway.web.server import check_free  # noqa: PLC0415

    config = serving(options)
    check_free(config.host, config.port)  # known before the cohort is made, not after
    told: list[str] = []

    def progress(collection: str, _: int) -> None:
        if not told:
            told.append(collection)
            print("making and loading the demo cohort, once; this takes some seconds", file=sys.stderr)

    with demo_store(options.samples, options.path, progress=progress) as (store, dataset):
        config = replace(config, mongo_uri=store.uri, datasets=(dataset,), environment="test")
        return run_server(config, demo_urls(""))
