"""Compressed transfers: the same content, the same bytes however the pass was cut, an ETag of their own."""

import gzip
import subprocess
import sys
import zlib
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from gateway.demo.store import Store
from gateway.flow.compression import compressed
from tests.examples import examples
from tests.harness import Gateway

PATH = "/beacon/variants?filters=NCIT:C3262&output=pgxseg"


def unzstd(data: bytes) -> bytes:
    return zstandard.ZstdDecompressor().decompressobj().decompress(data)


@pytest.mark.parametrize(("coding", "unpack"), [("gzip", gzip.decompress), ("zstd", unzstd)])
def test_a_coding_is_other_bytes_of_the_same_content(
    gateway: Gateway, store: Store, tmp_path: Path, coding: str, unpack: Callable[[bytes], bytes]
):
    plain, packed = gateway.ask(PATH), gateway.ask(PATH, Accept_Encoding=coding)
    assert packed.headers["Content-Encoding"] == coding
    assert "Accept-Encoding" in packed.headers["Vary"]
    assert unpack(packed.body) == plain.body
    assert len(packed.body) < len(plain.body) / 3
    assert packed.headers["ETag"] != plain.headers["ETag"]
    assert gateway.ask(PATH, Accept_Encoding=coding, If_None_Match=packed.headers["ETag"]).status == 304
    assert gateway.ask(PATH, Accept_Encoding=coding, If_None_Match=plain.headers["ETag"]).status == 200
    with Gateway(store.uri, ["demo"], log=tmp_path / "log", slice_rows=100) as other:
        again = other.ask(PATH, Accept_Encoding=coding)
        assert (again.body, again.headers["ETag"]) == (packed.body, packed.headers["ETag"])


@pytest.mark.parametrize(
    ("header", "coding"),
    [
        ("", None),
        ("identity", None),
        ("gzip, deflate, br, zstd", "zstd"),
        ("gzip, deflate", "gzip"),
        ("gzip;q=1.0, zstd;q=0.5", "gzip"),
        ("gzip;q=0", None),
        ("identity, gzip;q=0.5", None),
        ("br, *;q=0.1", None),
        ("gzip;q=banana", None),
    ],
)
def test_accept_encoding(gateway: Gateway, header: str, coding: str | None):
    head = gateway.ask(PATH, "HEAD", **({"Accept_Encoding": header} if header else {"Accept_Encoding": "identity"}))
    assert head.headers.get("Content-Encoding") == coding


@pytest.mark.parametrize("path", [PATH, "/beacon/biosamples?filters=NCIT:C3058&method=callsetsvariants"])
def test_gz_is_a_gzip_file(gateway: Gateway, store: Store, tmp_path: Path, path: str):
    plain, packed = gateway.ask(path), gateway.ask(path + ".gz", Accept_Encoding="zstd, gzip")
    assert "Content-Encoding" not in packed.headers
    assert packed.headers["Content-Type"] == "application/gzip"
    assert packed.headers["Content-Disposition"].endswith('.pgxseg.gz"')
    file = tmp_path / "file.gz"
    file.write_bytes(packed.body)
    assert subprocess.run(["gzip", "-dc", str(file)], capture_output=True, check=True).stdout == plain.body
    exported = tmp_path / "exported"
    command = [
        sys.executable,
        "-m",
        "gateway",
        "export",
        path + ".gz",
        "-o",
        exported,
        "--mongo-uri",
        store.uri,
        "--datasets",
        "demo",
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    assert exported.read_bytes() == packed.body


@examples(15)
@given(data=st.binary(max_size=2000), repeat=st.integers(1, 200), cuts=st.lists(st.integers(0, 400_000), max_size=6))
async def test_compressed_bytes_do_not_depend_on_chunks(data: bytes, repeat: int, cuts: list[int]):
    whole = data * repeat
    edges = [0, *sorted(min(cut, len(whole)) for cut in cuts), len(whole)]

    async def chunks(pieces: list[bytes]) -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    with ThreadPoolExecutor(1) as executor:
        unpacking = {"gzip": lambda raw: zlib.decompress(raw, 31), "zstd": unzstd, "bgzf": gzip.decompress}
        for coding, unpack in unpacking.items():
            split = [whole[a:b] for a, b in pairwise(edges)]
            one = b"".join([piece async for piece in compressed(chunks([whole]), coding, executor)])
            other = b"".join([piece async for piece in compressed(chunks(split), coding, executor)])
            assert one == other
            assert unpack(one) == whole
