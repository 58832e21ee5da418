"""What a request selects, compared with what the stored documents say; and what it must not select."""

import re
from collections import Counter
from typing import Any
from urllib.parse import quote

import pytest
from pymongo import MongoClient

from tests.harness import Answer, Gateway

Client = MongoClient[dict[str, Any]]


def keys(answer: Answer) -> set[tuple[str, ...]]:
    return {tuple(line.split("\t")[:4]) for line in answer.rows}


def samples(answer: Answer) -> set[str]:
    return {sample["id"] for sample in answer.samples}


def children(mongo: Client, code: str) -> set[str]:
    return set(mongo["demo"].collations.find_one({"id": code})["child_terms"])


def diagnosed(mongo: Client, *codes: str) -> set[str]:
    terms = set().union(*(children(mongo, code) for code in codes))
    return {d["id"] for d in mongo["demo"].biosamples.find({"histological_diagnosis.id": {"$in": list(terms)}})}


def test_parents_stand_for_their_descendants(gateway: Gateway, mongo: Client):
    every = gateway.ask("/services/pgxsegvariants?filters=NCIT:C3262")
    assert samples(every) == diagnosed(mongo, "NCIT:C3262") > diagnosed(mongo, "NCIT:C3058")
    alone = gateway.ask("/services/pgxsegvariants?filters=NCIT:C3262&includeDescendantTerms=false")
    assert samples(alone) == set()


def test_and_or_and_exclusion(gateway: Gateway, mongo: Client):
    glioma, male = diagnosed(mongo, "NCIT:C3058"), mongo["demo"].individuals.distinct("id", {"sex.id": "NCIT:C20197"})
    men = {d["id"] for d in mongo["demo"].biosamples.find({"individual_id": {"$in": male}})}
    both = gateway.ask("/services/pgxsegvariants?filters=NCIT:C3058,NCIT:C20197")
    assert samples(both) == glioma & men
    assert samples(both) not in (glioma, men)
    either = gateway.ask("/services/pgxsegvariants?filters=NCIT:C3058&filters=NCIT:C20197&filterLogic=OR")
    assert samples(either) == glioma | men
    without = gateway.ask("/services/pgxsegvariants?filters=NCIT:C3262,!NCIT:C3058")
    assert samples(without) == diagnosed(mongo, "NCIT:C3262") - glioma


def test_excluding_selects_just_what_including_does_not(gateway: Gateway, mongo: Client):
    every = {d["id"] for d in mongo["demo"].biosamples.find()}
    two = mongo["demo"].analyses.find_one({"operation.id": "EDAM:operation_3227"})
    assert two, "an analysis of a biosample that has another one"
    for code in ("NCIT:C20197", "EDAM:operation_3227", "NCIT:C9999998", "followupTime:>=P60M", "UBERON:0000955"):
        included = samples(gateway.ask(f"/services/pgxsegvariants?filters={code}"))
        excluded = samples(gateway.ask(f"/services/pgxsegvariants?filters=!{code}"))
        assert excluded == every - included, code
        either = samples(gateway.ask(f"/services/pgxsegvariants?filters=!{code},NCIT:C3058&filterLogic=OR"))
        assert either == excluded | diagnosed(mongo, "NCIT:C3058"), code


@pytest.mark.parametrize(("operator", "days"), [(">=", 1825), ("<", 1825)])
def test_follow_up_time(gateway: Gateway, mongo: Client, operator: str, days: int):
    test = {">=": "$gte", "<": "$lt"}[operator]
    individuals = mongo["demo"].individuals.distinct("id", {"index_disease.followup_days": {test: days}})
    expected = {d["id"] for d in mongo["demo"].biosamples.find({"individual_id": {"$in": individuals}})}
    answer = gateway.ask(f"/services/pgxsegvariants?filters=followupTime:{operator}P60M")
    assert expected
    assert samples(answer) == expected


def test_series_of_an_analysis(gateway: Gateway, mongo: Client):
    series = mongo["demo"].analyses.find_one({"series.id": {"$exists": True}})["series"]["id"]
    expected = set(mongo["demo"].analyses.distinct("biosample_id", {"series.id": series}))
    assert samples(gateway.ask(f"/services/pgxsegvariants?filters={series}")) == expected


