"""Laws of the room, for any request: only request errors, equal words equal values, no text but as a value."""

import random
import re
from urllib.parse import quote

import bson
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.codes import spellings
from gateway.dataset_state import DatasetState
from gateway.download_types import Collation
from gateway.errors import BadRequest, GatewayError
from gateway.ids import flaw
from gateway.planning.route_table import ROUTES
from gateway.query import MAX_INTEGER
from gateway.query.beacon_request import parse_request
from gateway.query.filters import wanted
from gateway.query.parameters import PARAMETERS
from gateway.query.selection import select
from tests.examples import examples

OPERATORS = {"$or", "$and", "$in", "$nin", "$gt", "$gte", "$lt", "$lte", "$eq", "$not", "$regex"}
FIELDS = {
    *("id", "_id", "individual_id", "analysis_id", "callset_id", "info.var_length"),
    *("location.sequence_id", "location.chromosome", "location.start", "location.end", "variant_state.id"),
    *("state.sequence", "sequence", "reference_sequence", "state.reference_sequence", "variant_internal_id"),
    *("reference_name", "mate_name", "start", "end", "variant_type", "reference_bases", "alternate_bases", "digest"),
    *("adjoined_sequences.sequence_id",),
    *(f"adjoined_sequences.{n}.sequence_id" for n in (0, 1)),
    *(f"adjoined_sequences.{n}.{side}.{m}" for n in (0, 1) for side in ("start", "end") for m in (0, 1)),
    *("histological_diagnosis.id", "tumor_grade.id", "pathological_stage.id", "pathological_tnm_findings.id"),
    *("icdo_morphology.id", "icdo_topography.id", "sample_origin_detail.id", "sample_origin_type.id", "cohorts.id"),
    *("biosample_status.id", "biocharacteristics.id", "external_references.id", "provenance.material.id"),
    *(f"references.{n}.id" for n in ("pubmed", "cellosaurus", "tcgaproject", "cbioportal")),
    *("ethnicity.id", "auxiliary_disease.disease_code.id", "sex.id", "phenotypic_features.feature_type.id"),
    *("index_disease.followup_state.id", "genotypic_sex.id", "index_disease.followup_days"),
    *("index_disease.onset.age_days", "series.id", "experiment.id", "platform_model.id", "operation.id"),
    "stored.key",
}

SURVEYS = [
    DatasetState(dataset="d", version="1"),
    DatasetState(
        dataset="d",
        version="1",
        collections=frozenset({"variants", "biosamples", "individuals", "analyses"}),
        indexed={"variants": frozenset({"location.sequence_id", "location.start"})},
    ),
    DatasetState(
        dataset="d",
        version="1",
        collections=frozenset({"variants", "biosamples", "individuals", "callsets"}),
        indexed={"variants": frozenset({"reference_name", "start"})},
    ),
]

# Text that means something to a database, a pattern, a header or a parser, beside ordinary and any other text.
hostile = st.sampled_from(
    ["$where", "$gt", "a.$b", "{'$ne': 1}", "^.*", "a|b", "(a+)+$", "\0", "\r\nX: y", "\ud800", "..", "!", "=", ",",
     "N", ""]
)  # fmt: skip
plausible = st.sampled_from(
    ["NCIT:C3058", "!NCIT:C4017", "icdom-85003", "PMID:1", "followupTime:>=P60M", "!age:<P1Y", "age:>P", "my pipeline",
     "GPL6801", "EFO:0030041", "TCGA-GBM", "genomes:>5", "9", "chrX", "12", "5", "100", "1,2", "DUP", "fusion", "SNV",
     "EFO:0030069", "ACN", "AND", "or", "true", "no", "pgxseg", "callsetspgxseg", "json", "hit", "record", "hg38"]
)  # fmt: skip
texts = st.one_of(plausible, hostile, st.text(max_size=12))
names = st.one_of(
    st.sampled_from([n for p in PARAMETERS if p.use != "narrows" for n in (p.name, *p.aliases)]),
    st.sampled_from([p.name for p in PARAMETERS]),
    st.sampled_from(["variantMultiPars", "query", "requestParameters", "pagination", "g_variant", "id", "excluded"]),
    texts,
)
pairs = st.lists(st.tuples(names, texts), max_size=6)
paths = st.one_of(
    st.sampled_from([route.path for route in ROUTES]),
    st.builds(lambda r, t: r.path.replace("{ids}", t), st.sampled_from(list(ROUTES)), texts),
    st.text(max_size=20),
)
values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), texts, st.just(10**4000)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(names, inner, max_size=3)),
    max_leaves=12,
)
bodies = st.one_of(
    values,
    st.builds(
        lambda q, r, f: {"query": {**q, "requestParameters": r, "filters": f}},
        st.dictionaries(names, values, max_size=2),
        st.dictionaries(names, values, max_size=4),
        st.lists(st.one_of(texts, st.fixed_dictionaries({"id": texts, "excluded": st.booleans()}), values), max_size=3),
    ),
)


