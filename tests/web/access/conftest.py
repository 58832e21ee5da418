"""A gateway whose datasets are not all public.

`demo` is, `flat` says numbers, `odd` whether there is anything, `secret` is not there but for some.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from joserfc.jwk import Key

from gateway.demo.cohort import documents
from gateway.demo.store import Store
from gateway.loading.writer import load
from gateway.web.access import static_tokens
from tests import datasets
from tests.harness import Gateway
from tests.web.access import issuers

RULES = """
tokens = "tokens"

[issuers.broker]
url = "https://broker.example/"
audience = "https://beacon.example"
keys = "{url}"
algorithms = ["ES256", "RS256"]

[visa_issuers.visas]
url = "https://visas.example/"
keys = "visas.json"

[datasets.demo]
public = "record"

[datasets.secret]
grants = [
  {{ tokens = "alice" }},
  {{ issuer = "broker", claim = "groups", values = "trial" }},
  {{ visa = "https://studies.example/S1", source = "https://dac.example/" }},
  {{ granularity = "count", issuer = "broker", claim = ["realm", "scope"], values = ["count:secret"] }},
]

[datasets.flat]
public = "count"
grants = [{{ tokens = ["alice"] }}]

[datasets.odd]
public = "boolean"
grants = [{{ issuer = "broker", everyone = true, granularity = "count" }}]

[datasets.elsewhere]
"""


@dataclass
class Guarded:
    """The gateway, its operator's files, and the keys that tokens are signed with."""

    gateway: Gateway
    folder: Path
    keys: dict[str, Key]
    tokens: dict[str, str]


@pytest.fixture(scope="package")
def guarded(
    store: Store, demo: str, flat: str, odd: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Guarded]:
    load(store.uri, "secret", datasets.thinned(documents(3), most=10))
    folder = tmp_path_factory.mktemp("access")
    keys = {name: issuers.key(name) for name in ("k1", "other", "visas", "gone")} | {"rsa": issuers.key("rsa", "RSA")}
    tokens = {name: static_tokens.make() for name in ("alice", "bob", "late")}
    lines = [static_tokens.line_of(n, t, "2001-01-01" if n == "late" else "") for n, t in tokens.items()]
    (folder / "tokens").write_text("# who it is\n\n" + "\n".join(lines) + "\n")
    (folder / "visas.json").write_text(json.dumps({"keys": [keys["visas"].as_dict(private=False)]}))
    with issuers.KeyServer(keys["k1"], keys["rsa"]) as server:
        (folder / "access.toml").write_text(RULES.format(url=server.url))
        settings = {"access": folder / "access.toml", "spool": folder / "spool"}
        settings["allowed_origins"] = "*,https://portal.example"
        names = [demo, "secret", flat, odd]
        with Gateway(store.uri, names, log=folder / "log", **settings) as running:
            yield Guarded(running, folder, keys, tokens)
