"""What pgxRpi, of each vintage since 2021, reads by position, by name or by line number: rules, held over HTTP.

pgxRpi is R code that no continuous integration can have.  Here each of its readings is written down as it is done
there: `read.table` with its arguments, `readLines` with its numbers, columns by their place.  A file that breaks one of
these does not fail in R; it gives other numbers.
"""

import re
from typing import Any

import pytest
from pymongo import MongoClient

from tests.harness import Answer, Gateway

Client = MongoClient[dict[str, Any]]
DATASETS = ("demo", "flat")
COPY_NUMBERS = "EDAM:operation_3961"


def lines(answer: Answer) -> list[str]:
    """R's `readLines`."""
    assert (answer.status, answer.whole) == (200, True), answer.text
    assert not answer.text or answer.text.endswith("\n")
    return answer.text.split("\n")[:-1]


def table(answer: Answer, *, header: bool = True) -> list[list[str]]:
    r"""R's `read.table(sep = "\t", quote = "")`: `#` begins a comment anywhere, empty lines are passed over."""
    cells = [line.partition("#")[0].split("\t") for line in lines(answer) if line.partition("#")[0].strip()]
    assert len({len(row) for row in cells}) <= 1, "lines have different numbers of elements"
    if header and cells:
        assert len(set(cells[0])) == len(cells[0])
    return cells


def number(cell: str) -> float | None:
    """R's `as.numeric`, which warns and gives NA for what is none."""
    try:
        return float(cell)
    except ValueError:
        return None


# --- g_variants: pgxseg and seg --------------------------------------------------------------------------------------


@pytest.mark.parametrize("dataset", DATASETS)
@pytest.mark.parametrize("more", ["", "&limit=0", "&sorted=position"])
def test_segments_of_a_biosample(gateway: Gateway, dataset: str, more: str):
    """`seg[, c(3, 4, 5)]` are numbers, `seg[, 2]` a chromosome (X and Y are 23 and 24), `seg[, 1]` the sample.

    Until 2024 columns `start`, `end` and `log2` by name, and for `output = "seg"` columns 1, 2, 3, 4, 6, 5.
    """
    one = gateway.ask(f"/beacon/biosamples?filters=NCIT:C3058&datasetIds={dataset}").json
    sample = one["response"]["resultSets"][0]["results"][0]["id"]
    answer = gateway.ask(f"/services/pgxsegvariants/?biosampleIds={sample}&datasetIds={dataset}{more}")
    head, *rows = table(answer)
    assert head[:6] == ["biosample_id", "reference_name", "start", "end", "log2", "variant_type"]
    assert {row[0] for row in rows} == {sample}
    assert {row[1] for row in rows} <= {*map(str, range(1, 23)), "X", "Y"}
    assert all(number(row[2]) is not None for row in rows)
    assert all(number(row[3]) is not None for row in rows if row[5] != "SNV")  # in 2021 these had no end
    assert all(row[4] == "." or number(row[4]) is not None for row in rows)


def test_lines_about_a_file_are_its_first(gateway: Gateway):
    """As many lines are taken as there are with a `#`: `meta[1:length(grep("#", meta))]`.

    Older ones join files by `meta[-c(1, 2, 3)]`: what comes before the first `#sample=>` line is three lines at least.
    """
    for query in ("filters=NCIT:C3262", "filters=NCIT:C3058&groupBy=icdot", "biosampleIds=pgxbs-kftv0022"):
        found = lines(gateway.ask(f"/services/pgxsegvariants?{query}"))
        marked = [at for at, line in enumerate(found) if "#" in line]
        assert marked == list(range(len(marked)))
        assert all(not line.startswith("#sample=>") for line in found[:3])
        assert found[0].startswith("#meta=>id=")


