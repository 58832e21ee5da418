"""A file of settings: TOML, a key a setting; and the commented one that `pgx-gateway settings` writes."""

import json
import re
import textwrap
import tomllib
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

from gateway.config import SETTINGS, ConfigError, Setting, StatedIn

__all__ = ["commented", "stated_in"]

_HEAD: Final = """\
# Settings of pgx-gateway: every one, with its default.  Written by `pgx-gateway settings`.
#
# Say `pgx-gateway serve --config FILE`, or GATEWAY_CONFIG=FILE in the environment.  A flag goes over a variable of the
# environment, that over this file, and this file over the default.  `pgx-gateway check --config FILE` tells what of it
# is wrong.  A password in `mongo_uri` is better kept in a file that only the gateway's user can read, or in the
# environment (GATEWAY_MONGO_URI).
"""
_WIDTH: Final = 118
_NUMERAL = re.compile(r"-?[0-9]+(\.[0-9]+)?\Z")


def stated_in(path: Path) -> StatedIn:
    """The settings that a file states, as texts.  Raises ConfigError, which names the file and the key."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or 'it cannot be read'}") from error
    text = raw.decode("utf-8", "replace")  # an error would repeat what it could not read, a password perhaps
    if "\ufffd" in text:
        raise ConfigError(f"{path} is no UTF-8")
    try:
        keys = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is no TOML: {error}") from error
    known = {setting.name: setting for setting in SETTINGS}
    for key in keys:
        if key not in known:
            near = get_close_matches(key.replace("-", "_"), known, 1)
            hint = f"; is {near[0]} meant?" if near else "; `pgx-gateway settings` prints those that there are"
            raise ConfigError(f"{path}: {key}: there is no such setting{hint}")
    return StatedIn(str(path), {key: _text(path, known[key], value) for key, value in keys.items()})


def _text(path: Path, setting: Setting, value: object) -> str:
    """A value as flags and variables write it."""
    usual = setting.parse(setting.default)
    if isinstance(usual, bool):
        fits, rule = isinstance(value, bool), "true or false, without quotes"
    elif isinstance(usual, int | float):
        number = isinstance(value, int | float) and not isinstance(value, bool)
        fits = number or (isinstance(value, str) and _has_units(setting))
        rule = 'a number, or a text such as "2G"' if _has_units(setting) else "a number, without quotes"
    elif isinstance(usual, tuple):
        listed = isinstance(value, list) and all(isinstance(one, str) and "," not in one for one in value)
        fits, rule = listed or isinstance(value, str), 'a list of texts, as in ["one", "two"]'
    else:
        fits, rule = isinstance(value, str), "a text in quotes"
    if not fits:
        raise ConfigError(f"{path}: {setting.name}: must be {rule}")
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(value) if isinstance(value, list) else str(value)


def _has_units(setting: Setting) -> bool:
    """Whether a number may have a unit of bytes behind it, or be left out."""
    with suppress(ValueError):
        setting.parse("1K")
        return True
    return not _NUMERAL.match(setting.default)


def commented() -> str:
    """A file of all settings, each with what it means and its default, commented out."""
    return "\n".join([_HEAD, *map(_entry, SETTINGS)])


def _entry(setting: Setting) -> str:
    told = f"{setting.help} ({setting.flag}, {setting.variable})"
    lines = textwrap.wrap(told, _WIDTH, break_long_words=False, break_on_hyphens=False)
    return "\n".join([*(f"# {line}" for line in lines), f"#{setting.name} = {_value(setting)}", ""])


def _value(setting: Setting) -> str:
    usual: Any = setting.parse(setting.default)
    if isinstance(usual, bool) or (isinstance(usual, int | float) and _NUMERAL.match(setting.default)):
        return setting.default
    value = list(usual) if isinstance(usual, tuple) and all(type(one) is str for one in usual) else setting.default
    return json.dumps(value, ensure_ascii=False)