def test_range_query_finds_overlaps_only(gateway: Gateway, mongo: Client):
    condition = {
        "location.chromosome": "9",
        "location.start": {"$lt": 21995301},
        "location.end": {"$gt": 21967751},
        "variant_state.id": {"$in": ["EFO:0030067", "SO:0001743", "EFO:0030068", "EFO:0020073", "EFO:0030069"]},
    }
    found = {(d["biosample_id"], d["location"]["start"]) for d in mongo["demo"].variants.find(condition)}
    path = "/beacon/g_variants?referenceName={}&start=21967751&end=21995301&variantType={}&output=pgxseg"
    for spelling in ("9", "chr9", "refseq:NC_000009.12"):
        for kind in ("DEL", "EFO:0030067", "loss"):
            answer = gateway.ask(path.format(spelling, kind))
            assert {(r[0], int(r[2])) for r in keys(answer)} == found
    assert found
    assert samples(answer) == {biosample for biosample, _ in found}
    whole = gateway.ask(path.format("9", "DEL").replace("pgxseg", "callsetspgxseg"))
    assert samples(whole) == samples(answer)
    assert len(whole.rows) == mongo["demo"].variants.count_documents({"biosample_id": {"$in": list(samples(answer))}})


def test_bracket_length_and_exact_queries(gateway: Gateway, mongo: Client):
    one = mongo["demo"].variants.find_one({"variant_state.id": "EFO:0030067"})
    place = one["location"]
    start, end = place["start"], place["end"]
    bracket = f"start={start - 5},{start + 5}&end={end - 5},{end + 5}"
    answer = gateway.ask(
        f"/beacon/g_variants?referenceName={place['chromosome']}&{bracket}&variantType=DEL&output=pgxseg"
    )
    assert (one["biosample_id"], place["chromosome"], str(start), str(end)) in keys(answer)
    small = gateway.ask("/beacon/g_variants?filters=NCIT:C3058&variantMaxLength=1000000&variantType=DUP&output=pgxseg")
    lengths = [int(r[3]) - int(r[2]) for r in keys(small)]
    assert lengths
    assert max(lengths) <= 1_000_000
    snv = mongo["demo"].variants.find_one({"variant_state.id": "SO:0001059"})
    place = snv["location"]
    exact = (
        f"referenceName={place['chromosome']}&start={place['start']}"
        f"&referenceBases={snv['reference_sequence']}&alternateBases={snv['state']['sequence']}"
    )
    assert gateway.ask(f"/beacon/g_variants?{exact}&output=pgxseg").rows
    assert not gateway.ask(f"/beacon/g_variants?{exact[:-1]}NN&output=pgxseg").rows


def test_ids_in_path_and_query(gateway: Gateway, mongo: Client):
    every = list(mongo["demo"].analyses.find())
    counts = Counter(analysis["individual_id"] for analysis in every)
    one = next(analysis for analysis in every if counts[analysis["individual_id"]] == 1)
    ways = [
        f"/beacon/biosamples/{one['biosample_id']}/g_variants?output=pgxseg",
        f"/beacon/biosamples/{one['biosample_id']}/variants/?method=pgxseg",
        f"/beacon/analyses/{one['id']}/g_variants/?output=pgxseg",
        f"/beacon/individuals/{one['individual_id']}/g_variants?output=pgxseg",
        f"/services/pgxsegvariants/{one['biosample_id']}",
        f"/services/pgxsegvariants?biosampleIds={one['biosample_id']}",
        f"/beacon/g_variants?callsetIds={one['id']}&output=pgxseg",
        f"/beacon/g_variants?individualIds={one['individual_id']}&output=pgxseg",
    ]
    rows = {way: gateway.ask(way).rows for way in ways}
    assert rows[ways[0]]
    assert [way for way, found in rows.items() if found != rows[ways[0]]] == []


@pytest.mark.parametrize("dataset", ["demo", "flat"])
def test_variant_queries_read_both_models(gateway: Gateway, dataset: str):
    path = f"/beacon/g_variants?referenceName=9&start=21967751&end=21995301&variantType=DEL&datasetIds={dataset}"
    found = gateway.ask(path + "&output=pgxseg").rows
    assert len(found) == len(gateway.ask(path.replace(dataset, "demo") + "&output=pgxseg").rows) > 0