def test_samples_of_a_file(gateway: Gateway):
    """Lines with `#sample=>` are taken apart at `;`: names stand before `=`, and the first piece is dropped.

    So it is in `pgxSegprocess`: the first column then is the biosample; it stops where `group_id` is no column, and
    counts the samples of each group.
    """
    answer = gateway.ask("/services/pgxsegvariants?filters=NCIT:C3262")
    pieces = [line.split(";")[1:] for line in lines(answer) if "#sample=>" in line]
    samples = [[(re.sub("=.*", "", piece), re.sub(".*=", "", piece)) for piece in some] for some in pieces]
    assert {some[0][0] for some in samples} == {"biosample_id"}
    assert {some[0][1] for some in samples} >= {row[0] for row in table(answer)[1:]}
    grouped = [dict(some) for some in samples]
    assert any("group_id" in sample for sample in grouped)
    for sample in grouped:
        assert sample.get("group_id") == sample.get("histological_diagnosis_id")
    labels = {(sample["group_id"], sample.get("group_label")) for sample in grouped if "group_id" in sample}
    assert len(labels) == len({group for group, _ in labels}), "one label a group"


@pytest.mark.parametrize("dataset", DATASETS)
def test_segments_as_igv_has_them(gateway: Gateway, dataset: str):
    """`variantsbedfile/?output=igv`: columns 3, 4 and 6 are numbers, 2 a chromosome without `chr`."""
    sample = gateway.ask(f"/services/pgxsegvariants?filters=NCIT:C3058&datasetIds={dataset}").samples[0]["id"]
    path = f"/services/variantsbedfile/?output=igv&biosampleIds={sample}&datasetIds={dataset}&limit=0"
    head, *rows = table(gateway.ask(path))
    assert len(head) == 6
    assert rows
    assert all(None not in (number(row[2]), number(row[3]), number(row[5])) for row in rows)
    assert {row[1] for row in rows} <= {*map(str, range(1, 23)), "X", "Y"}


# --- cnv_fraction ----------------------------------------------------------------------------------------------------


def results(answer: Answer) -> list[dict[str, Any]]:
    assert answer.status == 200, answer.text
    return answer.json["response"]["resultSets"][0]["results"]


@pytest.mark.parametrize("dataset", DATASETS)
@pytest.mark.parametrize("path", ["/services/cnvstats/?", "/beacon/analyses/?output=cnvstats&"])
def test_fractions_are_taken_by_position(gateway: Gateway, dataset: str, path: str):
    """The parts of the genome that are changed, gained, lost are `total_frac[, c(2, 6, 4)]`: six by the alphabet.

    Rows of chromosomes by name (`1`, `1p`, `1q` …), of these `dupfraction` and `delfraction`.
    """
    wanted = ["cnvcoverage", "cnvfraction", "delcoverage", "delfraction", "dupcoverage", "dupfraction"]
    found = results(gateway.ask(f"{path}filters=NCIT:C3058&datasetIds={dataset}"))
    assert found
    chromosomes = (*map(str, range(1, 23)), "X", "Y")
    for record in found:
        assert list(record["cnvStats"]) == wanted
        for one in record["cnvChroStats"].values():
            assert list(one) == wanted
        assert {*chromosomes, *(f"{c}{arm}" for c in chromosomes for arm in "pq")} == record["cnvChroStats"].keys()
        changed, gained, lost = (list(record["cnvStats"].values())[at - 1] for at in (2, 6, 4))
        assert 0 <= max(gained, lost) <= changed <= 1


def test_fractions_of_stored_statistics_stand_in_the_same_order(gateway: Gateway, mongo: Client):
    """Stored ones are delivered as they are, but for the order of their numbers, whatever that is in the database."""
    one = mongo["demo"].analyses.find_one({"operation.id": COPY_NUMBERS, "cnv_stats": {"$exists": True}})
    assert list(one["cnv_stats"]) != sorted(one["cnv_stats"])
    (found,) = results(gateway.ask(f"/services/cnvstats?analysisIds={one['id']}"))
    assert list(found["cnvStats"].items()) == sorted(one["cnv_stats"].items())


