"""The download page: its HTML, and the assets that it loads, as this version has them.  Pure but for reading them."""

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import PurePath
from string import Template
from typing import Final

__all__ = ["Asset", "assets", "assets_hash", "html"]

_MEDIA: Final[Mapping[str, str]] = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_ENTRY: Final = "page.js"


@dataclass(frozen=True, slots=True)
class Asset:
    """A file that the page loads: its media type, its bytes, and these compressed."""

    media: str
    body: bytes
    packed: bytes


@cache
def assets() -> Mapping[str, Asset]:
    """All assets, by name."""
    found = {}
    for file in sorted(resources.files(__name__).iterdir(), key=lambda each: each.name):
        if media := _MEDIA.get(PurePath(file.name).suffix):
            body = file.read_bytes()
            found[file.name] = Asset(media, body, gzip.compress(body, mtime=0))
    return found


@cache
def assets_hash() -> str:
    """What names this set of assets; another set has another."""
    digest = hashlib.sha256()
    for name, asset in assets().items():
        digest.update(f"{name}\0{len(asset.body)}\0".encode() + asset.body)
    return digest.hexdigest()[:16]


@cache
def _template() -> Template:
    return Template(resources.files(__name__).joinpath("page.html").read_text(encoding="utf-8"))


def html(root: str, **texts: str) -> str:
    """The page; `root` is the way from its own address to the gateway's root (`./`, `../`), `texts` are HTML."""
    own = f"{root}gateway/assets/{assets_hash()}"
    preloads = "".join(
        f'<link rel="modulepreload" href="{own}/{name}">\n'
        for name in assets()
        if name.endswith(".js") and name != _ENTRY  # what it imports is asked for at once
    )
    return _template().substitute(root=root, assets=own, preloads=preloads, **texts)
