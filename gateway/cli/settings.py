"""Settings of the gateway as options of a command."""

import argparse
import os
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from gateway.config import SETTINGS, Config, load
from gateway.spool.private import private_folder

__all__ = ["SERVING", "add_settings", "config_of", "serving"]


def add_settings(parser: argparse.ArgumentParser, *, but: frozenset[str] = frozenset()) -> None:
    """Add an option for each setting."""
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


def config_of(options: argparse.Namespace) -> Config:
    """The settings that options and environment say."""
    return load({setting.name: getattr(options, setting.name, None) for setting in SETTINGS}, os.environ)


def serving(options: argparse.Namespace) -> Config:
    """Settings of a server, with a spool folder: the one named, which must be usable and private, or the user's."""
    config = config_of(options)
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


SERVING: Final = frozenset(
    {
        "host",
        "port",
        "workers",
        "max_passes",
        "client_timeout",
        "grace",
        "spool",
        "spool_quota",
        "no_spool",
        "max_clients",
        "metrics_port",
        "metrics_host",
        "traces",
    }
)