def test_analyses_that_called_no_copy_numbers_have_no_fractions(gateway: Gateway, mongo: Client):
    """It leaves them out of the rows and not of the means: so they are not there at all."""
    other = mongo["demo"].analyses.find_one({"operation.id": {"$ne": COPY_NUMBERS}})
    for query in (f"analysisIds={other['id']}", f"biosampleIds={other['biosample_id']}", "filters=NCIT:C3262"):
        answer = gateway.ask(f"/services/cnvstats?{query}&limit=0").json
        told = [record for found in answer["response"]["resultSets"] for record in found["results"]]
        assert other["id"] not in {record["id"] for record in told}
        assert answer["responseSummary"]["numTotalResults"] == len(told)
        assert {record["operation"]["id"] for record in told} <= {COPY_NUMBERS}
    assert told
    plain = gateway.ask(f"/beacon/analyses/{other['id']}").json
    assert plain["responseSummary"]["numTotalResults"] == 1


# --- cnv_fraction with output = "pgxmatrix" --------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/services/samplematrix/?", "/beacon/analyses/?output=pgxmatrix&"])
@pytest.mark.parametrize("dataset", DATASETS)
def test_a_matrix_of_samples(gateway: Gateway, mongo: Client, dataset: str, path: str):
    """Three columns about a row, then places; `group_id %in% filters` are the samples of just this code."""
    head, *rows = table(gateway.ask(f"{path}filters=NCIT:C3262&datasetIds={dataset}&genomeBinning=10Mb"))
    assert head[:3] == ["analysis_id", "biosample_id", "group_id"]
    for name in head[3:]:
        chromosome, start, end, kind = re.split("[^A-Za-z0-9]", name)
        assert chromosome in {*map(str, range(1, 23)), "X", "Y"}
        assert int(start) < int(end)
        assert kind in {"DUP", "DEL"}
    diagnoses = {d["id"]: d.get("histological_diagnosis", {}).get("id", "NA") for d in mongo["demo"].biosamples.find()}
    assert [row[2] for row in rows] == [diagnoses[row[1]] for row in rows]
    assert len({row[2] for row in rows}) > 3
    _, *filtered = table(
        gateway.ask(f"{path}filters=NCIT:C3262&datasetIds={dataset}&genomeBinning=10Mb&groupBy=filter")
    )
    assert {row[2] for row in filtered} == {"NCIT:C3262"}
    assert [row[:2] + row[3:] for row in filtered] == [row[:2] + row[3:] for row in rows]


