"""Codes and their spellings: what a Beacon of 2021 and one of today call the same diagnosis, article or series.

Source: the filter definitions of bycon, of both eras.
"""

import re
from functools import lru_cache
from typing import Final

__all__ = ["beginnings", "current_code", "kinds", "spellings"]

# Each kind of code: its pattern (in any case), how codes are changed, and its spellings, the current one first.
_SPELLINGS: Final = tuple(
    (re.compile(pattern, re.ASCII | re.IGNORECASE), change, forms)
    for pattern, change, forms in (
        (r"NCIT[:_](C\d{1,12})", str.upper, ("NCIT:{}",)),
        (r"(?:pgx:)?icdom-(\d{1,5}(?:-\d{1,5})?)", str, ("pgx:icdom-{}", "icdom-{}")),
        (r"(?:pgx:)?icdot-(C\d\d?(?:\.\d)?)", str.upper, ("pgx:icdot-{}", "icdot-{}")),
        (r"UBERON[:_](\d{1,12})", str, ("UBERON:{}",)),
        (r"EFO[:_](\d{1,12})", str, ("EFO:{}",)),
        (r"OBI[:_](\d{1,12})", str, ("OBI:{}",)),
        (r"MONDO[:_](\d{1,12})", str, ("MONDO:{}",)),
        (r"HP[:_](\d{1,12})", str, ("HP:{}",)),
        (r"PATO[:_](\d{1,12})", str, ("PATO:{}",)),
        (r"EDAM:operation_(\d{1,12})", str, ("EDAM:operation_{}",)),
        (r"(?:pubmed:|PMID[:_])(\d{1,12})", str, ("pubmed:{}", "PMID:{}")),
        (r"(?:geo[:_])?(G(?:SM|SE|PL|DS)\d{1,12})", str.upper, ("geo:{0}", "{0}")),
        (r"arrayexpress[:_]([A-Z]-\w{4}-[\w-]{1,40})", str.upper, ("arrayexpress:{}",)),
        (r"(?:cellosaurus[:_])?(CVCL_\w{1,40})", str.upper, ("cellosaurus:{}",)),
        (r"(?:pgx:)?TCGA[-_]([\w-]{1,60})", str.upper, ("pgx:TCGA-{}", "TCGA-{}")),
        (r"(?:pgx:cohort-|pgxcohort-)([\w-]{1,80})", str, ("pgx:cohort-{}", "pgxcohort-{}")),
        (r"(?:cbioportal:|cBP-)(\w{1,80})", str, ("cbioportal:{}", "cBP-{}")),
        (r"pgx:sex-([\w-]{1,40})", str, ("pgx:sex-{}",)),
    )
)


# How codes of a kind begin, in whatever era; codes without a colon or a dash in front have beginnings of their own.
_BEGINNINGS: Final = tuple(
    (begin, tuple(other for other in kind if other != begin))
    for kind in (
        ("pgx:icdom-", "icdom-"),
        ("pgx:icdot-", "icdot-"),
        ("pubmed:", "PMID:"),
        ("geo:GSM", "GSM"),
        ("geo:GSE", "GSE"),
        ("geo:GPL", "GPL"),
        ("geo:GDS", "GDS"),
        ("cellosaurus:CVCL_", "CVCL_"),
        ("pgx:TCGA-", "TCGA-"),
        ("pgx:cohort-", "pgxcohort-"),
        ("cbioportal:", "cBP-"),
    )
    for begin in kind
)
# What kinds of codes are called, now and in 2021.
_KINDS: Final = (("pubmed", "PMID"), ("TCGAproject", "TCGA"), ("cbioportal", "cBP"), ("GEOseries", "geo"))


def beginnings(text: str) -> tuple[str, ...]:
    """Whatever codes may begin with, in any spelling, where they begin so in one: `PMID:12` is `pubmed:12`, too."""
    found = {text, f"pgx:{text.removeprefix('pgx:')}", *spellings(text)}
    for begin, others in _BEGINNINGS:
        bare = begin.rstrip(":-_")
        if text.lower() == bare.lower():
            found.update(other.rstrip(":-_") for other in (begin, *others))
        elif text.lower().startswith(begin.lower()):
            found.update(other + text[len(begin) :] for other in (begin, *others))
    return tuple(sorted(found))


def kinds(name: str) -> tuple[str, ...]:
    """What a kind of codes is called, in any era."""
    return next((names for names in _KINDS if name in names), (name,))


# Documents repeat some thousand codes millions of times.
@lru_cache(maxsize=16_384)
def spellings(code: str) -> tuple[str, ...]:
    """Every spelling of a code that documents of either era hold, the current one first."""
    for pattern, change, forms in _SPELLINGS:
        if found := pattern.fullmatch(code):
            return tuple(form.format(change(found[1])) for form in forms)
    return (code,)


def current_code(code: str) -> str:
    """A code as the current model spells it: `icdom-85003` is `pgx:icdom-85003`, `PMID:1` is `pubmed:1`."""
    return spellings(code)[0]
