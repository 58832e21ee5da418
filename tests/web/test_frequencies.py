"""Frequencies, status matrices, statistics and collations of a serving gateway, against loops over the documents."""

import gzip
from functools import cache
from typing import Any

import pytest
from pymongo import MongoClient

from gateway.bins.maps import bin_map
from tests.harness import Answer, Gateway
from tests.profiles import fractions, frequencies, profiles

Client = MongoClient[dict[str, Any]]
REFERENCE = "EFO:0009654"
BINS = bin_map("20Mb")
SERVICE = "/services/intervalFrequencies"


@cache
def known(mongo: Client, dataset: str) -> dict[tuple[str, str], dict[str, list[int]]]:
    return profiles(mongo[dataset], BINS)


def lines(answer: Answer) -> list[list[str]]:
    """The lines of a text that are not comments, head first."""
    assert answer.whole
    assert answer.status == 200, answer.text
    return [line.split("\t") for line in answer.text.split("\n")[:-1] if not line.startswith("#")]


def diagnosed(mongo: Client, code: str) -> list[dict[str, Any]]:
    terms = mongo["demo"].collations.find_one({"id": code})["child_terms"]
    return list(mongo["demo"].biosamples.find({"histological_diagnosis.id": {"$in": terms}}))


def chosen(mongo: Client, dataset: str, samples: list[dict[str, Any]]) -> list[dict[str, list[int]]]:
    ids = {sample["id"] for sample in samples if sample["biosample_status"]["id"] != REFERENCE}
    return [profile for (biosample, _), profile in known(mongo, dataset).items() if biosample in ids]


@pytest.mark.parametrize("dataset", ["demo", "flat"])
def test_frequencies_are_those_of_the_documents(gateway: Gateway, mongo: Client, dataset: str):
    codes = ["NCIT:C3058", "NCIT:C4017"]
    query = f"?filters={','.join(codes)}&genomeBinning=20Mb&datasetIds={dataset}"
    answer = gateway.ask(f"{SERVICE}{query}&output=pgxfreq")
    head, *rows = lines(answer)
    assert head == ["group_id", "reference_name", "start", "end", "gain_frequency", "loss_frequency", "no"]
    results = gateway.ask(f"{SERVICE}{query}").json["response"]["results"]
    matrix_head, *matrix = lines(gateway.ask(f"{SERVICE}{query}&output=pgxmatrix"))
    labels = [f"{b.chromosome}:{b.start:09}-{b.end:09}" for b in BINS.bins]
    assert matrix_head == ["group_id", *(f"{label}:{kind}" for kind in ("DUP", "DEL") for label in labels)]
    for number, code in enumerate(codes):
        some = chosen(mongo, dataset, diagnosed(mongo, code))
        wanted = frequencies(some, BINS)
        assert any(wanted["dup"])
        told = [row for row in rows if row[0] == code]
        places = [(row[1], int(row[2]), int(row[3]), int(row[6])) for row in told]
        assert places == [(b.chromosome, b.start, b.end, b.no) for b in BINS.bins]
        assert [float(row[4]) for row in told] == wanted["dup"]
        assert [float(row[5]) for row in told] == wanted["del"]
        assert f"group_id={code};" in answer.text
        assert f";dataset_id={dataset};sample_count={len(some)}\n" in answer.text
        group = results[number]
        assert (group["groupId"], group["sampleCount"], group["frequencymapSamples"]) == (code, len(some), len(some))
        for name, kind in (("gainFrequency", "dup"), ("gainHlfrequency", "hldup"), ("lossFrequency", "del")):
            assert [each[name] for each in group["intervalFrequencies"]] == wanted[kind]
        assert {"referenceName", "start", "end", "lossHlfrequency", "cytobands"} <= group["intervalFrequencies"][
            0
        ].keys()
        assert matrix[number] == [code, *map(str, wanted["dup"]), *map(str, wanted["del"])]


