"""Properties of every format: whatever a document holds, rows are whole, in order, and independent of slicing."""

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from bson import ObjectId
from hypothesis import given
from hypothesis import strategies as st

from gateway.download_types import Ask, FilterTerm, Part
from gateway.formats import (
    FORMATS,
    beacon,
    beacon_records,
    bed,
    jsonl,
    model_2021,
    pgxseg,
    sample_lines,
    seg,
    tables,
    vcf,
    vcf_records,
)
from gateway.formats.base import camel, dumps, plain
from gateway.rows import Tally
from gateway.text import unescape
from tests.examples import examples
from tests.formats.documents import (
    BIOSAMPLE,
    TERM,
    VARIANT,
    anything,
    array,
    documents,
    texts,
    wanted,
)

VARIANTS, BIOSAMPLES = Ask(entity="variants"), Ask(entity="biosamples")
SAMPLE_LINES, SEGMENTS = pgxseg.FORMAT.parts(wanted(VARIANTS))
PARTS = {
    "sample lines": SAMPLE_LINES,
    "segments": SEGMENTS,
    "variants as JSON": beacon.FORMAT.parts(wanted(VARIANTS))[0],
    "biosamples as JSON": beacon.FORMAT.parts(wanted(BIOSAMPLES))[0],
    "variants as JSON Lines": jsonl.FORMAT.parts(wanted(VARIANTS))[0],
    "biosamples as JSON Lines": jsonl.FORMAT.parts(wanted(BIOSAMPLES))[0],
}
PARTS |= {
    "BED": bed.FORMAT.parts(wanted(VARIANTS))[0],
    "seg": seg.FORMAT.parts(wanted(VARIANTS))[0],
    **{f"table of {entity}": tables.FORMAT.parts(wanted(Ask(entity=entity)))[0] for entity in tables.FORMAT.entities},
}
every_part = pytest.mark.parametrize("part", PARTS.values(), ids=PARTS.keys())


# --- single documents ------------------------------------------------------------------------------------------------


@given(documents(BIOSAMPLE))
def test_biosamples_of_any_kind_are_read(document):
    before = repr(document)
    current = model_2021.biosample(document)
    assert repr(model_2021.biosample(current)) == repr(current)
    line = sample_lines.line(document)
    record = beacon_records.biosample(document)
    assert repr(document) == before
    assert line.startswith("#sample=>")
    assert not any(ord(character) < 0x20 or character == "\x7f" for character in line[:-1])
    assert line.index("\n") == len(line) - 1
    assert json.loads(dumps(record)) == record


@given(documents(VARIANT))
def test_variants_of_any_kind_are_read(document):
    before = repr(document)
    current = model_2021.variant(document)
    assert repr(model_2021.variant(current)) == repr(current)
    record = beacon_records.variant(document)
    assert repr(document) == before
    assert json.loads(dumps(record)) == record
    assert record.keys() == beacon_records.variant({}).keys()


def owned(found, key):
    """The documents that have a place: with a list as their key they have none."""
    return [document for document in found if type(document.get(key)) is not list]


@given(st.lists(documents(VARIANT), max_size=5))
def test_a_row_is_ten_cells_and_one_line(found):
    rows = SEGMENTS.encode([array(found)])
    lines = rows.data.decode().split("\n")
    assert lines.pop() == ""
    assert len(lines) == rows.rows == rows.matched == len(owned(found, "biosample_id"))
    for line in lines:
        cells = line.split("\t")
        assert len(cells) == 10
        assert all(cells)
        assert "#" not in line
        assert not any(ord(character) < 0x20 or character == "\x7f" for cell in cells for character in cell)
        for position in cells[2:4]:
            assert position == "." or -(2**63) <= int(position) < 2**63
        assert cells[4] == "." or Decimal(cells[4]).is_finite()


@given(
    texts, texts, st.dictionaries(texts.filter(lambda name: "=" not in name and "\0" not in name), texts, max_size=3)
)
def test_sample_lines_read_back(notes, label, own):
    document = {"id": "s", "notes": notes, "tumor_grade": {"label": label}, "info": {"pgxseg": own}}
    pairs = sample_lines.line(document).removeprefix("#sample=>").rstrip("\n").split(";")
    read = {unescape(name): unescape(value) for name, value in (pair.split("=", 1) for pair in pairs)}
    written = {"id": "s", "biosample_id": "s", "notes": notes, "tumor_grade_label": label}
    assert read == {name: value for name, value in {**own, **written}.items() if value}


