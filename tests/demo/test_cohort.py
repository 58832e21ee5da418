"""The synthetic cohort: the same from the same seed, whole in itself, and shaped as the current model has it."""

import re
from collections import Counter, defaultdict
from itertools import pairwise
from typing import Any

import bson
import pytest

from gateway.demo import cohort
from gateway.demo.terms import DIAGNOSES, FIELDS
from gateway.genome import CHROMOSOMES, STATES

Documents = dict[str, list[dict[str, Any]]]


def gather(*args: int) -> Documents:
    found: Documents = defaultdict(list)
    for collection, document in cohort.documents(*args):
        found[collection].append(document)
    return found


@pytest.fixture(scope="module")
def made() -> Documents:
    return gather()


def as_bytes(*args: int) -> bytes:
    return b"".join(name.encode() + bson.encode(document) for name, document in cohort.documents(*args))


def values(document: Any, path: list[str]) -> list[str]:
    if isinstance(document, list):
        return [value for item in document for value in values(item, path)]
    if not path:
        return [document]
    return values(document[path[0]], path[1:]) if path[0] in document else []


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others():
    assert as_bytes(30, 1) == as_bytes(30, 1)
    assert as_bytes(30, 1) != as_bytes(30, 2)


@pytest.mark.parametrize("samples", [0, 1, 2, 13])
def test_small_cohorts_have_as_many_biosamples_as_were_asked_for(samples):
    found = gather(samples)
    assert len(found["biosamples"]) == samples
    assert {v["biosample_id"] for v in found["variants"]} <= {b["id"] for b in found["biosamples"]}


def test_the_default_cohort_has_its_size(made):
    assert len(made["biosamples"]) == cohort.SAMPLES
    assert 20_000 <= len(made["variants"]) <= 35_000
    assert set(made) == {"biosamples", "individuals", "analyses", "variants", "collations", "publications"}


def test_ids_are_unique_well_formed_and_ascend(made):
    everything = [document["_id"] for documents in made.values() for document in documents]
    assert len(set(everything)) == len(everything)
    for documents in made.values():
        ids = [document["id"] for document in documents]
        keys = [document["_id"] for document in documents]
        assert len(set(ids)) == len(ids)
        assert keys == sorted(keys)
    for collection, prefix in (("biosamples", "pgxbs"), ("individuals", "pgxind"), ("analyses", "pgxcs")):
        assert all(re.fullmatch(prefix + "-[0-9a-z]{8}", document["id"]) for document in made[collection])
    assert all(v["id"] == f"pgxvar-{v['_id']}" for v in made["variants"])


def test_every_reference_between_documents_is_met(made):
    individuals = {i["id"] for i in made["individuals"]}
    biosamples = {b["id"]: b["individual_id"] for b in made["biosamples"]}
    analyses = {a["id"]: a["biosample_id"] for a in made["analyses"]}
    assert set(biosamples.values()) <= individuals
    assert set(analyses.values()) == set(biosamples)
    for variant in made["variants"]:
        assert analyses[variant["analysis_id"]] == variant["biosample_id"]
        assert biosamples[variant["biosample_id"]] == variant["individual_id"]
    cited = {b["references"]["pubmed"]["id"] for b in made["biosamples"] if "pubmed" in b["references"]}
    assert cited <= {p["id"] for p in made["publications"]}


def test_coordinates_lie_within_their_chromosomes(made):
    for variant in made["variants"]:
        for location in [variant["location"]] if "location" in variant else variant["adjoined_sequences"]:
            chromosome = CHROMOSOMES[location["chromosome"]]
            assert location["sequence_id"] == chromosome.sequence_id
            assert location["sequence_reference"]["refget_accession"] == chromosome.refget
            if "location" in variant:
                assert 0 <= location["start"] < location["end"] <= chromosome.size
                assert variant["info"]["var_length"] == location["end"] - location["start"]
            else:
                low, high = location.get("start") or location["end"]
                assert 0 <= low < high <= chromosome.size