def test_both_eras_and_all_paths_say_the_same(gateway: Gateway):
    tail = "&genomeBinning=10Mb"
    ways = (
        f"{SERVICE}/NCIT:C3058?output=pgxfreq",
        f"{SERVICE}/NCIT:C3058/?method=pgxseg",
        f"{SERVICE}?id=NCIT:C3058&output=pgxseg",
        "/services/interval_frequencies?filters=NCIT:C3058&output=pgxfreq",
        "/beacon/biosamples?filters=NCIT:C3058&output=pgxfreq",
        "/beacon/g_variants?filters=NCIT:C3058&output=pgxfreq",
        "/beacon/analyses?filters=NCIT:C3058&output=pgxfreq",
    )
    bodies = {way: gateway.ask(way + tail).body for way in ways}
    assert b"#group=>group_id=NCIT:C3058;label=Glioblastoma;" in bodies[ways[0]]
    assert [way for way, body in bodies.items() if body != bodies[ways[0]]] == []
    packed = gateway.ask(f"{SERVICE}?filters=NCIT:C3058&output=pgxfreq.gz{tail}")
    assert gzip.decompress(packed.body) == bodies[ways[0]]


def test_groups_are_narrowed_by_all_else(gateway: Gateway, mongo: Client):
    """On the service's path each code is a group; on Beacon's the whole query is one."""
    men = {d["id"] for d in mongo["demo"].individuals.find({"sex.id": "NCIT:C20197"})}
    both = [sample for sample in diagnosed(mongo, "NCIT:C3058") if sample["individual_id"] in men]
    path = "filters=NCIT:C3058,NCIT:C20197&genomeBinning=20Mb&output=freqmatrix"
    (_, one) = lines(gateway.ask(f"/beacon/biosamples?{path}"))
    wanted = frequencies(chosen(mongo, "demo", both), BINS)
    assert one == ["demo", *map(str, wanted["dup"]), *map(str, wanted["del"])]
    (_, *two) = lines(gateway.ask(f"{SERVICE}?{path}"))
    assert [row[0] for row in two] == ["NCIT:C3058", "NCIT:C20197"]
    ids = ",".join(sample["id"] for sample in both)
    (_, *named) = lines(
        gateway.ask(f"{SERVICE}?filters=NCIT:C3058&biosampleIds={ids}&output=freqmatrix&genomeBinning=20Mb")
    )
    assert named == [["NCIT:C3058", *one[1:]]]


def test_reference_samples_count_where_they_are_asked_for(gateway: Gateway, mongo: Client):
    healthy = list(mongo["demo"].biosamples.find({"biosample_status.id": REFERENCE}))
    every = mongo["demo"].analyses.count_documents({"operation.id": "EDAM:operation_3961"})
    asked = gateway.ask(f"{SERVICE}/{REFERENCE}?output=pgxfreq&genomeBinning=20Mb").text
    assert f"sample_count={len(healthy)}\n" in asked
    whole = gateway.ask("/beacon/biosamples?allData=true&output=pgxfreq&genomeBinning=20Mb").text
    assert f"sample_count={every - len(healthy)}\n" in whole
    few = gateway.ask(f"{SERVICE}?filters=NCIT:C3058,NCIT:C3059&minNumber=1000&output=pgxfreq&genomeBinning=20Mb").text
    assert few.count("#group=>") == 0


@pytest.mark.parametrize("dataset", ["demo", "flat"])
def test_a_matrix_has_each_analysis_once(gateway: Gateway, mongo: Client, dataset: str):
    path = f"/services/samplematrix?filters=NCIT:C3058&genomeBinning=20Mb&datasetIds={dataset}"
    answer = gateway.ask(path)
    head, *rows = lines(answer)
    assert head[:3] == ["analysis_id", "biosample_id", "group_id"]
    assert len(head) == 3 + 2 * len(BINS)
    samples = {sample["id"] for sample in diagnosed(mongo, "NCIT:C3058")}
    assert len(samples) >= 4
    assert {row[1] for row in rows} == samples
    assert [row[1] for row in rows] == sorted(row[1] for row in rows)
    wanted = {(analysis, biosample) for biosample, analysis in known(mongo, dataset) if biosample in samples}
    assert len(rows) == len(wanted)
    for analysis, biosample, group, *cells in rows:
        assert group == mongo["demo"].biosamples.find_one({"id": biosample})["histological_diagnosis"]["id"]
        profile = known(mongo, dataset)[biosample, analysis]
        expected = [*fractions(profile, "dup", BINS), *fractions(profile, "del", BINS)]
        assert cells == [str(value) if value else "0" for value in expected]
    assert f"#meta=>biosampleCount={len(samples)};analysisCount={len(rows)}\nanalysis_id\t" in answer.text
    few = gateway.ask(f"{path}&limit=3&skip=1")
    assert lines(few)[1:] == rows[3:6]
    assert f";analysisCount={len(rows)}\n" in few.text
    ids = "/".join(("/services/samplematrix", rows[0][1]))
    (_, one) = lines(gateway.ask(f"{ids}?genomeBinning=20Mb&datasetIds={dataset}"))
    assert (one[0], one[3:]) == (rows[0][0], rows[0][3:])
    if dataset == "demo":
        assert one[2] == mongo["demo"].biosamples.find_one({"id": one[1]})["histological_diagnosis"]["id"]
    analysis = gateway.ask(f"/beacon/analyses/{rows[0][0]}?output=pgxmatrix&genomeBinning=20Mb&datasetIds={dataset}")
    assert lines(analysis)[1][3:] == rows[0][3:]


