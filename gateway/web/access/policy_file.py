"""The operator's file: who may see which dataset.  TOML; `deploy/access.toml` has an example of all that there is.

Whatever is wrong with it is a ConfigError that names the key, at the start: a word that is not known, a dataset that is
served and not named, a file that others can write to.  Paths are those from the folder of the file.
"""

import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from gateway.config import ConfigError
from gateway.rights import GRANULARITIES, Granularity
from gateway.web.access import static_tokens
from gateway.web.access.files import Watched, checked_text
from gateway.web.access.issuers import ALGORITHMS, Issuer, KeySource, Passports
from gateway.web.access.policy import Claim, Condition, DatasetPolicy, Grant, Named, Visited
from gateway.web.access.static_tokens import StaticToken
from gateway.web.access.userinfo import FetchedPassports

__all__ = ["Rules", "load_rules"]

T = TypeVar("T")

_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_LEEWAY: Final = 60
_MOST_LEEWAY: Final = 600
_USUAL: Final = ["RS256", "ES256"]
_LEVELS: Final = ("none", *GRANULARITIES)


@dataclass(frozen=True, slots=True)
class Rules:
    """What the file says."""

    datasets: Mapping[str, DatasetPolicy]
    issuers: tuple[Issuer, ...]
    visa_issuers: tuple[Issuer, ...]
    tokens: Watched[tuple[StaticToken, ...]] | None


class _Table:
    """A table of the file, whose keys are taken one by one; what is wrong is said with the way to the key."""

    def __init__(self, value: object, where: str) -> None:
        self.where = where
        if not isinstance(value, dict):
            raise ConfigError(f"{where}: must be a table")
        self._left: dict[str, Any] = dict(value)

    def at(self, key: str) -> str:
        return f"{self.where}.{key}" if self.where else key

    def has(self, key: str) -> bool:
        return key in self._left

    def take(self, key: str, kind: type, what: str, default: Any = None) -> Any:
        """A value of a kind; without a default there must be one."""
        if key not in self._left:
            if default is None:
                raise ConfigError(f"{self.at(key)}: is missing: {what}")
            return default
        value = self._left.pop(key)
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)) or value in ("", []):
            raise ConfigError(f"{self.at(key)}: must be {what}")
        return value

    def texts(self, key: str, what: str, default: Any = None) -> tuple[str, ...]:
        """A text, or a list of texts."""
        found = self.take(key, str | list, f"{what}, or a list", default)  # type: ignore[arg-type]
        several = found if isinstance(found, list) else [found]
        if not all(isinstance(text, str) and text for text in several):
            raise ConfigError(f"{self.at(key)}: must be {what}, or a list")
        return tuple(several)

    def choice(self, key: str, words: tuple[str, ...], default: str) -> str:
        word: str = self.take(key, str, f"one of {', '.join(words)}", default)
        if word not in words:
            raise ConfigError(f"{self.at(key)}: {word!r} is none of {', '.join(words)}")
        return word

    def tables(self, key: str) -> "dict[str, _Table]":
        """The tables of a table, by name."""
        found = self.take(key, dict, "a table", {})
        return {name: _Table(value, self.at(f"{key}.{name}")) for name, value in found.items()}

    def end(self) -> None:
        """Nothing else is here."""
        for key in self._left:
            raise ConfigError(f"{self.at(key)}: there is no such setting")


def load_rules(path: str, datasets: tuple[str, ...]) -> Rules:
    """Read the file for the datasets that are served; ConfigError names file and key."""
    file = Path(path).absolute()
    try:
        top = _Table(tomllib.loads(checked_text(file)), "")
        return _rules(top, file.parent, datasets)
    except (OSError, ValueError) as error:  # of TOML and Unicode as well
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ConfigError(f"--access {path}: {reason}") from error


def _rules(top: _Table, folder: Path, datasets: tuple[str, ...]) -> Rules:
    tokens = _tokens(top, folder)
    issuers = {name: _issuer(name, table, folder, visas=False) for name, table in top.tables("issuers").items()}
    visas = {name: _issuer(name, table, folder, visas=True) for name, table in top.tables("visa_issuers").items()}
    read = _Grants(issuers.keys(), visas.keys(), tokens)
    policies = {name: read.dataset(table) for name, table in top.tables("datasets").items()}
    top.end()
    for name in datasets:
        if name not in policies:
            raise ConfigError(f"datasets.{name}: is missing: it is served, so say who may see it")
    for kind, known in (("issuers", issuers), ("visa_issuers", visas)):
        urls = [issuer.url for issuer in known.values()]
        if len({*urls}) < len(urls):
            raise ConfigError(f"{kind}: two have the same url")
    return Rules({name: policies[name] for name in datasets}, tuple(issuers.values()), tuple(visas.values()), tokens)


def _tokens(top: _Table, folder: Path) -> Watched[tuple[StaticToken, ...]] | None:
    if not top.has("tokens"):
        return None
    path = folder / top.take("tokens", str, "the path of a file of tokens")
    return _opened("tokens", path, partial(Watched, path, static_tokens.read))


def _opened(where: str, path: Path, work: Callable[[], T]) -> T:
    try:
        return work()
    except OSError as error:
        raise ConfigError(f"{where}: {path}: {error.strerror or error}") from error
    except ValueError as error:
        raise ConfigError(f"{where}: {path}: {error}") from error


