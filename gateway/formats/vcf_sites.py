"""Sites of a VCF: what a stored variant is in its terms.  Pure.

Where no reference sequence is at hand REF is `N`.  Symbolic alleles stand at the base before them, as the specification
has it; END is POS and SVLEN, because some readers take the one and some the other.  At the start of a chromosome they
stand at its first base, and are a base shorter: the specification's 0, the telomere, makes tabix complain and bcftools
pass over them.  What ends behind its chromosome ends with it.
"""

import re
from collections.abc import Iterator
from itertools import chain
from typing import Final, NamedTuple

from gateway.codec import SiteRules, SiteState, Symbolic
from gateway.genome import CHROMOSOMES, STATES, State

__all__ = ["RULES", "Seen", "copies", "entries"]

_MISSING: Final = "."
_BASES = re.compile(r"[ACGTUNRYSWKMBDHVacgtunryswkmbdhv]{1,100000}")
_NOT_PLAIN = re.compile(r"[^ACGTN]")
_RANKS: Final = {name: rank for rank, name in enumerate(CHROMOSOMES, start=1)}
_SYMBOLS: Final = {"DEL": "DEL", "DUP": "DUP", "CNV": "CNV", "LOH": "LOH"}
# Copies that a state implies.
_COPIES: Final = {"EFO:0030069": "0", "EFO:0030065": "2"}
_INSERTION: Final = "SO:0000667"
_DELETION: Final = "SO:0000159"
_FUSION: Final = "SO:0000806"


class Seen(NamedTuple):
    """The cells of a variant, as `vcf.COLUMNS` has them; `.` where nothing is known."""

    sample: str
    chromosome: str
    start: str
    end: str
    state: str
    reference: str
    sequence: str
    log2: str
    first: str
    first_start: str
    first_start_to: str
    first_end: str
    first_end_to: str
    second: str
    second_start: str
    second_start_to: str
    second_end: str
    second_end_to: str


class _Breakend(NamedTuple):
    """A breakend: chromosome, first and last position where it may be, and whether sequence ends or starts there."""

    chromosome: str
    position: int
    last: int
    ends: bool


def entries(seen: Seen) -> Iterator[tuple[str, str]]:
    """A variant's records as (key and fields up to FORMAT, the sample's cell); none if it lies nowhere.

    The key is twelve digits: the chromosome's rank, and the position.
    """
    kind = STATES[seen.state].variant_type if seen.state in STATES else None
    pair = _breakends(seen) if seen.first != _MISSING else []
    if pair:
        yield from _adjacency(seen, pair)
    elif seen.start != _MISSING and int(seen.start) <= CHROMOSOMES[seen.chromosome].size:
        if kind in _SYMBOLS:
            yield _symbolic(seen, _SYMBOLS[kind or ""], "D")
        elif kind == "BND":
            size = CHROMOSOMES[seen.chromosome].size
            here = max(int(seen.start), 1)
            there = _Breakend(seen.chromosome, here, max(here, min(_end(seen), size)), ends=True)
            yield from _adjacency(seen, [there])
        elif found := _alteration(seen):
            yield found


def _copies(state: str, symbol: str) -> tuple[str, bool, str]:
    """What stands of a copy number variant before its end, whether it has a length, and what stands behind that."""
    copies = f";CN={_COPIES[state]}" if state in _COPIES else ""
    info = f";SVCLAIM=D{copies};IMPRECISE;STATE={state}"
    return f"\t.\tN\t<{symbol}>\t.\tPASS\tEND=", symbol != "LOH", f"{info}\tGT:LOG2"


_BY_STATE: Final = {
    state.id: (*_copies(state.id, state.variant_type), f";SVTYPE={state.variant_type}")
    for state in STATES.values()
    if state.variant_type in _SYMBOLS
}
_BY_CHROMOSOME: Final = {name: (f"{_RANKS[name]:02d}", f"{name}\t", c.size) for name, c in CHROMOSOMES.items()}


def copies(chromosome: str, start: str, end: str, state: str) -> str | None:
    """The key and fields of a copy number variant with a place, as `entries` has them: nearly all variants are such.

    Empty if it lies nowhere; None if it is none.
    """
    known = _BY_STATE.get(state)
    if known is None or start == _MISSING:
        return None
    rank, name, size = _BY_CHROMOSOME[chromosome]
    first = int(start)
    if first > size:
        return ""
    last = first + 1 if end == _MISSING else int(end)
    last = min(last, size)
    position = first or 1
    last = max(last, position)
    before, long, behind, kind = known
    place = f"{rank}{position:010d}{name}{position}{before}{last}{kind}"
    return f"{place};SVLEN={last - position}{behind}" if long else place + behind


def _rules() -> SiteRules:
    """What the core has to know to do the same, for all but breakends."""
    of_deletion = Symbolic(
        _BY_STATE["EFO:0030067"][0], ";SVTYPE=DEL", f";SVCLAIM=DJ;IMPRECISE;STATE={_DELETION}\tGT:LOG2", sized=True
    )
    made = {state: Symbolic(before, kind, behind, sized) for state, (before, sized, behind, kind) in _BY_STATE.items()}
    forms = sorted({*made.values(), of_deletion})

    def known(state: State) -> SiteState:
        text = f"STATE={state.id}"
        if state.id in made:
            return SiteState(state.id, "symbolic", text, forms.index(made[state.id]))
        if state.variant_type == "BND":
            return SiteState(state.id, "breakend", text)
        if state.id == _INSERTION:
            return SiteState(state.id, "insertion", text)
        return SiteState(state.id, "deletion" if state.id == _DELETION else "other", text)

    sizes = tuple((name, chromosome.size) for name, chromosome in CHROMOSOMES.items())
    return SiteRules(sizes, tuple(forms), forms.index(of_deletion), tuple(map(known, STATES.values())))


