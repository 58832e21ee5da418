"""The folds of a VCF, of each engine that there is, and what they make of rows."""

from collections.abc import Sequence

from gateway.formats import variant_columns, vcf, vcf_records
from gateway.formats.vcf_records import CoreRecords, Records
from gateway.formats.vcf_sites import RULES
from gateway.rows import Fold
from gateway.sorting import Sorter
from gateway.text import escape_cell

try:
    from gateway.codec import _c
except ImportError:
    _c = None

__all__ = ["text_of", "texts_of", "vcf_folds"]

ROWS = variant_columns.encoder(vcf.COLUMNS)
SITES = vcf_records.encoder(vcf.COLUMNS)


def vcf_folds(**limits: int) -> list[Fold]:
    """New folds: the reference, and the core where it is built."""
    core = [CoreRecords(_c.Sites(RULES, **limits))] if _c else []
    return [Records(Sorter(**limits)), *core]


def text_of(fold: Fold, pieces: Sequence[bytes], samples: Sequence[str]) -> bytes:
    """The records of rows that come in pieces."""
    names = [rows.data for rows in fold.through(samples)]
    assert b"".join(names) == b"\tFORMAT\t" + "\t".join(map(escape_cell, samples)).encode()
    assert b"".join(rows.data for rows in fold.finish()) == b"\n"
    for piece in pieces:
        fold.feed(0, piece)
        assert not list(fold.through(samples))
    found = list(fold.finish())
    text = b"".join(rows.data for rows in found)
    assert sum(rows.rows for rows in found) == text.count(b"\n")
    return text


def texts_of(batches: Sequence[bytes], samples: Sequence[str], **limits: int) -> list[bytes]:
    """The records of documents in batches: of each engine by way of rows, and of the core as it is fed downloads."""
    rows = [ROWS([batch]).data for batch in batches]
    texts = [text_of(fold, rows, samples) for fold in vcf_folds(**limits)]
    if _c:
        texts.append(text_of(vcf_folds(**limits)[-1], [SITES([batch]).data for batch in batches], samples))
    return texts
