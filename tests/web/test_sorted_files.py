"""Files sorted by position: the rows of the others in another order, and tabix finds each region in them."""

import gzip
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from gateway.genome import CHROMOSOMES
from tests.harness import Answer, Gateway
from tests.tools import said, tool

RANKS = {name: rank for rank, name in enumerate(CHROMOSOMES)}
SAMPLES = "/beacon/g_variants?filters=pgx:icdom-85003"
QUERIES = [SAMPLES, f"{SAMPLES}&datasetIds=flat", "/beacon/g_variants?allData=true&datasetIds=odd"]
NOBODY = "/beacon/g_variants?biosampleIds=nobody"
GROUPS = "/services/intervalFrequencies?filters=NCIT:C3058,NCIT:C4017&genomeBinning=20Mb&output=pgxfreq"
# A gene, a chromosome and its last base, borders of bins of the index, and where there is nothing.
PACKED_GROUPS = GROUPS.replace("pgxfreq", "pgxfreq.gz") + "&sorted=position"
REGIONS = ["9:21000001-22000000", "17:1-83257441", "9:138394717-138394717", "1:16385-16385", "X:1-1", "MT:16569-16569"]

Row = list[str]
Place = tuple[str, int, int]
queries = pytest.mark.parametrize("query", QUERIES)


def fine(answer: Answer) -> Answer:
    assert (answer.status, answer.whole) == (200, True), answer.text[:300]
    return answer


def rows(text: str) -> list[Row]:
    return [line.split("\t") for line in text.splitlines() if not line.startswith(("#", "track"))]


def by_name(row: Row) -> object:
    """As `sort -k1,1 -k2,2n` does, and then by the end and the whole line."""
    return row[0], int(row[1]), int(row[2]), "\t".join(row)


def by_genome(row: Row) -> object:
    return RANKS[row[1]], int(row[2]), int(row[3]), "\t".join(row)


def found_by_tabix(file: Path, options: list[str], place: Callable[[Row], Place], lines: list[Row], prefix: str = ""):
    """Regions, of 1-based positions, have the lines that overlap them, in the order of the file."""
    tabix = tool("tabix")
    assert said(tabix, *options, file) == ""
    for region in REGIONS:
        name, _, span = region.partition(":")
        first, last = map(int, span.split("-"))
        expected = [row for row in lines if overlaps(place(row), (prefix + name, first - 1, last))]
        assert rows(said(tabix, file, prefix + region)) == expected, region


def overlaps(place: Place, region: Place) -> bool:
    """As tabix has it: what has no bases is where its next base is."""
    return place[0] == region[0] and place[1] < region[2] and max(place[2], place[1] + 1) > region[1]


def blocks(data: bytes) -> int:
    """How many members a BGZF file has, each with its length, the last one empty."""
    at = found = 0
    while at < len(data):
        assert data[at : at + 4] == b"\x1f\x8b\x08\x04"
        assert data[at + 12 : at + 16] == b"BC\x02\x00"
        at += int.from_bytes(data[at + 16 : at + 18], "little") + 1
        found += 1
    assert at == len(data)
    assert gzip.decompress(data[-28:]) == b""
    return found


@queries
def test_bed_has_the_rows_of_all_tracks(gateway: Gateway, tmp_path: Path, query: str):
    packed = fine(gateway.ask(f"{query}&output=bed.gz"))
    assert blocks(packed.body) > 1
    text = gzip.decompress(packed.body).decode()
    assert text == fine(gateway.ask(f"{query}&output=bed&sorted=position")).text
    assert text.startswith("#chrom\tchromStart\tchromEnd\tname\tscore\tstrand\tthickStart\tthickEnd\titemRgb\n")
    lines = rows(text)
    assert lines == sorted(rows(fine(gateway.ask(f"{query}&output=bed")).text), key=by_name)
    assert len(lines) > 10
    file = tmp_path / "a.bed.gz"
    file.write_bytes(packed.body)
    found_by_tabix(file, ["-p", "bed"], lambda row: (row[0], int(row[1]), int(row[2])), lines, "chr")


@queries
def test_pgxseg_has_the_same_head_and_the_same_rows(gateway: Gateway, tmp_path: Path, query: str):
    packed = fine(gateway.ask(f"{query}&output=pgxseg.gz&limit=0&sorted=position"))
    blocks(packed.body)
    plain = fine(gateway.ask(f"{query}&output=pgxseg&limit=0"))
    answer = fine(gateway.ask(f"{query}&output=pgxseg&limit=0&sorted=true"))
    assert gzip.decompress(packed.body) == answer.body
    head, names, lines = parted(answer.text)
    expected_head, expected_names, unsorted = parted(plain.text)
    assert (names, lines) == (expected_names, sorted(lines, key=by_genome))
    if "odd" in query:
        told = [line for line in head if line not in expected_head]
        left_out = len(unsorted) - len(lines)
        assert told == [f"#meta=>warning={left_out} variants have no place on a chromosome: not in a sorted file"]
        assert left_out > 0
    else:
        assert head == expected_head
        assert lines == sorted(
            ([*row[:3], row[3] if row[3] != "." else after(row[2]), *row[4:]] for row in unsorted), key=by_genome
        )
    file = tmp_path / "a.pgxseg.gz"
    file.write_bytes(packed.body)
    skip = str(len(head) + 1)
    found_by_tabix(file, ["-s2", "-b3", "-e4", "-0", "-S", skip], lambda row: (row[1], int(row[2]), int(row[3])), lines)


def after(start: str) -> str:
    return str(int(start) + 1)