def test_frequencies_are_shares_of_matrix_rows(gateway: Gateway):
    """What one file counts is what the other shows; at the default bins, with all their columns."""
    _, *rows = lines(gateway.ask("/beacon/analyses?filters=NCIT:C3058&output=pgxmatrix"))
    (_, *told) = lines(gateway.ask("/beacon/biosamples?filters=NCIT:C3058&output=pgxfreq"))
    assert len(told) == 3106
    for at, line in enumerate(told):
        for column, frequency in ((3 + at, line[4]), (3 + 3106 + at, line[5])):
            hits = sum(float(row[column]) >= 0.001 for row in rows)
            assert float(frequency) == round(100 * hits / len(rows), 3)


def test_values_are_means_of_log2(gateway: Gateway, mongo: Client):
    one = mongo["demo"].variants.find_one({"variant_state.id": "EFO:0030067", "info.cnv_value": {"$lt": 0}})
    path = f"/services/samplematrix/{one['biosample_id']}?output=values&genomeBinning=20Mb"
    row = next(row for row in lines(gateway.ask(path)) if row[0] == one["analysis_id"])
    at = next(n for n, b in enumerate(BINS.bins) if b.chromosome == one["location"]["chromosome"]
              and b.start < one["location"]["end"] and b.end > one["location"]["start"])  # fmt: skip
    each = BINS.bins[at]
    found = [
        (min(v["location"]["end"], each.end) - max(v["location"]["start"], each.start), v["info"]["cnv_value"])
        for v in mongo["demo"].variants.find({"analysis_id": one["analysis_id"]})
        if v["location"]["chromosome"] == each.chromosome
        and v["variant_state"]["id"] in {"EFO:0030067", "EFO:0030068", "EFO:0020073", "EFO:0030069", "SO:0001743"}
    ]
    found = [(bases, log2) for bases, log2 in found if bases > 0]
    mean = sum(bases * log2 for bases, log2 in found) / sum(bases for bases, _ in found)
    assert float(row[3 + len(BINS) + at]) == pytest.approx(mean, abs=6e-5)
    assert float(row[3 + len(BINS) + at]) < 0


@pytest.mark.parametrize("dataset", ["demo", "flat"])
def test_statistics_of_analyses(gateway: Gateway, mongo: Client, dataset: str):
    answer = gateway.ask(f"/services/cnvstats?filters=NCIT:C3058&datasetIds={dataset}&limit=0").json
    (found,) = answer["response"]["resultSets"]
    assert found["resultsCount"] == len(found["results"]) == answer["responseSummary"]["numTotalResults"]
    analyses = {"demo": mongo["demo"].analyses, "flat": mongo["flat"].callsets}[dataset]
    samples = {sample["id"] for sample in diagnosed(mongo, "NCIT:C3058")}
    counted = {"biosample_id": {"$in": sorted(samples)}, "operation.id": {"$in": ["EDAM:operation_3961", None]}}
    assert {record["id"] for record in found["results"]} == {d["id"] for d in analyses.find(counted)}
    for record in found["results"]:
        profile = known(mongo, dataset).get((record["biosampleId"], record["id"]))
        for word in ("dup", "del"):
            bases = sum(profile[word]) if profile else 0
            parts = [record["cnvChroStats"][f"{c}"][f"{word}coverage"] for c in (*range(1, 23), "X", "Y")]
            assert sum(parts) == bases
            assert record.get("cnvStats", {}).get(f"{word}coverage", bases) == bases
        arms = record["cnvChroStats"]
        assert arms["8"]["cnvcoverage"] == arms["8p"]["cnvcoverage"] + arms["8q"]["cnvcoverage"]
    paged = gateway.ask(f"/services/cnvstats?filters=NCIT:C3058&datasetIds={dataset}&limit=1&skip=1").json
    assert paged["response"]["resultSets"][0]["results"] == found["results"][1:2]
    assert paged["responseSummary"]["numTotalResults"] == found["resultsCount"]


