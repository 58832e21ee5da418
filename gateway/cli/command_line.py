"""The command `pgx-gateway`: serve, store, import, demo, export, fetch.  Prints; everything else is elsewhere.

Exit codes: 0 done, 1 failed (one line on standard error says why), 2 wrong use; `fetch` tells more kinds of failure
apart, see `gateway/fetch/errors.py`.
"""

import argparse
import asyncio
import logging
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from gateway import __version__, codec
from gateway.config import SETTINGS, Config, ConfigError, load
from gateway.errors import Failure, plain
from gateway.fetch import urls
from gateway.loading.errors import LoadingError
from gateway.spool.private import private_folder

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
        ("serve", _serve_options, "serve named datasets of a MongoDB, read-only"),
        ("demo", _demo_options, "embedded database, synthetic cohort and gateway in one"),
        ("import", _import_options, "load .pgxseg and .seg files into a database"),
        ("export", _export_options, "write a download to a file, with no server"),
        ("fetch", _fetch_options, "download a file from a gateway, resuming by itself, and verify it"),
        ("store", _store_options, "the embedded database alone"),
    ):
        add(commands.add_parser(name, help=summary, description=summary))
    return parser


def _settings(parser: argparse.ArgumentParser, *, but: frozenset[str] = frozenset()) -> None:
    for setting in SETTINGS:
        if setting.name not in but:
            alone: dict[str, Any] = {"nargs": "?", "const": "true"} if setting.switch else {}
            parser.add_argument(
                setting.flag,
                dest=setting.name,
                metavar=setting.name.upper(),
                **alone,
                help=f"{setting.help} (default: {setting.default or 'none'}; environment: {setting.variable})",
            )


def _config(options: argparse.Namespace) -> Config:
    return load({setting.name: getattr(options, setting.name, None) for setting in SETTINGS}, os.environ)


def _serving(options: argparse.Namespace) -> Config:
    """Settings of a server, with a spool folder: the one named, which must be usable and private, or the user's."""
    config = _config(options)
    if config.no_spool:
        return config
    if config.spool:
        try:
            path = private_folder(Path(config.spool))
        except OSError as error:
            raise OSError(f"--spool {config.spool}: {error}") from error
        if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
            raise OSError(f"--spool {path}: this folder cannot be written")
        return replace(config, spool=str(path))
    home = os.environ.get("HOME")
    cache = os.environ.get("XDG_CACHE_HOME") or (f"{home}/.cache" if home else "")
    return replace(config, spool=f"{cache}/pgx-gateway/exports" if cache else "")


_SERVING = frozenset(
    {"host", "port", "max_passes", "client_timeout", "grace", "spool", "spool_quota", "no_spool", "max_clients"}
)


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def _port(text: str) -> int:
    number = int(text)
    if not 0 <= number <= 65_535:
        raise argparse.ArgumentTypeError("must be from 0 to 65535")
    return number


# --- serve ---------------------------------------------------------------------------------------------------------


def _serve_options(parser: argparse.ArgumentParser) -> None:
    _settings(parser)
    parser.set_defaults(run=_serve)


def _serve(options: argparse.Namespace) -> int:
    return _run_server(_serving(options), [])


def _run_server(config: Config, urls: Sequence[tuple[str, str]]) -> int:
    from gateway.web.server import serve  # noqa: PLC0415 - aiohttp and motor are slow to import for `--help`
    from gateway.web.workers import serve_in_workers  # noqa: PLC0415

    def started(base: str) -> None:
        print(
            f"pgx-gateway {__version__} ({codec.IMPLEMENTATION} engine) serves {', '.join(config.datasets)} at {base}"
        )
        for sentence, url in urls:
            print(f"  {sentence}\n    {base}{url}")
        sys.stdout.flush()

    if config.workers > 1:
        serve_in_workers(config, started=started)
    else:
        asyncio.run(serve(config, started=started))
    return 0


# --- demo and store ------------------------------------------------------------------------------------------------


def _demo_options(parser: argparse.ArgumentParser) -> None:
    from gateway.demo.cohort import SAMPLES  # noqa: PLC0415

    parser.add_argument("--samples", type=_count, default=SAMPLES, help=f"biosamples to make (default: {SAMPLES})")
    parser.add_argument("--path", type=Path, help="folder of the database (default: in the user's data folder)")
    _settings(parser, but=frozenset({"mongo_uri", "datasets"}))
    parser.set_defaults(run=_demo)


