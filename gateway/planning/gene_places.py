"""Genes in requests: each becomes the region in which it lies, so that a plan is of coordinates alone."""

from dataclasses import replace

from gateway.db.genes import GeneList, Genes
from gateway.download_types import Ask, VariantAsk
from gateway.errors import Unsupported
from gateway.query import shown

__all__ = ["placed"]


async def placed(ask: Ask, genes: Genes) -> Ask:
    """The same with the places of the genes that it names: whatever overlaps them.

    Unsupported, which a Beacon behind may answer, where a gene is not known here; what the database raises.
    """
    if not any(query.gene for query in ask.variants):
        return ask
    known = await genes.all()
    if not known.genes:
        raise Unsupported("geneId: no genes are known here; say referenceName, start and end", parameter="geneId")
    return replace(ask, variants=tuple(sorted({_placed(query, known) for query in ask.variants}, key=repr)))


def _placed(query: VariantAsk, known: GeneList) -> VariantAsk:
    if query.gene is None:
        return query
    gene = known.get(query.gene)
    if gene is None:
        raise Unsupported(f"geneId: '{shown(query.gene)}' is no gene that is known here", parameter="geneId")
    return replace(query, gene=None, chromosome=gene.chromosome, start=(gene.start,), end=(gene.end,))
