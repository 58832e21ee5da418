"""What a selection can be had as: the formats by what they are for, each with the live address that asks for it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from gateway.download_types import Ask, Entity
from gateway.formats import OFFERED, Format
from gateway.planning.format_choice import PACKED
from gateway.query.parameters import normal, parameter

__all__ = ["Offer", "Pairs", "offers", "selecting"]

Pairs = tuple[tuple[str, str], ...]

_PATHS: Final[dict[Entity, str]] = {
    "variants": "/beacon/g_variants",
    "biosamples": "/beacon/biosamples",
    "individuals": "/beacon/individuals",
    "analyses": "/beacon/analyses",
    "frequencies": "/beacon/biosamples",  # of all that match together, as one group
}
# Format and entity, what it is called, what it is for; in the order in which they are shown.
_FOR: Final[tuple[tuple[str, Entity, str, str], ...]] = (
    ("pgxseg", "variants", "Segments (pgxseg)", "segments for R, pandas and pgxRpi"),
    ("igv", "variants", "Segments (seg)", "open in IGV"),
    ("vcf", "variants", "VCF", "bcftools and tabix, a column a sample"),
    ("bed", "variants", "BED", "genome browsers and bedtools"),
    ("parquet", "variants", "Parquet", "pandas, polars, DuckDB: columns with types"),
    ("arrow", "variants", "Arrow stream", "Arrow readers, without a copy"),
    ("table", "variants", "Table of variants", "spreadsheets: a row a variant"),
    ("jsonl", "variants", "JSON Lines of variants", "programs: a Beacon v2 record a line"),
    ("pgxmatrix", "analyses", "Matrix of gains and losses", "clustering and heat maps"),
    ("valuematrix", "analyses", "Matrix of log2", "clustering by log2"),
    ("seg", "analyses", "Segments for GISTIC", "GISTIC: whole chromosomes without overlaps"),
    ("pgxfreq", "frequencies", "CNV frequencies", "frequency plots: percent gained and lost by genome bin"),
    ("freqmatrix", "frequencies", "Matrix of frequencies", "comparing groups: a row a group, a column a bin"),
    ("table", "biosamples", "Table of samples", "diagnosis, stage, grade, age, place, ids"),
    ("table", "individuals", "Table of individuals", "sex, age, follow-up"),
    ("jsonl", "biosamples", "JSON Lines of samples", "programs: a Beacon v2 record a line"),
)
# Not files to take: pages, what others give names to, and what is about a dataset and not of a selection.
_OTHERS: Final = frozenset(
    {"json", "cnvstats", "idtable", "pgxseg2021", "frequencies", "collations", "collationtext", "filteringterms"}
)
_IMAGES: Final = "image/"
_CHOSEN: Final = frozenset(
    {
        *("output", "method", "limit", "skip", "alldata", "requestedgranularity", "includeresultsetresponses"),
        *("includehandovers", "testmode", "testmodecount", "responseentitypathid", "groupby", "plotpars"),
        *("deliverykeys", "minnumber"),
    }
)
"""What says how an answer is to be, not of what."""
_PACKED_ALREADY: Final = frozenset({"parquet"})


@dataclass(frozen=True, slots=True)
class Offer:
    """A format of a selection.  `whole`: all variants of the matched samples, whatever selects them."""

    form: Format
    entity: Entity
    label: str
    purpose: str
    path: str
    pairs: Pairs
    whole: bool = False

    @property
    def output(self) -> str:
        """The word that asks for it."""
        return self.form.words[0]

    @property
    def packs(self) -> bool:
        """Whether packing makes it any smaller."""
        return self.output not in _PACKED_ALREADY

    def asked(self, *, packed: bool = False) -> Pairs:
        """The parameters that ask for it."""
        return (*self.pairs, ("output", self.output + (PACKED if packed else "")))

    def url(self, *, packed: bool = False) -> str:
        """Path and query, relative to the root of the gateway."""
        return f"{self.path.lstrip('/')}?{urlencode(self.asked(packed=packed), safe=':,!', errors='replace')}"


def selecting(pairs: Iterable[tuple[str, str]]) -> Pairs:
    """Those of a request's parameters that say of what it is to be answered, and not how."""
    return tuple((name, value) for name, value in pairs if _selects(name))


def offers(ask: Ask, pairs: Pairs) -> Iterator[Offer]:
    """All that this installation can make of a selection, as it was asked for by these parameters."""
    kept = (*pairs, *((("allData", "true"),) if ask.selects_everything else ()))
    for form, entity, label, purpose in _known():
        yield Offer(form, entity, label, purpose, _PATHS[entity], kept, whole=entity == "variants" and not ask.variants)
        # What holds samples, too, would hold these where they are asked for.
        if entity == "variants" and ask.variants and "biosamples" not in form.entities:
            yield Offer(form, entity, label, purpose, _PATHS["biosamples"], kept, whole=True)


def _known() -> Iterable[tuple[Format, Entity, str, str]]:
    forms = {form.name: form for form in OFFERED}
    for name, entity, label, purpose in _FOR:
        if (form := forms.get(name)) and entity in form.entities:
            yield form, entity, label, purpose
    named = {name for name, *_ in _FOR} | _OTHERS
    for form in OFFERED:  # what was added since says itself what it is
        if form.name not in named and not form.media.startswith(_IMAGES):
            words = form.summary.replace("`", "")
            for entity in [each for each in form.entities if each in _PATHS][:1]:
                yield form, entity, words.partition(":")[0].partition(",")[0], words


def _selects(name: str) -> bool:
    known = parameter(name)
    return known is not None and known.use != "silent" and normal(known.name) not in _CHOSEN