def parted(text: str) -> tuple[list[str], str, list[Row]]:
    """Comments, names of columns, rows."""
    lines = text.splitlines()
    head = [line for line in lines if line.startswith("#")]
    assert lines[: len(head)] == head
    return head, lines[len(head)], [line.split("\t") for line in lines[len(head) + 1 :]]


def test_pgxfreq_has_its_groups_bin_by_bin(gateway: Gateway, tmp_path: Path):
    packed = fine(gateway.ask(PACKED_GROUPS))
    blocks(packed.body)
    text = gzip.decompress(packed.body).decode()
    assert text == fine(gateway.ask(f"{GROUPS}&sorted=position")).text
    head, names, lines = parted(text)
    expected_head, expected_names, unsorted = parted(fine(gateway.ask(GROUPS)).text)
    assert (head, names) == (expected_head, expected_names)
    groups = list(dict.fromkeys(row[0] for row in unsorted))
    assert groups == ["NCIT:C3058", "NCIT:C4017"]
    assert lines == sorted(unsorted, key=lambda row: (RANKS[row[1]], int(row[2]), groups.index(row[0])))
    file = tmp_path / "a.pgxfreq.gz"
    file.write_bytes(packed.body)
    skip = str(len(head) + 1)
    found_by_tabix(file, ["-s2", "-b3", "-e4", "-0", "-S", skip], lambda row: (row[1], int(row[2]), int(row[3])), lines)


@pytest.mark.parametrize("output", ["bed.gz", "pgxseg.gz", "pgxseg", "parquet", "arrow"])
def test_of_nobody_there_is_a_file_without_rows(gateway: Gateway, output: str):
    answer = fine(gateway.ask(f"{NOBODY}&output={output}&sorted=position"))
    plain = fine(gateway.ask(f"{NOBODY}&output={output.removesuffix('.gz')}"))
    if output.endswith(".gz"):
        assert rows(gzip.decompress(answer.body).decode()) == rows(plain.text)
    else:
        assert len(answer.body) > 0


# --- what is asked ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        (f"{SAMPLES}&output=pgxseg&sorted=name", "sorted"),
        (f"{SAMPLES}&output=pgxseg&sorted=position,true", "sorted"),
        (f"{SAMPLES}&output=json&sorted=position", "sorted"),
        (f"{SAMPLES}&output=seg&sorted=position", "sorted"),
        (f"{SAMPLES}&sorted=position", "sorted"),
        ("/beacon/biosamples?allData=true&output=parquet&sorted=position", "sorted"),
        ("/beacon/biosamples?allData=true&output=table&sorted=position", "sorted"),
        (GROUPS.replace("pgxfreq", "freqmatrix") + "&sorted=position", "sorted"),
        (f"{SAMPLES}&output=pgxseg&limit=10&sorted=position", "limit"),
        (f"{SAMPLES}&output=bed.gz&limit=10", "limit"),
    ],
)
def test_what_cannot_be_sorted_is_refused(gateway: Gateway, query: str, parameter: str):
    answer = gateway.ask(query)
    assert answer.status == 400
    assert parameter in answer.json["error"]["errorMessage"]


def ticket(gateway: Gateway, query: str) -> dict[str, str]:
    found: dict[str, str] = fine(gateway.ask(f"{query}&ticket=true")).json
    return found


def test_exports_are_told_apart_by_their_order(gateway: Gateway):
    plain, by_place = (ticket(gateway, f"{SAMPLES}&output=pgxseg{more}") for more in ("", "&sorted=position"))
    assert plain["digest"] != by_place["digest"]
    assert by_place["name"] == plain["name"].replace("variants.pgxseg", "sorted_variants.pgxseg") != plain["name"]
    assert parse_qs(urlsplit(by_place["query"]).query)["sorted"] == ["position"]
    text = fine(gateway.ask(f"{SAMPLES}&output=pgxseg&sorted=position")).text
    assert fine(gateway.ask(urlsplit(by_place["address"]).path)).text == text
    # What is always sorted is the same file, whether that is said or not.
    for output in ("bed.gz", "vcf", "vcf.gz"):
        first, second = (ticket(gateway, f"{SAMPLES}&output={output}{more}") for more in ("", "&sorted=position"))
        assert first["address"] == second["address"]
    assert ticket(gateway, f"{SAMPLES}&output=bed")["digest"] != ticket(gateway, f"{SAMPLES}&output=bed.gz")["digest"]


# --- indexes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "query", [f"{SAMPLES}&output=bed.gz", f"{SAMPLES}&output=pgxseg.gz&sorted=position", PACKED_GROUPS]
)
def test_its_index_finds_the_same_as_the_index_of_tabix(gateway: Gateway, tmp_path: Path, query: str):
    tabix = tool("tabix")
    file = tmp_path / "a.gz"
    file.write_bytes(fine(gateway.ask(query)).body)
    skip = len(parted(gzip.decompress(file.read_bytes()).decode())[0]) + 1
    bed = "bed.gz" in query
    said(tabix, *(["-p", "bed"] if bed else ["-s2", "-b3", "-e4", "-0", f"-S{skip}"]), file)
    regions = [("chr" if bed else "") + region for region in REGIONS]
    names = said(tabix, "-l", file)
    expected = [said(tabix, file, region) for region in regions]
    assert any(expected)
    for extension in ("tbi", "csi"):
        (tmp_path / "a.gz.tbi").unlink(missing_ok=True)
        index = fine(gateway.ask(query.replace(".gz", f".gz.{extension}"))).body
        (tmp_path / f"a.gz.{extension}").write_bytes(index)
        assert said(tabix, "-l", file) == names
        assert [said(tabix, file, region) for region in regions] == expected


def test_what_is_not_sorted_has_no_index(gateway: Gateway):
    assert gateway.ask(f"{SAMPLES}&output=pgxseg.gz.tbi").status == 406
