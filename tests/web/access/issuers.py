"""Issuers of tokens: keys, what they sign, and a server of their key sets."""

import base64
import hashlib
import hmac
import http.server
import json
import threading
import time
from typing import Any, Self

from joserfc import jws, jwt
from joserfc.jwk import ECKey, Key, RSAKey

__all__ = [
    "AUDIENCE",
    "BROKER",
    "DAC",
    "STUDY",
    "KeyServer",
    "hmac_token",
    "key",
    "part",
    "plain_token",
    "sign",
    "sign_raw",
    "visa",
]

BROKER = "https://broker.example/"
DAC = "https://dac.example/"
STUDY = "https://studies.example/S1"
AUDIENCE = "https://beacon.example"


def key(kid: str | None, kind: str = "EC") -> Key:
    made: Key = RSAKey.generate_key(2048) if kind == "RSA" else ECKey.generate_key("P-256")
    return type(made).import_key({**made.as_dict(private=True), **({"kid": kid} if kid else {})})


def claims(**more: Any) -> dict[str, Any]:
    """What a good token says; None takes a claim away."""
    now = int(time.time())
    said = {"iss": BROKER, "aud": AUDIENCE, "sub": "alice", "iat": now, "exp": now + 3600, "groups": ["s", "trial"]}
    return {name: value for name, value in {**said, **more}.items() if value is not None}


def sign(by: Key, *, alg: str = "ES256", kid: str | None = "", **more: Any) -> str:
    header = {"alg": alg, "kid": by.kid if kid == "" else kid}
    own = {name: value for name, value in header.items() if value is not None}
    return jwt.encode(own, claims(**more), by, algorithms=[alg])


def sign_raw(by: Key, said: dict[str, Any]) -> str:
    """A token that says this and nothing else."""
    return jws.serialize_compact({"alg": "ES256", "kid": by.kid}, json.dumps(said), by, ["ES256"])


def visa(by: Key, *, value: str = STUDY, source: str = DAC, kind: str = "ControlledAccessGrants", **more: Any) -> str:
    granted = {"type": kind, "asserted": int(time.time()) - 60, "value": value, "source": source, "by": "dac"}
    told = {name: more.pop(name) for name in ("conditions", "asserted") if name in more}
    said = {"iss": "https://visas.example/", "ga4gh_visa_v1": {**granted, **told}, "aud": None, "groups": None}
    return sign(by, **(said | more))


def part(value: Any) -> str:
    """A part of a token: JSON, or bytes."""
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def plain_token(alg: str = "none") -> str:
    """A token without a signature."""
    return f"{part({'alg': alg, 'kid': 'k1'})}.{part(claims())}."


def hmac_token(secret: bytes, kid: str) -> str:
    """A token whose secret is what everybody can read: the public key."""
    text = f"{part({'alg': 'HS256', 'kid': kid})}.{part(claims())}"
    return f"{text}.{part(hmac.digest(secret, text.encode(), hashlib.sha256))}"


class KeyServer:
    """Serves key sets; change `keys`, `status` and `raw` at any time."""

    def __init__(self, *keys: Key) -> None:
        self.keys, self.status, self.raw, self.asked = list(keys), 200, b"", 0
        self.shown: list[str | None] = []

    def __enter__(self) -> Self:
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.asked += 1
                server.shown.append(self.headers.get("Authorization"))
                body = server.raw or json.dumps({"keys": [one.as_dict(private=False) for one in server.keys]}).encode()
                self.send_response(server.status)
                self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None: ...

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/jwks"
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
