"""What clients may take of a gateway, so that one of them cannot take it from the others; and what was refused."""

from collections import Counter
from typing import Final

__all__ = ["refusals"]

refusals: Final[Counter[str]] = Counter()
"""How many requests and connections this process refused, by the limit that they went beyond."""
