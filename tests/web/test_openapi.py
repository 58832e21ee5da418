"""`/openapi.json` is valid, whole, and true."""

import json
import re
from typing import Any
from urllib.parse import unquote

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from gateway.config import load
from gateway.formats import FORMATS
from gateway.planning.route_table import ROUTES
from gateway.query.parameters import PARAMETERS
from gateway.web.app import create_app
from gateway.web.endpoints.openapi import description
from tests.harness import Gateway, until

POSTED = {"query": {"filters": [{"id": "NCIT:C3058"}], "pagination": {"limit": 0}}}


def different(paths: dict[str, Any]) -> dict[str, Any]:
    """One path of each kind: the others are the same but for names."""
    names = re.compile(r'"(summary|operationId|description)": "[^"]*"')
    kinds = {names.sub("", json.dumps(item)): path for path, item in paths.items()}
    return {path: paths[path] for path in kinds.values()}


def test_the_openapi_description_is_valid_and_that_of_the_tables(gateway: Gateway):
    told = gateway.ask("/openapi.json").json
    assert told == description()
    validate({**told, "paths": different(told["paths"])})  # all 134 of them take half a minute
    assert {route.path for route in ROUTES} <= told["paths"].keys()
    named = {p.name for p in PARAMETERS if p.use in {"request", "variant"}}
    assert told["components"]["parameters"].keys() == named | {"ticket"}
    assert all(parameter["description"] for parameter in told["components"]["parameters"].values())
    words = told["components"]["parameters"]["output"]["schema"]["anyOf"][0]["enum"]
    assert {word for form in FORMATS for word in form.words} < set(words)


# Separated by blanks; there is one that is empty.
NUMBERS = "-1 0 1 007 1000 1001 2147483647 2147483648 1.0 1e3 5,5 +5 %EF%BC%99 x"
WORDS = "pgxseg PGXseg pgxseg.gz %20pgxseg pgxseg,pgxseg docx DOCX details details.gz ndjson values igv csv json;q=1"
TRUTHS = "true True TRUE tRuE false False 1 0 yes %20true true,true truE%20"
NOTHING = " , null NULL None undefined nothing %20 %20null"
VALUES = {
    **dict.fromkeys(("limit", "skip", "testModeCount", "minNumber"), NUMBERS),
    "output": f"{WORDS} .gz callsetspgxseg %00 {{}} $where %C5%BFeg codematches",
    "ticket": TRUTHS,
}


@pytest.mark.parametrize("name", VALUES)
def test_what_is_not_described_is_refused(gateway: Gateway, name: str):
    """Values of each parameter whose values are described, beside others that are right."""
    components = gateway.ask("/openapi.json").json["components"]
    schema = Draft202012Validator({**components["parameters"][name]["schema"], "components": components})
    beside = {"limit": "", "skip": "&limit=1", "ticket": "&limit=0&output=jsonl"}.get(name, "&limit=1")
    for value in f"{VALUES[name]} {NOTHING}".split(" "):
        text = unquote(value)
        number = re.fullmatch("-?[0-9]+", text, re.ASCII)
        described = schema.is_valid(int(text) if number else text)
        answer = gateway.ask(f"/beacon/biosamples?filters=NCIT:C3058{beside}&{name}={value}")
        if not described:
            assert answer.status in {400, 406}, value
            assert answer.status == 406 or name in answer.json["error"]["errorMessage"]
        elif answer.status != 200:  # what is described for others: pages, entities
            assert (name, answer.status) in {("output", 400), ("output", 406)}, answer.text


def test_every_route_of_the_application_is_described():
    # Those of a Beacon and of services, which are one handler each, stand there one by one: see above.
    one_by_one = {"/beacon/{path}", "/services/{path}"}
    found = ((route.method, route.resource.canonical) for route in create_app(load({}, {})).router.routes())
    routes = {(method, path.rstrip("/") or "/") for method, path in found}
    # What only the page asks for, and the second addresses of what is described.
    own = {"/favicon.ico", "/gateway/assets/{hash}/{name}", "/gateway"}
    own |= {path for _, path in routes if path.removeprefix("/gateway") in {"/health", "/ready", "/openapi.json"}}
    told = description()["paths"]
    routes = {(method, path) for method, path in routes if path not in own or path in told}
    for method, path in routes - {("*", path) for path in one_by_one}:
        assert method == "HEAD" or method.lower() in told[path], (method, path)
    served = {path for _, path in routes}
    beyond = {path.removesuffix(".sha256") for path in told if not path.startswith(("/beacon/", "/services/"))}
    assert beyond == {path for path in served - one_by_one if not path.startswith("/beacon/")}


def test_tickets_are_as_they_are_described(gateway: Gateway):
    told = gateway.ask("/openapi.json").json
    validator = Draft202012Validator({"$ref": "#/components/schemas/Ticket", "components": told["components"]})
    path = "/beacon/variants?filters=NCIT:C3058&output=pgxseg&limit=0"
    first = gateway.ask(f"{path}&ticket=true").json
    own = first["self"].removeprefix(gateway.url)
    until(lambda: gateway.ask(own).json["state"] == "complete")
    for ticket in (first, gateway.ask(own).json, gateway.ask("/beacon/g_variants?ticket=true", "POST", POSTED).json):
        validator.validate(ticket)
    paths = {"/exports/{export}": own, "/exports/{export}/{name}": first["address"].removeprefix(gateway.url)}
    paths["/exports/{export}/{name}.sha256"] = first["sha256Address"].removeprefix(gateway.url)
    for template, path in paths.items():
        statuses = told["paths"][template]["get"]["responses"].keys()
        for url, headers in ((path, {}), (path, {"Range": "bytes=0-1"}), (path.replace(first["digest"], "0" * 40), {})):
            assert str(gateway.ask(url, **headers).status) in statuses, (template, url, headers)
