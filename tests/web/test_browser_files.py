"""BED and .seg against the stored documents: each variant once, in its track, with its colour and its place."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from gateway.formats.bed import TRACKS
from gateway.genome import STATE_OF_TYPE
from tests.harness import Gateway

Client = MongoClient[dict[str, Any]]
QUERY = "filters=pgx:icdom-85003"


def state_of(document: dict[str, Any]) -> str:
    return document.get("variant_state", {}).get("id") or STATE_OF_TYPE[document.get("variant_type", "SNV")]


def place_of(document: dict[str, Any]) -> tuple[str, int, int]:
    if "reference_name" in document:
        start = int(document["start"])
        return document["reference_name"], start, document.get("end", start + 1)
    place = document.get("location")
    if place:
        return place["chromosome"], place["start"], place["end"]
    partner = document["adjoined_sequences"][0]
    return partner["chromosome"], *(partner.get("start") or partner["end"])


def stored(mongo: Client, gateway: Gateway, dataset: str) -> list[dict[str, Any]]:
    """The variants of the query, in order."""
    ids = [sample["id"] for sample in gateway.ask(f"/services/pgxseg?{QUERY}&datasetIds={dataset}").samples]
    found = mongo[dataset].variants.find({"biosample_id": {"$in": ids}})
    return sorted(found, key=lambda document: (document["biosample_id"], document["_id"]))


@pytest.mark.parametrize("dataset", ["demo", "flat"])
def test_bed_has_each_variant_once_in_its_track(gateway: Gateway, mongo: Client, dataset: str):
    expected = []
    documents = stored(mongo, gateway, dataset)
    for track in TRACKS:
        rows = []
        for document in documents:
            if state_of(document) in track.states:
                name, start, end = place_of(document)
                place = (f"chr{name}".replace("chrMT", "chrM"), start, end)
                rows.append((*place, document["biosample_id"], 0, ".", start, end, track.colour))
        if rows:
            expected.append(f"track name={track.name} ")
            expected += ["\t".join(map(str, row)) for row in rows]
    text = gateway.ask(f"/beacon/g_variants?{QUERY}&datasetIds={dataset}&output=bed").text
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert [line[: line.index(" ", 11) + 1] if line.startswith("track") else line for line in lines] == expected
    assert len(lines) > len(documents)


def test_bed_of_some_states_has_just_their_tracks(gateway: Gateway):
    whole = gateway.ask(f"/beacon/g_variants?{QUERY}&output=bed").text.splitlines()
    some = gateway.ask(f"/beacon/g_variants?{QUERY}&variantType=EFO:0030072&output=bed").text.splitlines()
    assert [line.split()[1] for line in some if line.startswith("track")] == ["name=HLDUP"]
    assert set(some) <= set(whole)
    assert [line for line in whole if line.endswith("\t255,102,0")] == some[2:]


def test_bedtools_reads_what_we_write(gateway: Gateway, tmp_path: Path):
    bedtools = shutil.which("bedtools")
    if bedtools is None:
        pytest.skip("bedtools is not installed")
    file = tmp_path / "a.bed"
    file.write_text(gateway.ask(f"/beacon/g_variants?{QUERY}&output=bed").text)
    done = subprocess.run([bedtools, "sort", "-i", file], capture_output=True, text=True, check=True)
    assert not done.stderr
    rows = [line for line in file.read_text().splitlines() if line.startswith("chr")]
    assert sorted(done.stdout.splitlines()) == sorted(rows)


@pytest.mark.parametrize("dataset", ["demo", "flat"])
def test_seg_has_gains_and_losses(gateway: Gateway, mongo: Client, dataset: str):
    drawn = {"DEL": "-1", "HLDEL": None, "DUP": "0.58", "HLDUP": "2"}
    expected = []
    for document in stored(mongo, gateway, dataset):
        track = next(track for track in TRACKS if state_of(document) in track.states)
        if track.name in drawn:
            name, start, end = place_of(document)
            loss = "-2" if state_of(document) == "EFO:0030069" else "-1.75"
            log2 = document.get("info", {}).get("cnv_value", drawn[track.name] or loss)
            expected.append(f"{document['biosample_id']}\t{name}\t{start + 1}\t{end}\t1\t{log2}")
    lines = gateway.ask(f"/beacon/g_variants?{QUERY}&datasetIds={dataset}&output=igv").text.splitlines()
    assert lines[0] == "ID\tchrom\tloc.start\tloc.end\tnum.mark\tseg.mean"
    assert lines[1:] == expected
    assert expected


def test_pages_of_seg_tile_although_rows_are_dropped(gateway: Gateway):
    ids = gateway.ask(f"/services/pgxseg?{QUERY}").samples[0]["id"]
    whole = gateway.ask(f"/beacon/g_variants?biosampleIds={ids}&output=igv").text.splitlines()[1:]
    pages, page = [], 0
    while rows := gateway.ask(f"/services/pgxseg?biosampleIds={ids}&limit=10&skip={page}").rows:
        found = gateway.ask(f"/beacon/g_variants?biosampleIds={ids}&limit=10&skip={page}&output=igv")
        pages += found.text.splitlines()[1:]
        assert len(rows) >= len(found.text.splitlines()) - 1
        page += 1
    assert pages == whole
    assert page > 1


def test_odd_documents_have_rows_where_they_have_places(gateway: Gateway):
    text = gateway.ask("/beacon/g_variants?allData=true&datasetIds=odd&output=bed").text
    rows = [line.split("\t") for line in text.splitlines() if line.startswith("chr")]
    starts = [(row[0], row[1]) for row in rows]
    assert len(starts) == len(set(starts))
    assert ("chr8", "0") in starts  # a fusion's first partner
    assert ("chrX", "9") in starts or all(row[0] != "chrX" for row in rows)
    assert {row[8] for row in rows if row[1] == "12"} == {"128,128,128"}  # an unknown state
    assert all(int(row[1]) <= int(row[2]) < 2**31 for row in rows)
