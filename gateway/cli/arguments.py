"""Arguments of commands that are numbers."""

import argparse
from collections.abc import Callable
from typing import TypeVar

from gateway.config import ranged

__all__ = ["number_in"]

N = TypeVar("N", int, float)


def number_in(kind: Callable[[str], N], least: float, most: float, rule: str) -> Callable[[str], N]:
    """The type of an argument from `least` to `most`; `rule` says so where it is not."""
    parse = ranged(kind, least, most, rule)

    def argument(text: str) -> N:
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(f"{text!r}: {error}") from None

    return argument
