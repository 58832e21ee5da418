"""Lines of the log that strangers can cause: one of a kind in a second, and how many were left out."""

import logging
import time
from collections.abc import Callable
from typing import Final

__all__ = ["OneASecond", "calm"]

_SECOND: Final = 1.0
_KINDS: Final = 200
_BEGINNING: Final = 40
_NOISY: Final = ("asyncio", "aiohttp.server", "gateway.web.limits")


class OneASecond(logging.Filter):
    """Lets one line of each kind through in a second; lines are of a kind that differ in their values alone."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._last: dict[tuple[str, int, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether this line is to be written."""
        # What is no template may hold values: how it begins tells.
        text = str(record.msg) if record.args else str(record.msg).partition("\n")[0][:_BEGINNING]
        kind = record.pathname, record.lineno, text
        now = self._clock()
        last, left_out = self._last.get(kind, (-_SECOND, 0))
        if now - last < _SECOND:
            self._last[kind] = last, left_out + 1
            return False
        self._last.pop(kind, None)
        self._last[kind] = now, 0
        if len(self._last) > _KINDS:
            del self._last[next(iter(self._last))]
        if left_out:
            record.msg = f"{record.msg} (and {left_out} like it before)"
        return True


def calm() -> None:
    """Have loggers write no more than that; those of them that are calm already stay so."""
    for name in _NOISY:
        logger = logging.getLogger(name)
        if not any(isinstance(one, OneASecond) for one in logger.filters):
            logger.addFilter(OneASecond())
