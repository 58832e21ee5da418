"""Plots of a serving gateway: bar by bar against loops over the documents, and against the files that they link to."""

import re
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit
from xml.etree import ElementTree as ET

import pytest
from pymongo import MongoClient

from gateway.bins.maps import bin_map
from gateway.demo.store import Store
from tests.harness import Answer, Gateway, until
from tests.profiles import GAINS, HIGH, LOSSES, Profile, frequencies, profiles
from tests.web.handed import Buffers

Client = MongoClient[dict[str, Any]]
BINS = bin_map("20Mb")
TAIL = "genomeBinning=20Mb"
KINDS = {"gain": "dup", "gain-high": "hldup", "loss": "del", "loss-high": "hldel"}
PLACES = list(dict.fromkeys(each.chromosome for each in BINS.bins))


@cache
def known(mongo: Client, dataset: str) -> dict[tuple[str, str], Profile]:
    return profiles(mongo[dataset], BINS)


def diagnosed(mongo: Client, code: str) -> set[str]:
    terms = mongo["demo"].collations.find_one({"id": code})["child_terms"]
    found = mongo["demo"].biosamples.find({"histological_diagnosis.id": {"$in": terms}})
    return {d["id"] for d in found if d["biosample_status"]["id"] != "EFO:0009654"}


def picture(answer: Answer) -> ET.Element:
    assert (answer.status, answer.headers["Content-Type"]) == (200, "image/svg+xml"), answer.text
    assert answer.whole
    return ET.fromstring(answer.text)


def found(root: ET.Element, name: str) -> list[ET.Element]:
    return [each for each in root.iter() if name in each.get("class", "").split()]


def bars(group: ET.Element, kind: str) -> list[float]:
    """The values of all bins, in order."""
    values: list[float] = []
    sizes = [sum(b.chromosome == name for b in BINS.bins) for name in PLACES]
    for size, each in zip(sizes, found(group, "plot-bars"), strict=True):
        values += map(float, each.get(f"data-{kind}", " ".join(["0"] * size)).split())
    return values


def path_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}"


@pytest.mark.parametrize("dataset", ["demo", "flat"])
def test_bars_are_those_of_the_documents_and_of_the_file(gateway: Gateway, mongo: Client, dataset: str):
    codes = ["NCIT:C3058", "NCIT:C4017"]
    asked = f"/services/collationplots?filters={','.join(codes)}&{TAIL}&datasetIds={dataset}"
    root = picture(gateway.ask(asked))
    groups = found(root, "plot-group")
    assert [each.get("data-group") for each in groups] == codes
    file = [line.split("\t") for line in gateway.ask(path_of(root.get("data-frequencies", ""))).rows]
    results = gateway.ask(path_of(root.get("data-json", ""))).json["response"]["results"]
    for group, code, result in zip(groups, codes, results, strict=True):
        some = [p for (sample, _), p in known(mongo, dataset).items() if sample in diagnosed(mongo, code)]
        wanted = frequencies(some, BINS)
        assert (group.get("data-analyses"), group.get("data-dataset")) == (str(len(some)), dataset)
        assert {kind: bars(group, kind) for kind in KINDS} == {kind: wanted[name] for kind, name in KINDS.items()}
        rows = [row for row in file if row[0] == code]
        assert [row[1:4] for row in rows] == [[b.chromosome, str(b.start), str(b.end)] for b in BINS.bins]
        assert [[float(row[4]), float(row[5])] for row in rows] == [
            list(pair) for pair in zip(bars(group, "gain"), bars(group, "loss"), strict=True)
        ]
        told = result["intervalFrequencies"]
        assert [each["gainHlfrequency"] for each in told] == bars(group, "gain-high")
        assert [each["lossHlfrequency"] for each in told] == bars(group, "loss-high")
        assert group.get("data-label") == result["label"] != ""