def test_collations(gateway: Gateway, mongo: Client):
    answer = gateway.ask("/services/collations?filters=NCIT:C30,icdom").json
    stored = [d for d in mongo["demo"].collations.find() if d["id"].startswith(("NCIT:C30", "pgx:icdom"))]
    found = {record["id"]: record for record in answer["response"]["results"]}
    assert list(found) == sorted(d["id"] for d in stored)
    assert answer["responseSummary"] == {"exists": True, "numTotalResults": len(stored)}
    for document in stored:
        record = found[document["id"]]
        assert (record["label"], record["count"], record["codeMatches"]) == (
            document["label"], document["count"], document["code_matches"],
        )  # fmt: skip
        assert "frequencymap" not in record
    assert len(gateway.ask("/services/collations").json["response"]["results"]) == mongo[
        "demo"
    ].collations.count_documents({})
    assert gateway.ask("/services/collations?filters=NCIT:C30.").json["response"]["results"] == []
    old = gateway.ask("/services/collations?filters=icdom&datasetIds=flat&method=counts").json["response"]["results"]
    assert old
    assert all(record["id"].startswith("icdom-") for record in old)


def test_collations_by_the_codes_of_2021(gateway: Gateway):
    def found(query: str) -> list[str]:
        answer = gateway.ask(f"/services/collations?deliveryKeys=id&{query}").json
        return [record["id"] for record in answer["response"]["results"]]

    for old, new, begin in (
        ("filters=PMID", "filters=pubmed", "pubmed:"),
        ("collationTypes=PMID", "collationTypes=pubmed", "pubmed:"),
        ("filters=pgxcohort", "filters=pgx:cohort", "pgx:cohort-"),
        ("filters=icdom-85", "filters=pgx:icdom-85", "pgx:icdom-85"),
    ):
        assert found(old) == found(new) != []
        assert all(code.startswith(begin) for code in found(old))
    one = found("filters=PMID")[0]
    assert found(f"filters={one.replace('pubmed', 'PMID')}") == [one]
    assert found(f"id={one.replace('pubmed', 'PMID')}") == [one]


def test_collations_by_type_and_field(gateway: Gateway, mongo: Client):
    def found(query: str) -> list[dict[str, Any]]:
        return gateway.ask(f"/services/collations?{query}").json["response"]["results"]

    stored = sorted(mongo["demo"].collations.find(), key=lambda d: d["id"])
    of_types = [d for d in stored if d["collation_type"] in {"icdom", "NCIT"}]
    assert 0 < len(of_types) < len(stored)
    named = found("collationTypes=icdom,NCIT&deliveryKeys=id,code_matches,childTerms")
    assert named == [
        {"id": d["id"], "codeMatches": d["code_matches"], "childTerms": d["child_terms"]} for d in of_types
    ]
    matched = [{"count": d["count"]} for d in of_types if d["code_matches"]]
    assert 0 < len(matched) < len(of_types)
    both = "collation_types=icdom&collationTypes=NCIT&includeDescendantTerms=false"
    assert found(f"{both}&deliveryKeys=count") == matched
    assert [d["id"] for d in found("collationTypes=NCIT&filters=NCIT:C30,icdom")] == [
        d["id"] for d in of_types if d["id"].startswith("NCIT:C30")
    ]
    assert found("collationTypes=NCI") == []
    old = found("collationTypes=icdom&datasetIds=flat")
    assert old == found("filters=icdom&datasetIds=flat") != []
    refused = gateway.ask("/services/collations?deliveryKeys=id,frequencymap")
    assert refused.status == 400
    assert "deliveryKeys" in refused.json["error"]["errorMessage"]


