"""Genes: the collections in which Beacons keep symbols and places of genes, of both eras, kept small in memory.

Coordinates are GRCh38, 0-based, interbase.  A gene that is not said to lie there in GRCh38 is left out: a wrong region
would look like an answer.
"""

import asyncio
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from gateway import codec
from gateway.db.source import Source
from gateway.errors import DatabaseRefused, GatewayError
from gateway.genome import ASSEMBLY, chromosome
from gateway.logs import fields
from gateway.rows import Array
from gateway.search import Search, folded
from gateway.tasks import cancelled, failure

__all__ = ["Gene", "GeneList", "Genes"]

log = logging.getLogger("gateway.db")

# Of a gene of 2021, and of today's; there a gene may have a place in each of several assemblies.
_SYMBOLS: Final = ("symbol", "gene_symbol")
_PLACES: Final = ("location", "locations")
_SEQUENCES: Final = ("accession_version", "sequence_id", "refseq_id", "accession", "chromosome", "reference_name")
_ASSEMBLIES: Final = ("assembly", "assembly_id", "assemblyId", "genome_build")
_FIELDS: Final = dict.fromkeys((*_SYMBOLS, "synonyms", *_PLACES, *_SEQUENCES, *_ASSEMBLIES, "start", "end"), 1)
_OURS: Final = frozenset({ASSEMBLY.lower(), "hg38"})
_VERSIONED: Final = "NC_"  # what RefSeq calls a chromosome says of which assembly it is
_AT_ONCE: Final = 5_000
_MOST: Final = 100_000
_LONGEST: Final = 64  # characters of a symbol
_SYNONYMS: Final = 20
_KEPT: Final = 3600.0  # seconds: genes move seldom
_MISSED: Final = 60.0  # or as long, where there are none, or they cannot be read


@dataclass(frozen=True, slots=True)
class Gene:
    """A gene and where it lies."""

    symbol: str
    chromosome: str
    start: int
    end: int
    synonyms: tuple[str, ...] = ()


@dataclass
class GeneList:
    """Genes by symbol."""

    genes: Sequence[Gene] = ()
    _named: dict[str, Gene] = field(init=False)

    def __post_init__(self) -> None:
        self.genes = sorted(self.genes, key=lambda gene: (len(gene.symbol), gene.symbol))
        self._named = {}
        for gene in self.genes:
            self._named.setdefault(folded(gene.symbol), gene)

    @cached_property
    def search(self) -> Search:
        """The genes in their order, to be searched."""
        return Search(((gene.symbol, *gene.synonyms), "") for gene in self.genes)

    def get(self, symbol: str) -> Gene | None:
        """The gene of a symbol, in any case."""
        return self._named.get(folded(symbol))


class Genes:
    """The genes of a deployment: those of the first of some collections that has any, read when they are asked for."""

    def __init__(self, source: Source, places: Sequence[tuple[str, str]]) -> None:
        """No places at all: no gene is known."""
        self._source = source
        self._places = tuple(places)
        self._list: GeneList | None = None
        self._until = 0.0
        self._running: asyncio.Task[GeneList] | None = None

    @property
    def kept(self) -> GeneList | None:
        """All genes, if they were read lately."""
        return self._list if time.monotonic() < self._until else None

    async def all(self) -> GeneList:
        """All genes; raises what the database raises where none were ever read."""
        if (kept := self.kept) is not None:
            return kept
        if self._running is None:
            self._running = asyncio.create_task(self._renewed())
            self._running.add_done_callback(self._ended)
        try:
            return await asyncio.shield(self._running)
        except GatewayError:
            if self._list is None or not self._list.genes:
                raise
            return self._list

    def _ended(self, task: asyncio.Task[GeneList]) -> None:
        self._running = None
        failure(task)  # seen, even if all who asked have left

    async def close(self) -> None:
        """Stop reading."""
        if self._running is not None:
            await cancelled(self._running)

    async def _renewed(self) -> GeneList:
        found = GeneList()
        for database, collection in self._places:
            try:
                genes = await self._read(database, collection)
            except DatabaseRefused as error:
                told = fields(database=database, collection=collection, reason=error)
                log.warning("a collection of genes cannot be read", extra=told)
                continue
            if genes:
                found = await asyncio.to_thread(_listed, genes)
                break
        self._list, self._until = found, time.monotonic() + (_KEPT if found.genes else _MISSED)
        return found

    async def _read(self, database: str, collection: str) -> list[Gene]:
        genes: list[Gene] = []
        after: dict[str, Any] = {}
        more = True
        while more and len(genes) < _MOST:
            page = await self._source.page(database, collection, after, projection=_FIELDS, limit=_AT_ONCE, sort="_id")
            last, some = await asyncio.to_thread(_genes, page.arrays)
            genes += some
            more = not page.complete and page.count > 0
            after = {"_id": {"$gt": last}}
        return genes


def _listed(genes: Sequence[Gene]) -> GeneList:
    found = GeneList(genes)
    _ = found.search  # here, beside the loop
    return found


def _genes(arrays: Sequence[Array]) -> tuple[Any, list[Gene]]:
    """The largest `_id`, and the genes of some documents."""
    documents = codec.decode(arrays)
    return documents[-1]["_id"] if documents else None, [g for document in documents if (g := _gene(document))]


def _gene(document: Mapping[str, Any]) -> Gene | None:
    symbol = next((text for name in _SYMBOLS if (text := _text(document.get(name)))), "")
    if not symbol or len(symbol) > _LONGEST:
        return None
    synonyms = document.get("synonyms")
    named = [s for s in synonyms if _text(s) and len(s) <= _LONGEST] if isinstance(synonyms, list) else []
    place = next((found for each in _places(document) if (found := _place(each))), None)
    return None if place is None else Gene(symbol, *place, tuple(named[:_SYNONYMS]))


def _places(document: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """What may say where a gene is: each of several places has to name its assembly."""
    for name in _PLACES:
        value = document.get(name)
        several = value if isinstance(value, list) else [value]
        for place in several:
            if isinstance(place, dict) and (len(several) == 1 or _says_assembly(place)):
                yield place
    yield document


def _says_assembly(place: Mapping[str, Any]) -> bool:
    return any(_text(place.get(name)) for name in _ASSEMBLIES) or any(
        _VERSIONED in _text(place.get(name)) for name in _SEQUENCES
    )


def _place(place: Mapping[str, Any]) -> tuple[str, int, int] | None:
    """Chromosome, start and end, if they are of our assembly."""
    stated = [_text(place.get(name)).lower() for name in _ASSEMBLIES]
    if any(stated) and not any(name.partition(".")[0] in _OURS for name in stated):
        return None
    spelled = [text for name in _SEQUENCES if (text := _text(place.get(name)))]
    versioned = [text for text in spelled if _VERSIONED in text]
    # `NC_060933.1` is of another assembly, and `NC_000009.11` of the one before.
    found = [c for text in versioned or spelled if (c := chromosome(text)) and (c.refseq in text or not versioned)]
    start, end = _position(place.get("start")), _position(place.get("end"))
    if not found or start is None or end is None or not start < end <= found[0].size:
        return None
    return found[0].name, start, end


def _text(value: Any) -> str:
    return value if type(value) is str else ""


def _position(value: Any) -> int | None:
    """A position, 0-based; in some it is a float."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if 0 <= value < 2**31 else None  # which is so of no NaN
