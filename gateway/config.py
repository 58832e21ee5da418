"""Settings: one frozen `Config`, from flags, `GATEWAY_…` variables and a file; checked once, passed as an argument.

`SETTINGS` is the one table of them; the command line, the environment, the file and README follow it.
"""

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any, Final, Literal, TypeVar
from urllib.parse import urlsplit

__all__ = ["SETTINGS", "Config", "ConfigError", "Setting", "StatedIn", "load", "ranged"]


class ConfigError(ValueError):
    """A setting cannot be used; the message names it."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A row of the settings table; the field of `Config` has the same name."""

    name: str
    parse: Callable[[str], Any]
    default: str
    help: str
    switch: bool = False  # its flag may stand alone, and then means true

    @property
    def flag(self) -> str:
        """The command-line flag."""
        return "--" + self.name.replace("_", "-")

    @property
    def variable(self) -> str:
        """The environment variable."""
        return "GATEWAY_" + self.name.upper()


_DATASET = re.compile(r"[A-Za-z][\w-]{0,37}\Z")
_DATABASE = re.compile(r"[\w-]{1,63}\Z", re.ASCII)
_COLLECTION = re.compile(r"[A-Za-z_][\w.-]{0,119}\Z", re.ASCII)
_RESERVED: Final = frozenset({"admin", "config", "local"})


N = TypeVar("N", int, float)


