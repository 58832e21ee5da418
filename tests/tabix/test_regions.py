"""Our indexes beside those of tabix and bcftools, of the same files: the same lines of every region."""

import random
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway import bgzf
from gateway.flow.indexing import Indexing
from gateway.genome import CHROMOSOMES
from gateway.tabix import BED_LINES, VCF_LINES, Indexed

pysam = pytest.importorskip("pysam")

HEADER = ["##fileformat=VCFv4.4"]
HEADER += ['##INFO=<ID=END,Number=1,Type=Integer,Description="Last position">']
HEADER += ['##INFO=<ID=SVLEN,Number=A,Type=Integer,Description="Length">', '##ALT=<ID=DEL,Description="Deletion">']
HEADER += [f"##contig=<ID={c.name},length={c.size}>" for c in CHROMOSOMES.values()]
HEADER += ["#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"]
EDGE = 1 << 14
SMALL = CHROMOSOMES["21"].size


NOISE = random.Random(13)


def record(name: str, position: int, last: int) -> str:
    # What cannot be compressed makes a large file of few lines: one with small bins.
    word = f"{NOISE.getrandbits(800):x}" if name in {"1", "21"} else "."
    if last == position:
        return f"{name}\t{position}\t{word}\tN\tA\t.\tPASS\t."
    return f"{name}\t{position}\t{word}\tN\t<DEL>\t.\tPASS\tEND={last};SVLEN={last - position}"