def test_segments_of_one_analysis_do_not_overlap(made):
    places = defaultdict(list)
    for v in made["variants"]:
        if v["type"] == "CopyNumberChange":
            places[v["analysis_id"], v["location"]["chromosome"]].append((v["location"]["start"], v["location"]["end"]))
    for spans in places.values():
        spans.sort()
        assert all(before[1] <= after[0] for before, after in pairwise(spans))


def test_states_and_log2_agree(made):
    for variant in made["variants"]:
        state = STATES[variant["variant_state"]["id"]]
        assert variant["variant_state"]["label"] == state.label
        log2 = variant["info"].get("cnv_value")
        if log2 is not None and state.variant_type in {"DUP", "DEL"}:
            assert (log2 > 0) == (state.variant_type == "DUP")
            assert ("gain" if log2 > 0 else "loss") in variant["copy_change"]


def test_every_kind_of_document_occurs(made):
    variants = made["variants"]
    assert {v["type"] for v in variants} == {"CopyNumberChange", "Allele", "Adjacency"}
    assert {v["variant_state"]["id"] for v in variants} >= {"EFO:0030065", "EFO:0030069", "EFO:0030072", "EFO:0030073"}
    assert any("location" not in v for v in variants)
    assert any("cnv_value" not in v["info"] for v in variants if v["type"] == "CopyNumberChange")
    assert any(v.get("molecular_attributes", {}).get("aminoacid_changes") == ["R175H"] for v in variants)
    rows = Counter(v["biosample_id"] for v in variants)
    assert [b["id"] for b in made["biosamples"] if b["id"] not in rows] == [made["biosamples"][-1]["id"]]
    references = [b for b in made["biosamples"] if b["biosample_status"]["id"] == "EFO:0009654"]
    assert references
    assert all(rows[b["id"]] <= 10 for b in references)
    assert {d.ncit for d in DIAGNOSES} == {
        b["histological_diagnosis"]["id"] for b in made["biosamples"] if "histological_diagnosis" in b
    }


def test_collations_count_what_is_there(made):
    fields = {field.type: field for field in FIELDS}
    for collation in made["collations"]:
        field = fields[collation["collation_type"]]
        found = [values(document, field.db_key.split(".")) for document in made[field.scope]]
        assert collation["count"] == sum(not set(codes).isdisjoint(collation["child_terms"]) for codes in found) > 0
        assert collation["code_matches"] == sum(collation["id"] in codes for codes in found)
        assert collation["scope"] == field.scope


def test_every_code_in_a_collated_field_has_its_collation(made):
    known = {(c["collation_type"], c["id"]) for c in made["collations"]}
    for field in FIELDS:
        for document in made[field.scope]:
            assert {(field.type, code) for code in values(document, field.db_key.split("."))} <= known


def test_child_terms_are_closed_under_the_hierarchy(made):
    by_id = {c["id"]: c for c in made["collations"]}
    for collation in made["collations"]:
        children = set(collation["child_terms"])
        assert collation["id"] in children
        assert children == {collation["id"]}.union(
            *(by_id[c]["child_terms"] for c in children if by_id[c]["parent_terms"] == [collation["id"]])
        )
        (way,) = collation["hierarchy_paths"]
        assert way["path"][-1] == collation["id"]
        assert way["path"][-2:-1] == collation["parent_terms"]
        assert all(collation["id"] in by_id[above]["child_terms"] for above in way["path"])


def test_the_terms_that_the_documentation_uses_exist(made):
    wanted = "NCIT:C3058 NCIT:C3262 NCIT:C4017 pgx:icdom-94403 pgx:icdom-85003 pgx:icdom-85002 pgx:icdot-C50.9"
    wanted += " pgx:icdot-C71.9 pgx:cohort-TCGA pgx:cohort-TCGAcancers pgx:TCGA-GBM UBERON:0000955 EFO:0009656"
    wanted += " EFO:0009654 EFO:0030035 EFO:0030049 NCIT:C20197 geo:GPL6801 geo:GSE99001 pubmed:99900001"
    assert set(wanted.split()) <= {c["id"] for c in made["collations"]}
