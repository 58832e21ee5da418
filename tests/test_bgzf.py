"""BGZF: blocks as the specification has them, and a name for what compresses them."""

import gzip

import pytest

from gateway import bgzf
from gateway.download_types import Ask
from gateway.formats import by_word
from gateway.planning import naming
from tests.formats.test_format_properties import wanted


def test_the_last_block_is_that_of_the_specification():
    assert bgzf.END.hex() == "1f8b08040000000000ff0600424302001b0003000000000000000000"


@pytest.mark.parametrize("data", [b"", b"x", bytes(range(256)) * 1_000, b"ACGT" * 99_999])
def test_blocks_say_how_long_they_are(data: bytes):
    packed, at, found = bgzf.packed(data), 0, []
    while at < len(packed):
        size = bgzf.size_of(packed[at : at + bgzf.HEAD])
        found.append(bgzf.unpacked(packed[at : at + size]))
        at += size
    assert b"".join(found) == data == gzip.decompress(packed or bgzf.END)
    assert max(map(len, found), default=0) < bgzf.LONGEST


@pytest.mark.parametrize("at", [0, 3, 12, 14, 30, -1, -5])
def test_what_is_damaged_is_told(at: int):
    block = bytearray(bgzf.packed(b"some text " * 99))
    block[at] ^= 0x15
    with pytest.raises(ValueError, match="BGZF"):
        bgzf.unpacked(bytes(block[: bgzf.size_of(bytes(block[: bgzf.HEAD]))]))
    with pytest.raises(ValueError, match="BGZF"):
        bgzf.size_of(b"\x1f\x8b")


def test_what_compresses_has_a_name_that_stays():
    first = bgzf.maker()
    bgzf.maker.cache_clear()
    assert first == bgzf.maker()
    assert first.startswith("isal ")


def test_packed_files_are_named_by_what_compresses_them(monkeypatch: pytest.MonkeyPatch):
    named: dict[bool, set[str]] = {True: set(), False: set()}
    for maker in ("isal 1", "isal 2", "isal 2"):
        monkeypatch.setattr(bgzf, "maker", lambda maker=maker: maker)
        for packed, digests in named.items():
            digests.add(naming.digest(wanted(Ask()), by_word("vcf"), packed=packed))
    assert {packed: len(digests) for packed, digests in named.items()} == {True: 2, False: 1}