def _datasets(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    if not names:
        raise ValueError("name at least one dataset")
    for name in names:
        if not _DATASET.match(name) or name in _RESERVED:
            raise ValueError(f"{name!r} is no name of a dataset")
    return names


def _collections(text: str) -> tuple[tuple[str, str], ...]:
    pairs = [name.strip().partition(".") for name in text.split(",") if name.strip()]
    for database, _, collection in pairs:
        if not (_DATABASE.match(database) and _COLLECTION.match(collection)) or database in _RESERVED:
            raise ValueError("must name collections as DATABASE.COLLECTION")
    return tuple(dict.fromkeys((database, collection) for database, _, collection in pairs))


def ranged(kind: Callable[[str], N], least: float, most: float, rule: str) -> Callable[[str], N]:
    """What reads a number from `least` to `most`, and raises ValueError with the rule for anything else, NaN too."""

    def parse(text: str) -> N:
        with suppress(ValueError):
            if least <= (number := kind(text)) <= most:
                return number
        raise ValueError(rule)

    return parse


def _whole(least: int, most: int) -> Callable[[str], int]:
    return ranged(int, least, most, f"must be a whole number from {least} to {most}")


def _seconds(least: float) -> Callable[[str], float]:
    return ranged(float, least, 86_400, f"must be from {least:g} to 86400 seconds")


_SIZE = re.compile(r"([0-9]{1,12})([KMGT]?)\Z", re.IGNORECASE)


def _bytes(text: str) -> int:
    if not text:
        return 0
    found = _SIZE.match(text)
    size = int(found[1]) * 1024 ** " KMGT".index(found[2].upper() or " ") if found else 0
    if not 1 <= size < 2**62:
        raise ValueError("must be a number of bytes, with K, M, G or T behind it if you like")
    return size


def _switch(text: str) -> bool:
    if text not in {"true", "false"}:
        raise ValueError("must be true or false")
    return text == "true"


def _networks(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(ip_network(name.strip()) for name in text.split(",") if name.strip())


_HOST = re.compile(r"[A-Za-z0-9._-]{1,253}\Z|[0-9A-Fa-f:.]{2,45}\Z")


def _hosts(text: str) -> frozenset[str]:
    names = [name.strip().lower().strip("[]") for name in text.split(",") if name.strip()]
    for name in names:
        if not _HOST.match(name):
            raise ValueError(f"{name!r} is no name of a host, without a port")
    return frozenset(names)


def _choice(*words: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in words:
            raise ValueError(f"must be one of {', '.join(words)}")
        return text

    return parse


def _path(text: str) -> str:
    if "\0" in text:
        raise ValueError("is no name of a file or folder")
    return text


def _url(text: str) -> str:
    if text and not re.match(r"https?://[^\s]+\Z", text):
        raise ValueError("must be an http or https URL")
    return text.rstrip("/")


def _origin(text: str) -> str:
    if text and not re.match(r"https?://[^\s/?#@]+/?\Z", text):
        raise ValueError("must be http://HOST:PORT or https://HOST, without a path")
    if text and urlsplit(text).port == 0:  # raises ValueError for what is no port
        raise ValueError("must have a port that can be connected to")
    return text.rstrip("/")


def _origins(text: str) -> frozenset[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    return frozenset(name if name == "*" else _origin(name).lower() for name in names)


def _contact(text: str) -> str:
    if text and not re.match(r"(https?://|mailto:)[^\s]+\Z", text):
        raise ValueError("must be an https or mailto URL")
    return text


def _mongo(text: str) -> str:
    if not re.match(r"mongodb(\+srv)?://\S+\Z", text):
        raise ValueError("must begin with mongodb:// or mongodb+srv://")
    return text


SETTINGS: Final = (
    Setting("mongo_uri", _mongo, "mongodb://localhost:27017", "where the database is; a read-only user is enough"),
    Setting("driver", _choice("motor", "pymongo"), "motor", "the client library: `motor`, or `pymongo`, its successor"),
    Setting("datasets", _datasets, "progenetix", "the databases to serve, comma-separated; the first is the default"),
    Setting(
        "query_buffers",
        _collections,
        "_byconHousekeepingDB.querybuffer,progenetix.querybuffer",
        "the collections in which the Beacon keeps handovers, comma-separated; empty: none",
    ),
    Setting(
        "genes",
        _collections,
        "_byconServicesDB.genes,progenetix.genespans,progenetix.genes",
        "the collections in which the Beacon keeps genes, comma-separated; the first that has any is read; empty: none",
    ),
    Setting("host", str, "127.0.0.1", "address to listen on"),
    Setting("port", _whole(0, 65_535), "8080", "port to listen on; 0 takes a free one"),
    Setting("workers", _whole(1, 256), "1", "processes that serve, all on one address"),
    Setting(
        "public_url",
        _url,
        "",
        "the gateway's URL as its users see it, for links; empty: as requested, see `--link-hosts`",
    ),
    Setting("beacon_id", str, "org.progenetix", "`beaconId` of JSON answers"),
    Setting("beacon_name", str, "", "the Beacon's name, as `/beacon/info` states it; empty: made of `--beacon-id`"),
    Setting("organization", str, "", "who runs the Beacon; empty: the domain in `--beacon-id`"),
    Setting("organization_url", _url, "", "the web site of who runs it; empty: that of the domain in `--beacon-id`"),
    Setting("contact_url", _contact, "", "where to ask, `https:` or `mailto:`; empty: not stated"),
    Setting(
        "environment", _choice("prod", "test", "staging", "dev"), "prod", "what `/beacon/info` says the service is"
    ),
    Setting(
        "beacon_url",
        _origin,
        "",
        "a Beacon to forward to what the gateway does not serve itself; empty: none",
    ),
    Setting("beacon_timeout", _seconds(1), "300", "seconds for which it may be silent"),
    Setting(
        "beacon_connections",
        _whole(1, 10_000),
        "64",
        "requests to it at once in a process; others are answered 503",
    ),
    Setting("licence", str, "CC-BY 4.0", "the licence of the data, as files state it; empty: not stated"),
    Setting("citation", str, "", "how to cite the data, as files state it; empty: not stated"),
    Setting("page_limit", _whole(1, 100_000), "200", "records of a JSON page where the request does not say"),
    Setting(
        "max_passes", _whole(1, 10_000), "64", "downloads that run at once in a process; further ones are answered 503"
    ),
    Setting("flights", _whole(1, 64), "4", "database reads that one download has under way"),
    Setting("slice_rows", _whole(10, 100_000), "10000", "variants that one database read aims at"),
    Setting("query_timeout", _seconds(1), "120", "seconds that one database read may take"),
    Setting("retry_window", _seconds(0), "120", "seconds that a running download waits for a lost database"),
    Setting("client_timeout", _seconds(1), "600", "seconds that a client may take for 64 KiB before it is dropped"),
    Setting("count_budget", _seconds(0), "2", "seconds that a page waits for its total before it says a lower bound"),
    Setting("version_ttl", _seconds(0), "5", "seconds for which a dataset's data version is believed"),
    Setting("grace", _seconds(0), "10", "seconds that running downloads have after SIGTERM"),
    Setting("encode_threads", _whole(1, 64), "2", "threads that encode at once in a worker"),
    Setting("spool", _path, "", "folder for exports; empty: `pgx-gateway/exports` in the user's cache directory"),
    Setting(
        "spool_quota",
        _bytes,
        "",
        "bytes that the folder may hold, as in `500M` or `2G`; empty: 10 GiB or half of the free disk, "
        "whichever is less",
    ),
    Setting("no_spool", _switch, "false", "`true` delivers directly, without a spool", switch=True),
    Setting(
        "trust_local_users",
        _switch,
        "false",
        "`true` takes a spool that others could rename: for volumes of containers, where there are no others",
        switch=True,
    ),
    Setting("htsget_wait", _seconds(0), "10", "seconds that an htsget ticket waits for a file that is being made"),
    Setting("max_clients", _whole(1, 1_000_000), "4096", "requests for data that a process answers at once"),
    Setting("log_format", _choice("text", "json"), "text", "log lines as `text` or as `json`, an object a line"),
    Setting("metrics_port", _whole(0, 65_535), "0", "port of metrics for Prometheus, at `/metrics`; 0: none"),
    Setting("metrics_host", str, "127.0.0.1", "address of that port; not for the public"),
    Setting("traces", _switch, "false", "`true` sends traces, as the `OTEL_` variables say", switch=True),
    Setting("access", _path, "", "file that says who may see which dataset (TOML); empty: all are public"),
    # What one client may have of it.  A client is an address, or a /64 of IPv6.
    Setting(
        "trusted_proxies",
        _networks,
        "127.0.0.0/8,::1/128",
        "networks of proxies whose `X-Forwarded-For` is believed; what comes from there without it is no client's, and "
        "not counted; empty: none",
    ),
    Setting("client_connections", _whole(0, 1_000_000), "256", "connections of one client at once; 0: any number"),
    Setting("client_passes", _whole(0, 10_000), "32", "downloads of one client that run at once; 0: any number"),
    Setting("max_pages", _whole(1, 10_000), "256", "pages that are made at once in a process, beside the downloads"),
    Setting("client_pages", _whole(0, 10_000), "64", "pages of one client that are made at once; 0: any number"),
    Setting(
        "client_bytes", _bytes, "", "bytes that one client may have in a day (UTC), as in `500G`; empty: any number"
    ),
    Setting(
        "client_spool", _bytes, "", "bytes of the spool for downloads that one client asked for; empty: half of them"
    ),
    Setting("head_timeout", _seconds(0), "30", "seconds for a request's head to come; 0: any number"),
    Setting("body_timeout", _seconds(0), "60", "seconds for a request's body to come; 0: any number"),
    Setting("selection_budget", _seconds(0), "60", "seconds of the database for what a request selects; 0: any number"),
    Setting(
        "link_hosts",
        _hosts,
        "localhost,127.0.0.1,::1",
        "hosts that links in files may name where there is no public URL; for all others they are relative; empty: all "
        "are",
    ),
    Setting(
        "allowed_origins",
        _origins,
        "*",
        "origins whose pages may read answers in a browser (CORS), comma-separated; `*`: any, what everybody may see; "
        "data that need a token just those that are named; empty: none",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The settings of a gateway; see `SETTINGS` for meanings and units."""

    mongo_uri: str = field(repr=False)  # it may hold a password
    driver: Literal["motor", "pymongo"]
    datasets: tuple[str, ...]
    query_buffers: tuple[tuple[str, str], ...]
    genes: tuple[tuple[str, str], ...]
    host: str
    port: int
    workers: int
    public_url: str
    beacon_id: str
    beacon_name: str
    organization: str
    organization_url: str
    contact_url: str
    environment: Literal["prod", "test", "staging", "dev"]
    beacon_url: str
    beacon_timeout: float
    beacon_connections: int
    licence: str
    citation: str
    page_limit: int
    max_passes: int
    flights: int
    slice_rows: int
    query_timeout: float
    retry_window: float
    client_timeout: float
    count_budget: float
    version_ttl: float
    grace: float
    encode_threads: int
    spool: str
    spool_quota: int
    no_spool: bool
    trust_local_users: bool
    htsget_wait: float
    max_clients: int
    log_format: Literal["text", "json"]
    metrics_port: int
    metrics_host: str
    traces: bool
    access: str
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...]
    client_connections: int
    client_passes: int
    max_pages: int
    client_pages: int
    client_bytes: int
    client_spool: int
    head_timeout: float
    body_timeout: float
    selection_budget: float
    link_hosts: frozenset[str]
    allowed_origins: frozenset[str]


@dataclass(frozen=True, slots=True)
class StatedIn:
    """What a file states: texts of settings, by name."""

    file: str = ""
    texts: Mapping[str, str] = field(default_factory=dict, repr=False)


_NOTHING: Final = StatedIn()


def load(given: Mapping[str, str | None], environment: Mapping[str, str], stated: StatedIn = _NOTHING) -> Config:
    """Settings as given, else from the environment, else as a file states them, else the default.

    ConfigError names the one that is wrong, and where it is said.
    """
    values: dict[str, Any] = {}
    for setting in SETTINGS:
        text, where = _said(setting, given, environment, stated)
        try:
            values[setting.name] = setting.parse(text)
        except ValueError as error:
            # The URI may hold a password: its value is not repeated.
            shown = "" if setting.name == "mongo_uri" else f" {text!r}"
            raise ConfigError(f"{where}{shown}: {error}") from error
    if {one.name for one in fields(Config)} != values.keys():
        raise AssertionError("Config and SETTINGS differ")
    return Config(**values)


def _said(
    setting: Setting, given: Mapping[str, str | None], environment: Mapping[str, str], stated: StatedIn
) -> tuple[str, str]:
    """The text of a setting, and where it is said."""
    for text, where in (
        (given.get(setting.name), setting.flag),
        (environment.get(setting.variable), setting.variable),
        (stated.texts.get(setting.name), f"{stated.file}: {setting.name}"),
    ):
        if text is not None:
            return text, where
    return setting.default, setting.flag
