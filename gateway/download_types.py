"""The few words everything is said in: what was asked, what that selects, and how it is delivered.

All frozen values, no behaviour beyond what follows from their fields.  A download is data before it is work: `Ask`
(words of a request) becomes `Selection` (conditions on collections) becomes `Plan` (parts that the pump streams).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from gateway.bins.maps import DEFAULT, BinMap
from gateway.dataset_state import Bounds, DatasetState
from gateway.handovers import Handover, Listed
from gateway.rights import Granularity
from gateway.rows import Encode, Fold, Say, Tally

__all__ = [
    "Ask",
    "Collation",
    "Condition",
    "Entity",
    "FilterTerm",
    "Group",
    "Part",
    "Plan",
    "Selection",
    "Term",
    "VariantAsk",
    "Wanted",
    "both",
    "bounded",
]

Condition = dict[str, Any]
"""A MongoDB query document, built by `query/` only, from validated values."""

Entity = Literal[
    "variants", "biosamples", "individuals", "analyses", "runs", "cohorts", "datasets", "frequencies", "collations"
]


def both(conditions: Iterable[Condition]) -> Condition:
    """The conjunction of conditions, in one flat document where that says the same.

    Flat, because a server may look for indexable fields at the top only (the embedded one does).
    """
    distinct: list[Condition] = []
    distinct.extend(condition for condition in conditions if condition and condition not in distinct)
    merged: Condition = {}
    for condition in distinct:
        for key, value in condition.items():
            if key not in merged:
                merged[key] = value
            elif _operators(value) and _operators(merged[key]) and not value.keys() & merged[key].keys():
                merged[key] = {**merged[key], **value}
            else:
                return {"$and": distinct}
    return merged


def _operators(value: Any) -> bool:
    return isinstance(value, dict) and all(name.startswith("$") for name in value)


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterTerm:
    """One filter as it was asked: an ontology code, or a field compared with a value (`followupTime:>=P60M`)."""

    id: str
    excluded: bool = False
    descendants: bool = True
    operator: str | None = None
    value: str | None = None

    @property
    def text(self) -> str:
        """What the filter is called, without its exclusion: `NCIT:C3058`, `followupTime:>=P60M`."""
        return self.id if self.operator is None else f"{self.id}:{self.operator}{self.value}"

    @property
    def asked(self) -> str:
        """The filter as a request spells it."""
        return ("!" if self.excluded else "") + self.text


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantAsk:
    """One variant query.  Coordinates are 0-based, interbase; two starts and two ends make a bracket."""

    chromosome: str | None = None
    start: tuple[int, ...] = ()
    end: tuple[int, ...] = ()
    states: tuple[str, ...] = ()
    reference_bases: str | None = None
    alternate_bases: str | None = None
    min_length: int | None = None
    max_length: int | None = None
    internal_id: str | None = None
    mate_chromosome: str | None = None
    mate_start: int | None = None
    mate_end: int | None = None
    gene: str | None = field(default=None, repr=False)  # its place is not looked up yet: no plan has one


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A request, validated and normalised: equal requests are equal values, whatever their spelling.

    `output` is the word given by `output=` or `method=`, lower case, or None; `whole_samples` asks for all variants of
    the matched samples even where variant parameters selected them; `limit` None means the format's default, 0 all;
    `skip` counts pages of `limit`.  `binning` names the genome bins of frequencies and matrices; `each` makes every
    filter a group of its own, and groups of fewer than `min_number` analyses are left out.  Collations are those whose
    ids begin with one of `prefixes`, of `collation_types`, and (`matched`) with documents of their own.  `group_by`,
    `plot_pars`, `plot`, `delivery_keys` are for formats that know them.  `test_mode` puts the query aside for some
    records.  `access_id` names a `handover`, None until it is looked up.  `order` is that of rows, else by sample.
    """

    entity: Entity = "variants"
    output: str | None = None
    whole_samples: bool = False
    datasets: tuple[str, ...] = ()
    filters: tuple[FilterTerm, ...] = ()
    logic: Literal["AND", "OR"] = "AND"
    biosample_ids: tuple[str, ...] = ()
    individual_ids: tuple[str, ...] = ()
    analysis_ids: tuple[str, ...] = ()
    variant_ids: tuple[str, ...] = ()
    cohort_ids: tuple[str, ...] = ()
    access_id: str = ""
    handover: Handover | None = None
    variants: tuple[VariantAsk, ...] = ()
    limit: int | None = None
    skip: int = 0
    order: Literal["", "position"] = ""
    granularity: Granularity = "record"
    resultsets: Literal["HIT", "MISS", "ALL", "NONE"] = "HIT"
    handovers: bool = True
    all_data: bool = False
    binning: str = DEFAULT
    each: bool = False
    min_number: int = 0
    prefixes: tuple[str, ...] = ()
    collation_types: tuple[str, ...] = ()
    matched: bool = False
    group_by: str | None = None
    plot_pars: tuple[tuple[str, str], ...] = ()
    plot: tuple[tuple[str, str], ...] = field(default=(), repr=False)  # no part of names, but of those of plots
    delivery_keys: tuple[str, ...] = ()
    test_mode: bool = False
    warnings: tuple[str, ...] = ()

    @property
    def selects_everything(self) -> bool:
        """Whether nothing in the request narrows the dataset."""
        ids = self.biosample_ids or self.individual_ids or self.analysis_ids or self.variant_ids or self.cohort_ids
        return not (self.filters or self.variants or ids or self.access_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Collation:
    """A stored filter: its label, where its codes are found, and all codes that it covers (itself included)."""

    id: str
    label: str = ""
    child_terms: tuple[str, ...] = ()
    db_key: str | None = None
    entity: str | None = None
    count: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """A condition on one collection that selects biosamples, directly or through ids.

    A negated term selects every biosample that the condition does not select, those without any such document too.
    """

    collection: Literal["biosamples", "individuals", "analyses", "variants", "collations"]
    condition: Condition
    negated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which biosamples of a dataset, and which rows of each.

    `samples` is a conjunction of disjunctions: a biosample is selected if every group has a term that selects it; no
    group selects all.  `rows` further narrows the documents of `entity` that belong to them.  `nothing` says that
    the request can match nothing; the reason is in `warnings`.  `root` is the collection whose ids are selected.
    Of biosamples with `listed` documents only these are selected; where the rows are to be `of_listed` ones, no others.
    """

    dataset: str
    root: str = "biosamples"
    samples: tuple[tuple[Term, ...], ...] = ()
    rows: Condition = field(default_factory=dict)
    listed: Listed | None = None
    of_listed: bool = False
    entity: Entity = "variants"
    labels: Mapping[str, str] = field(default_factory=dict)
    nothing: bool = False
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Samples that are counted together: what a frequency map is of.

    `stored` is where its map is stored, (collection, id), if it is; else it is computed from what `selection` selects.
    """

    id: str
    label: str
    dataset_state: DatasetState
    selection: Selection
    stored: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a format needs to know to lay out a download: the request, and what it selects in each dataset.

    `base` is the gateway's public URL without a trailing slash; `address` is path and canonical query of the request
    without its output, empty where no URL can say it; `page_limit` the rows of a page where the request does not say;
    `licence` and `citation` what is said of the data, if anything; `downloads` what else can be had of the same query:
    `id`, `label` and `note` of each, its `content` and the words of its `query`; `levels` the granularities of datasets
    of which the caller may see less than was asked for.
    """

    ask: Ask
    datasets: tuple[tuple[DatasetState, Selection], ...]
    beacon_id: str
    base: str
    address: str
    page_limit: int
    bins: BinMap | None = None
    groups: tuple[Group, ...] = ()
    maps: tuple[str, str] | None = None
    stats: frozenset[str] = frozenset()
    licence: str = ""
    citation: str = ""
    downloads: tuple[Mapping[str, str], ...] = ()
    levels: Mapping[str, Granularity] = field(default_factory=dict)

    def granularity(self, dataset: str) -> Granularity:
        """How a dataset is answered."""
        return self.levels.get(dataset, self.ask.granularity)


def bounded(condition: Condition, bounds: Bounds, collection: str) -> Condition:
    """The condition, without documents inserted after the bounds were read.

    Not `$lte`: comparisons see one type only, and ids of other types must not be lost.
    """
    if collection not in bounds.last:
        return condition
    return both([condition, {"_id": {"$not": {"$gt": bounds.last[collection]}}}])


def _silent(_: Sequence[Tally]) -> bytes:
    return b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Bytes to say first, then the documents of the selected biosamples, in (`key`, `_id`) order.

    `key` is the field of `collection` that holds the biosample id, for individuals their own.  `limit` 0 is all rows;
    `skip` counts rows.  `opening` is said before the first row, if there is one, and `lead` bytes (a separator) are
    dropped from that row; `closing` is said after the last.  `count` asks for the number of all matching documents;
    without `fetch` there are no rows, only that number, or whether there are `enough` of them.  `narrow` is a further
    condition (`unread`: on what has rows), `aim` how many a read should bring (0: as set), `ids` known values of `key`.

    A part with a `fold` is read in step with those `beside` it; the fold makes its rows, for all parts of its factory.
    """

    dataset_state: DatasetState
    selection: Selection
    collection: str
    projection: Mapping[str, int]
    encode: Encode
    before: bytes = b""
    opening: Say = _silent
    closing: Say = _silent
    lead: int = 0
    limit: int = 0
    skip: int = 0
    count: bool = False
    fetch: bool = True
    enough: int = 0
    narrow: Condition = field(default_factory=dict)
    aim: int = 0
    unread: Condition = field(default_factory=dict)
    ids: tuple[str, ...] | None = None
    beside: "tuple[Part, ...]" = ()
    fold: Callable[[], Fold] | None = None

    @property
    def key(self) -> str:
        """The field that orders the documents and finds them: the biosample's id, or what the selection is of."""
        own = self.ids is not None or self.collection in {self.selection.root, "individuals"}
        return "id" if own else "biosample_id"

    @property
    def source(self) -> str:
        """The name of the collection in the dataset."""
        return self.dataset_state.analyses if self.collection == "analyses" else self.collection


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A download, ready to run.  `digest` names its bytes: same digest, same bytes.

    It is of `datasets`; `guarded` if not everybody gets it, `reduced` if the caller may not see all that was asked for.
    """

    parts: tuple[Part, ...]
    digest: str
    media: str
    filename: str
    attachment: bool = True
    packing: str = ""  # how the file is packed: `gzip`, `bgzf`, or not
    warnings: tuple[str, ...] = ()
    expected: Mapping[str, int] = field(default_factory=dict)  # numbers of samples and variants, where known before
    continues: bool = False  # whether further pages of it can be asked for
    form: str = "other"  # the format's name
    entity: Entity = "variants"  # what it holds
    packed_digest: Callable[[], str] = str  # that of the same, packed
    datasets: tuple[str, ...] = ()
    guarded: bool = False
    reduced: bool = False
    repeats: bool = True  # whether its bytes say what was not understood of the request

    @property
    def whole(self) -> bool:
        """Whether it delivers all rows that there are: no page, and not just numbers, of any dataset."""
        told = any(part.fetch for part in self.parts) and not any(part.limit for part in self.parts)
        return told and not self.reduced