@given(anything)
def test_plain_values_are_json(value):
    for made in (plain(value), plain(value, camel)):
        data = dumps(made)
        assert json.loads(data, parse_constant=pytest.fail) == made


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(json_values)
def test_json_reads_back(value):
    data = dumps(value)
    assert json.loads(data) == value
    assert b"\\/" not in data.replace(b"\\\\", b"")  # a backslash before a slash may be part of a text
    assert b"\n" not in data


INDIVIDUAL = {
    "id": "pgxind-1",
    "sex": TERM,
    "genotypic_sex": TERM,
    "biocharacteristics": [TERM],
    "index_disease": {"disease_code": TERM, "onset": {"age": "P60Y", "age_days": 1}, "followup_state": TERM},
    "external_references": [TERM],
    "info": {"legacy_ids": ["a", "b"], "legacy_id": ["c"]},
}
ANALYSIS = {
    "id": "pgxcs-1",
    "biosample_id": "pgxbs-1",
    "platform_model": TERM,
    "operation": TERM,
    "external_references": [{"id": "geo:GPL1", "label": "l"}, {"id": "geo:GSM2"}],
    "info": {"legacy_id": ["c"]},
}
TABULAR = [
    *((name, VARIANT) for name in ("BED", "seg", "table of variants")),
    ("table of biosamples", BIOSAMPLE),
    ("table of individuals", INDIVIDUAL),
    ("table of analyses", ANALYSIS),
]


@pytest.mark.parametrize(("name", "example"), TABULAR, ids=[name for name, _ in TABULAR])
@examples(20)
@given(data=st.data())
def test_whatever_a_document_holds_its_row_has_all_cells(name, example, data):
    part = PARTS[name]
    found = data.draw(st.lists(documents(example), max_size=4))
    lines = part.encode([array(found)]).data.decode().split("\n")
    assert lines.pop() == ""
    width = len(bed.COLUMNS if name == "BED" else part.before.decode().splitlines()[-1].split("\t"))
    assert len(lines) == len(owned(found, part.key)) or name in {"BED", "seg"}
    for line in lines:
        assert len(line.split("\t")) == width
        assert not any(ord(character) < 0x20 or character in "\x7f#" for character in line.replace("\t", ""))


@examples(20)
@given(st.lists(documents(VARIANT), max_size=5))
def test_whatever_a_document_holds_its_records_are_whole(found):
    rows = vcf.FORMAT.parts(wanted(VARIANTS))[1].encode([array(found)]).data
    fold = vcf_records.fold()
    list(fold.through(["pgxbs-1", ""]))
    list(fold.finish())
    fold.feed(0, rows)
    for line in b"".join(made.data for made in fold.finish()).decode().splitlines():
        cells = line.split("\t")
        assert len(cells) == 11
        assert all(cells)
        assert 1 <= int(cells[1]) <= 248956422
        assert set(cells[3]) <= set("ACGTN")


# --- slices and windows ----------------------------------------------------------------------------------------------


