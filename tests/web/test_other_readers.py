"""Small inputs that programs of others read in ways of their own: pysam, GISTIC, pandas, R, readers of integers."""

import io
import re
import shutil
import subprocess
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from gateway.demo.store import Store
from gateway.genome import CHROMOSOMES
from tests.harness import Answer, Gateway

Client = MongoClient[dict[str, Any]]
SAMPLES = ("bs-1", "bs-2", "bs-3", "bs-4", "bs-5")
NOTES = {"bs-1": '"left open', "bs-2": "plain", "bs-3": '"again open', "bs-4": 'a "quoted" word', "bs-5": "5\" and 6'"}
# Biosample, analysis, state, chromosome, start, end, log2.
SEGMENTS: tuple[tuple[str, str, str, str, float, float, float | None], ...] = (
    ("bs-1", "cs-1", "EFO:0030070", "9", 20000.0, 30000, 0.5),
    ("bs-1", "cs-2", "EFO:0030070", "9", 20000, 30000.0, 0.9),
    ("bs-2", "cs-3", "EFO:0030071", "8", 45_000_000, 145_138_636, 0.4),
    ("bs-2", "cs-3", "EFO:0030072", "8", 120_000_000, 130_000_000, 2.1),
    ("bs-2", "cs-3", "EFO:0030067", "1", 0, 100_000_000, -0.5),
    ("bs-3", "cs-4", "EFO:0030067", "X", 0, 156_040_895, None),
    ("bs-3", "cs-4", "EFO:0030069", "X", 1, 156_040_895, None),
)
COPIES, OTHERS = "EDAM:operation_3961", "EDAM:operation_3227"


