"""Settings of the gateway as options of a command."""

import argparse
import os
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from gateway.cli.settings_file import stated_in
from gateway.config import SETTINGS, Config, ConfigError, StatedIn, load
from gateway.logs import shape
from gateway.spool.private import private_folder

__all__ = ["SERVING", "add_settings", "config_of", "serving", "user_spool"]

_FILE: Final = "GATEWAY_CONFIG"


def add_settings(parser: argparse.ArgumentParser, *, but: frozenset[str] = frozenset()) -> None:
    """Add an option for each setting, and one for a file of them."""
    parser.add_argument(
        "--config",
        metavar="FILE",
        help=f"file of settings, as `pgx-gateway settings` writes it (environment: {_FILE})",
    )
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
    """The settings that options, environment and a file of settings say."""
    given = {setting.name: getattr(options, setting.name, None) for setting in SETTINGS}
    config = load(given, os.environ, _file(options.config))
    shape(config.log_format)  # which a file may state
    return config


def _file(flag: str | None) -> StatedIn:
    file = os.environ.get(_FILE, "") if flag is None else flag
    if not file:
        return StatedIn()
    try:
        return stated_in(Path(file))
    except ConfigError as error:
        raise ConfigError(f"{_FILE if flag is None else '--config'} {error}") from error


def serving(options: argparse.Namespace) -> Config:
    """Settings of a server, with a spool folder: the one named, which must be usable and private, or the user's."""
    config = config_of(options)
    if config.access:  # known now, not when a worker starts
        from gateway.web.access.policy_file import load_rules  # noqa: PLC0415 - others need it not

        load_rules(config.access, config.datasets)
    if config.no_spool:
        return config
    if config.spool:
        try:
            path = private_folder(Path(config.spool), trusting=config.trust_local_users)
        except OSError as error:
            raise OSError(f"--spool {config.spool}: {error}") from error
        if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
            raise OSError(f"--spool {path}: this folder cannot be written")
        return replace(config, spool=str(path))
    return replace(config, spool=user_spool())


def user_spool() -> str:
    """The folder for exports in the user's cache directory; empty if there is none."""
    home = os.environ.get("HOME")
    cache = os.environ.get("XDG_CACHE_HOME") or (f"{home}/.cache" if home else "")
    return f"{cache}/pgx-gateway/exports" if cache else ""


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
        "trust_local_users",
        "max_clients",
        "metrics_port",
        "metrics_host",
        "traces",
        "access",
        "trusted_proxies",
        "client_connections",
        "client_passes",
        "max_pages",
        "client_pages",
        "client_bytes",
        "client_spool",
        "head_timeout",
        "body_timeout",
        "selection_budget",
        "link_hosts",
    }
)