@st.composite
def ordered(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Documents of a few samples, with distinct ids, in the order in which they are to come out."""
    samples = draw(st.lists(texts, min_size=1, max_size=3, unique=True))
    ids = draw(st.lists(st.binary(min_size=12, max_size=12), max_size=8, unique=True))
    keyed = [(draw(st.sampled_from(samples)), ObjectId(number)) for number in ids]
    keyed.sort(key=lambda pair: (pair[0].encode(), pair[1]))
    return [
        {"_id": number, "id": sample, "biosample_id": sample, "start": n} for n, (sample, number) in enumerate(keyed)
    ]


@every_part
@examples(15)
@given(found=ordered(), data=st.data())
def test_slicing_makes_no_difference(part: Part, found, data):
    cut = data.draw(st.integers(0, len(found)))
    first, second = data.draw(st.permutations(found[:cut])), data.draw(st.permutations(found[cut:]))
    whole = part.encode([array(found)])
    a, b = part.encode([array(first)]), part.encode([array(second)])
    assert a.data + b.data == whole.data
    assert (a.rows + b.rows, a.matched + b.matched) == (whole.rows, whole.matched) == (len(found), len(found))
    assert part.encode([array(second), array([]), array(first)]) == whole


@every_part
@examples(15)
@given(found=ordered(), cuts=st.lists(st.integers(0, 10), max_size=4).map(sorted))
def test_windows_tile_the_whole(part: Part, found, cuts):
    batch = [array(found)]
    windows = [
        part.encode(batch, start=start, stop=stop) for start, stop in zip([0, *cuts], [*cuts, None], strict=True)
    ]
    assert b"".join(window.data for window in windows) == part.encode(batch).data
    assert sum(window.rows for window in windows) == len(found)
    assert all(window.matched == len(found) for window in windows)


@examples(15)
@given(ordered(), st.randoms())
def test_order_is_by_sample_and_then_by_id(found, random):
    shuffled = random.sample(found, len(found))
    starts = [row.split("\t")[2] for row in SEGMENTS.encode([array(shuffled)]).data.decode().split("\n")[:-1]]
    assert starts == [str(number) for number in range(len(found))]
    lines = PARTS["variants as JSON Lines"].encode([array(shuffled)]).data.splitlines()
    assert [json.loads(line) for line in lines] == [beacon_records.variant(document) for document in found]


# --- the envelope ----------------------------------------------------------------------------------------------------


def deliver(parts: tuple[Part, ...], sets: list[list[dict[str, Any]]]) -> bytes:
    """What the pump does, in a few lines."""
    said, tallies = b"", []
    for part, found in zip(parts, sets, strict=True):
        tally = Tally()
        tallies.append(tally)
        said += part.before
        stop = part.skip + part.limit if part.limit else None
        rows = part.encode([array(found)], start=part.skip, stop=stop)
        if part.fetch and rows.rows:
            said += part.opening(tallies) + rows.data[part.lead :]
            tally.rows = rows.rows
        if part.count:
            tally.total = len(found)
        said += part.closing(tallies)
    return said


@examples(20)
@given(
    sizes=st.lists(st.integers(0, 4), min_size=1, max_size=3),
    ask=st.builds(
        Ask,
        entity=st.sampled_from(["variants", "biosamples", "individuals", "analyses", "runs", "cohorts"]),
        filters=st.just((FilterTerm(id="NCIT:C3058"), FilterTerm(id="age", operator=">=", value="P18Y"))),
        granularity=st.sampled_from(["record", "count", "boolean"]),
        resultsets=st.sampled_from(["HIT", "MISS", "ALL", "NONE"]),
        handovers=st.booleans(),
        limit=st.none() | st.integers(0, 3),
        skip=st.integers(0, 2),
        warnings=st.lists(texts, max_size=1).map(tuple),
    ),
)
def test_an_envelope_is_json_and_counts_truly(sizes, ask):
    if ask.limit == 0:
        ask = replace(ask, skip=0)
    datasets = tuple(f"set{number}" for number in range(len(sizes)))
    sets = [[{"_id": n, "id": f"s{n}", "biosample_id": f"s{n}"} for n in range(size)] for size in sizes]
    answer = json.loads(deliver(beacon.FORMAT.parts(wanted(ask, datasets)), sets))
    shown = {"HIT": bool, "MISS": lambda size: not size, "ALL": lambda _: True, "NONE": lambda _: False}[ask.resultsets]
    if ask.entity == "cohorts":
        _is_a_collection(answer, ask, sizes)
        return
    found = answer["response"]["resultSets"]
    assert [one["id"] for one in found] == [name for name, size in zip(datasets, sizes, strict=True) if shown(size)]
    limit = 200 if ask.limit is None else ask.limit
    for one, size in zip(found, filter(shown, sizes), strict=True):
        assert one["exists"] == bool(size)
        assert one.get("resultsCount") == (None if ask.granularity == "boolean" else size)
        here = max(0, size - ask.skip * limit)
        assert len(one.get("results", ())) == (min(limit or here, here) if ask.granularity == "record" else 0)
        assert ("results" in one) == (ask.granularity == "record")
        assert bool(one.get("resultsHandovers")) == (ask.handovers and size > 0)
    summary = answer["responseSummary"]
    assert summary["exists"] == any(sizes)
    assert summary.get("numTotalResults") == (None if ask.granularity == "boolean" else sum(sizes))
    assert answer["meta"]["info"]["warnings"] == list(ask.warnings)
    assert answer["meta"]["receivedRequestSummary"]["pagination"] == {"skip": ask.skip, "limit": limit}


def _is_a_collection(answer, ask, sizes) -> None:
    """One list of the records of all datasets, at record granularity only."""
    limit = 200 if ask.limit is None else ask.limit
    here = [max(0, size - ask.skip * limit) for size in sizes]
    told = answer["response"].get("collections")
    assert told is None or len(told) == sum(min(limit or some, some) for some in here)
    assert (told is not None) == (ask.granularity == "record")
    counted = {} if ask.granularity == "boolean" else {"numTotalResults": sum(sizes)}
    assert answer["responseSummary"] == {"exists": any(sizes), **counted}


def test_every_format_delivers_what_it_says():
    for form in FORMATS:
        for entity in set(form.entities) - {"frequencies"}:  # which are of groups, not of documents
            there = {"runs": "analyses", "cohorts": "collations", "datasets": "biosamples"}.get(entity, entity)
            assert form.parts(wanted(Ask(entity=entity)))[-1].collection == there
