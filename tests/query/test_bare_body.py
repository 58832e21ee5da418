"""What is kept of a request body: it is read as the whole is, and holds nothing that is not read."""

import json

from hypothesis import given

from gateway.query.bare_body import bare_body
from tests.examples import examples
from tests.query.test_properties import attempt, bodies, pairs

PATH = "/beacon/g_variants"


@given(pairs, bodies)
@examples(100)
def test_it_is_read_as_the_whole_is(query, body):
    found = attempt(PATH, query, body)
    if found:
        kept = json.loads(json.dumps(bare_body(body)))
        assert attempt(PATH, query, kept) == found


def test_what_is_not_read_is_left_out():
    junk = "x" * 1000
    body = {
        "$schema": junk,
        "meta": {"apiVersion": "2.0", "notes": junk},
        "notes": junk,
        "query": {
            "debug": junk,
            "more": [junk],
            "filters": [{"id": "NCIT:C3058", "label": junk}, "NCIT:C4017"],
            "requestParameters": {"g_variant": {"referenceName": "9", "notes": junk}},
            "variantMultiPars": [{"referenceName": "8", "start": 5, "end": 9, "notes": junk}],
        },
    }
    kept = bare_body(body)
    assert junk not in json.dumps(kept)
    asked = attempt(PATH, [], body)
    assert asked is not None
    assert attempt(PATH, [], kept) == asked
    assert len(asked.variants) == 2
    assert asked.warnings


def test_what_is_no_object_is_left_alone():
    assert (bare_body(None), bare_body([1]), bare_body("x")) == (None, [1], "x")


def test_depth_is_no_trouble():
    body = inner = {}
    for _ in range(5000):
        inner["query"] = inner = {}
    inner["filters"] = ["NCIT:C3058"]
    assert len(json.dumps(bare_body(body))) < 200_000
