"""`pgx-gateway check`."""

import argparse
import asyncio
import http.client
import json
import logging
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Final
from urllib.parse import unquote, urlsplit

from gateway.checks.findings import Finding, exit_code, fail, ok
from gateway.cli.settings import add_settings, config_of, user_spool
from gateway.config import Config, ConfigError
from gateway.errors import plain

__all__ = ["add_options"]

_HEALTH_SECONDS: Final = 5
_EVERYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where the gateway listens, not this


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    parser.add_argument(
        "--health",
        nargs="?",
        const="",
        metavar="URL",
        help="only ask a running gateway whether it answers 200 (default: /health where the settings say it listens); "
        "exit code 1 if it does not",
    )
    add_settings(parser)
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    if options.health is not None:
        return _health(options.health or _health_url(config_of(options)))
    try:
        config = config_of(options)
    except ConfigError as error:
        findings = [fail("settings", str(error))]
        _print(findings, as_json=options.json)
        return exit_code(findings)
    with _quiet():
        findings = [_without_password(found, config) for found in _findings(config)]
    _print(findings, as_json=options.json)
    return exit_code(findings)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without a log: what goes wrong is told as a finding."""
    log = logging.getLogger("gateway")
    level = log.level
    log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log.setLevel(level)


def _findings(config: Config) -> list[Finding]:
    from gateway.checks.database import check_database  # noqa: PLC0415 - the driver is slow to import for `--health`
    from gateway.checks.machine import check_machine  # noqa: PLC0415

    served = ", ".join(config.datasets)
    config = replace(config, spool=config.spool or user_spool())
    settings = ok("settings", f"all are usable; served are {served}, at {config.host}:{config.port}")
    return [settings, *_access(config), *check_machine(config), *asyncio.run(check_database(config))]


def _access(config: Config) -> Iterator[Finding]:
    """The file that says who may see what; keys that have to be fetched are not asked for."""
    from gateway.web.access.policy_file import load_rules  # noqa: PLC0415 - others need it not

    if config.access:
        try:
            rules = load_rules(config.access, config.datasets)
        except ConfigError as error:
            yield fail("access", str(error))
            return
        told = ", ".join(f"{name}: {policy.public or 'none'}" for name, policy in rules.datasets.items())
        yield ok("access", f"{config.access} can be read; seen by everybody: {told}")


def _print(findings: Sequence[Finding], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps([found.fields for found in findings], indent=1))
        return
    for found in findings:
        print(f"{found.level:<8}{found.subject:<11} {plain(found.text)}")
        for command in found.commands:
            print(f"        {command}")


def _without_password(found: Finding, config: Config) -> Finding:
    """The same, should a server or a driver have repeated what the URI holds."""
    secrets = re.findall(r"//[^/?#]*?:([^/?#]+)@", config.mongo_uri)
    for secret in {*secrets, *map(unquote, secrets)} - {""}:
        commands = tuple(command.replace(secret, "***") for command in found.commands)
        found = replace(found, text=found.text.replace(secret, "***"), commands=commands)
    return found


# --- a running gateway -----------------------------------------------------------------------------------------------


def _health_url(config: Config) -> str:
    host = _EVERYWHERE.get(config.host, config.host)
    return f"http://[{host}]:{config.port}/health" if ":" in host else f"http://{host}:{config.port}/health"


def _health(url: str) -> int:
    """0 if it answers 200; no proxy is asked, whatever the environment names."""
    address = urlsplit(url)
    kinds = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}
    status: int | None = None
    if address.scheme in kinds and address.hostname:
        path = (address.path or "/") + (f"?{address.query}" if address.query else "")
        with suppress(OSError, http.client.HTTPException):
            connection = kinds[address.scheme](address.hostname, address.port, timeout=_HEALTH_SECONDS)
            connection.request("GET", path)
            status = connection.getresponse().status
            connection.close()
    if status != http.client.OK:
        print(f"pgx-gateway: {plain(url)} {f'answers {status}' if status else 'does not answer'}", file=sys.stderr)
    return int(status != http.client.OK)
