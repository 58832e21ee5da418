"""Indexes of sorted BGZF files, `.tbi` and `.csi`: what is indexed, how they are written, and how they are read."""

from gateway.tabix.layout import BED_LINES, NAMED_LINES, VCF_LINES, Indexed

__all__ = ["BED_LINES", "NAMED_LINES", "VCF_LINES", "Indexed"]