def test_unknown_filters_never_widen(gateway: Gateway, mongo: Client):
    alone = gateway.ask("/services/pgxsegvariants?filters=nonsense-code")
    assert (alone.status, alone.rows, alone.samples) == (200, [], [])
    assert "nonsense-code" in alone.headers["Warning"]
    assert "#meta=>warning=" in alone.text
    joined = gateway.ask("/services/pgxsegvariants?filters=nonsense-code,NCIT:C3058&filterLogic=OR")
    assert samples(joined) == diagnosed(mongo, "NCIT:C3058")
    assert "nonsense-code" in joined.headers["Warning"]
    assert not gateway.ask("/services/pgxsegvariants?filters=nonsense-code,NCIT:C3058").rows


def test_a_whole_dataset_needs_to_be_asked_for(gateway: Gateway):
    for path in ("/services/pgxsegvariants", "/beacon/variants?output=jsonl", "/beacon/g_variants?limit=0"):
        refused = gateway.ask(path)
        assert refused.status == 400
        assert "allData=true" in refused.json["error"]["errorMessage"]
    assert gateway.ask("/beacon/g_variants").status == 200


@pytest.mark.parametrize("dataset", ["demo", "flat"])
def test_ids_that_are_unknown_are_told(gateway: Gateway, mongo: Client, dataset: str):
    one = mongo[dataset].variants.find_one({"biosample_id": {"$exists": True}})
    sample = mongo[dataset].biosamples.find_one({"id": one["biosample_id"]})
    analyses = "callsets" if dataset == "flat" else "analyses"
    where = f"datasetIds={dataset}&output=pgxseg"
    looked_for = 0
    for name, place, right in (
        ("biosampleIds", ("biosamples", "id"), sample["id"]),
        ("individualIds", ("biosamples", "individual_id"), sample["individual_id"]),
        ("analysisIds", (analyses, "id"), one.get("analysis_id") or one["callset_id"]),
        ("variantIds", ("variants", "id"), one["id"]),
    ):
        known = gateway.ask(f"/beacon/g_variants?{name}={right}&{where}")
        some = gateway.ask(f"/beacon/g_variants?{name}={right},nobody,noone&{where}")
        assert (known.status, "Warning" in known.headers) == (200, False)
        assert some.rows == known.rows != []
        none = gateway.ask(f"/beacon/g_variants?{name}=nobody&datasetIds={dataset}").json
        assert none["responseSummary"]["exists"] is False
        if not any(place[1] == index["key"][0][0] for index in mongo[dataset][place[0]].index_information().values()):
            assert none["meta"]["info"]["warnings"] == []  # without an index it would take long
            continue
        looked_for += 1
        said = f"{name}: 2 of 3 unknown to dataset {dataset}: nobody, noone"
        assert said in some.headers["Warning"]
        assert f"#meta=>warning={said}\n" in some.text
        assert none["meta"]["info"]["warnings"] == [f"{name}: 1 of 1 unknown to dataset {dataset}: nobody"]
    assert looked_for == (4 if dataset == "demo" else 3)
    for path in (f"/beacon/biosamples/nobody?datasetIds={dataset}", f"/services/pgxsegvariants/nobody?{where}"):
        assert f"biosampleIds: 1 of 1 unknown to dataset {dataset}: nobody" in gateway.ask(path).headers["Warning"]


def test_many_ids_are_looked_for_too(gateway: Gateway, mongo: Client):
    ids = [document["id"] for document in mongo["demo"].variants.find({}, {"id": 1}).limit(250)]
    body = {"query": {"requestParameters": {"variantIds": [*ids, "nobody"]}, "requestedGranularity": "count"}}
    answer = gateway.ask("/beacon/g_variants?datasetIds=demo", "POST", body).json
    assert answer["responseSummary"]["numTotalResults"] == len(ids)
    assert answer["meta"]["info"]["warnings"] == [f"variantIds: 1 of {len(ids) + 1} unknown to dataset demo: nobody"]


def test_warnings_are_quoted_strings(gateway: Gateway):
    """Wherever a long text is cut, and whatever letters it has: RFC 9110, 5.6.4."""
    quoted = r'299 pgx-gateway "(?:[^"\\]|\\.)*"'
    for width in range(40, 60):
        ids = ",".join(("a" * width, "b" * 60, "\xe9" * 30))
        answer = gateway.ask(f"/beacon/variants?output=pgxseg&datasetIds=demo&biosampleIds={quote(ids)}")
        assert re.fullmatch(f"{quoted}(, {quoted})*", answer.headers["Warning"])