@pytest.fixture(scope="module")
def serving(mongo: Client, store: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    data = mongo["readers"]
    for collection in ("biosamples", "individuals", "analyses"):
        data[collection].create_index("id", unique=True)
    for collection in ("variants", "analyses"):
        data[collection].create_index("biosample_id")
    diagnosis = {"histological_diagnosis": {"id": "NCIT:C9", "label": 'a "b'}}
    data.biosamples.insert_many(
        [{"id": name, "individual_id": name, "notes": NOTES[name], **diagnosis} for name in SAMPLES]
    )
    operations = dict.fromkeys(("cs-1", "cs-2", "cs-3", "cs-4", "cs-5"), COPIES) | {"cs-6": OTHERS}
    owners = {"cs-1": "bs-1", "cs-2": "bs-1", "cs-3": "bs-2", "cs-4": "bs-3", "cs-5": "bs-4", "cs-6": "bs-5"}
    data.analyses.insert_many(
        [{"id": name, "biosample_id": owners[name], "operation": {"id": kind}} for name, kind in operations.items()]
    )
    data.variants.insert_many(
        [
            {
                "id": f"v{number}",
                "biosample_id": sample,
                "analysis_id": analysis,
                "variant_state": {"id": state},
                "location": {"chromosome": chromosome, "start": start, "end": end},
                "info": {} if log2 is None else {"cnv_value": log2},
            }
            for number, (sample, analysis, state, chromosome, start, end, log2) in enumerate(SEGMENTS)
        ]
    )
    with Gateway(store.uri, ["readers"], log=tmp_path_factory.mktemp("readers") / "log") as running:
        yield running
    mongo.drop_database("readers")


def asked(serving: Gateway, output: str, kind: str = "g_variants") -> Answer:
    answer = serving.ask(f"/beacon/{kind}?filters=NCIT:C9&output={output}")
    assert (answer.status, answer.whole) == (200, True), answer.text
    return answer


def test_positions_are_integers_in_all_json(serving: Gateway):
    for output in ("json", "jsonl"):
        found = re.findall(r'"(?:start|end)":([^,}]*)', asked(serving, output).text)
        assert len(found) == 2 * len(SEGMENTS)
        assert all(re.fullmatch("[0-9]+", number) for number in found)


def test_no_ratio_of_a_second_analysis_is_lost_in_vcf(serving: Gateway):
    rows = [line.split("\t") for line in asked(serving, "vcf").text.splitlines() if not line.startswith("#")]
    assert [(row[1], row[9]) for row in rows if row[0] == "9"] == [("20000", "0/1:0.5"), ("20000", "0/1:0.9")]


def test_what_begins_or_ends_with_a_chromosome_stays_within_it(serving: Gateway, tmp_path: Path):
    pysam = pytest.importorskip("pysam")
    file = tmp_path / "a.vcf.gz"
    file.write_bytes(asked(serving, "vcf.gz").body)
    with pysam.VariantFile(str(file)) as read:
        records = [(r.chrom, r.pos, r.stop, r.info["SVLEN"][0]) for r in read]
    assert len(records) == len(SEGMENTS)
    assert all(stop - position == length for _, position, stop, length in records)
    assert [record for record in records if record[0] == "X"] == [("X", 1, 156040895, 156040894)] * 2
    assert all(stop <= CHROMOSOMES[name].size for name, _, stop, _ in records)
    if bcftools := shutil.which("bcftools"):
        for arguments in (("index", "--tbi", file), ("view", "-r", "X:156040000-", "-H", file)):
            done = subprocess.run([bcftools, *arguments], capture_output=True, text=True, check=True)
            assert done.stderr == ""
        assert done.stdout.count("\n") == 2


def test_gistic_takes_every_sample_that_was_looked_at(serving: Gateway):
    """It refuses segments of a sample that overlap, and drops places that a sample leaves uncovered."""
    head, *rows = [line.split("\t") for line in asked(serving, "seg").text.splitlines()]
    assert head == ["ID", "chrom", "loc.start", "loc.end", "num.mark", "seg.mean"]
    assert asked(serving, "gistic", "biosamples").body == asked(serving, "seg").body
    assert list(dict.fromkeys(row[0] for row in rows)) == ["bs-1", "bs-2", "bs-3", "bs-4"]
    for sample in ("bs-1", "bs-2", "bs-3", "bs-4"):
        for chromosome in (*map(str, range(1, 23)), "X", "Y"):
            own = [(int(row[2]), int(row[3])) for row in rows if row[:2] == [sample, chromosome]]
            assert own[0][0] == 1
            assert own[-1][1] == CHROMOSOMES[chromosome].size
            assert all(after[0] == before[1] + 1 for before, after in pairwise(own))
    changed = [(row[0], *row[1:4], row[5]) for row in rows if row[5] != "0"]
    assert changed == [
        ("bs-1", "9", "20001", "30000", "0.9"),
        ("bs-2", "1", "1", "100000000", "-0.5"),
        ("bs-2", "8", "45000001", "120000000", "0.4"),
        ("bs-2", "8", "120000001", "130000000", "2.1"),
        ("bs-2", "8", "130000001", "145138636", "0.4"),
        ("bs-3", "X", "1", "1", "-1"),
        ("bs-3", "X", "2", "156040895", "-2"),
    ]
    refused = serving.ask("/beacon/g_variants?filters=NCIT:C9&output=seg&limit=5")
    assert refused.status == 400


def test_tables_lose_no_row_to_quotes(serving: Gateway, tmp_path: Path):
    r"""In plain `pandas.read_csv(sep="\t")` and `read.delim`, which take a quote for the beginning of a quotation."""
    answer = asked(serving, "table", "biosamples")
    pandas = pytest.importorskip("pandas")
    read = pandas.read_csv(io.StringIO(answer.text), sep="\t")
    assert list(read["biosample_id"]) == list(SAMPLES)
    assert [text.replace("%22", '"') for text in read["notes"]] == list(NOTES.values())
    if rscript := shutil.which("Rscript"):
        (tmp_path / "a.tsv").write_bytes(answer.body)
        script = f'cat(read.delim("{tmp_path}/a.tsv")$biosample_id)'
        done = subprocess.run(
            [rscript, "--vanilla", "-e", script], capture_output=True, text=True, check=True, timeout=60
        )
        assert done.stdout.split() == list(SAMPLES)
