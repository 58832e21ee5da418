"""GRCh38 and the vocabulary of copy-number variants: tables and look-ups, no logic beyond them.

Sources: UCSC cytoband table of GRCh38 (sizes, centromeres), NCBI RefSeq and GenBank accessions, bycon 2.6.4
`variant_type_definitions.yaml` (variant states).  Coordinates everywhere are 0-based, interbase.
"""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

__all__ = [
    "ASSEMBLY",
    "CHROMOSOMES",
    "COPY_CHANGES",
    "HIGH_LEVEL",
    "STATES",
    "STATE_OF_TYPE",
    "VRS_TYPES",
    "Chromosome",
    "State",
    "chromosome",
    "expand_state",
]

ASSEMBLY: Final = "GRCh38"


@dataclass(frozen=True, slots=True)
class Chromosome:
    """A chromosome of GRCh38.  `size` and `p_end` (the border of the arms) are in bases."""

    name: str
    refseq: str
    genbank: str
    refget: str
    size: int
    p_end: int

    @property
    def sequence_id(self) -> str:
        """The identifier that documents store in `location.sequence_id`."""
        return f"refseq:{self.refseq}"


_TABLE = """
1  NC_000001.11 CM000663.2 SQ.Ya6Rs7DHhDeg7YaOSg1EoNi3U_nQ9SvO 248956422 123400000
2  NC_000002.12 CM000664.2 SQ.pnAqCRBrTsUoBghSD1yp_jXWSmlbdh4g 242193529 93900000
3  NC_000003.12 CM000665.2 SQ.Zu7h9AggXxhTaGVsy7h_EZSChSZGcmgX 198295559 90900000
4  NC_000004.12 CM000666.2 SQ.HxuclGHh0XCDuF8x6yQrpHUBL7ZntAHc 190214555 50000000
5  NC_000005.10 CM000667.2 SQ.aUiQCzCPZ2d0csHbMSbh2NzInhonSXwI 181538259 48800000
6  NC_000006.12 CM000668.2 SQ.0iKlIQk2oZLoeOG9P1riRU6hvL5Ux8TV 170805979 59800000
7  NC_000007.14 CM000669.2 SQ.F-LrLMe1SRpfUZHkQmvkVKFEGaoDeHul 159345973 60100000
8  NC_000008.11 CM000670.2 SQ.209Z7zJ-mFypBEWLk4rNC6S_OxY5p7bs 145138636 45200000
9  NC_000009.12 CM000671.2 SQ.KEO-4XBcm1cxeo_DIQ8_ofqGUkp4iZhI 138394717 43000000
10 NC_000010.11 CM000672.2 SQ.ss8r_wB0-b9r44TQTMmVTI92884QvBiB 133797422 39800000
11 NC_000011.10 CM000673.2 SQ.2NkFm8HK88MqeNkCgj78KidCAXgnsfV1 135086622 53400000
12 NC_000012.12 CM000674.2 SQ.6wlJpONE3oNb4D69ULmEXhqyDZ4vwNfl 133275309 35500000
13 NC_000013.11 CM000675.2 SQ._0wi-qoDrvram155UmcSC-zA5ZK4fpLT 114364328 17700000
14 NC_000014.9  CM000676.2 SQ.eK4D2MosgK_ivBkgi6FVPg5UXs1bYESm 107043718 17200000
15 NC_000015.10 CM000677.2 SQ.AsXvWL1-2i5U_buw6_niVIxD6zTbAuS6 101991189 19000000
16 NC_000016.10 CM000678.2 SQ.yC_0RBj3fgBlvgyAuycbzdubtLxq-rE0 90338345 36800000
17 NC_000017.11 CM000679.2 SQ.dLZ15tNO1Ur0IcGjwc3Sdi_0A6Yf4zm7 83257441 25100000
18 NC_000018.10 CM000680.2 SQ.vWwFhJ5lQDMhh-czg06YtlWqu0lvFAZV 80373285 18500000
19 NC_000019.10 CM000681.2 SQ.IIB53T8CNeJJdUqzn9V_JnRtQadwWCbl 58617616 26200000
20 NC_000020.11 CM000682.2 SQ.-A1QmD_MatoqxvgVxBLZTONHz9-c7nQo 64444167 28100000
21 NC_000021.9  CM000683.2 SQ.5ZUqxCmDDgN4xTRbaSjN8LwgZironmB8 46709983 12000000
22 NC_000022.11 CM000684.2 SQ.7B7SHsmchAR0dFcDCuSFjJAo7tX87krQ 50818468 15000000
X  NC_000023.11 CM000685.2 SQ.w0WZEvgJF0zf_P4yyTzjjv9oW1z61HHP 156040895 61000000
Y  NC_000024.10 CM000686.2 SQ.8_liLu1aycC0tPQPFmUaGXJLDs5SbPZ5 57227415 10400000
MT NC_012920.1  J01415.2   SQ.k3grVkjY-hoWcCUojHw6VU6GE3MZ8Sct 16569 0
"""

CHROMOSOMES: Final = MappingProxyType(
    {
        name: Chromosome(name, refseq, genbank, refget, int(size), int(p_end))
        for name, refseq, genbank, refget, size, p_end in (line.split() for line in _TABLE.split("\n") if line)
    }
)