def _demo(options: argparse.Namespace) -> int:
    from gateway.demo.run import demo_store, demo_urls  # noqa: PLC0415
    from gateway.web.server import check_free  # noqa: PLC0415

    config = _serving(options)
    check_free(config.host, config.port)  # known before the cohort is made, not after
    told: list[str] = []

    def progress(collection: str, _: int) -> None:
        if not told:
            told.append(collection)
            print("making and loading the demo cohort, once; this takes some seconds", file=sys.stderr)

    with demo_store(options.samples, options.path, progress=progress) as (store, dataset):
        config = replace(config, mongo_uri=store.uri, datasets=(dataset,))
        return _run_server(config, demo_urls(""))


def _store_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--path", type=Path, required=True, help="folder of the database; made if missing")
    parser.add_argument("--port", type=_port, default=27017, help="port to listen on (default: 27017; 0: a free one)")
    parser.set_defaults(run=_store)


def _store(options: argparse.Namespace) -> int:
    from gateway.demo.store import run_store  # noqa: PLC0415

    return run_store(options.path, options.port)


# --- import --------------------------------------------------------------------------------------------------------


def _threshold(text: str) -> float:
    number = float(text)
    if not -100 <= number <= 100:  # NaN neither
        raise argparse.ArgumentTypeError("must be a log2 ratio")
    return number


def _import_options(parser: argparse.ArgumentParser) -> None:
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
        parser.add_argument(flag, type=_threshold, default=default, metavar="LOG2", help=told)
    parser.add_argument("--keep-neutral", action="store_true", help="store what lies between as regional base ploidy")
    parser.add_argument("--skip-bad", action="store_true", help="count and report malformed lines instead of stopping")
    parser.set_defaults(run=_import)


def _import(options: argparse.Namespace) -> int:
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


# --- export --------------------------------------------------------------------------------------------------------


def _export_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "query", help="path and query, as in a URL: '/beacon/variants?filters=NCIT:C3058&output=pgxseg'"
    )
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="FILE", help="the file to write; - is standard output"
    )
    _settings(parser, but=_SERVING)
    parser.set_defaults(run=_export)


def _export(options: argparse.Namespace) -> int:
    from gateway.cli.export_file import export  # noqa: PLC0415

    target = None if str(options.output) == "-" else options.output
    done = asyncio.run(export(options.query, target, _config(options)))
    for warning in done.warnings:
        print(f"pgx-gateway: warning: {warning}", file=sys.stderr)
    print(f"{options.output}: {done.rows} rows, {done.size} bytes", file=sys.stderr)
    return 0


# --- fetch ---------------------------------------------------------------------------------------------------------


def _seconds(text: str) -> float:
    number = float(text)
    if not 1 <= number <= 604_800:
        raise argparse.ArgumentTypeError("must be from 1 to 604800 seconds")
    return number


def _url(text: str) -> str:
    if not urls.is_understood(text):
        raise argparse.ArgumentTypeError("must be an http or https URL")
    return text


def _fetch_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "url", type=_url, metavar="URL", help="of a download, as for a browser; of its ticket; or an immutable address"
    )
    parser.add_argument(
        "-o", "--output", metavar="FILE", help="file or folder to write to; - is standard output (default: as named)"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace FILE if it exists")
    parser.add_argument(
        "--give-up", type=_seconds, default=600.0, metavar="SECONDS", help="without any progress (default: 600)"
    )
    parser.add_argument("--quiet", action="store_true", help="show nothing but errors")
    parser.set_defaults(run=_fetch)


def _fetch(options: argparse.Namespace) -> int:
    from gateway.fetch.progress import Progress  # noqa: PLC0415
    from gateway.fetch.transfer import Wish, fetch  # noqa: PLC0415

    wish = Wish(url=options.url, output=options.output, overwrite=options.overwrite, give_up=options.give_up)
    with Progress(quiet=options.quiet) as progress:
        done = asyncio.run(fetch(wish, progress))
    proof = f"SHA-256 {done.sha256}" if done.verified else "whole, but the server has no checksum to compare with"
    progress.note(f"{done.place}: {'there already, ' if done.already else ''}{done.size:,} bytes, {proof}")
    return 0
