"""The indexer: the compiled one says what the reference says, of any lines and blocks, of wrong ones too."""

import random
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.codec import NotSorted, _places
from gateway.flow.indexing import Indexing
from gateway.tabix import BED_LINES, VCF_LINES, Index, Indexed, Placed, written
from tests.examples import examples

compiled: ModuleType = pytest.importorskip("gateway.codec._c")

NAMED = Indexed(sequence=2, begin=3, end=4, named=True)
Blocks = list[tuple[int, int]]


def places(engine: ModuleType, lines: Indexed, text: bytes, blocks: Blocks) -> tuple[int, list[Placed]] | str:
    indexer = engine.Indexer(lines)
    try:
        indexer.add(text, blocks)
        return indexer.finish()
    except NotSorted:
        return "not sorted"


def plain(found: tuple[int, list[Placed]] | str) -> object:
    if isinstance(found, str):
        return found
    rows = [
        (p.name, p.records, p.begin, p.end, [(n, list(map(tuple, c))) for n, c in p.bins], list(p.windows))
        for p in found[1]
    ]
    return found[0], rows


def cut(text: bytes, rng: random.Random) -> Blocks:
    """Sizes of blocks, of their text and in the file; some of the latter large, so that bins are not all small."""
    blocks, at = [], 0
    while at < len(text):
        size = min(rng.randrange(1, 900), len(text) - at)
        blocks.append((size, rng.randrange(20, 60_000)))
        at += size
    return [*blocks, (0, 28)]


def vcf(rng: random.Random, names: list[str], records: int) -> list[str]:
    lines = ["##fileformat=VCFv4.4", "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ta"]
    for name in names:
        for position in sorted(rng.randrange(1, 200_000_000) for _ in range(records)):
            length = int(10 ** rng.uniform(0, 7.5))
            info = rng.choice(
                [
                    ".",
                    f"END={position + length};SVTYPE=DEL;SVLEN={length};SVCLAIM=D",
                    f"SVLEN=-{length},.,x;IMPRECISE",
                    f"PEND=5;END=x;SVLEN={length}",
                ]
            )
            allele = rng.choice(["A", "<DEL>", "N[9:1[", "<DUP>,C"])
            lines.append(f"{name}\t{position}\t.\t{'N' * rng.choice([1, 1, 40])}\t{allele}\t.\tPASS\t{info}\tGT\t0/1")
    return lines


@examples(10)
@given(seed=st.integers(0, 10**6), records=st.integers(0, 120), names=st.lists(st.sampled_from("129XY"), unique=True))
def test_both_say_the_same(seed: int, records: int, names: list[str]):
    rng = random.Random(seed)
    rows = vcf(rng, names, records)
    by_preset = {
        VCF_LINES: rows,
        BED_LINES: ["track", *(f"{c}\t{int(p) - 1}\t{int(p) + 70_000}" for c, p, *_ in map(str.split, rows[2:]))][1:],
        NAMED: ["#x", "id\tname\tstart\tend", *(f"s\t{c}\t{p}\t{p}" for c, p, *_ in map(str.split, rows[2:]))],
    }
    for lines, said in by_preset.items():
        text = "".join(f"{line}\n" for line in said).encode()
        blocks = cut(text, rng)
        found = plain(places(compiled, lines, text, blocks))
        assert found == plain(places(_places, lines, text, blocks))
        assert found != "not sorted"


GOOD = "9\t5\t.\tN\tA\t.\tPASS\t.\n"


@pytest.mark.parametrize(
    "text",
    [
        GOOD + GOOD[:-1],  # no end
        GOOD + GOOD.replace("5", "4"),
        GOOD + GOOD.replace("9", "X", 1) + GOOD,
        GOOD.replace("5", "0"),
        GOOD.replace("5", "-5"),
        GOOD.replace("5", " 5"),
        GOOD.replace("5", ""),
        GOOD.replace("5", "0000000005"),
        GOOD.replace("5", "536870913"),
        GOOD.replace("\t.\n", "\tEND=99999999999999999999\n"),
        "\t5\t.\tN\tA\t.\tPASS\t.\n",
        "9\t5\t.\tN\tA\t.\tPASS\n",
        "9\t5\n",
    ],
)
def test_what_has_no_index(text: str):
    for engine in (_places, compiled):
        assert places(engine, VCF_LINES, text.encode(), [(len(text), 99)]) == "not sorted"


def test_a_file_that_is_not_sorted_has_no_index_and_is_no_error():
    indexing = Indexing(VCF_LINES)
    for text in (GOOD.replace("9", "X", 1), GOOD, GOOD.replace("9", "X", 1), GOOD):
        indexing.add(text.encode(), [(len(text), 99)])
    assert indexing.made() == {}


def test_a_region_is_within_the_chunks_that_an_index_names():
    rng = random.Random(7)
    text = "".join(f"{line}\n" for line in vcf(rng, ["1", "X"], 2_000)).encode()
    blocks = cut(text, rng)
    indexer = _places.Indexer(VCF_LINES)
    indexer.add(text, blocks)
    index = Index.read(written("tbi", VCF_LINES, *indexer.finish()))
    starts, offset, at = {}, 0, 0
    for size, packed in blocks:  # the virtual offset of each byte at which a line may begin
        starts |= {at + n: offset << 16 | n for n in range(size)}
        at, offset = at + size, offset + packed
    at = 0
    records = []
    for line in text.splitlines(keepends=True):
        if not line.startswith(b"#"):
            name, position, *_ = line.decode().split("\t")
            records.append((name, int(position) - 1, starts[at]))
        at += len(line)
    assert index.names == ("1", "X")
    assert index.header_end == records[0][2]
    for _ in range(300):
        name, start = rng.choice(["1", "X"]), rng.randrange(200_000_000)
        end = start + int(10 ** rng.uniform(0, 7))
        chunks = index.chunks(name, start, end)
        assert all(a < b for a, b in chunks)
        assert chunks == sorted(chunks)
        for other, position, offset in records:
            if other == name and start <= position < end:
                assert any(a <= offset < b for a, b in chunks)
    assert index.chunks("9") == index.chunks("1", 5, 5) == []
    with pytest.raises(ValueError, match="not an index"):
        Index.read(b"TBI\1")
