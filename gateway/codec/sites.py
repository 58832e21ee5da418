"""Sites of a VCF as data: what the core has to know of chromosomes and states to write records by itself."""

from collections.abc import Iterable
from typing import Literal, NamedTuple, Protocol

from gateway.rows import Array

__all__ = ["SiteRules", "SiteState", "Sites", "Symbolic"]


class Symbolic(NamedTuple):
    """A copy number variant's record around its numbers.

    `before` END stands all from the tab before the ID on; `type` behind it, SVLEN if it is `sized`, and `behind`.
    Forms with one `before` have the same `type` and are all sized or not; a `type` begins with a semicolon.
    """

    before: str
    type: str
    behind: str
    sized: bool


class SiteState(NamedTuple):
    """A state: how its variants are written, what small ones say of it, and the number of a symbolic one's form."""

    id: str
    kind: Literal["symbolic", "breakend", "insertion", "deletion", "other"]
    text: str
    form: int = 0


class SiteRules(NamedTuple):
    """Chromosomes with their sizes, in their order; forms by their texts; that of a deletion of unknown bases."""

    chromosomes: tuple[tuple[str, int], ...]
    forms: tuple[Symbolic, ...]
    deletion: int
    states: tuple[SiteState, ...]


class Sites(Protocol):
    """Rows of cells (`formats.vcf.COLUMNS`) in, sorted records out.  Memory: some 10 MB; the rest is disk."""

    def name(self, samples: Iterable[str]) -> None:
        """Give samples, as rows spell them, the next columns."""
        ...

    def feed(self, rows: Array) -> bytes:
        """Take in rows; give back those that are not for the core."""
        ...

    def add(self, sample: bytes, chromosome: bytes, position: int, text: bytes, cell: bytes) -> None:
        """Take in a site that was made elsewhere: the record's text from the tab before its ID on, without cells."""
        ...

    def records(self, most: int) -> tuple[bytes, int]:
        """Give the next records, of so many bytes or a little more, and their number; none at the end."""
        ...