@pytest.mark.parametrize("limit", [5, 1000])
def test_a_page_of_a_matrix_says_so_in_its_seventh_line(gateway: Gateway, limit: int):
    r"""`gsub("#meta=>\"", "", readLines(url, n = 7)[7])` is shown to the user where it has `WARNING` in it."""
    path = "/beacon/analyses/?output=pgxmatrix&filters=NCIT:C3262&genomeBinning=20Mb"
    whole = lines(gateway.ask(path))
    assert not any("WARNING" in line for line in whole)
    rows = len(table(gateway.ask(path))) - 1
    for skip in range(rows // limit + 2):
        page = gateway.ask(f"{path}&limit={limit}&skip={skip}")
        told = max(0, min(limit, rows - skip * limit))
        assert len(table(page)) == told + 1
        seventh = lines(page)[6]
        if told < rows:
            about = f"pagination skip {skip} and limit {limit}."
            assert seventh == f'#meta=>"WARNING: Only {told} analyses will be included due to {about}"'
        else:
            assert "WARNING" not in page.text
        assert [line for line in lines(page) if line.startswith("#") and "WARNING" not in line] == [
            line for line in whole if line.startswith("#")
        ]


# --- cnv_frequency ---------------------------------------------------------------------------------------------------

SERVICE = "/services/intervalFrequencies"
UNKNOWN = "NCIT:C9999999"


@pytest.mark.parametrize("output", ["pgxfreq", "pgxseg", "pgxmatrix"])
@pytest.mark.parametrize(
    "asked", [("NCIT:C4017", "NCIT:C3058"), ("NCIT:C3058",), ("NCIT:C3058", UNKNOWN, "NCIT:C4017")]
)
def test_groups_of_frequencies_stand_in_the_second_line_and_behind_it(
    gateway: Gateway, output: str, asked: tuple[str, ...]
):
    """Until 2024: `readLines(url)[1 + seq_along(filters)]`, their labels and counts in the order that was asked in.

    Filters that are not among the collations are left out before.
    """
    answer = gateway.ask(f"{SERVICE}/?output={output}&genomeBinning=20Mb&filters={','.join(asked)}")
    known = [code for code in asked if code != UNKNOWN]
    meta = lines(answer)[1 : 1 + len(known)]
    pieces = [piece for line in meta for piece in line.split(";")]
    labels = [re.sub(".*=", "", piece) for piece in pieces if "label" in piece]
    counts = [number(re.sub(".*=", "", piece)) for piece in pieces if "sample_count" in piece]
    names = {"NCIT:C3058": "Glioblastoma", "NCIT:C4017": "Invasive Breast Ductal Carcinoma"}
    assert labels == [names[code] for code in known]
    assert len(counts) == len(known)
    assert all(counts)
    head, *rows = table(answer)
    assert list(dict.fromkeys(row[0] for row in rows)) == known
    if output != "pgxmatrix":
        assert head[4:6] == ["gain_frequency", "loss_frequency"]
    others = [line for line in lines(answer)[1 + len(known) :] if line.startswith("#")]
    assert [line.partition(UNKNOWN)[1] for line in others] == [UNKNOWN] * (len(asked) - len(known))
    assert all(line.startswith("#meta=>warning=") for line in others)


def test_frequencies_in_json_name_what_there_is(gateway: Gateway):
    """`numTotalResults` is compared with the number of filters, and those that no result names are told to the user."""
    fields = {"referenceName", "start", "end", "gainFrequency", "gainHlfrequency", "lossFrequency", "lossHlfrequency"}
    answer = gateway.ask(f"{SERVICE}?genomeBinning=20Mb&filters=NCIT:C4017,{UNKNOWN},NCIT:C3058").json
    found = answer["response"]["results"]
    assert [each["groupId"] for each in found] == ["NCIT:C4017", "NCIT:C3058"]
    assert answer["responseSummary"] == {"exists": True, "numTotalResults": 2}
    for each in found:
        assert {"label", "sampleCount"} <= each.keys()
        assert all(fields <= one.keys() for one in each["intervalFrequencies"])
    nothing = gateway.ask(f"{SERVICE}?genomeBinning=20Mb&filters={UNKNOWN}").json
    assert nothing["response"]["results"] == []
    assert nothing["responseSummary"] == {"exists": False, "numTotalResults": 0}
    assert any(UNKNOWN in text for text in nothing["meta"]["info"]["warnings"])


def test_frequencies_of_just_the_code(gateway: Gateway, mongo: Client):
    """`method=codematches` counts what has this very code; who has no such samples is left out."""
    codes = {d["id"]: d for d in mongo["demo"].collations.find({"collation_type": "NCIT"})}
    own = next(c for c in codes.values() if c["code_matches"] and _counted(mongo, [c["id"]]))
    empty = next(c for c in codes.values() if not c["code_matches"] and _counted(mongo, c["child_terms"]))
    for output in ("pgxfreq", "pgxmatrix", "json"):
        tail = f"&genomeBinning=20Mb&output={output}&filters={empty['id']},{own['id']}"
        every, just = gateway.ask(f"{SERVICE}?{tail}"), gateway.ask(f"{SERVICE}?method=codematches{tail}")
        if output == "json":
            told = {each["groupId"]: each["sampleCount"] for each in just.json["response"]["results"]}
            assert len(every.json["response"]["results"]) == 2
        else:
            groups = [line for line in lines(just) if line.startswith("#group=>")]
            told = {_field(line, "group_id"): int(_field(line, "sample_count")) for line in groups}
            assert sum(line.startswith("#group=>") for line in lines(every)) == 2
        assert told == {own["id"]: _counted(mongo, [own["id"]])}


def _field(line: str, name: str) -> str:
    return line.partition(f"{name}=")[2].partition(";")[0]


def _counted(mongo: Client, codes: list[str]) -> int:
    found = mongo["demo"].biosamples.find({"histological_diagnosis.id": {"$in": codes}})
    ids = [d["id"] for d in found if d["biosample_status"]["id"] != "EFO:0009654"]
    return mongo["demo"].analyses.count_documents({"biosample_id": {"$in": ids}, "operation.id": COPY_NUMBERS})


# --- sample_count ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["", "&method=counts", "&method=codematches"])
@pytest.mark.parametrize("dataset", DATASETS)
def test_collations_as_a_text_without_a_header(gateway: Gateway, mongo: Client, dataset: str, method: str):
    """2021 and 2022: `read.table(header = FALSE)`; the first column are ids, then label, count and code matches."""
    answer = gateway.ask(f"/services/collations?filters=NCIT&output=text&datasetIds={dataset}{method}")
    rows = table(answer, header=False)
    stored = [d for d in mongo[dataset].collations.find() if d["id"].startswith("NCIT")]
    own = [d for d in stored if d.get("code_matches")] if "codematches" in method else stored
    expected = [[d["id"], d["label"], str(d["count"]), str(d.get("code_matches", ""))] for d in own]
    assert rows == sorted(expected)
    assert answer.headers["Content-Type"].startswith("text/")


def test_collations_in_json(gateway: Gateway):
    """`x$id`, `x$label`, `x$count`, `x$codeMatches`."""
    found = gateway.ask("/services/collations?filters=NCIT:C3058,pgx:icdom-85003").json["response"]["results"]
    assert [record["id"] for record in found] == ["NCIT:C3058", "pgx:icdom-85003"]
    for record in found:
        assert {"label", "count", "codeMatches"} <= record.keys()


# --- biosamples and individuals --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entity", "words"),
    [
        ("biosample", ("biosample", "biosamples", "samples")),
        ("individual", ("individual", "individuals")),
        ("analysis", ("analysis", "analyses", "callset")),
    ],
)
@pytest.mark.parametrize(
    "name", ["responseEntityPathId", "responseEntityId", "requestEntityPathId", "response_entity_id", "tableType"]
)
def test_the_kind_of_a_table_is_a_parameter(gateway: Gateway, name: str, entity: str, words: tuple[str, ...]):
    """2023: `sampletable/?responseEntityId=individual`, 2024: `requestEntityPathId=individual`; columns by name."""
    first = {"biosample": "biosample_id", "individual": "individual_id", "analysis": "analysis_id"}[entity]
    tables = [gateway.ask(f"/services/sampletable/?filters=NCIT:C3058&{name}={word}") for word in words]
    assert len({answer.body for answer in tables}) == 1
    assert table(tables[0])[0][0] == first
    assert "histological_diagnosis_id" in table(tables[0])[0] or entity == "analysis"
    assert len(table(tables[0])) > 4


@pytest.mark.parametrize("entity", ["biosamples", "individuals", "analyses"])
def test_the_newest_asks_beacons(gateway: Gateway, entity: str):
    """`responseSummary$exists`, `resultSets[[i]]$results`; by filter, by path, with `limit=0` for all."""
    answer = gateway.ask(f"/beacon/{entity}?filters=NCIT:C3058&limit=0&skip=0").json
    assert answer["responseSummary"]["exists"]
    (found,) = answer["response"]["resultSets"]
    assert len(found["results"]) == answer["responseSummary"]["numTotalResults"]
    sample = gateway.ask("/services/pgxsegvariants?filters=NCIT:C3058").samples[0]["id"]
    assert gateway.ask(f"/beacon/biosamples/{sample}/{entity}").json["responseSummary"]["exists"]
    assert not gateway.ask(f"/beacon/{entity}?filters={UNKNOWN}").json["responseSummary"]["exists"]
