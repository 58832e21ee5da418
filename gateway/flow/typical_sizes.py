"""Bytes that are typical of formats, for estimates before anything was delivered.

Measured on two diagnoses of the demo's cohort, with `python -m tests.benchmarks.typical_sizes MONGO_URI`: copy-number
segments for the most part, some 130 of a sample.  Other data teach other numbers with the first delivery.  That a cell
of VCF without a value is two bytes follows from the format.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from gateway.download_types import Entity

__all__ = ["FIXED", "TYPICAL"]

FIXED: Final = 300
"""Bytes of a file beside its rows."""

_Key = tuple[str, Entity, bool]

TYPICAL: Final[Mapping[_Key, Mapping[str, float]]] = MappingProxyType(
    {
        ("pgxseg", "variants", False): {"row": 66.4, "sample": 1720.0},
        ("pgxseg", "variants", True): {"row": 16.1, "sample": 256.0},
        ("igv", "variants", False): {"row": 43.0},
        ("igv", "variants", True): {"row": 15.3},
        ("vcf", "variants", False): {"row": 123.0, "cell": 2.0},
        ("vcf", "variants", True): {"row": 30.6, "sample": 76.6},
        ("bed", "variants", False): {"row": 72.7},
        ("bed", "variants", True): {"row": 16.8},
        ("parquet", "variants", False): {"row": 16.7},
        ("arrow", "variants", False): {"row": 54.4},
        ("arrow", "variants", True): {"row": 19.1},
        ("table", "variants", False): {"row": 251.0},
        ("table", "variants", True): {"row": 42.1},
        ("jsonl", "variants", False): {"row": 638.0},
        ("jsonl", "variants", True): {"row": 45.6},
        ("pgxmatrix", "analyses", False): {"sample": 29700.0},
        ("pgxmatrix", "analyses", True): {"sample": 4090.0},
        ("valuematrix", "analyses", False): {"sample": 31200.0},
        ("valuematrix", "analyses", True): {"sample": 4180.0},
        ("seg", "analyses", False): {"sample": 11200.0},
        ("seg", "analyses", True): {"sample": 3090.0},
        # Of frequencies a row is a bin of a group, however the file has them.
        ("pgxfreq", "frequencies", False): {"row": 46.9},
        ("pgxfreq", "frequencies", True): {"row": 8.75},
        ("freqmatrix", "frequencies", False): {"row": 63.1},
        ("freqmatrix", "frequencies", True): {"row": 12.1},
        ("table", "biosamples", False): {"sample": 528.0},
        ("table", "biosamples", True): {"sample": 55.6},
        ("table", "individuals", False): {"sample": 178.0},
        ("table", "individuals", True): {"sample": 25.9},
        ("jsonl", "biosamples", False): {"sample": 1320.0},
        ("jsonl", "biosamples", True): {"sample": 100.0},
    }
)
