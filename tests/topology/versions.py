"""Versions of MongoDB: what they call themselves, which wire protocol they speak."""

from typing import Final

__all__ = ["Version"]

_RELEASES: Final = {
    "3.6": ("3.6.23", 6),
    "4.0": ("4.0.28", 7),
    "4.2": ("4.2.25", 8),
    "4.4": ("4.4.29", 9),
    "5.0": ("5.0.31", 13),
    "6.0": ("6.0.20", 17),
    "7.0": ("7.0.16", 21),
    "8.0": ("8.0.4", 25),
}


class Version:
    """A version; compares with pairs of numbers, as in `version >= (5, 0)`."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.full, self.wire = _RELEASES[text]
        self.pair = (int(text[0]), int(text[2]))

    @property
    def major(self) -> int:
        return self.pair[0]

    def __ge__(self, pair: tuple[int, int]) -> bool:
        return self.pair >= pair

    def __lt__(self, pair: tuple[int, int]) -> bool:
        return self.pair < pair
