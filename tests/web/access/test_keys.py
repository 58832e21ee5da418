"""Keys of issuers: rotated, revoked, out of reach; and no storm of fetches, whatever tokens say."""

import asyncio
import json
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from gateway.errors import KeysMissing, Unauthorized
from gateway.web.access import files, key_sets
from gateway.web.access.issuers import Issuer, KeySource
from gateway.web.access.key_sets import FetchedKeys, FileKeys
from gateway.web.access.tokens import verified
from tests.web.access.issuers import AUDIENCE, BROKER, KeyServer, key, part, sign, sign_raw


def issuer(keys: KeySource) -> Issuer:
    return Issuer(name="broker", url=BROKER, audience=(AUDIENCE,), algorithms=("ES256",), leeway=0, keys=keys)


async def good(token: str, keys: KeySource) -> bool:
    try:
        await verified(token, [issuer(keys)])
    except Unauthorized:
        return False
    return True


async def test_a_key_that_is_rotated_in_is_known_at_once_and_the_one_that_went_is_forgotten():
    old, new = key("old"), key("new")
    with KeyServer(old) as server:
        keys = FetchedKeys(server.url)
        assert await good(sign(old), keys)
        assert server.asked == 1
        server.keys = [new]
        assert await good(sign(new), keys)
        assert not await good(sign(old), keys)
        assert await good(sign(new), keys)
        assert server.asked <= 3


async def test_clocks_may_differ(tmp_path: Path):
    known, now = key("known"), int(time.time())
    (tmp_path / "keys.json").write_text(json.dumps({"keys": [known.as_dict(private=False)]}))
    strict = issuer(FileKeys(tmp_path / "keys.json"))
    lenient = replace(strict, leeway=600)
    for claims in ({"exp": now - 100}, {"nbf": now + 300}, {"iat": now + 300}):
        token = sign(known, **claims)
        assert (await verified(token, [lenient]))[0] is lenient
        with pytest.raises(Unauthorized):
            await verified(token, [strict])


async def test_unknown_keys_make_no_storm():
    known, stranger = key("known"), key("stranger")
    with KeyServer(known) as server:
        keys = FetchedKeys(server.url)
        tokens = [sign(stranger, kid=f"{n}") for n in range(200)]
        assert not any(await asyncio.gather(*(good(token, keys) for token in tokens)))
        for token in tokens:
            assert not await good(token, keys)
        assert server.asked <= 1 + key_sets._BURST + 1  # and perhaps one more, on a machine that takes its time
        assert await good(sign(known), keys)


async def test_one_fetch_for_all_who_wait():
    known = key("known")
    with KeyServer(known) as server:
        keys = FetchedKeys(server.url)
        assert all(await asyncio.gather(*(good(sign(known), keys) for _ in range(50))))
        assert server.asked == 1


@pytest.mark.parametrize(
    ("status", "raw"),
    [
        (500, b""),
        (302, b""),
        (200, b"<html>"),
        (200, b'{"keys": []}'),
        (200, b'{"keys": [{"kty": "oct", "k": "c2VjcmV0", "kid": "known"}]}'),
        (200, b'{"keys": [5, {"kty": "EC", "crv": "P-256", "x": "!", "y": "?"}, {"kty": "RSA", "n": "AQAB"}]}'),
        (200, b'{"keys": [{"kty": "EC", "key_ops": 5}, {"kty": "EC", "kid": {}, "use": []}, {"kty": {}}, [], null]}'),
        (200, b'{"keys": "' + b"x" * 2_000_000 + b'"}'),
        (200, b"[" * 100_000),
    ],
    ids=["failing", "redirecting", "no JSON", "empty", "a shared secret", "no keys", "odd keys", "endless", "deep"],
)
async def test_without_keys_nobody_is_refused_nor_let_in(monkeypatch: pytest.MonkeyPatch, status: int, raw: bytes):
    known = key("known")
    with KeyServer(known) as server:
        server.status, server.raw = status, raw
        keys = FetchedKeys(server.url)
        for _ in range(5):
            with pytest.raises(KeysMissing):
                await good(sign(known), keys)
        assert server.asked == 1, "who failed is not asked again at once"
        server.status, server.raw = 200, b""
        monkeypatch.setattr(key_sets, "_AGAIN", 0.0)
        assert await good(sign(known), keys)
        server.status = 500
        monkeypatch.setattr(key_sets, "_FRESH", 0.0)
        assert await good(sign(known), keys), "believed for a while"
        monkeypatch.setattr(key_sets, "_STALE", 0.0)
        with pytest.raises(KeysMissing):
            await good(sign(known), keys)


async def test_a_server_that_is_away():
    keys = FetchedKeys("http://127.0.0.1:9/jwks")
    with pytest.raises(KeysMissing):
        await good(sign(key("known")), keys)
    await keys.close()


async def test_a_file_is_read_again_and_one_that_is_broken_lets_nobody_in(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setattr(files, "_LOOKS", 0.0)
    old, new = key("old"), key("new")
    path = tmp_path / "keys.json"

    def write(text: str) -> None:
        fresh = path.with_suffix(".new")
        fresh.write_text(text)
        fresh.replace(path)

    write(json.dumps({"keys": [old.as_dict(private=False)]}))
    keys = FileKeys(path)
    assert await good(sign(old), keys)
    write(json.dumps({"keys": [new.as_dict(private=False)]}))
    assert await good(sign(new), keys)
    assert not await good(sign(old), keys)
    for spoil in (partial(write, "{}"), path.unlink, path.mkdir):
        spoil()
        with pytest.raises(KeysMissing):
            await good(sign(new), keys)
    path.rmdir()
    write(json.dumps({"keys": [new.as_dict(private=False)]}))
    assert await good(sign(new), keys)
    path.chmod(0o666)
    with pytest.raises(KeysMissing):
        await good(sign(new), keys)


async def test_any_text_is_refused_and_nothing_else(tmp_path: Path):
    known = key("k1")
    path = tmp_path / "keys.json"
    path.write_text(json.dumps({"keys": [known.as_dict(private=False)]}))
    keys, token = FileKeys(path), sign(known)
    assert await good(token, keys)
    header, claims, signature = token.split(".")
    odd = ["", "..", "a.b.c", "é.é.é", f"{header}.{claims}", f"{header}.{claims}.", f"{header}.{claims}.é", "." * 9]
    odd += [f"{'W1tb' * 5000}.{claims}.{signature}", f"{header}.{'W1tb' * 5000}.{signature}", f"{claims}.{header}.x"]
    odd += [token[:n] + "A" + token[n + 1 :] for n in range(0, len(token) - 1, 3) if token[n] != "A"]
    for text in odd:
        assert not await good(text, keys), text
    for value in (5, [], {"$gt": ""}, "x" * 5000, None):
        for name in ("kid", "alg", "crit", "typ"):
            assert not await good(f"{part({'alg': 'ES256', name: value})}.{claims}.{signature}", keys), (name, value)
        for name in ("iss", "aud", "exp", "nbf", "iat", "sub"):
            said = {"iss": BROKER, "aud": AUDIENCE, "exp": 4_000_000_000}
            await good(sign_raw(known, {**said, name: value}), keys)  # yes or no