RULES: Final = _rules()


def _end(seen: Seen) -> int:
    return int(seen.end) if seen.end != _MISSING else int(seen.start) + 1


def _line(chromosome: str, position: int, fields: tuple[str, str, str, str], form: str) -> str:
    name, reference, allele, info = fields
    key = f"{_RANKS[chromosome]:02d}{position:010d}"
    return f"{key}{chromosome}\t{position}\t{name}\t{reference}\t{allele}\t.\tPASS\t{info}\t{form}"


def _symbolic(seen: Seen, symbol: str, claim: str) -> tuple[str, str]:
    position = max(int(seen.start), 1)
    end = max(min(_end(seen), CHROMOSOMES[seen.chromosome].size), position)
    info = [f"END={end}", f"SVTYPE={symbol}"]
    if symbol in {"DEL", "DUP", "CNV"}:
        info.append(f"SVLEN={end - position}")
    info.append(f"SVCLAIM={claim}")
    info += [f"CN={_COPIES[seen.state]}"] if seen.state in _COPIES else []
    fields = (_MISSING, "N", f"<{symbol}>", ";".join([*info, "IMPRECISE", f"STATE={seen.state}"]))
    return _line(seen.chromosome, position, fields, "GT:LOG2"), f"0/1:{seen.log2}"


def _bases(text: str) -> str:
    """The bases that VCF knows; ambiguous ones are `N`, and what is no sequence is empty."""
    return _NOT_PLAIN.sub("N", text.upper().replace("U", "T")) if _BASES.fullmatch(text) else ""


def _alteration(seen: Seen) -> tuple[str, str] | None:
    """A small variant, by its bases, as far as they are known; None if it begins behind the last of them."""
    reference, allele = _bases(seen.reference), _bases(seen.sequence)
    size = CHROMOSOMES[seen.chromosome].size
    start = int(seen.start)
    end = min(max(_end(seen), start), size)
    length = end - start
    inserted = not reference and allele and (length == 0 or seen.state == _INSERTION)
    deleted = not allele and (reference or length) and seen.state == _DELETION
    if deleted and not reference:
        return _symbolic(seen, "DEL", "DJ")
    position = start + 1
    if position > size and not inserted:
        return None
    if inserted or deleted:
        # The base before stands for where it is; at the start of a chromosome, the base behind.
        position = max(start, 1)
        before, behind = ("N", "") if start else ("", "N")
        reference, allele = before + reference + behind, before + allele + behind
    reference = reference or "N"
    state = f"STATE={seen.state}" if seen.state in STATES else _MISSING
    if not allele or allele == reference:
        place = f"END={max(end, position)}"
        fields = (_MISSING, reference, "<*>", place if state == _MISSING else f"{place};{state}")
    else:
        fields = (_MISSING, reference, allele, state)
    return _line(seen.chromosome, position, fields, "GT"), "0/1"


def _breakends(seen: Seen) -> list[_Breakend]:
    """The partners of a fusion that have a place."""
    found = []
    for chromosome, *ends in ((*seen[8:13],), (*seen[13:18],)):
        for side, (low, high) in enumerate((ends[:2], ends[2:])):
            if _MISSING not in {chromosome, low}:
                size = CHROMOSOMES[chromosome].size
                shift = 1 - side  # a sequence that starts at x begins with base x + 1, one that ends there ends with x
                position = min(max(int(low) + shift, 1), size)
                last = min(int(high) + shift, size) if high != _MISSING else position
                found.append(_Breakend(chromosome, position, max(position, last), ends=bool(side)))
                break
    return found


def _adjacency(seen: Seen, pair: list[_Breakend]) -> Iterator[tuple[str, str]]:
    words = [f"{b.chromosome}-{b.position}-{b.last}-{'end' if b.ends else 'start'}" for b in pair]
    # Another state at the same places is another event: no two records have one ID.
    words += [seen.state.replace(":", "") if seen.state in STATES else "other"] if seen.state != _FUSION else []
    event = "_".join(["bnd", *words])
    for number, here in enumerate(pair):
        mates = [*chain(pair[:number], pair[number + 1 :])]
        allele = _joined(here, mates[0]) if mates else ("N." if here.ends else ".N")
        info = ["SVTYPE=BND"]
        if here.last > here.position:
            info += [f"CIPOS=0,{here.last - here.position}", "IMPRECISE"]
        info += [f"MATEID={event}_{2 - number}"] if mates else []
        info += [f"STATE={seen.state}"] if seen.state in STATES else []
        fields = (f"{event}_{number + 1}", "N", allele, ";".join(info))
        yield _line(here.chromosome, here.position, fields, "GT"), "0/1"


def _joined(here: _Breakend, mate: _Breakend) -> str:
    """The ALT of a breakend (VCF 4.4, 5.4): brackets open to where the mate's sequence goes."""
    bracket = "]" if mate.ends else "["
    place = f"{bracket}{mate.chromosome}:{mate.position}{bracket}"
    return f"N{place}" if here.ends else f"{place}N"
