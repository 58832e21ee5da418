"""Selections: groups of terms that select biosamples, and what narrows the rows."""

from dataclasses import replace

import pytest

from gateway.dataset_state import DatasetState
from gateway.download_types import Collation, Term
from gateway.planning.route_table import ROUTES
from gateway.query.beacon_request import parse_request
from gateway.query.selection import identities, select

NOW = DatasetState(
    dataset="progenetix",
    version="1",
    collections=frozenset({"variants", "biosamples", "individuals", "analyses", "collations"}),
    indexed={"variants": frozenset({"biosample_id", "analysis_id", "location.sequence_id", "variant_state.id"})},
)
THEN = DatasetState(
    dataset="progenetix",
    version="1",
    collections=frozenset({"variants", "biosamples", "individuals", "callsets", "collations"}),
    indexed={"variants": frozenset({"biosample_id", "reference_name", "variant_type"})},
)
CODE = Collation(
    id="NCIT:C3058",
    label="Glioblastoma",
    child_terms=("NCIT:C3058", "NCIT:C9094"),
    db_key="histological_diagnosis.id",
    entity="biosample",
)
LOH = {"variant_state.id": "EFO:0030065"}
IN_9 = {"location.sequence_id": "refseq:NC_000009.12"}


def run(path, dataset_state=NOW, **query: str):
    return select(parse_request(path, query.items(), routes=ROUTES), dataset_state, {CODE.id: CODE})


def biosamples(condition):
    return (Term(collection="biosamples", condition=condition),)


def variants(condition):
    return (Term(collection="variants", condition=condition),)


DIAGNOSIS = {"histological_diagnosis.id": {"$in": ["NCIT:C3058", "NCIT:C9094"]}}


def test_filter():
    found = run("/beacon/variants/", filters="NCIT:C3058", method="pgxseg")
    assert found.dataset == "progenetix"
    assert found.samples == (biosamples(DIAGNOSIS),)
    assert found.rows == {}
    assert found.labels == {"NCIT:C3058": "Glioblastoma"}
    assert not found.nothing
    assert found.warnings == ()


def test_everything():
    found = run("/beacon/variants", allData="true")
    assert (found.samples, found.rows, found.nothing) == ((), {}, False)


@pytest.mark.parametrize(
    ("path", "group", "rows"),
    [
        ("/beacon/biosamples/a/g_variants", biosamples({"id": "a"}), {}),
        ("/beacon/biosamples/a,b/g_variants", biosamples({"id": {"$in": ["a", "b"]}}), {}),
        ("/beacon/individuals/a/g_variants", biosamples({"individual_id": "a"}), {}),
        ("/beacon/analyses/a/g_variants", (Term(collection="analyses", condition={"id": "a"}),), {"analysis_id": "a"}),
    ],
)
def test_ids(path, group, rows):
    found = run(path)
    assert found.samples == (group,)
    assert found.rows == rows


def test_callsets_of_2021():
    found = run("/beacon/callsets/a,b/variants", THEN, method="callsetspgxseg")
    assert found.samples == ((Term(collection="analyses", condition={"id": {"$in": ["a", "b"]}}),),)
    assert found.rows == {"callset_id": {"$in": ["a", "b"]}}


def test_what_is_asked_of_one_collection_is_asked_at_once():
    found = run("/beacon/biosamples/a/variants", filters="NCIT:C3058", individualIds="i")
    assert found.samples == (biosamples({**DIAGNOSIS, "id": "a", "individual_id": "i"}),)


def test_variant_queries_select_samples_and_rows():
    found = run("/beacon/variants", filters="NCIT:C3058", variantType="LOH", variantIds="v")
    assert found.samples == (biosamples(DIAGNOSIS), variants({"id": "v"}), variants(LOH))
    assert found.rows == {"id": "v", **LOH}


def test_whole_samples_have_all_their_rows():
    query = {"variantType": "LOH", "variantIds": "v", "analysisIds": "c"}
    ask = parse_request("/beacon/variants", query.items(), routes=ROUTES)
    found = select(replace(ask, whole_samples=True), NOW, {})
    assert [group[0].collection for group in found.samples] == ["analyses", "variants", "variants"]
    assert found.rows == {"analysis_id": "c"}


def test_biosamples_themselves_have_no_rows():
    found = run("/beacon/biosamples", variantType="LOH", analysisIds="c")
    assert len(found.samples) == 2
    assert found.rows == {}


def test_several_variant_queries_are_met_by_samples_together_and_by_rows_apart():
    body = {"query": {"requestParameters": {"variantMultiPars": [{"variantType": "LOH"}, {"referenceName": "9"}]}}}
    found = select(parse_request("/beacon/g_variants", (), body, routes=ROUTES), NOW, {})
    assert set(map(repr, found.samples)) == {repr(variants(LOH)), repr(variants(IN_9))}
    assert found.rows in ({"$or": [LOH, IN_9]}, {"$or": [IN_9, LOH]})


def test_2021_model():
    assert run("/beacon/variants", THEN, referenceName="9", variantType="LOH").rows == {
        "reference_name": "9",
        "variant_type": "LOH",
    }


def test_unknown_filter_selects_nothing_and_says_so():
    found = run("/beacon/variants", filters="nonsense")
    assert found.nothing
    assert "nonsense" in found.warnings[0]


def test_unknown_ids_are_told():
    words = {"biosampleIds": "a,b", "analysisIds": "e,d,c,b,a"}
    ask = parse_request("/beacon/g_variants", words.items(), routes=ROUTES)
    assert [(name, place, ids) for name, place, _, ids in identities(ask)] == [
        ("biosampleIds", "biosamples", ("a", "b")),
        ("analysisIds", "analyses", ("a", "b", "c", "d", "e")),
    ]
    found = select(ask, NOW, {}, {"biosampleIds": ("b",), "analysisIds": ("e", "c", "a", "b"), "variantIds": ()})
    assert found.warnings == (
        "biosampleIds: 1 of 2 unknown to dataset progenetix: b",
        "analysisIds: 4 of 5 unknown to dataset progenetix: a, b, c ...",
    )
    assert replace(found, warnings=()) == select(ask, NOW, {})
