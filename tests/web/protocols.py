"""What htsget 1.3 and DRS 1.4 say that answers are like, as JSON schemas.

Written from the texts of the specifications: the published descriptions are not in any package.  Objects of DRS are
checked by the schemas of its compliance suite as well, which are of 1.2 and know less.
"""

import base64
import gzip
import json
from functools import cache
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator, Draft202012Validator, FormatChecker
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT7

from tests.harness import Answer, Gateway
from tests.schemas import service_info

__all__ = ["assembled", "drs", "drs_object", "htsget", "published", "service_info"]

_TEXT = {"type": "string"}


def _object(required: str, **properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": required.split(), "properties": properties}


# --- htsget: "Response JSON fields", "Error Response JSON fields", "GA4GH service-info" ------------------------------

_URL = _object(
    "url",
    url={**_TEXT, "pattern": "^(https?://|data:[^,]*;base64,)"},
    headers={"type": "object", "additionalProperties": _TEXT},
    **{"class": {"enum": ["header", "body"]}},
)
_ALL_OR_NONE_HAVE_A_CLASS = {
    "anyOf": [{"items": {"required": ["class"]}}, {"items": {"not": {"required": ["class"]}}}],
}
_HTSGET = {
    "ticket": _object(
        "htsget",
        htsget={
            **_object(
                "format urls",
                format={"enum": ["VCF", "BCF"]},
                urls={"type": "array", "items": _URL, **_ALL_OR_NONE_HAVE_A_CLASS},
                md5={**_TEXT, "pattern": "^[0-9a-fA-F]{32}$"},
            ),
            "additionalProperties": False,
        },
    )
    | {"additionalProperties": False},
    "error": _object("htsget", htsget=_object("error message", error={**_TEXT, "minLength": 1}, message=_TEXT)),
    "service": _object(
        "type htsget",
        type=_object(
            "group artifact version",
            group={"const": "org.ga4gh"},
            artifact={"const": "htsget"},
            version={"const": "1.3.0"},
        ),
        htsget=_object(
            "",
            datatype={"enum": ["reads", "variants"]},
            formats={"type": "array", "items": {"enum": ["BAM", "CRAM", "VCF", "BCF"]}},
            fieldsParameterEffective={"type": "boolean"},
            tagsParametersEffective={"type": "boolean"},
        ),
    ),
}

# --- DRS: its models ------------------------------------------------------------------------------------------------

_RIGHTS = _object(
    "",
    drs_object_id=_TEXT,
    supported_types={"type": "array", "items": {"enum": ["None", "BasicAuth", "BearerAuth", "PassportAuth"]}},
)
_ACCESS = _object(
    "type",
    type={"enum": ["s3", "gs", "ftp", "gsiftp", "globus", "htsget", "https", "file"]},
    access_url=_object("url", url=_TEXT, headers={"type": "array", "items": _TEXT}),
    access_id=_TEXT,
    authorizations=_RIGHTS,
) | {"anyOf": [{"required": ["access_url"]}, {"required": ["access_id"]}]}
_DRS_OBJECT = _object(
    "id self_uri size created_time checksums access_methods",
    id={**_TEXT, "pattern": "^[A-Za-z0-9._~-]+$"},
    name={**_TEXT, "pattern": "^[A-Za-z0-9._-]+$"},
    self_uri={**_TEXT, "pattern": r"^drs://[^/:]+/[A-Za-z0-9._~-]+$"},
    size={"type": "integer", "minimum": 0},
    created_time={**_TEXT, "format": "date-time"},
    updated_time={**_TEXT, "format": "date-time"},
    version=_TEXT,
    mime_type={**_TEXT, "pattern": "^[a-z]+/[a-z0-9.+-]+$"},
    checksums={"type": "array", "minItems": 1, "items": _object("checksum type", checksum=_TEXT, type=_TEXT)},
    access_methods={"type": "array", "minItems": 1, "items": _ACCESS},
    aliases={"type": "array", "items": _TEXT},
)


def _several(item: dict[str, Any]) -> dict[str, Any]:
    number = {"type": "integer", "minimum": 0}
    unresolved = _object("error_code object_ids", error_code=number, object_ids={"type": "array", "items": _TEXT})
    return _object(
        "summary resolved_drs_object unresolved_drs_objects",
        summary=_object("requested resolved unresolved", requested=number, resolved=number, unresolved=number),
        resolved_drs_object={"type": "array", "items": item},
        unresolved_drs_objects={"type": "array", "items": unresolved},
    )


_DRS = {
    "object": _DRS_OBJECT,
    "objects": _several(_DRS_OBJECT),
    "authorizations": _RIGHTS,
    "authorizations of several": _several(_RIGHTS),
    "error": _object("msg status_code", msg=_TEXT, status_code={"type": "integer"}),
    "service": _object(
        "type maxBulkRequestLength",
        type=_object("group artifact version", group={"const": "org.ga4gh"}, artifact={"const": "drs"}),
        maxBulkRequestLength={"type": "integer", "minimum": 1},
    ),
}


@cache
def _validator(protocol: str, name: str) -> Draft202012Validator:
    schema = {"htsget": _HTSGET, "drs": _DRS}[protocol][name]
    return Draft202012Validator(schema, format_checker=FormatChecker())


def htsget(name: str, answer: Answer) -> Any:
    """The JSON of an answer, which is a `ticket`, an `error` or a `service` of htsget."""
    _validator("htsget", name).validate(answer.json)
    return answer.json["htsget"]


def drs(name: str, answer: Answer) -> Any:
    """The JSON of an answer, which is one of `_DRS`."""
    _validator("drs", name).validate(answer.json)
    return answer.json


@cache
def published(name: str) -> Draft7Validator:
    """A validator of DRS's compliance suite, of what is an object, or an error; 1.2."""
    try:
        found = files("drs-compliance-suite") or ()
    except PackageNotFoundError:
        pytest.skip("the schemas are not installed: pip install --no-deps drs-compliance-suite==1.0.3")
    paths = [Path(str(each.locate())) for each in found if "schemas/v1.2.0/" in str(each)]
    schemas = {path.name: json.loads(path.read_text()) for path in paths}
    registry = Registry[Any]().with_resources(
        (name, Resource(contents=schema, specification=DRAFT7)) for name, schema in schemas.items()
    )
    return Draft7Validator(schemas[f"{name}.json"], registry=registry)


def drs_object(answer: Answer) -> Any:
    """The JSON of an answer that is an object, by both."""
    published("drs_object").validate(answer.json)
    return drs("object", answer)


def assembled(gateway: Gateway, ticket: Answer) -> bytes:
    """What a client makes of a ticket: all blocks, one behind another."""
    blocks = []
    for block in htsget("ticket", ticket)["urls"]:
        url = block["url"]
        if url.startswith("data:"):
            blocks.append(base64.b64decode(url.partition(",")[2], validate=True))
            continue
        headers = block.get("headers", {})
        assert url.startswith(gateway.url)
        answer = gateway.ask(url.removeprefix(gateway.url), **headers)
        assert (answer.status, answer.whole) == (206, True), answer.text
        blocks.append(answer.body)
    whole = b"".join(blocks)
    assert gzip.decompress(whole).startswith(b"##fileformat=VCF")
    return whole
