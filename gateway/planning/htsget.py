"""Requests that an id of htsget can say: their result sets hand over to it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final
from urllib.parse import quote

from gateway.download_types import Ask
from gateway.formats import by_word, delivered

__all__ = ["handover"]

_VCF: Final = by_word("vcf")


def handover(ask: Ask) -> tuple[Mapping[str, str], ...]:
    """The row of a handover to htsget; none where no id says what is asked.  `path` stands behind the dataset's."""
    name = _name(ask)
    if not name or delivered(_VCF, ask.entity) is None:
        return ()
    row = {
        "id": "pgx:HO.htsget",
        "label": "VCF by htsget",
        "note": "all variants of the matched samples as VCF, whole or by region, by the protocol htsget",
        "content": "htsget",
        "path": quote(name, safe=":"),
    }
    return (row,)


def _name(ask: Ask) -> str:
    """The filter code, or the biosample, that is all that is asked for; empty if there is no such thing."""
    if not replace(ask, filters=(), biosample_ids=()).selects_everything:
        return ""
    if len(ask.filters) == 1 and not ask.biosample_ids:
        (term,) = ask.filters
        return term.id if term.descendants and not term.excluded and term.operator is None else ""
    return ask.biosample_ids[0] if len(ask.biosample_ids) == 1 and not ask.filters else ""
