"""The table of parameters: what requests may say, in which words; README and the OpenAPI description follow it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from gateway.plots.parameters import OWN, TYPES
from gateway.query import MAX_INTEGER

__all__ = [
    "BESIDE",
    "CODE_MATCHES",
    "NO_FORMATS",
    "NUMBERS",
    "OTHER_FORMS",
    "PARAMETERS",
    "Parameter",
    "normal",
    "parameter",
]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter: its canonical name, what becomes of it, its other names, and what it means, in a line.

    `narrows` marks what Beacons know and the gateway does not yet offer: refused.  `silent` is ignored without a word.
    What depends on a database of the Beacon's is in BESIDE: proxies leave it to the Beacon.
    """

    name: str
    use: Literal["request", "variant", "narrows", "silent"]
    aliases: tuple[str, ...] = ()
    help: str = ""


PARAMETERS: Final[tuple[Parameter, ...]] = (
    Parameter("datasetIds", "request", ("datasetId",), "the dataset; without it the first that is served"),
    Parameter("filters", "request", ("filter",), "codes and comparisons, comma separated or repeated; `!` excludes"),
    Parameter("filterLogic", "request", (), "`AND` or `OR`"),
    Parameter("filterPrecision", "request", (), "`exact`, the only one"),
    Parameter("includeDescendantTerms", "request", (), "`false`: only the code itself, not the terms below it"),
    Parameter("biosampleIds", "request", ("biosampleId", "sampleIds", "sampleId"), "ids, comma separated"),
    Parameter("individualIds", "request", ("individualId",), "ids, comma separated"),
    Parameter("analysisIds", "request", ("analysisId", "callsetIds", "callsetId", "runIds", "runId"), "ids"),
    Parameter("variantIds", "request", ("variantId",), "ids, comma separated"),
    Parameter("cohortIds", "request", ("cohortId",), "ids, comma separated: samples of any of these cohorts"),
    Parameter("accessid", "request", (), "a handover: the records that the Beacon stored under this id"),
    Parameter("limit", "request", (), "rows or records of a page; 0 is all"),
    Parameter("skip", "request", (), "pages to skip"),
    Parameter("sorted", "request", (), "`position`: a file sorted by chromosome and position, where its format can be"),
    Parameter("output", "request", (), "the format"),
    Parameter("method", "request", (), "the format, as it was named in 2021"),
    Parameter(
        "responseEntityPathId",
        "request",
        ("responseEntityId", "requestEntityPathId", "requestEntityId", "tableType"),
        "the kind of records to have, where a path does not say it: `biosamples`, `individuals` …",
    ),
    Parameter("groupBy", "request", (), "the field that groups samples; `filter`: all in the one filter"),
    Parameter("plotPars", "request", (), "`key=value;key=value`, of plots, or passed on to plotting tools"),
    Parameter("plotType", "request", (), f"the plot of services that draw some: {', '.join(f'`{t}`' for t in TYPES)}"),
    *(Parameter(each.name, "request", each.aliases, each.help) for each in OWN),
    Parameter("deliveryKeys", "request", ("deliveryKey",), "columns, comma separated"),
    Parameter("collationTypes", "request", ("collationType",), "of collations: the kinds to have, comma separated"),
    Parameter("genomeBinning", "request", (), "bins of frequencies and matrices: `1Mb`, `5Mb`, `cytobands` …"),
    Parameter("minNumber", "request", (), "frequencies: groups of fewer analyses are left out"),
    Parameter("requestedGranularity", "request", (), "`record`, `count` or `boolean`"),
    Parameter("includeResultsetResponses", "request", ("includeDatasetResponses",), "`HIT`, `MISS`, `ALL` or `NONE`"),
    Parameter("includeHandovers", "request", (), "`false`: no links to downloads"),
    Parameter("allData", "request", (), "`true` to download a whole dataset"),
    Parameter("testMode", "request", (), "`true`: some records of the right shape, whatever else is asked"),
    Parameter("testModeCount", "request", (), "how many of these, up to 1000; 5"),
    Parameter("referenceName", "variant", ("referenceAccession",), "the chromosome, in any spelling"),
    Parameter("start", "variant", (), "one or two positions, 0-based"),
    Parameter("end", "variant", (), "one or two positions"),
    Parameter("variantType", "variant", ("copyChange",), "a state, by id, label or short type"),
    Parameter("referenceBases", "variant", (), "letters `ACGT`, `N` for any"),
    Parameter("alternateBases", "variant", (), "letters `ACGT`, `N` for any"),
    Parameter("variantMinLength", "variant", ("varMinLength",), "bases"),
    Parameter("variantMaxLength", "variant", ("varMaxLength",), "bases"),
    Parameter("assemblyId", "variant", (), "`GRCh38`, the only one"),
    Parameter("variantInternalId", "variant", ("digest",), "the stored description of a variation"),
    Parameter("mateName", "variant", (), "chromosome of a fusion's other partner"),
    Parameter("mateStart", "variant", (), "first position of it"),
    Parameter("mateEnd", "variant", (), "last position of it"),
    Parameter("geneId", "variant", ("geneIds", "geneSymbol", "geneSymbols"), "symbols of genes, each for its place"),
    Parameter("cytoBands", "narrows", ("cytoBand",)),
    Parameter("aminoacidChange", "narrows", ("aminoacidChanges",)),
    Parameter("genomicAlleleShortForm", "narrows"),
    Parameter("variantQueryDigests", "narrows", ("variantQueryDigest",)),
    Parameter("vrsType", "narrows"),
    Parameter("sequenceLength", "narrows"),
    Parameter("breakpointRange", "narrows"),
    Parameter("adjacencyAccession", "narrows"),
    Parameter("adjacencyRange", "narrows"),
    Parameter("id", "narrows", ("ids",)),
    Parameter("fileId", "narrows"),  # a plot of what was uploaded to a Beacon
    Parameter("city", "narrows"),
    Parameter("country", "narrows"),
    Parameter("iso3166alpha2", "narrows"),
    Parameter("iso3166alpha3", "narrows"),
    Parameter("geoLatitude", "narrows"),
    Parameter("geoLongitude", "narrows"),
    Parameter("geoDistance", "narrows"),
    Parameter("requestedSchemas", "silent", ("requestedSchema",)),
    Parameter("apiVersion", "silent"),
    Parameter("debug", "silent", ("debugMode",)),
    Parameter("ticket", "silent"),
)


