"""Files that say who may see what: read again when they have changed, and trusted only where no other could write."""

import asyncio
import logging
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, Generic, TypeVar

from gateway.errors import KeysMissing
from gateway.logs import fields

__all__ = ["Watched", "checked_text"]

log = logging.getLogger("gateway.access")

T = TypeVar("T")

_LARGEST: Final = 1024 * 1024
_LOOKS: Final = 1.0  # seconds between two looks at a file


def checked_text(path: Path) -> str:
    """The text of a file; OSError or ValueError if it cannot be used."""
    state = path.stat()
    if not stat.S_ISREG(state.st_mode):
        raise ValueError("is no file")
    if state.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise ValueError("others can write to it, and so give themselves access: chmod go-w")
    if state.st_size > _LARGEST:
        raise ValueError("is larger than 1 MiB")
    return path.read_text("utf-8")


class Watched(Generic[T]):
    """What a file says now.  One that cannot be read any more says nothing: nobody gets in by what it said."""

    def __init__(self, path: Path, parse: Callable[[str], T]) -> None:
        """Read it; OSError or ValueError says why not."""
        self.path = path
        self._parse = parse
        self._seen = self._state()
        self._value: T | None = parse(checked_text(path))
        self._looked = time.monotonic()

    def _state(self) -> tuple[int, ...]:
        found = self.path.stat()
        return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino, found.st_mode

    async def value(self) -> T:
        """What it says, no more than some seconds ago.  Raises KeysMissing."""
        if time.monotonic() - self._looked >= _LOOKS:
            self._looked = time.monotonic()
            await asyncio.to_thread(self._look)
        if self._value is None:
            raise KeysMissing("tokens cannot be verified now; try again soon")
        return self._value

    def _look(self) -> None:
        try:
            state = self._state()
            if state == self._seen and self._value is not None:
                return
            # Of a change within one tick of the clock the next look may know nothing: what is told of is what was read.
            self._seen = state
            self._value = self._parse(checked_text(self.path))
            log.info("a file of access was read again", extra=fields(file=self.path))
        except (OSError, ValueError) as error:
            if self._value is not None:
                told = fields(file=self.path, reason=error)
                log.error("nobody gets in by a file of access any more", extra=told)  # noqa: TRY400 - it says all
            self._value = None
