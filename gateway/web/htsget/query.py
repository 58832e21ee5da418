"""What an htsget request asks of a file: the header alone, regions of it, or all.  Coordinates are 0-based, interbase.

`fields`, `tags` and `notags` are understood, and change nothing: the specification lets a server deliver more.
Parameters that it does not know are left out.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from gateway.errors import BadRequest, NotFound
from gateway.genome import CHROMOSOMES, chromosome
from gateway.query import shown
from gateway.web.htsget.errors import InvalidRange, UnsupportedFormat

__all__ = ["FORMATS", "Query", "Region", "of_body", "of_parameters"]

FORMATS: Final = ("VCF",)
_LARGEST: Final = 2**32 - 1
_PARAMETERS: Final = ("format", "class", "referenceName", "start", "end", "fields", "tags", "notags")


@dataclass(frozen=True, slots=True)
class Region:
    """A part of a chromosome."""

    name: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Query:
    """What is wanted; no regions are all of the file."""

    header: bool = False
    regions: tuple[Region, ...] | None = None


def of_parameters(query: Mapping[str, Sequence[str]]) -> Query:
    """What the parameters of a GET ask for.  Raises BadRequest, InvalidRange, NotFound, UnsupportedFormat."""
    said: dict[str, str] = {}
    for name in _PARAMETERS:
        values = set(query.get(name, ()))
        if len(values) > 1:
            raise BadRequest(f"{name} takes one value, not {len(values)}", parameter=name)
        said |= dict.fromkeys([name] * len(values), "".join(values))
    _check_format(said.get("format"))
    if _only_header(said.get("class"), said):
        return Query(header=True)
    _check_tags(*(said[name].split(",") if said.get(name) else [] for name in ("tags", "notags")))
    start, end = (_number(name, said[name]) if name in said else None for name in ("start", "end"))
    if "referenceName" not in said:
        if start is not None or end is not None:
            raise BadRequest("start and end are of a referenceName, which is not given", parameter="referenceName")
        return Query()
    if start is not None and end is not None and start > end:
        raise InvalidRange(f"start: {start} is greater than end: {end}", parameter="start")
    return Query(regions=(_region(said["referenceName"], start, end),))


def of_body(body: object) -> Query:
    """What the body of a POST asks for.  Raises as `of_parameters` does."""
    if not isinstance(body, dict):
        raise BadRequest("the body is not a JSON object", parameter="body")
    for name in ("format", "class"):
        if body.get(name) is not None and not isinstance(body[name], str):
            raise BadRequest(f"{name} is a text", parameter=name)
    _check_format(body.get("format"))
    said = {name for name in (*_PARAMETERS, "regions") if body.get(name) is not None}
    if _only_header(body.get("class"), said):
        return Query(header=True)
    for name in sorted(said & {"referenceName", "start", "end"}):
        raise BadRequest(f"{name} of a body stands in one of its regions", parameter=name)
    _, tags, notags = (_texts(name, body.get(name)) for name in ("fields", "tags", "notags"))
    _check_tags(tags, notags)
    return Query(regions=tuple(_regions(body["regions"])) if body.get("regions") is not None else None)


def _check_format(word: str | None) -> None:
    if word is not None and word.upper() not in FORMATS:
        raise UnsupportedFormat(f"format: there is {', '.join(FORMATS)}, not '{shown(word)}'", parameter="format")


def _only_header(word: str | None, said: Iterable[str]) -> bool:
    if word is None:
        return False
    if word != "header":
        raise BadRequest(f"class is header, or not given; not '{shown(word)}'", parameter="class")
    if others := sorted({*said} - {"class", "format"}):
        raise BadRequest(f"{others[0]} does not go together with class=header", parameter=others[0])
    return True


def _check_tags(tags: Iterable[str], notags: Iterable[str]) -> None:
    if both := sorted({*tags} & {*notags}):
        raise BadRequest(f"tags and notags have '{shown(both[0])}' in common", parameter="tags")


def _texts(name: str, value: object) -> list[str]:
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise BadRequest(f"{name} is a list of texts", parameter=name)
    return value


def _number(name: str, value: object) -> int:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= len(str(_LARGEST)):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _LARGEST:
        raise BadRequest(f"{name} is a whole number from 0 to {_LARGEST}", parameter=name)
    return value


def _regions(value: object) -> Iterator[Region]:
    if not isinstance(value, list) or not value:
        raise BadRequest("regions is a list of one region or more", parameter="regions")
    for each in value:
        if not isinstance(each, dict) or not isinstance(each.get("referenceName"), str):
            raise BadRequest("each of the regions is an object with a referenceName", parameter="regions")
        start, end = (_posted(each, name) for name in ("start", "end"))
        if start is not None and end is not None and start >= end:
            raise InvalidRange(f"start: {start} is not less than end: {end}", parameter="regions")
        yield _region(each["referenceName"], start, end)


def _posted(region: Mapping[str, Any], name: str) -> int | None:
    value = region.get(name)
    if isinstance(value, str):
        raise BadRequest(f"{name} of a region is a number, not a text", parameter="regions")
    return None if value is None else _number(name, value)


def _region(name: str, start: int | None, end: int | None) -> Region:
    found = chromosome(name)
    if found is None:
        there = ", ".join(CHROMOSOMES)
        raise NotFound(f"there is no reference '{shown(name)}'; there are {there}", parameter="referenceName")
    return Region(found.name, start or 0, found.size if end is None else min(end, _LARGEST))
