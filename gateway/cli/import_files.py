"""`pgx-gateway import`."""

import argparse
from pathlib import Path

from gateway.cli.arguments import number_in
from gateway.config import ConfigError

__all__ = ["add_options"]

_THRESHOLD = number_in(float, -100, 100, "must be a log2 ratio")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    from gateway.loading.calls import Calling  # noqa: PLC0415

    usual = Calling()
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help=".pgxseg or .seg, plain or gzipped")
    parser.add_argument("--mongo-uri", default="mongodb://localhost:27017", help="the database to write to")
    parser.add_argument("--dataset", required=True, help="the dataset (database name) to load into")
    for flag, what, default in (
        ("--gain-above", "a gain", usual.gain_above),
        ("--loss-below", "a loss", usual.loss_below),
    ):
        told = f"where no column says the type: log2 that makes {what} (default: {default})"
        parser.add_argument(flag, type=_THRESHOLD, default=default, metavar="LOG2", help=told)
    parser.add_argument("--keep-neutral", action="store_true", help="store what lies between as regional base ploidy")
    parser.add_argument("--skip-bad", action="store_true", help="count and report malformed lines instead of stopping")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from gateway.loading import Calling, import_files  # noqa: PLC0415

    if options.loss_below > options.gain_above:
        raise ConfigError("--loss-below: above --gain-above, a segment would be a gain and a loss")
    report = import_files(
        options.files,
        uri=options.mongo_uri,
        dataset=options.dataset,
        calling=Calling(options.gain_above, options.loss_below, options.keep_neutral),
        skip_bad=options.skip_bad,
    )
    print(f"{report.rows} variants of {report.samples} biosamples read into {options.dataset}")
    for word, counts in (
        ("new", report.counts.inserted),
        ("changed", report.counts.updated),
        ("there already", report.counts.unchanged),
    ):
        if told := ", ".join(f"{number} {name}" for name, number in counts.items() if number):
            print(f"  {word}: {told}")
    for reason, number in report.silent.items():
        print(f"  {number} rows without a variant: {reason}")
    if report.skipped:
        print(f"  {report.skipped} malformed lines skipped, among them:")
    for line in (*report.reasons, *report.warnings):
        print(f"  {line}")
    return 0
