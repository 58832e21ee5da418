"""Our pgxseg into our importer and out again: the same bytes; and the same cells in R, with pgxRpi's own options."""

import io
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from gateway.demo.store import Store
from gateway.loading import import_files
from tests.harness import Gateway

# What a line of pgxseg cannot hold as it is.
HOSTILE = 'semi; colon\ttab\nline #hash "quoted" 100% %41 = ::&& é'


def exported(gateway: Gateway, more: str = "") -> str:
    answer = gateway.ask(f"/services/pgxsegvariants?allData=true&datasetIds=trip{more}")
    assert (answer.status, answer.whole) == (200, True)
    return answer.text


def imported(store: Store, mongo: MongoClient[dict[str, Any]], text: str, file: Path) -> None:
    mongo.drop_database("trip")
    file.write_text(text)
    report = import_files([file], uri=store.uri, dataset="trip", progress=False)
    assert not report.skipped
    assert report.rows == sum(not line.startswith("#") for line in text.splitlines()) - 1


def rows(text: str) -> list[str]:
    return sorted(line for line in text.splitlines() if not line.startswith("#"))


def test_out_in_and_out_again(gateway: Gateway, store: Store, mongo: MongoClient[dict[str, Any]], tmp_path: Path):
    first = gateway.ask("/beacon/biosamples?filters=pgx:icdom-85003&method=callsetsvariants&datasetIds=demo").text
    assert len(rows(first)) > 100
    imported(store, mongo, first, tmp_path / "first.pgxseg")
    diagnosis = {"histological_diagnosis.label": HOSTILE, "notes": HOSTILE, "info.group_label": HOSTILE}
    one = mongo.trip.biosamples.find_one_and_update({}, {"$set": diagnosis}, sort=[("id", 1)])
    assert one is not None
    with Gateway(store.uri, ["trip"], log=tmp_path / "log", version_ttl=0) as serving:
        second = exported(serving)
        assert rows(second) == rows(first)
        imported(store, mongo, second, tmp_path / "second.pgxseg")
        stored = mongo.trip.biosamples.find_one({"id": one["id"]})
        assert stored["histological_diagnosis"]["label"] == stored["notes"] == stored["info"]["group_label"] == HOSTILE
        third, third_2021 = exported(serving), exported(serving, "&output=pgxseg2021")
        version = re.compile("#meta=>dataVersion=.*\n")
        assert version.sub("", third) == version.sub("", second)  # what was set by hand had left its version behind
        imported(store, mongo, third, tmp_path / "third.pgxseg")
        assert exported(serving) == third
        imported(store, mongo, third_2021, tmp_path / "old.pgxseg")
        assert version.sub("", exported(serving, "&output=pgxseg2021")) == version.sub("", third_2021)
    mongo.drop_database("trip")


def table(text: str) -> list[list[str]]:
    r"""What R's `read.table(header=TRUE, sep="\t", quote="")` reads: `#` begins a comment anywhere."""
    lines = [line.partition("#")[0] for line in io.StringIO(text)]
    cells = [line.rstrip("\n").split("\t") for line in lines if line.strip()]
    assert len({len(line) for line in cells}) == 1
    return cells


def test_the_default_comment_character_takes_nothing_away(gateway: Gateway):
    for path in ("datasetIds=odd&allData=true", "filters=NCIT:C3058"):
        text = gateway.ask(f"/services/pgxsegvariants?{path}").text
        plain = [line.split("\t") for line in text.split("\n") if line and not line.startswith("#")]
        assert table(text) == plain


def test_r_reads_every_cell(gateway: Gateway, tmp_path: Path):
    rscript = shutil.which("Rscript")
    if rscript is None:
        pytest.skip("r-base-core is not installed")
    text = gateway.ask("/services/pgxsegvariants?datasetIds=odd&allData=true").text
    (tmp_path / "a.pgxseg").write_text(text)
    script = (
        f't <- read.table("{tmp_path}/a.pgxseg", header = TRUE, sep = "\\t", quote = "", colClasses = "character");'
        f'write.table(t, "{tmp_path}/b.tsv", sep = "\\t", quote = FALSE, row.names = FALSE)'
    )
    subprocess.run([rscript, "--vanilla", "-e", script], check=True, capture_output=True, timeout=60)
    assert (tmp_path / "b.tsv").read_text().splitlines() == ["\t".join(cells) for cells in table(text)]