def sites() -> Iterator[tuple[str, int, int]]:
    """Short and long ones anywhere, around edges of bins, at both ends of chromosomes."""
    rng = random.Random(14)
    for name, chromosome in CHROMOSOMES.items():
        if name in {"5", "17", "Y"}:  # contigs without records
            continue
        size, all_edges = chromosome.size, name == "21"
        found = [(1, 1), (size, size), (max(1, size - 5), size)]
        found += [] if all_edges else [(1, size)]
        for longest in [*[4.5] * 100, *([] if all_edges else [6, 7, 8])]:
            position = rng.randrange(1, size + 1)
            found.append((position, min(size, position + int(10 ** rng.uniform(0, longest)) - 1)))
        for edge in range(EDGE, size, EDGE if all_edges else 100 * EDGE):
            found += [(edge, edge), (edge, edge + 1), (edge + 1, edge + 1)][edge // EDGE % 3 :]
        yield from ((name, *each) for each in sorted(found))


def written(folder: Path, lines: Indexed, text: str, name: str) -> Path:
    """A file of small blocks, so that many lines lie in two, with both of our indexes."""
    data, indexing = text.encode(), Indexing(lines)
    pieces = [data[at : at + 2_000] for at in range(0, len(data), 2_000)]
    members = [bgzf.member(piece) for piece in pieces]
    indexing.add(data, [(len(piece), len(made)) for piece, made in zip(pieces, members, strict=True)])
    file = folder / name
    file.write_bytes(b"".join(members) + bgzf.END)
    for kind, index in indexing.made().items():
        folder.joinpath(f"{name}.{kind}").write_bytes(index)
    return file


def tool(*command: object) -> str:
    if shutil.which(str(command[0])) is None:
        pytest.skip(f"{command[0]} is not installed")
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def theirs(file: Path, kind: str) -> Path:
    """The index that htslib makes."""
    made = file.parent / f"theirs.{kind}"
    if not made.exists():
        tool("bcftools", "index", f"--{kind}", "-o", made, file)
    return made


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    text = "\n".join([*HEADER, *(record(*site) for site in sites()), ""])
    return written(tmp_path_factory.mktemp("regions"), VCF_LINES, text, "a.vcf.gz")


def around_edges() -> Iterator[tuple[str, int, int]]:
    for edge in range(EDGE, SMALL, EDGE):
        yield from (("21", edge - 1, edge), ("21", edge, edge + 1))


def at_ends() -> Iterator[tuple[str, int, int]]:
    for name, chromosome in CHROMOSOMES.items():
        size = chromosome.size
        yield from ((name, 0, 1), (name, 0, size), (name, size - 1, size), (name, size - 1, 1 << 29))
        yield name, size, 1 << 29


def anywhere() -> Iterator[tuple[str, int, int]]:
    rng = random.Random(15)
    names = list(CHROMOSOMES)
    for _ in range(10_000):
        name = rng.choice(names)
        start = rng.randrange(CHROMOSOMES[name].size)
        yield name, start, start + int(10 ** rng.uniform(0, 6))


@pytest.mark.parametrize("kind", ["tbi", "csi"])
def test_every_region_has_the_same_lines(file: Path, kind: str):
    """By pysam's htslib, which is newer than Debian's; that is asked below."""
    with (
        pysam.TabixFile(str(file), index=f"{file}.{kind}") as ours,
        pysam.TabixFile(str(file), index=str(theirs(file, kind))) as other,
    ):
        assert ours.contigs == other.contigs
        known, found = set(ours.contigs), 0
        # Without a linear index htslib reads far to find one place; the bins are the same.
        edges = list(around_edges())[:: 1 if kind == "tbi" else 7]
        for name, start, end in (*at_ends(), *edges, *list(anywhere())[:: 1 if kind == "tbi" else 3]):
            if name in known:
                lines = list(ours.fetch(name, start, end))
                assert lines == list(other.fetch(name, start, end)), (name, start, end)
                found += len(lines)
        assert found > 20_000
        assert not known & {"5", "17", "Y"}


@pytest.mark.parametrize("kind", ["tbi", "csi"])
def test_tabix_and_bcftools_of_debian_find_the_same(file: Path, tmp_path: Path, kind: str):
    copies = []
    for index in (Path(f"{file}.{kind}"), theirs(file, kind)):
        copy = tmp_path / f"{len(copies)}.vcf.gz"
        copy.symlink_to(file)
        Path(f"{copy}.{kind}").symlink_to(index)
        copies.append(copy)
    regions = tmp_path / "regions.bed"
    some = [*at_ends(), *list(around_edges())[::31], *list(anywhere())[::31]]
    regions.write_text("".join(f"{name}\t{start}\t{end}\n" for name, start, end in some))
    for command in (("tabix", "-R", regions), ("bcftools", "view", "-H", "-R", regions)):
        ours, other = (tool(*command, copy) for copy in copies)
        assert ours == other
        assert ours.count("\n") > 1_000
    counts = [tool("bcftools", "index", "--stats", copy) for copy in copies]
    assert counts[0] == counts[1]


@pytest.mark.parametrize("places", [[], [("9", 5, 9)], [("9", 5, 9), ("X", 1, 156_040_895)]])
def test_small_files(tmp_path: Path, places: list[tuple[str, int, int]]):
    text = "\n".join([*HEADER, *(record(*place) for place in places), ""])
    file = written(tmp_path, VCF_LINES, text, "a.vcf.gz")
    assert tool("tabix", "-l", file).split() == [place[0] for place in places]
    rows = [line for line in text.splitlines() if not line.startswith("#")]
    for region, found in (("9:5-5", rows[:1]), ("9:10", []), ("X:156040895", rows[1:]), ("Y", [])):
        assert tool("bcftools", "view", "-H", "-r", region, file).splitlines() == found
    for kind in ("tbi", "csi"):
        with pysam.TabixFile(str(file), index=f"{file}.{kind}") as read:
            assert [row for name in read.contigs for row in read.fetch(name)] == rows


def test_other_lines_than_those_of_vcf(tmp_path: Path):
    rng = random.Random(16)
    places = sorted((name, rng.randrange(SMALL)) for name in ("chr1", "chrX") for _ in range(300))
    rows = [f"{name}\t{start}\t{start + rng.randrange(3) * 40_000}\tx" for name, start in places]
    bed = written(tmp_path, BED_LINES, "".join(f"{row}\n" for row in ("# a comment", *rows)), "a.bed.gz")
    by_name = Indexed(sequence=2, begin=3, end=4, zero_based=True, named=True)
    lines = ("#meta=>id=x", "sample\treference_name\tstart\tend", *(f"s\t{row}" for row in rows))
    segments = written(tmp_path, by_name, "".join(f"{line}\n" for line in lines), "a.pgxseg.gz")
    for file, options in ((bed, ("-p", "bed")), (segments, ("-0", "-s2", "-b3", "-e4", "-S2"))):
        copy = tmp_path / f"theirs-{file.name}"
        shutil.copy(file, copy)
        tool("tabix", *options, copy)
        for kind in ("tbi", "csi"):
            with pysam.TabixFile(str(file), index=f"{file}.{kind}") as ours, pysam.TabixFile(str(copy)) as other:
                for name, start in places[::7]:
                    region = name, max(0, start - 20_000), start + 2
                    found = list(ours.fetch(*region))
                    assert found
                    assert found == list(other.fetch(*region))