def test_analyses_of_other_things_than_copy_numbers_are_not_counted(gateway: Gateway, mongo: Client):
    path = "/services/samplematrix?filters=NCIT:C3058&genomeBinning=20Mb"
    other = mongo["demo"].analyses.find_one({"id": lines(gateway.ask(path))[1][0]})["operation"]
    total = mongo["demo"].analyses.count_documents({})
    counted = mongo["demo"].analyses.count_documents({"operation.id": other["id"]})
    assert 0 < counted < total
    head = gateway.ask("/services/samplematrix?allData=true&genomeBinning=20Mb").text.partition("\nanalysis_id")[0]
    assert head.endswith(f";analysisCount={counted}")


PATHS = (
    f"{SERVICE}?filters=NCIT:C3058&output=pgxfreq",
    f"{SERVICE}?filters=NCIT:C3058&output=pgxmatrix",
    f"{SERVICE}?filters=NCIT:C3058",
    "/services/samplematrix?filters=NCIT:C3058",
    "/services/samplematrix?filters=NCIT:C3058&output=values",
    "/services/cnvstats?filters=NCIT:C3058",
    "/services/collations?filters=NCIT",
)


@pytest.mark.parametrize("path", PATHS)
def test_every_file_has_a_name_that_stays(gateway: Gateway, path: str):
    path += "&genomeBinning=20Mb"
    answer = gateway.ask(path)
    assert (answer.status, answer.whole) == (200, True)
    assert gateway.ask(path).body == answer.body
    assert gateway.ask(path, If_None_Match=answer.headers["ETag"]).status == 304
    head = gateway.ask(path, method="HEAD")
    assert (head.status, head.body, head.headers["ETag"]) == (200, b"", answer.headers["ETag"])
    other = gateway.ask(path.replace("20Mb", "15Mb"))
    assert other.headers["ETag"] != answer.headers["ETag"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("query", ["filters=NCIT:C99999999", "allData=true&datasetIds=odd"])
def test_nothing_breaks_it(gateway: Gateway, path: str, query: str):
    output = f"&output={path.partition('output=')[2]}" if "output=" in path else ""
    answer = gateway.ask(f"{path.partition('?')[0]}?{query}{output}&genomeBinning=cytobands")
    assert (answer.status, answer.whole) == (200, True), answer.text
    if answer.headers["Content-Type"] == "application/json":
        assert answer.json["meta"]


def test_what_cannot_be_is_refused(gateway: Gateway):
    for path, parameter in (
        (f"{SERVICE}?filters=NCIT:C3058&genomeBinning=3kb", "genomeBinning"),
        (f"{SERVICE}?filters=NCIT:C3058&minNumber=many", "minNumber"),
        (f"{SERVICE}?output=pgxfreq", "allData"),
        ("/services/samplematrix", "allData"),
        (f"{SERVICE}?genomeBinning=10kb&filters=" + ",".join(f"NCIT:C{n}" for n in range(1, 8)), "genomeBinning"),
        ("/services/collations?filters=$where", "filters"),
        ("/services/samplematrix?filters=NCIT:C3058&datasetIds=demo,flat", "datasetIds"),
    ):
        refused = gateway.ask(path)
        assert refused.status == 400, path
        assert parameter in refused.json["error"]["errorMessage"]
    for path in (f"{SERVICE}?filters=NCIT:C3058&output=jsonl", "/services/collations?output=pgxfreq"):
        assert gateway.ask(path).status == 406
    assert gateway.ask("/services/collations?filters=NCIT:C30.*").json["response"]["results"] == []  # no pattern


def test_segments_without_an_analysis_have_a_row_of_their_own(gateway: Gateway):
    _, *rows = lines(gateway.ask("/services/samplematrix?allData=true&datasetIds=odd&genomeBinning=20Mb"))
    assert [(row[0], row[1]) for row in rows] == [(".", "odd-1"), (".", "odd-2"), (".", "odd-ÄÖ ü")]
    whole = {at for at, cell in enumerate(rows[0][3:]) if cell == "1.0"}
    assert whole == {len(BINS) + at for at, each in enumerate(BINS.bins) if each.chromosome == "X"}  # to 2**40
    assert {cell for at, cell in enumerate(rows[0][3:]) if at not in whole} == {"0"}