def test_all_ways_to_ask_are_one_picture(gateway: Gateway):
    pars = "plotPars=plot_width=600::plot_title=A plot"
    ways = (
        f"/services/collationplots/NCIT:C3058?{TAIL}&{pars}",
        f"/services/collationplots/?id=NCIT:C3058&{TAIL}&plotWidth=600&plotTitle=A plot",
        f"/services/collationplots?filters=NCIT:C3058&{TAIL}&plotType=histoplot&output=svg&plot_width=600&{pars}",
        f"/services/intervalFrequencies?filters=NCIT:C3058&{TAIL}&output=histoplot&plotWidth=600px&plotTitle=A plot",
        f"/services/intervalFrequencies/NCIT:C3058?{TAIL}&plotType=histoplot&{pars};plot_id=x",
    )
    answers = [gateway.ask(quote(way, safe="/?=&:;,")) for way in ways]
    assert len({(answer.headers["ETag"], answer.body) for answer in answers}) == 1
    assert picture(answers[0]).get("width") == "600"
    assert answers[0].headers["Content-Security-Policy"] == "default-src 'none'"
    assert answers[0].headers["Content-Disposition"].startswith("inline; filename=")
    assert "plot_id" in answers[-1].headers["Warning"]
    again = gateway.ask(quote(ways[0], safe="/?=&:;,"), **{"If-None-Match": answers[0].headers["ETag"]})
    assert (again.status, again.body) == (304, b"")
    other = gateway.ask(f"/services/collationplots/NCIT:C3058?{TAIL}&plotWidth=601")
    assert other.headers["ETag"] != answers[0].headers["ETag"]


def test_a_selection_is_one_group_whichever_path_it_is_asked_of(gateway: Gateway, mongo: Client):
    query = f"filters=NCIT:C3058,NCIT:C20197&{TAIL}"
    ways = [f"/services/sampleplots?{query}"]
    ways += [f"/beacon/{name}?{query}&output=histoplot" for name in ("biosamples", "g_variants", "analyses")]
    answers = [gateway.ask(way) for way in ways]
    assert len({answer.body for answer in answers}) == 1
    root = picture(answers[0])
    (group,) = found(root, "plot-group")
    men = {d["id"] for d in mongo["demo"].individuals.find({"sex.id": "NCIT:C20197"})}
    both = {
        d["id"]
        for d in mongo["demo"].biosamples.find({"id": {"$in": sorted(diagnosed(mongo, "NCIT:C3058"))}})
        if d["individual_id"] in men
    }
    wanted = frequencies([p for (sample, _), p in known(mongo, "demo").items() if sample in both], BINS)
    assert bars(group, "loss") == wanted["del"]
    rows = gateway.ask(path_of(root.get("data-frequencies", ""))).rows
    assert [float(row.split("\t")[4]) for row in rows] == bars(group, "gain")


def segments(mongo: Client, sample: str) -> list[str]:
    """Gains and losses of a sample, in order of the genome, as plots tell of them."""
    rows = []
    for variant in mongo["demo"].variants.find({"biosample_id": sample}):
        state = variant["variant_state"]["id"]
        sign = 1 if state in GAINS else -1 if state in LOSSES else 0
        if sign:
            place = variant["location"]
            rank = PLACES.index(place["chromosome"])
            rows.append((rank, int(place["start"]), int(place["end"]), sign * (2 if state in HIGH else 1)))
    return [f"{PLACES[rank]}:{start}-{end}:{state}" for rank, start, end, state in sorted(rows)]


