"""Variants as files of any name: the extension is the format, and no id is taken for a name."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from gateway.demo.store import Store
from gateway.planning.route_table import EXTENSIONS
from tests.harness import Gateway

COHORT = "filters=NCIT:C3058"


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_the_extension_is_the_format(gateway: Gateway, extension: str):
    index = extension[-4:] if extension.endswith((".tbi", ".csi")) else ""
    word = EXTENSIONS[extension][0] + index
    query = COHORT + ("&sorted=position" if index and not word.startswith(("vcf", "bed")) else "")
    meant = gateway.ask(f"/beacon/variants?{query}&output={word}")
    for name in ("glio.", "a.b%20c%3F.json.", ".", "%2F..%2F."):
        told = gateway.ask(f"/beacon/variants/{name}{extension}?{query}")
        assert told.status == 200, told.text
        assert told.headers.get("ETag") == meant.headers.get("ETag")
        assert told.headers["Content-Disposition"] == meant.headers["Content-Disposition"]
        assert gateway.ask(f"/beacon/gVariants/{name}{extension.upper()}?{query}", "HEAD").status == 200
    assert told.body == meant.body
    assert told.headers["Content-Disposition"].rstrip('"').endswith(f".{extension}")


def test_who_asks_for_more_than_the_extension_says(gateway: Gateway):
    flat = gateway.ask(f"/beacon/variants/x.seg?{COHORT}&output=gistic")
    assert flat.body == gateway.ask(f"/beacon/variants?{COHORT}&output=seg").body
    assert flat.body != gateway.ask(f"/beacon/variants/x.seg?{COHORT}", Accept="text/x-vcf").body
    for wrong in ("output=vcf", "method=json", "output=gistic.gz"):
        refused = gateway.ask(f"/beacon/variants/x.seg?{COHORT}&{wrong}")
        assert (refused.status, "output" in refused.text) == (400, True)
    for path in ("x", "x.", "x.doc", "x.seg.bz2", "x.seg/y", "x.seg/biosamples", "seg"):
        assert gateway.ask(f"/beacon/variants/{path}?{COHORT}").status == 404, path
    assert gateway.ask(f"/beacon/variants/x.seg?{COHORT}", "POST", {}).status == 405
    assert gateway.ask("/beacon/variants/x.seg").status == 400  # the whole dataset, without a word
    rows = gateway.ask(f"/beacon/variants/x.tsv?{COHORT}&responseEntityId=biosample").text.splitlines()
    assert rows[1].startswith("pgxbs-")


def test_a_ticket_of_a_name_and_the_address_that_it_names(gateway: Gateway):
    path = f"/beacon/variants/x.vcf.gz?{COHORT}"
    ticket = gateway.ask(f"{path}&ticket=true").json
    assert ticket["query"].endswith(path)
    assert ticket["address"] == gateway.ask(f"/beacon/g_variants?{COHORT}&output=vcf.gz&ticket=true").json["address"]


def test_an_id_that_ends_like_a_name_is_an_id(store: Store, mongo: MongoClient[dict[str, Any]], tmp_path: Path):
    mongo["named"]["biosamples"].insert_one({"id": "tumour.seg"})
    mongo["named"]["variants"].insert_one({"id": "x.vcf.gz", "biosample_id": "tumour.seg"})
    with Gateway(store.uri, ["named"], log=tmp_path / "log", no_spool=True) as gateway:
        for path in ("biosamples/tumour.seg", "g_variants/x.vcf.gz", "biosamples/tumour.seg/g_variants"):
            assert gateway.ask(f"/beacon/{path}").json["responseSummary"]["numTotalResults"] == 1, path
        assert "tumour.seg" in gateway.ask("/services/sampletable/tumour.seg").text


def test_curl_names_the_file_by_the_path(gateway: Gateway, tmp_path):
    url = f"{gateway.url}/beacon/variants/gbm.seg?{COHORT}"
    subprocess.run(["curl", "-fsSO", url], cwd=tmp_path, check=True, timeout=120)
    assert (tmp_path / "gbm.seg").read_text().startswith("ID\tchrom\t")
