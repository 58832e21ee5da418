"""Calls: which variant a row is, if it is one.  Pure.

What a row says counts: its state, its type, its bases.  A type column that says nothing (`.`) says "no call", whatever
the log2.  Where there is no such column, thresholds decide over log2, and what lies between them is neutral.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from gateway.genome import STATE_OF_TYPE, STATES

__all__ = ["TELLING", "Calling", "Silence", "call", "known"]

NEUTRAL: Final = "EFO:0030064"  # regional base ploidy

_STATE_WORDS: Final = (
    {word.lower(): s.id for s in STATES.values() for word in (s.id, s.label)}
    | {word.lower(): state for word, state in STATE_OF_TYPE.items()}
    | {"amp": "EFO:0030072", "hldup": "EFO:0030072", "hldel": "EFO:0020073", "snp": "SO:0001483"}
)
TELLING: Final = frozenset({"log2", "variant_type", "variant_state_id", "sequence"})
"""Columns one of which a file must have."""


class Silence(StrEnum):
    """Why a row that is well-formed gives no variant."""

    NO_CALL = "variant_type is '.', which says that nothing was called"
    NEUTRAL = "log2 is neither above --gain-above nor below --loss-below: neutral"
    NO_VALUE = "no log2, and nothing else says what it is"


@dataclass(frozen=True, slots=True)
class Calling:
    """How log2 is judged where no type is given.

    0.15 and -0.15 are what Progenetix calls by (`cna_gain_threshold` and `cna_loss_threshold` of its plots, "the
    standard threshold" of its downloads).  The field lies around them: GISTIC's default is 0.1, CNVkit's 0.2 and -0.25.
    """

    gain_above: float = 0.15
    loss_below: float = -0.15
    keep_neutral: bool = False

    def of(self, log2: float) -> str:
        """The state of a segment with this log2."""
        if log2 > self.gain_above:
            return STATE_OF_TYPE["DUP"]
        return STATE_OF_TYPE["DEL"] if log2 < self.loss_below else NEUTRAL


def known(word: str, column: str) -> str:
    """The state that a word of a column means; ValueError if it means none."""
    state = _STATE_WORDS.get(word.lower())
    if state is None:
        raise ValueError(f"unknown {column} {word[:40]!r}")
    return state


def call(
    word: str, short: str, log2: float | None, reference: str, sequence: str, *, typed: bool, calling: Calling
) -> str | Silence:
    """The state of a row: `word` and `short` are what its columns of states and types say, `typed` if it has these."""
    if word or short:
        return known(word, "variant_state_id") if word else known(short, "variant_type")
    if reference and sequence:
        longer = len(sequence) - len(reference)
        same = "SO:0001059" if len(sequence) == 1 else "SO:0002007"
        return same if longer == 0 else "SO:0000667" if longer > 0 else "SO:0000159"
    judged = None if log2 is None else calling.of(log2)
    if judged == NEUTRAL and calling.keep_neutral:
        return NEUTRAL
    if typed:
        return Silence.NO_CALL
    return Silence.NO_VALUE if judged is None else Silence.NEUTRAL if judged == NEUTRAL else judged
