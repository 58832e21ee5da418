"""Bytes that are typical of formats, for estimates before anything was delivered."""

from collections.abc import Mapping
from typing import Final

from gateway.download_types import Entity

__all__ = ["FIXED", "TYPICAL"]

FIXED: Final = 300
"""Bytes of a file beside its rows."""
TYPICAL: Final[Mapping[tuple[str, Entity, bool], Mapping[str, float]]] = {}