BESIDE: Final = frozenset({"geneId"})
"""Parameters that are answered only where a collection beside the datasets is there, and can be read."""
NUMBERS: Final[Mapping[str, tuple[int, int]]] = MappingProxyType(
    dict.fromkeys(("limit", "skip", "minNumber"), (0, MAX_INTEGER)) | {"testModeCount": (1, 1_000)}
)
"""Parameters that are whole numbers: from where to where they go.  More than so many tests are a download."""
CODE_MATCHES: Final = "codematches"
"""A value of `method` of 2021 that means just the codes themselves, not what lies below them."""
NO_FORMATS: Final = frozenset(
    (
        *("details", "ids", "compact", "digests", "biocharacteristics", "callsetstats"),
        *("children", "paths", "counts", "codes", CODE_MATCHES),  # of collations
    )
)
"""Values of `output` and `method` of 2021 that chose fields, not formats; Progenetix ignored them in the end."""
OTHER_FORMS: Final = ("responseType", "responseFormat")
"""Parameters that ask a Beacon for what the gateway never makes: forms of JSON of 2021."""


def normal(name: str) -> str:
    """A name without what its spellings differ in: case, `_` and `-`."""
    return re.sub("[_-]", "", name).lower()


_PARAMETERS = {normal(name): p for p in PARAMETERS for name in (p.name, *p.aliases)}


def parameter(name: str) -> Parameter | None:
    """The parameter that is meant by a name in any spelling, None if there is none."""
    return _PARAMETERS.get(normal(name))