# Requests that mostly succeed, to see what becomes of them.
sound_pairs = st.lists(
    st.one_of(
        st.tuples(st.just("filters"), st.one_of(plausible.filter(lambda t: t != "age:>P"), texts)),
        st.tuples(st.sampled_from(["biosampleIds", "individualIds", "analysisIds", "variantIds"]), texts),
        st.sampled_from([("filterLogic", "OR"), ("method", "callsetspgxseg"), ("includeDescendantTerms", "false")]),
        st.sampled_from([("referenceName", "9"), ("variantType", "SNV"), ("variantType", "fusion"), ("mateName", "8")]),
        st.sampled_from([("start", "5"), ("end", "10"), ("alternateBases", "AN"), ("referenceBases", "N")]),
        st.sampled_from([("variantMinLength", "5"), ("variantInternalId", "9:1-2:DEL"), ("mateStart", "7")]),
    ),
    max_size=7,
)
sound_paths = st.sampled_from(
    ["/beacon/variants", "/beacon/biosamples/", "/services/pgxseg/a", "/beacon/callsets/b/variants"]
)


def attempt(path, query, body=None):
    try:
        return parse_request(path, query, body, routes=ROUTES)
    except GatewayError as error:
        refused = error
    assert refused.status in (400, 404)
    assert refused.message.isascii()
    assert refused.status == 404 or refused.parameter
    return None


@given(paths, pairs, st.one_of(st.none(), bodies))
@examples(100)
def test_only_request_errors(path, query, body):
    found = attempt(path, query, body)
    if found:
        assert hash(found) == hash(attempt(path, query, body))
        assert all(w.isascii() and w.isprintable() for w in found.warnings)
        assert len(found.warnings) <= 20
        assert 0 <= found.skip <= MAX_INTEGER


@given(sound_paths, sound_pairs, st.randoms(use_true_random=False))
@examples(60)
def test_order_and_repetition_do_not_matter(path, query, chance: random.Random):
    shuffled = [*query, *query]
    chance.shuffle(shuffled)
    shuffled = [(re.sub("[A-Z]", lambda m: "_" + m[0].lower(), name), value) for name, value in shuffled]
    assert attempt(path, query) == attempt(path, shuffled)


@given(texts)
def test_spellings_are_one_family(text):
    family = spellings(text)
    assert {spellings(s) for s in family} == {family}


def walk(condition):
    """Every key is known, every operator ours, every pattern of ours."""
    assert isinstance(condition, dict)
    for key, value in condition.items():
        assert key in OPERATORS | FIELDS
        if key in ("$or", "$and"):
            assert value
            for branch in value:
                walk(branch)
        elif key == "$regex":
            assert re.fullmatch(r"\^[ACGT.]+\$?", value)
        elif isinstance(value, dict):
            assert value
            assert set(value) <= OPERATORS
            walk(value)
        else:
            for item in value if isinstance(value, list) else [value]:
                assert item is None or type(item) in (str, int)
                assert not (isinstance(item, str) and item.startswith("$"))


@given(
    sound_paths,
    sound_pairs,
    st.one_of(st.none(), bodies),
    st.sampled_from(SURVEYS),
    st.tuples(
        st.one_of(st.none(), st.just("stored.key"), texts),
        st.sampled_from(["biosample", "individual", "analysis", "publication", None]),
    ),
)
@example(
    "/beacon/biosamples",
    (("filterLogic", "OR"), ("filters", "NCIT:C3058"), ("filters", "!NCIT:C4017")),
    None,
    SURVEYS[0],
    (None, "biosample"),
)
@examples(150)
def test_text_is_only_ever_a_value(path, query, body, dataset_state, stored_in):
    key, entity = stored_in
    ask = attempt(path, query, body) or attempt(path, query)
    if ask is None:
        return
    if key is not None and re.fullmatch(r"[A-Za-z_]\w*", key, re.ASCII):
        key = "stored.key"  # a sound key is the database's to choose
    stored = {
        code: Collation(id=code, label="x", child_terms=(code, "NCIT:C1"), db_key=key, entity=entity)
        for code in wanted(ask)[::2]
    }
    try:
        found = select(ask, dataset_state, stored)
    except BadRequest:  # too many exclusions joined by OR
        return
    assert set(found.labels) <= {f.id if f.operator is None else f"{f.id}:{f.operator}{f.value}" for f in ask.filters}
    assert all(w.isascii() and w.isprintable() for w in found.warnings)
    for condition in [found.rows, *(term.condition for group in found.samples for term in group)]:
        walk(condition)
        bson.encode(condition)
    for group in found.samples:
        assert group
        # One query a collection for what is to be there; each thing that is not to be there is a query of its own.
        included = [term.collection for term in group if not term.negated]
        assert len(set(included)) == len(included)
        assert all(term.condition for term in group)


@given(st.lists(texts, max_size=4))
@settings(deadline=None)
def test_path_ids_are_ids_or_refused(ids):
    found = attempt("/beacon/biosamples/" + ",".join(ids) + "/g_variants", ())
    if found:
        assert found.biosample_ids
        assert not any(map(flaw, found.biosample_ids))
        assert quote("".join(found.biosample_ids))
