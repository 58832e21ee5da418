"""The table of variants by columns says of every document what the table itself says of it, and of most by itself."""

from typing import Any

import bson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.codec import Sheet, _py
from gateway.demo.cohort import documents as demo
from gateway.formats import sample_lines, tables, variant_table
from gateway.formats.base import document_rows
from gateway.rows import Rows
from tests.codec.engines import ENGINES
from tests.datasets import ODD_VARIANTS, old_variant
from tests.examples import examples
from tests.formats.test_format_properties import TERM, VARIANT, documents

COLUMNS = tables.TABLES["variants"].columns
ROW = tables._row(tables.TABLES["variants"], COLUMNS, sample_lines.Grouping())
FORMS = variant_table.forms([name for name, _ in COLUMNS])
CURRENT = {
    name: value
    for name, value in VARIANT.items()
    if name not in {"reference_name", "callset_id", "variant_type", "reference_bases", "alternate_bases"}
}
CURRENT["location"] = {**VARIANT["location"], "start": 1.0}
OLD = {
    "id": "1",
    "biosample_id": "pgxbs-1",
    "callset_id": "c",
    "digest": "9:1-2:DEL",
    "reference_name": "9",
    "start": 1,
    "end": 2.0,
    "variant_type": "DEL",
    "reference_bases": "A",
    "alternate_bases": "G",
    "mate_name": "8",
    "info": {"cnv_value": -0.5, "var_length": 1, "annotation_derived": True},
    "updated": "2021-02-03T10:11:12.000Z",
}


def batch(found: list[dict[str, Any]]) -> bytes:
    return bson.encode({str(n): {"_id": n, **document} for n, document in enumerate(found)})


def check(found: list[dict[str, Any]]) -> int:
    """How many documents were odd; all rows are those of the table, by each engine."""
    array, odd = batch(found), []
    sheet = Sheet(FORMS, lambda document: (odd.append(document), ROW(document))[1])
    expected = document_rows("biosample_id", lambda document: ROW(document).encode())([array])
    assert _py.rows([array], sheet, "biosample_id") == expected
    number = len(odd)
    for engine in filter(None, ENGINES.values()):
        odd.clear()
        assert engine.sure_rows([array], sheet, "biosample_id") in {None, expected}
        assert len(odd) in {0, number}
        assert engine.rows([array], sheet, "biosample_id") == expected
    return number


NULLS = st.sampled_from([None, "", 0, False, [], {}, [""], "X", "chrM", "DUP", "SO:0000159", ["a", "b"]])


@st.composite
def bent(draw: st.DrawFn, example: dict[str, Any]) -> dict[str, Any]:
    """The example with few changes: fields of another model, empty values, others that mean something somewhere."""
    document = draw(documents(example)) if draw(st.booleans()) else dict(example)
    for name in draw(st.lists(st.sampled_from(sorted({*VARIANT, *OLD, *document})), max_size=3)):
        document[name] = draw(NULLS | st.just(VARIANT.get(name)) | st.just(TERM))
    for name in draw(st.lists(st.sampled_from(sorted(document) or ["id"]), max_size=4)):
        document.pop(name, None)
    return document


@examples(70)
@given(st.lists(bent(CURRENT) | bent(OLD), max_size=4))
def test_whatever_a_document_holds(found: list[dict[str, Any]]):
    check(found)


STORED = [document for collection, document in demo(20) if collection == "variants"]


@pytest.mark.parametrize(
    ("found", "most"),
    [
        (STORED, 5),
        ([old_variant(document) for document in STORED if "location" in document], 0),
        ([document for document, _ in ODD_VARIANTS], 3),
        ([CURRENT | {"adjoined_sequences": []}, VARIANT], 2),
    ],
    ids=["demo", "flat", "odd", "mixed"],
)
def test_stored_documents_are_hardly_ever_odd(found: list[dict[str, Any]], most: int):
    assert check(found) <= most < max(4, len(found))


def test_some_columns_alone():
    """What is odd elsewhere does not matter."""
    row = tables._row(tables.TABLES["variants"], (COLUMNS[0], COLUMNS[-1]), sample_lines.Grouping())
    encode = tables._variant_rows((COLUMNS[0], COLUMNS[-1]))
    found = [{"id": f"v{n}", "location": {"start": b"odd"}, "variant_state": TERM} for n in range(3)]
    assert encode([batch(found)]) == Rows("".join(map(row, found)).encode(), 3, 3)
    sheet = Sheet(variant_table.forms(["variant_id"]), lambda _: pytest.fail("odd"))
    assert _py.rows([batch(found)], sheet, "biosample_id").data == b"v0\nv1\nv2\n"
