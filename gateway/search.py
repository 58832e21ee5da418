"""Search by typing: entries with names and a label, found by any part of either, the best first.  Pure.

A text is only ever looked for, never read as a pattern.  All of it is one string in memory, a line an entry, so that
fifty thousand entries are searched in some milliseconds.
"""

import heapq
import re
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Final

from rapidfuzz import fuzz, process

from gateway.codes import beginnings

__all__ = ["Found", "Search", "folded"]

_FIELD: Final = "\x1f"
_LINE: Final = "\n"
_BLANKS: Final = re.compile(r"[\s\x00-\x1f\x7f]+")
_WORD: Final = re.compile(r"\w+")
# Words of a text that are heeded; entries that are compared, of those that hold a text somewhere.
_WORDS: Final = 12
_RANKED: Final = 5_000
# Of a hundred: what a name, or a word, must have in common with what was typed.
_ALIKE: Final = 75.0
_SHORTEST: Final = 3  # characters of a word that may be misspelled

Wanted = Callable[[int], bool]


def folded(text: str) -> str:
    """A text as texts are compared: without case, control characters, and blanks beyond one."""
    return _BLANKS.sub(" ", text).strip().casefold()


@dataclass(frozen=True, slots=True)
class Found:
    """The positions of entries, the best first, and whether there are more."""

    entries: tuple[int, ...]
    more: bool = False


class Search:
    """Entries, the weightiest first: the names of each (codes, symbols), and its label."""

    def __init__(self, entries: Iterable[tuple[Sequence[str], str]]) -> None:
        lines, starts, at = [], array("L"), 0
        for names, label in entries:
            line = _LINE + _FIELD.join(("", *map(folded, names), "", folded(label), ""))
            starts.append(at)
            at += len(line)
            lines.append(line)
        self._text = "".join(lines) + _LINE
        self._starts = starts

    def __len__(self) -> int:
        return len(self._starts)

    def _line(self, entry: int) -> str:
        stop = self._starts[entry + 1] if entry + 1 < len(self._starts) else len(self._text) - 1
        return self._text[self._starts[entry] + 1 : stop]

    def _with(self, part: str) -> Iterator[int]:
        """The entries whose lines hold a part, each once."""
        at = self._text.find(part)
        while at >= 0:
            entry = bisect_right(self._starts, at) - 1
            yield entry
            if entry + 1 == len(self._starts):
                return
            at = self._text.find(part, self._starts[entry + 1])

    def find(self, text: str, limit: int, wanted: Wanted = lambda _: True) -> Found:
        """The entries that hold all words of a text: what it is the name of first, then what begins so, then others.

        A code is found in every spelling.
        """
        whole = folded(text)
        words = list(dict.fromkeys(_words(whole)))[:_WORDS]
        if not words:
            return Found(())
        spelled = {whole, *(folded(code) for code in beginnings(text.strip()))} if " " not in whole else {whole}
        # What begins so is often enough, and soon found.
        parts = [_FIELD + one + end for one in spelled for end in (_FIELD, "")]
        best = {e for part in parts for e in islice(filter(wanted, self._with(part)), _RANKED)}
        if len(best) <= limit:
            longest = max(words, key=len)
            others = [word for word in words if word != longest]
            within = (e for e in self._with(longest) if wanted(e) and self._holds(e, others))
            best.update(islice(within, _RANKED))
        first = heapq.nsmallest(limit, ((self._rank(entry, spelled, words), entry) for entry in best))
        return Found(tuple(entry for _, entry in first), more=len(best) > limit)

    def _holds(self, entry: int, words: Sequence[str]) -> bool:
        return not words or all(word in self._line(entry) for word in words)

    def _rank(self, entry: int, spelled: Iterable[str], words: Sequence[str]) -> int:
        line = self._line(entry)
        if any(f"{_FIELD}{one}{_FIELD}" in line for one in spelled):
            return 0
        if any(f"{_FIELD}{one}" in line for one in spelled):
            return 1
        return 2 if all(_begins(line, word) for word in words) else 3

    # --- what may have been meant ------------------------------------------------------------------------------------

    @cached_property
    def _vocabulary(self) -> tuple[str, ...]:
        """The words of all lines, once each."""
        return tuple(sorted({word for word in _WORD.findall(self._text) if len(word) >= _SHORTEST}))

    @cached_property
    def _first_names(self) -> list[str]:
        return [self._line(entry).split(_FIELD, 2)[1] for entry in range(len(self))]

    def near(self, text: str, limit: int, wanted: Wanted = lambda _: True) -> tuple[int, ...]:
        """What may have been meant by a text that nothing holds: names nearly like it, and words like its own."""
        whole = folded(text)
        found: dict[int, None] = {}
        corrected = [self._corrected(word) for word in _words(whole)[:_WORDS]]
        if corrected and all(corrected):
            found.update(dict.fromkeys(self.find(" ".join(corrected), limit, wanted).entries))
        close = process.extract(whole, self._first_names, scorer=fuzz.ratio, score_cutoff=_ALIKE, limit=4 * limit)
        codes = dict.fromkeys(entry for _, entry in sorted((-score, e) for _, score, e in close if wanted(e)))
        # A text with a digit is a code.
        ordered = {**codes, **found} if re.search(r"\d", whole) else {**found, **codes}
        return tuple(ordered)[:limit]

    def _corrected(self, word: str) -> str:
        """The word of an entry that is nearest to one; empty if none is near."""
        if len(word) < _SHORTEST:
            return ""
        close = process.extractOne(word, self._vocabulary, scorer=fuzz.ratio, score_cutoff=_ALIKE)
        return str(close[0]) if close else ""


def _words(text: str) -> list[str]:
    return text.split(" ") if text else []


def _begins(line: str, word: str) -> bool:
    """Whether a word of the line begins so."""
    at = line.find(word)
    while at >= 0:
        if not line[at - 1].isalnum():  # a line begins with a separator
            return True
        at = line.find(word, at + 1)
    return False
