"""The questions of the page, as OpenAPI describes them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, get_args

from gateway.flow.sizes import Basis
from gateway.rights import GRANULARITIES

__all__ = ["SCHEMAS", "paths"]

_Schema = dict[str, Any]

_TEXT: Final[_Schema] = {"type": "string"}
_NUMBER: Final[_Schema] = {"type": "integer", "minimum": 0}
_NUMBER_OR_NOT: Final[_Schema] = {"type": ["integer", "null"], "minimum": 0}
_TEXT_OR_NOT: Final[_Schema] = {"type": ["string", "null"]}
_TRUTH: Final[_Schema] = {"type": "boolean"}
_LEVEL: Final[_Schema] = {"enum": list(GRANULARITIES)}


def _object(**properties: _Schema) -> _Schema:
    return {"type": "object", "required": list(properties), "properties": properties}


def _list(items: _Schema) -> _Schema:
    return {"type": "array", "items": items}


def _ref(name: str) -> _Schema:
    return {"$ref": f"#/components/schemas/{name}"}


_PLACE: Final = {"symbol": _TEXT, "referenceName": _TEXT, "start": _NUMBER, "end": _NUMBER}
_SIZE: Final[_Schema] = {"bytes": _NUMBER_OR_NOT, "basis": {"enum": list(get_args(Basis))}}
_PACKED: Final = {"output": _TEXT, "url": _TEXT, "rows": _NUMBER_OR_NOT, **_SIZE}
_UNKNOWN: Final = _list(_object(id=_TEXT, suggestions=_list(_ref("Suggestion"))))

SCHEMAS: Final[Mapping[str, _Schema]] = {
    "Suggestion": _object(id=_TEXT, label=_TEXT, count=_NUMBER_OR_NOT),
    "Count": {
        **_object(count=_NUMBER_OR_NOT, exact=_TRUTH, exists={"type": ["boolean", "null"]}),
        "description": "a number, a lower bound where it is not exact; null where numbers may not be seen",
    },
    "Offer": _object(
        output=_TEXT,
        label=_TEXT,
        purpose=_TEXT,
        entity=_TEXT,
        whole=_TRUTH,
        extension=_TEXT,
        media=_TEXT,
        url={**_TEXT, "description": "relative to the root of the gateway"},
        rows=_NUMBER_OR_NOT,
        **_SIZE,
        packed={"anyOf": [_object(**_PACKED), {"type": "null"}]},
    ),
    "FilteringTerm": _object(
        **dict.fromkeys(("id", "label", "collationType", "ontology", "scope"), _TEXT),
        count=_NUMBER_OR_NOT,
        codeMatches=_NUMBER_OR_NOT,
        parents=_list(_TEXT),
        path=_list(_list(_object(id=_TEXT, label=_TEXT))),
        children=_NUMBER,
    ),
    "ServedDataset": _object(
        id=_TEXT,
        name=_TEXT,
        default=_TRUTH,
        granularity=_LEVEL,
        counts={"anyOf": [{"type": "object", "additionalProperties": _NUMBER}, {"type": "null"}]},
        dataVersion=_TEXT_OR_NOT,
        **dict.fromkeys(("assembly", "licence", "citation"), _TEXT),
        empty=_TRUTH,
    ),
    "ListedExport": _object(
        dataset=_TEXT,
        output=_TEXT,
        packed=_TRUTH,
        state={"enum": ["producing", "complete"]},
        rows=_NUMBER,
        bytes=_NUMBER,
        age={"type": "number", "minimum": 0, "description": "seconds since it was begun, or complete"},
    ),
}
"""What the answers are made of, by name."""

_COUNT: Final = _ref("Count")
_ESTIMATE: Final = _object(
    dataset=_TEXT,
    dataVersion=_TEXT_OR_NOT,
    granularity=_LEVEL,
    narrowed=_TRUTH,
    samples=_COUNT,
    variants=_COUNT,
    matchedVariants=_COUNT,
    warnings=_list(_TEXT),
    unknown=_UNKNOWN,
    formats=_list(_ref("Offer")),
)
_TERMS: Final = _object(
    dataset=_TEXT,
    dataVersion=_TEXT_OR_NOT,
    text=_TEXT,
    more=_TRUTH,
    terms=_list(_ref("FilteringTerm")),
    suggestions=_list(_ref("Suggestion")),
    unknown=_UNKNOWN,
)
_GENE: Final = _object(**_PLACE, synonyms=_list(_TEXT))
_FOUND: Final[_Schema] = {"available": _TRUTH, "assembly": _TEXT, "text": _TEXT, "more": _TRUTH}


def _parameter(name: str, what: str, schema: _Schema, *, required: bool = False) -> _Schema:
    return {"name": name, "in": "query", "description": what, "schema": schema, "required": required}


def _listed(name: str, what: str) -> _Schema:
    return {**_parameter(name, what, _list(_TEXT)), "style": "form", "explode": False}


_LIMIT: Final = _parameter("limit", "how many to list", {"type": "integer", "minimum": 1, "maximum": 100})
_TYPED: Final = _parameter("text", "what somebody types", {**_TEXT, "minLength": 1, "maxLength": 200}, required=True)
_DATASET: Final[_Schema] = {"$ref": "#/components/parameters/datasetIds"}
_OF_TERMS: Final = (
    _DATASET,
    _parameter("text", "what somebody types of a code or a label", {**_TEXT, "maxLength": 200}),
    _listed("ids", "codes: their terms, and suggestions for those that are none"),
    _parameter("below", "a code: the terms right below it", {**_TEXT, "maxLength": 200}),
    {"$ref": "#/components/parameters/collationTypes"},
    _LIMIT,
)


def paths(shared: Sequence[_Schema], refused: Mapping[str, _Schema]) -> dict[str, Any]:
    """The paths; `shared` are parameters that say what is selected, `refused` the errors that queries may have."""
    estimated = "how many samples and variants a selection comes to, and how large its files will be"
    terms = "filtering terms by what is typed, by code, or below another; without any of these the roots"
    said: tuple[tuple[str, str, Iterable[_Schema], _Schema], ...] = (
        (
            "datasets",
            "the datasets that the caller sees",
            (),
            _object(datasets=_list(_ref("ServedDataset")), spool=_TRUTH),
        ),
        ("estimate", estimated, shared, _ESTIMATE),
        ("terms", terms, _OF_TERMS, _TERMS),
        ("genes", "genes by symbol or synonym", (_TYPED, _LIMIT), _object(**_FOUND, genes=_list(_GENE))),
        ("cytobands", "bands by name", (_TYPED, _LIMIT), _object(**_FOUND, cytobands=_list(_object(**_PLACE)))),
        (
            "running",
            "exports that are being produced or are kept, of datasets that the caller sees",
            (),
            _object(spool=_TRUTH, exports=_list(_ref("ListedExport")), complete=_object(number=_NUMBER, bytes=_NUMBER)),
        ),
    )
    return {
        f"/gateway/{name}": {
            "parameters": list(parameters),
            "get": {
                "summary": what,
                "responses": {
                    "200": {"description": "what is known now", "content": {"application/json": {"schema": schema}}},
                    "304": {"description": "unchanged since the answer with the ETag of If-None-Match"},
                    **refused,
                },
            },
        }
        for name, what, parameters, schema in said
    }