def _spellings(c: Chromosome) -> tuple[str, ...]:
    names = (c.name, "M") if c.name == "MT" else (c.name, "23") if c.name == "X" else (c.name,)
    names = (*names, "24") if c.name == "Y" else names
    bare = (*names, *(f"chr{n}" for n in names), c.refseq, c.refseq.partition(".")[0], c.genbank, c.refget)
    return (*bare, f"refseq:{c.refseq}", f"ga4gh:{c.refget}", f"refget:{c.refget}")


_BY_SPELLING = {s.lower(): c for c in CHROMOSOMES.values() for s in _spellings(c)}


def chromosome(spelling: str) -> Chromosome | None:
    """The chromosome meant by any of its spellings (`9`, `chr9`, `NC_000009.12`, `CM…`, `SQ.…`), or None."""
    return _BY_SPELLING.get(spelling.strip().lower())


@dataclass(frozen=True, slots=True)
class State:
    """A variant state: an EFO or SO term, the short type that pgxseg prints, and its more specific terms."""

    id: str
    label: str
    variant_type: str | None
    children: tuple[str, ...] = ()


_LOSS = ("EFO:0030067", "SO:0001743", "EFO:0030068", "EFO:0020073", "EFO:0030069")
_GAIN = ("EFO:0030070", "SO:0001742", "EFO:0030071", "EFO:0030072", "EFO:0030073")

STATES: Final = MappingProxyType(
    {
        s.id: s
        for s in (
            State("EFO:0030064", "regional base ploidy", None),
            State("EFO:0030065", "copy-neutral loss of heterozygosity", "LOH"),
            State("EFO:0030066", "copy number variation", "CNV", (*_LOSS, *_GAIN)),
            State("EFO:0030067", "loss", "DEL", _LOSS[1:]),
            State("SO:0001743", "copy_number_loss", "DEL", ("EFO:0030067", *_LOSS[2:])),
            State("EFO:0030068", "low-level loss", "DEL"),
            State("EFO:0020073", "high-level loss", "DEL", ("EFO:0030069",)),
            State("EFO:0030069", "complete genomic deletion", "DEL"),
            State("EFO:0030070", "gain", "DUP", _GAIN[1:]),
            State("SO:0001742", "copy_number_gain", "DUP", ("EFO:0030070", *_GAIN[2:])),
            State("EFO:0030071", "low-level gain", "DUP"),
            State("EFO:0030072", "high-level gain", "DUP", ("EFO:0030073",)),
            State("EFO:0030073", "focal genome amplification", "DUP"),
            State(
                "SO:0001059",
                "sequence_alteration",
                "SNV",
                ("SO:0001483", "SO:0002007", "SO:0000667", "SO:0000159"),
            ),
            State("SO:0001483", "SNP", "SNV"),
            State("SO:0002007", "MNV", "MNV"),
            State("SO:0000667", "INS", "INS"),
            State("SO:0000159", "deletion", None),
            State("SO:0001413", "translocation breakpoint", "BND", ("SO:0000806",)),
            State("SO:0000806", "fusion", "BND"),
        )
    }
)

HIGH_LEVEL: Final = frozenset(("EFO:0030072", "EFO:0030073", "EFO:0020073", "EFO:0030069"))
"""States of high-level gains and losses."""

# The state of a document that knows only its short type (the flat model of 2021, imported files).
STATE_OF_TYPE: Final = MappingProxyType(
    {
        "DUP": "EFO:0030070",
        "DEL": "EFO:0030067",
        "LOH": "EFO:0030065",
        "CNV": "EFO:0030066",
        "SNV": "SO:0001059",
        "MNV": "SO:0002007",
        "INS": "SO:0000667",
        "BND": "SO:0000806",
    }
)

# What VRS v2 calls the states; those without a name have none there (losses of heterozygosity).
COPY_CHANGES: Final = MappingProxyType(
    {
        "EFO:0030067": "loss",
        "SO:0001743": "loss",
        "EFO:0030068": "low-level loss",
        "EFO:0020073": "high-level loss",
        "EFO:0030069": "high-level loss",
        "EFO:0030070": "gain",
        "SO:0001742": "gain",
        "EFO:0030071": "low-level gain",
        "EFO:0030072": "high-level gain",
        "EFO:0030073": "high-level gain",
    }
)
VRS_TYPES: Final = MappingProxyType(
    {
        **dict.fromkeys((*COPY_CHANGES, "EFO:0030066"), "CopyNumberChange"),
        **dict.fromkeys(("SO:0001059", "SO:0001483", "SO:0002007", "SO:0000667", "SO:0000159"), "Allele"),
        **dict.fromkeys(("SO:0001413", "SO:0000806"), "Adjacency"),
    }
)

_STATE_WORDS: dict[str, set[str]] = {}
for _state in STATES.values():
    for _word in (_state.id, _state.label, _state.variant_type):
        if _word:
            _STATE_WORDS.setdefault(_word.lower(), set()).update((_state.id, *_state.children))
# Words of the field that the table does not hold.
_STATE_WORDS["amp"] = {"EFO:0030072", "EFO:0030073"}
_STATE_WORDS["snp"] = _STATE_WORDS["snv"]


def expand_state(word: str) -> tuple[str, ...] | None:
    """The ids, sorted, of every state that `word` (an id, a label or a short type, any case) stands for, or None."""
    ids = _STATE_WORDS.get(word.strip().lower())
    return None if ids is None else tuple(sorted(ids))
