"""Visas of tokens that hold none: asked of the issuer, once for a while, and only of what it says of this bearer."""

import asyncio
import json
from pathlib import Path

import pytest

from gateway.config import load
from gateway.errors import KeysMissing
from gateway.rights import View
from gateway.web.access import userinfo
from gateway.web.access.access import Access
from gateway.web.access.userinfo import FetchedPassports
from tests.web.access.issuers import KeyServer, key, sign, visa

RULES = """
[issuers.broker]
url = "https://broker.example/"
audience = "https://beacon.example"
keys = "{folder}/keys.json"
algorithms = "ES256"
userinfo = "{url}"

[visa_issuers.visas]
url = "https://visas.example/"
keys = "{folder}/keys.json"

[datasets.study]
grants = [{{ visa = "https://studies.example/S1", source = "https://dac.example/" }}]
"""


async def seen(access: Access, token: str) -> View:
    return access.policy.view(await access.proof([f"Bearer {token}"]))


async def test_a_passport_is_fetched_with_the_token_and_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    signer = key("k1")
    (tmp_path / "keys.json").write_text(json.dumps({"keys": [signer.as_dict(private=False)]}))
    with KeyServer() as server:
        (tmp_path / "access.toml").write_text(RULES.format(folder=tmp_path, url=server.url))
        access = Access.of(load({"access": str(tmp_path / "access.toml"), "datasets": "study"}, {}))
        token = sign(signer, groups=None)
        server.raw = json.dumps({"sub": "alice", "ga4gh_passport_v1": [visa(signer)]}).encode()
        views = await asyncio.gather(*(seen(access, token) for _ in range(20)))
        assert all(dict(view.granted) == {"study": "record"} for view in views)
        assert server.shown == [f"Bearer {token}"]
        assert (await seen(access, sign(signer, groups=None, sub="mallory"))).granted == {}, "it is not about her"
        for told in (
            {"sub": "alice"},
            {"sub": "alice", "ga4gh_passport_v1": "x"},
            {"ga4gh_passport_v1": [visa(signer)]},
        ):
            server.raw = json.dumps(told).encode()
            assert (await seen(access, sign(signer, groups=None, jti=str(told)[:20]))).granted == {}
        asked = server.asked
        with_passport = sign(signer, groups=None, ga4gh_passport_v1=[visa(signer)])
        assert (await seen(access, with_passport)).granted == {"study": "record"}
        assert (await seen(access, sign(signer, groups=None, sub=None))).granted == {}, "two nobodies are not the same"
        asked += 1
        assert server.asked == asked, "a token with a passport says all"
        server.raw, another = b"[]", sign(signer, groups=None, jti="another")
        for _ in range(3):
            with pytest.raises(KeysMissing):
                await seen(access, another)
        assert server.asked == asked + 1
        monkeypatch.setattr(userinfo, "_AGAIN", 0.0)
        server.raw = json.dumps({"sub": "alice", "ga4gh_passport_v1": [visa(signer)]}).encode()
        assert (await seen(access, another)).granted == {"study": "record"}
        await access.close()


async def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(userinfo, "_MOST", 3)
    with KeyServer() as server:
        server.raw = b'{"sub": "alice"}'
        passports = FetchedPassports(server.url)
        for number in range(10):
            assert await passports.passport(f"token{number}", {"sub": "alice"}) is None
        assert len(passports._known) == 3
        await passports.passport("token9", {"sub": "alice"})
        assert server.asked == 10
        await passports.close()