def test_samples_are_rows_of_their_segments(gateway: Gateway, mongo: Client):
    query = "filters=NCIT:C3058&plotType=samplesplot"
    whole = picture(gateway.ask(f"/services/sampleplots?{query}"))
    rows = found(whole, "plot-sample")
    assert {row.get("data-sample") for row in rows} == diagnosed(mongo, "NCIT:C3058")
    assert (whole.get("data-rows"), whole.get("data-more")) == (str(len(rows)), "false")
    for row in rows:
        assert row.get("data-segments", "").split() == segments(mongo, row.get("data-sample", ""))
    file = gateway.ask(path_of(whole.get("data-segments", "")))
    assert {sample["biosample_id"] for sample in file.samples} == diagnosed(mongo, "NCIT:C3058")
    by_id = found(picture(gateway.ask(f"/services/sampleplots?{query}&plotClusterResults=no")), "plot-sample")
    names = [row.get("data-sample", "") for row in by_id]
    assert names == sorted(diagnosed(mongo, "NCIT:C3058")) != [row.get("data-sample") for row in rows]
    assert len(found(whole, "plot-dendrogram")) == 1
    # A page, what it says of others, and where just its data are.
    page = picture(gateway.ask(f"/services/sampleplots?{query}&limit=2&skip=1"))
    names = [row.get("data-sample") for row in found(page, "plot-sample")]
    assert set(names) == set(sorted(diagnosed(mongo, "NCIT:C3058"))[2:4])
    assert page.get("data-more") == "true"
    some = gateway.ask(path_of(page.get("data-segments", "")))
    assert {sample["biosample_id"] for sample in some.samples} == set(names)
    last = picture(gateway.ask(f"/services/sampleplots?{query}&limit=2&skip={len(rows) // 2}"))
    assert (last.get("data-rows"), last.get("data-more")) == (str(len(rows) % 2), "false")


def test_the_picture_of_a_page_is_kept(gateway: Gateway):
    path = "/services/sampleplots?filters=NCIT:C3058&plotType=samplesplot&plotWidth=611&limit=3"
    first = gateway.ask(path)
    until(lambda: "Repr-Digest" in gateway.ask(path, "HEAD").headers, what="a kept picture")
    again = gateway.ask(path)
    assert (again.body, again.headers["ETag"]) == (first.body, first.headers["ETag"])
    assert int(again.headers["Content-Length"]) == len(first.body)
    address = path_of(gateway.ask(f"{path}&ticket=true").json["address"])
    assert gateway.ask(address).body == first.body
    following = gateway.ask(f"{path}&skip=1")
    assert found(picture(following), "plot-sample")
    assert following.headers["ETag"] != first.headers["ETag"]


def test_samples_that_a_variant_query_selects_are_drawn_with_all_their_segments(gateway: Gateway, mongo: Client):
    query = "referenceName=9&variantType=DEL&start=21900000&end=22000000&filters=NCIT:C3058"
    rows = found(picture(gateway.ask(f"/services/sampleplots?{query}&plotType=samplesplot")), "plot-sample")
    assert 0 < len(rows) < len(diagnosed(mongo, "NCIT:C3058"))
    told = rows[0].get("data-segments", "").split()
    assert told == segments(mongo, rows[0].get("data-sample", ""))
    assert any(not each.startswith("9:") for each in told)


REFUSED = {
    "plotWidth=9": "plotWidth",
    "plotPars=plot_area_height=9999": "plotAreaHeight",
    "plotChros=25": "plotChros",
    "plotDupColor=url(x)": "plotDupColor",
    "plotTitle=" + "x" * 300: "plotTitle",
    "plotPars=plot_gene_symbols=TP53": "plotPars",
    "plotType=mapplot": "plotType",
    "plotType=histoplot&output=samplesplot": "plotType",
    "collationTypes=icdom": "collationTypes",
    "genomeBinning=10kb": "genomeBinning",
    "fileId=a": "fileId",
    "testMode=true": "testMode",
}


@pytest.mark.parametrize("query", REFUSED, ids=lambda query: query[:30])
def test_what_cannot_be_drawn_is_refused_by_name(gateway: Gateway, query: str):
    answer = gateway.ask(f"/services/collationplots?filters=NCIT:C3058&{query}")
    assert (answer.status, answer.json["error"]["errorCode"]) == (400, 400)
    assert REFUSED[query] in answer.json["error"]["errorMessage"]


def test_a_plot_is_of_a_bounded_size(gateway: Gateway):
    many = ",".join(f"NCIT:C{number}" for number in range(1000, 1100))
    answer = gateway.ask(f"/services/collationplots?filters={many}")
    assert answer.status == 400
    assert "filters: 100 groups of 3106 bins" in answer.json["error"]["errorMessage"]
    answer = gateway.ask("/services/sampleplots?filters=NCIT:C3058&plotType=samplesplot&limit=1001")
    assert (answer.status, "limit" in answer.json["error"]["errorMessage"]) == (400, True)
    zoomed = gateway.ask("/services/collationplots/NCIT:C3058?genomeBinning=10kb&plotChros=21")
    assert len(found(picture(zoomed), "plot-bars")[0].get("data-gain", "").split()) == sum(
        each.chromosome == "21" for each in bin_map("10kb").bins
    )