def _issuer(name: str, table: _Table, folder: Path, *, visas: bool) -> Issuer:
    if find_spec("joserfc") is None:
        raise ConfigError(f"{table.where}: joserfc is not installed: pip install 'pgx-gateway[access]'")
    algorithms = table.texts("algorithms", f"one of {', '.join(ALGORITHMS)}", _USUAL)
    if unknown := [word for word in algorithms if word not in ALGORITHMS]:
        raise ConfigError(f"{table.at('algorithms')}: {unknown[0]!r} is none of {', '.join(ALGORITHMS)}")
    leeway = table.take("leeway", int, "seconds", _LEEWAY)
    if not 0 <= leeway <= _MOST_LEEWAY:
        raise ConfigError(f"{table.at('leeway')}: must be from 0 to {_MOST_LEEWAY} seconds")
    found = Issuer(
        name=name,
        url=table.take("url", str, "the issuer, as `iss` in its tokens says it"),
        audience=() if visas else table.texts("audience", "for whom tokens must be, as `aud` in them says it"),
        algorithms=algorithms,
        leeway=leeway,
        keys=_keys(table, folder),
        passports=None if visas or not table.has("userinfo") else _passports(table),
    )
    table.end()
    return found


def _keys(table: _Table, folder: Path) -> KeySource:
    from gateway.web.access.key_sets import FetchedKeys, FileKeys  # noqa: PLC0415 - needs what may not be installed

    what = "the URL of a JWK set, or the path of a file that holds one"
    keys, where = table.take("keys", str, what), table.at("keys")
    if "://" not in keys:
        path = folder / keys
        return _opened(where, path, partial(FileKeys, path))
    return FetchedKeys(_https(keys, where))


def _passports(table: _Table) -> Passports:
    return FetchedPassports(
        _https(table.take("userinfo", str, "the URL of the userinfo endpoint"), table.at("userinfo"))
    )


def _https(text: str, where: str) -> str:
    """A URL whose answers nobody on the way can change."""
    url = urlsplit(text)
    if not url.hostname or url.scheme not in {"http", "https"}:
        raise ConfigError(f"{where}: {text!r} is no URL")
    if url.scheme == "http" and url.hostname not in _LOOPBACK:
        raise ConfigError(f"{where}: must be https: who can change what comes by http can give anybody access")
    return text


class _Grants:
    """What a dataset's table says, for these issuers and tokens."""

    def __init__(
        self, issuers: Iterable[str], visas: Iterable[str], tokens: Watched[tuple[StaticToken, ...]] | None
    ) -> None:
        self._issuers = frozenset(issuers)
        self._visas = frozenset(visas)
        self._tokens = tokens

    def dataset(self, table: _Table) -> DatasetPolicy:
        """The policy of a dataset."""
        public = table.choice("public", _LEVELS, "none")
        listed = table.take("grants", list, "a list of tables", ())
        grants = tuple(self._grant(_Table(value, table.at(f"grants[{n}]"))) for n, value in enumerate(listed))
        table.end()
        return DatasetPolicy(_level(public), grants)

    def _grant(self, table: _Table) -> Grant:
        level = _level(table.choice("granularity", GRANULARITIES, "record"))
        kinds: dict[str, Callable[[_Table], Condition]] = {
            "tokens": self._named,
            "visa": self._visited,
            "issuer": self._claim,
        }
        found = [kind for kind in kinds if table.has(kind)]
        if len(found) != 1:
            raise ConfigError(f"{table.where}: must have one of {', '.join(kinds)}: who is meant")
        condition = kinds[found[0]](table)
        table.end()
        if level is None:
            raise AssertionError("a grant grants something")
        return Grant(level, condition)

    def _named(self, table: _Table) -> Named:
        if self._tokens is None:
            raise ConfigError(f"{table.at('tokens')}: there is no file of tokens: name one by `tokens` at the top")
        return Named(frozenset(table.texts("tokens", "the name of a token")))

    def _visited(self, table: _Table) -> Visited:
        issuers = self._known(table, "issuers", "visa_issuers", self._visas, [*sorted(self._visas)])
        value = table.take("visa", str, "the dataset, as the visa's `value` says it")
        source = table.take("source", str, "who grants it, as the visa's `source` says it")
        return Visited(value, source, issuers)

    def _claim(self, table: _Table) -> Claim:
        (issuer,) = self._known(table, "issuer", "issuers", self._issuers)
        if table.has("everyone"):
            if table.take("everyone", bool, "true") is not True or table.has("claim"):
                raise ConfigError(f"{table.at('everyone')}: is true, and without a claim, or left out")
            return Claim(issuer, (), frozenset())
        path = table.texts("claim", "the name of a claim")
        return Claim(issuer, path, frozenset(table.texts("values", "a value of the claim")))

    @staticmethod
    def _known(table: _Table, key: str, where: str, known: frozenset[str], default: Any = None) -> frozenset[str]:
        names = table.texts(key, f"a name from {where}", default)
        for name in names:
            if name not in known:
                raise ConfigError(f"{table.at(key)}: there is no {where}.{name}")
        if key == "issuer" and len(names) != 1:
            raise ConfigError(f"{table.at(key)}: must be one name from {where}")
        return frozenset(names)


def _level(word: str) -> Granularity | None:
    return next((level for level in GRANULARITIES if level == word), None)
