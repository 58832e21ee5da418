"""Columns: which cell of a row is which, by the names that tools give them, or by position.

Two families of files are told apart by their columns.  `.pgxseg` counts positions from 0, interbase; `.seg` (DNAcopy,
GISTIC, TCGA, GDC, CNVkit, IGV) from 1, with both ends in the segment.  A column that only `.seg` has decides it.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from gateway.loading.calls import TELLING
from gateway.text import unescape

__all__ = ["Columns", "columns", "positional", "split", "unquoted"]

# Names as `_plain` leaves them.  Those in the second row are of `.seg`, and say that positions count from 1.
_NAMES: Final = MappingProxyType(
    {
        "biosample_id": ("biosample_id", "biosampleid", "sample_id", "sampleid", "sample", "samplename", "id"),
        "reference_name": ("reference_name", "referencename", "chro", "chr", "chrom", "chromosome"),
        "start": ("start", "basestart"),
        "end": ("end", "stop", "basestop"),
        "log2": ("log2", "value", "mean", "segvalue"),
        "variant_type": ("variant_type", "varianttype"),
        "reference_sequence": ("reference_sequence", "reference_bases"),
        "sequence": ("sequence", "alternate_bases"),
        "variant_state_id": ("variant_state_id",),
        "variant_state_label": ("variant_state_label",),
        "probes": ("probes",),
    }
)
_SEG_NAMES: Final = MappingProxyType(
    {
        "biosample_id": ("gdc_aliquot",),
        "start": ("loc_start", "start_position"),
        "end": ("loc_end", "end_position"),
        "log2": ("seg_mean", "segment_mean", "seg_cn"),
        "probes": ("num_mark", "num_probes", "num_markers", "nbrofloci"),
    }
)
_BY_NAME: Final = {
    alias: name for table in (_NAMES, _SEG_NAMES) for name, aliases in table.items() for alias in aliases
}
_OF_SEG: Final = frozenset(alias for aliases in _SEG_NAMES.values() for alias in aliases)
_WEAK: Final = "id"  # a sample's where no other column is; else whatever the file numbers

_POSITIONAL: Final = tuple(_NAMES)[:10]  # the order where a file has no line of column names
_SEG_POSITIONAL: Final = ("biosample_id", "reference_name", "start", "end", "probes", "log2")
_MANDATORY: Final = frozenset(_POSITIONAL[:4])
_FEW: Final = 10  # names that a message shows


@dataclass(frozen=True, slots=True)
class Columns:
    """The position of each cell by name; positions on chromosomes count from `base`; `strange` are unknown columns."""

    count: int
    at: Mapping[str, int]
    base: int = 0
    strange: tuple[str, ...] = ()

    @property
    def typed(self) -> bool:
        """Whether a column says what a row is a variant of: then none says it where that is empty."""
        return "variant_type" in self.at or "variant_state_id" in self.at

    def of(self, cells: Sequence[str]) -> dict[str, str]:
        """The cells of a row by name; empty ones behind the last column mean nothing."""
        if len(cells) != self.count and (len(cells) < self.count or any(map(str.strip, cells[self.count :]))):
            raise ValueError(f"{len(cells)} cells where there are {self.count} columns")
        return {name: unescape(cells[position]) for name, position in self.at.items()}


def split(text: str) -> list[str]:
    """The cells, without quotes around them: by TAB, or by `::` where the line has no TAB (both are documented)."""
    cells = text.split("\t") if "\t" in text else text.split("::")
    return [unquoted(cell) for cell in cells] if '"' in text or "'" in text else cells


def unquoted(text: str) -> str:
    """The text without the quotes around it, if these are a pair; a quote within is doubled."""
    bare = text.strip(" ")
    mark = bare[:1]
    if len(bare) < 2 or mark not in {'"', "'"} or bare[-1] != mark:
        return text
    inner = bare[1:-1]
    return text if mark in inner.replace(mark * 2, "") else inner.replace(mark * 2, mark)


def columns(cells: Sequence[str], *, first: bool) -> Columns | None:
    """The columns that a line names, None if it is a row.  ValueError says which are missing.

    `first` says that no row came before it: then a line of names need not be understood to be one.
    """
    names = _trimmed([_plain(cell) for cell in cells])
    known = {_BY_NAME[name] for name in names if name in _BY_NAME}
    if not known >= _MANDATORY:
        numberless = len(names) >= len(_MANDATORY) and not any(map(_begins_a_number, cells))
        if not first or (len(known) < 2 and not numberless):
            return None
    return _named(cells[: len(names)], names)


def positional(cells: Sequence[str]) -> Columns:
    """The columns of a file without names: as many of the usual ten as its first row has cells, or those of `.seg`."""
    cells = cells[: len(_POSITIONAL)] if not any(cells[len(_POSITIONAL) :]) else cells
    filled = _trimmed(cells)
    cells = filled if len(filled) == 5 else cells  # five will do: what follows may be nothing
    if not len(_MANDATORY) < len(cells) <= len(_POSITIONAL):
        hint = _otherwise_separated(cells[0]) if len(cells) == 1 else ""
        raise ValueError(f"{len(cells)} cells, separated by TABs; without column names there must be 5 to 10{hint}")
    # A type is no number: GISTIC's `.seg` has no names, the number of probes before the log2.
    if len(cells) == len(_SEG_POSITIONAL) and _begins_a_number(cells[5]) and cells[4].strip().isdecimal():
        return Columns(len(cells), {name: at for at, name in enumerate(_SEG_POSITIONAL)}, base=1)
    return Columns(len(cells), {name: at for at, name in enumerate(_POSITIONAL[: len(cells)])})


def _otherwise_separated(text: str) -> str:
    """What else separates the cells of a line, as it looks."""
    for separator, name in ((",", "commas"), (";", "semicolons"), (None, "blanks")):
        words = text.split(separator)
        names = sum(_plain(word) in _BY_NAME for word in words)
        if len(words) >= len(_MANDATORY) and (names > 1 or all(map(_begins_a_number, words[2:4]))):
            return f"; it looks as if separated by {name}"
    return ""


def _named(cells: Sequence[str], names: Sequence[str]) -> Columns:
    at: dict[str, int] = {}
    strange: list[str] = []
    others = {_BY_NAME.get(name) for name in names if name != _WEAK}
    for position, (cell, plain) in enumerate(zip(cells, names, strict=True)):
        name = _BY_NAME.get(plain)
        if name is None or (plain == _WEAK and name in others):
            strange.append(cell.strip()[:40])
        elif name in at:
            raise ValueError(f"two columns named {name}")
        else:
            at[name] = position
    missing = [f"no {name} ({' or '.join(_aliases(name))})" for name in _POSITIONAL[:4] if name not in at]
    if not TELLING & at.keys():
        missing.append(f"no column that says what the variants are: log2 ({' or '.join(_aliases('log2'))}),")
        missing[-1] += " variant_type or variant_state_id"
    if missing:
        unknown = f"these column names are not understood: {', '.join(map(repr, strange[:_FEW]))}; " if strange else ""
        raise ValueError(f"{unknown}there is {', '.join(missing)}")
    return Columns(len(cells), at, int(not _OF_SEG.isdisjoint(names)), tuple(strange))


def _aliases(name: str) -> tuple[str, ...]:
    return (*_NAMES[name], *_SEG_NAMES.get(name, ()))


def _plain(cell: str) -> str:
    """A column's name as tools that mean the same may agree on it: `Start Position`, `start.position`."""
    return re.sub(r"[^a-z0-9]+", "_", cell.lower()).strip("_")


def _begins_a_number(cell: str) -> bool:
    return cell.strip().lstrip("+-.")[:1].isdigit()


def _trimmed(cells: Sequence[str]) -> list[str]:
    """The cells up to the last that is not empty."""
    count = len(cells)
    while count and not cells[count - 1].strip():
        count -= 1
    return list(cells[:count])
