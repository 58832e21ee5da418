"""Indexes of sorted BGZF files, `.tbi` and `.csi`: what is indexed, how they are written, and how they are read."""

from gateway.tabix.layout import BED_LINES, NAMED_LINES, VCF_LINES, Indexed, Placed
from gateway.tabix.reading import Index
from gateway.tabix.writing import EXTENSIONS, VERSION, Kind, written

__all__ = [
    "BED_LINES",
    "EXTENSIONS",
    "NAMED_LINES",
    "VCF_LINES",
    "VERSION",
    "Index",
    "Indexed",
    "Kind",
    "Placed",
    "written",
]