def test_groups_without_analyses_are_named(gateway: Gateway):
    root = picture(gateway.ask(f"/services/collationplots?filters=NCIT:C3058,NCIT:C0000001&{TAIL}"))
    assert [each.get("data-group") for each in found(root, "plot-group")] == ["NCIT:C3058"]
    said = " ".join("".join(each.itertext()) for each in found(root, "plot-footer"))
    assert "left out, with no or too few analyses: NCIT:C0000001" in said


def test_labels_and_titles_are_text(gateway: Gateway):
    title = "</title><script>alert(1)</script>\u202e\x07&"
    text = gateway.ask(f"/services/collationplots/NCIT:C3058?{TAIL}&plotTitle={quote(title)}").text
    assert "<script" not in text
    assert not re.search("[\u202e\x07]", text)
    (heading,) = found(ET.fromstring(text), "plot-heading")
    assert heading.text == "</title><script>alert(1)</script>\ufffd\ufffd&"


def test_both_engines_draw_the_same(gateway: Gateway, store: Store, demo: str, tmp_path: Path):
    """A gateway without compiled parts and without a spool; links are of the host that was asked."""
    plain = {"before": "export GATEWAY_NO_EXTENSIONS=1", "log": tmp_path / "log", "no_spool": True}
    with Gateway(store.uri, [demo], **plain) as other:
        for query in (
            f"collationplots?filters=NCIT:C3058,NCIT:C3059&{TAIL}",
            f"sampleplots?filters=NCIT:C4017&{TAIL}",
            "sampleplots?filters=NCIT:C4017&limit=9&plotType=samplesplot",
        ):
            one, two = (each.ask(f"/services/{query}") for each in (gateway, other))
            assert (one.status, len(one.body)) == (200, len(two.body))
            assert one.text.replace(gateway.url, other.url) == two.text


def test_handovers_tell_of_plots(gateway: Gateway):
    answer = gateway.ask("/beacon/biosamples?filters=NCIT:C3058&limit=1")
    (result_set,) = answer.json["response"]["resultSets"]
    told = {each["handoverType"]["id"]: each["url"] for each in result_set["resultsHandovers"]}
    for code in ("pgx:HO.histoplot", "pgx:HO.samplesplot"):
        picture(gateway.ask(path_of(told[code])))


def test_plots_of_a_handover_are_of_its_analyses(handed: Gateway, buffers: Buffers):
    """As Beacons store them: of analyses for histograms, of samples for rows."""
    some = buffers.some("analyses")
    samples = sorted({d["biosample_id"] for d in buffers.demo.analyses.find({"id": {"$in": some}})})
    stored = buffers.keep("analyses", some)
    root = picture(handed.ask(f"/services/sampleplots?datasetIds=handed&accessid={stored}&plotType=histoplot&{TAIL}"))
    (group,) = found(root, "plot-group")
    same = handed.ask(f"/services/sampleplots?datasetIds=handed&analysisIds={','.join(some)}&{TAIL}")
    (other,) = found(picture(same), "plot-group")
    assert [bars(group, kind) for kind in KINDS] == [bars(other, kind) for kind in KINDS]
    counted = buffers.demo.analyses.count_documents({"id": {"$in": some}, "operation.id": "EDAM:operation_3961"})
    assert group.get("data-analyses") == other.get("data-analyses") == str(counted)
    kept = buffers.keep("biosamples", samples)
    rows = picture(
        handed.ask(f"/services/sampleplots?datasetIds=handed&accessid={kept}&plotType=samplesplot&limit=200")
    )
    assert {row.get("data-sample") for row in found(rows, "plot-sample")} == {*samples}
