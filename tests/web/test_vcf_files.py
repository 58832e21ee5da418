"""VCF files as bcftools, tabix, pysam and cyvcf2 read them: without a word of warning, and with all that is stored."""

import gzip
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from gateway.demo.store import Store
from tests.harness import Gateway
from tests.tools import said, tool

QUERY = "filters=pgx:icdom-85003"


queries = pytest.mark.parametrize(
    "query",
    [
        QUERY,
        f"{QUERY}&datasetIds=flat",
        "allData=true&datasetIds=odd",
        "datasetIds=odd&biosampleIds=odd-1",
        "biosampleIds=nobody",
    ],
)


@queries
def test_bcftools_and_pysam_read_it_without_a_warning(gateway: Gateway, tmp_path: Path, query: str):
    bcftools = tool("bcftools")
    pysam = pytest.importorskip("pysam")
    file = tmp_path / "a.vcf.gz"
    file.write_bytes(gateway.ask(f"/beacon/g_variants?{query}&output=vcf.gz").body)
    text = gzip.decompress(file.read_bytes()).decode()
    assert text == gateway.ask(f"/beacon/g_variants?{query}&output=vcf").text
    said(bcftools, "index", "--tbi", file)
    rows = [line for line in text.splitlines() if not line.startswith("#")]
    fields = "%CHROM\\t%POS\\t%ID\\t%REF\\t%ALT\\t%QUAL\\t%FILTER\\t%INFO\\n"
    assert said(bcftools, "query", "-f", fields, file).splitlines() == ["\t".join(row.split("\t")[:8]) for row in rows]
    with pysam.VariantFile(str(file)) as read:
        records = list(read)
        samples = list(read.header.samples)
    assert samples == [sample["id"] for sample in gateway.ask(f"/services/pgxseg?{query}").samples]
    assert [(r.chrom, r.pos, r.stop) for r in records] == [place(row) for row in rows]


@queries
def test_cyvcf2_reads_it_without_a_warning(
    gateway: Gateway, tmp_path: Path, capfd: pytest.CaptureFixture[str], query: str
):
    cyvcf2 = pytest.importorskip("cyvcf2")
    file = tmp_path / "a.vcf"
    for name, output in ((file, "vcf"), (file.with_suffix(".vcf.gz"), "vcf.gz")):
        name.write_bytes(gateway.ask(f"/beacon/g_variants?{query}&output={output}").body)
        rows = [line.split("\t") for line in file.read_text().splitlines() if not line.startswith("##")]
        read = cyvcf2.VCF(str(name))
        assert read.samples == rows[0][9:]
        for row, record in zip(rows[1:], read, strict=True):
            assert (record.CHROM, record.POS, record.end) == place("\t".join(row))
            assert (row[3], [each for each in row[4].split(",") if each != "."]) == (record.REF, record.ALT)
            assert [cell != "." for cell in row[9:]] == [called[0] >= 0 for called in record.genotypes]
            assert {name for name, _ in record.INFO} == {word.partition("=")[0] for word in row[7].split(";")} - {"."}
    assert capfd.readouterr() == ("", "")


def place(row: str) -> tuple[str, int, int]:
    chromosome, position, _, reference, _, _, _, info, *_ = row.split("\t")
    ends = [int(word[4:]) for word in info.split(";") if word.startswith("END=")]
    return chromosome, int(position), ends[0] if ends else int(position) + len(reference) - 1


def test_tabix_finds_a_place(gateway: Gateway, tmp_path: Path):
    tabix = tool("tabix")
    file = tmp_path / "a.vcf.gz"
    file.write_bytes(gateway.ask("/services/vcf?filters=NCIT:C3058&output=vcf.gz").body)
    said(tabix, "-p", "vcf", file)
    found = said(tabix, file, "9:21000000-22000000").splitlines()
    rows = [line for line in gzip.decompress(file.read_bytes()).decode().splitlines() if not line.startswith("#")]
    places = [(place(row), row) for row in rows]
    near = [row for (name, start, end), row in places if name == "9" and start <= 22_000_000 and end >= 21_000_000]
    assert found == near
    assert near


def test_every_variant_is_a_cell(gateway: Gateway, mongo: MongoClient[dict[str, Any]]):
    """Counted against the documents: as many cells as there are distinct sites of a sample."""
    lines = gateway.ask(f"/beacon/g_variants?{QUERY}&output=vcf").text.splitlines()
    header, *rows = [line.split("\t") for line in lines if not line.startswith("##")]
    found = set()
    for row in rows:
        for sample, cell in zip(header[9:], row[9:], strict=True):
            if cell != ".":
                found.add((sample, row[0], int(row[1]), row[4], cell.partition(":")[2]))
    expected = set()
    symbols = {
        "loss": "<DEL>",
        "gain": "<DUP>",
        "deletion": "<DEL>",
        "amplification": "<DUP>",
        "heterozygosity": "<LOH>",
    }
    for document in mongo.demo.variants.find({"biosample_id": {"$in": header[9:]}, "location": {"$exists": True}}):
        spot, log2 = document["location"], str(document["info"].get("cnv_value", "."))
        sequence = document.get("state", {}).get("sequence")
        if sequence:
            expected.add((document["biosample_id"], spot["chromosome"], spot["start"] + 1, sequence, ""))
        else:
            allele = symbols.get(document["variant_state"]["label"].split()[-1], "<LOH>")
            expected.add((document["biosample_id"], spot["chromosome"], max(spot["start"], 1), allele, log2))
    assert {site for site in found if "[" not in site[3] and "]" not in site[3]} == expected


def test_slices_and_spills_make_no_difference(gateway: Gateway, store: Store, tmp_path: Path):
    path = f"/beacon/g_variants?{QUERY}&output=vcf"
    with Gateway(store.uri, ["demo"], log=tmp_path / "log", slice_rows=50, flights=2) as other:
        assert other.ask(path).body == gateway.ask(path).body
