"""What is shown while a file is fetched: a bar on a terminal, a line now and then elsewhere, on standard error."""

import sys
import time
from typing import Any, Final, Self

from tqdm import tqdm

from gateway.errors import plain
from gateway.fetch.responses import Export

__all__ = ["Progress"]

_EVERY: Final = 10.0  # seconds between lines where there is no terminal
_LEAST: Final = 0.1  # of the rows expected, before the size of the whole is guessed from them


class Progress:
    """A bar with bytes, rate and time left where the size is known or can be guessed; `quiet` shows nothing."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._lines = not sys.stderr.isatty()
        self._bar: Any = None  # tqdm; its types want something to iterate over
        self._told = time.monotonic()
        self._name = ""
        self._total: int | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def note(self, text: str) -> None:
        """A line that stays."""
        if not self._quiet:
            tqdm.write(f"pgx-gateway: {plain(text)}", file=sys.stderr)

    def waiting(self, export: Export) -> None:
        """The server works, nothing flows."""
        self._line(f"the server is at {export.rows:,} rows, {_amount(export.made)}")
        if self._bar is not None:
            self._bar.set_postfix_str(f"server at {export.rows:,} rows")

    @property
    def shown(self) -> bool:
        """Whether there is a bar for which it pays to ask how far the server is."""
        return not self._quiet and not self._lines

    def of(self, export: Export, size: int | None) -> None:
        """What is fetched, and its size as far as is known now."""
        self._name = export.name[:30]
        self._total = size or export.size or _guess(export)

    def at(self, size: int) -> None:
        """So many bytes are here."""
        if not self.shown:
            self._line(f"{_amount(size)}{f' of {_amount(self._total)}' if self._total else ''}")
            return
        if self._bar is None:
            self._bar = tqdm(initial=size, desc=self._name, unit="B", unit_scale=True, dynamic_ncols=True)
        if self._bar.total != self._total:
            self._bar.total = self._total
            self._bar.set_postfix_str("", refresh=False)
        self._bar.update(size - self._bar.n)

    def _line(self, text: str) -> None:
        if self._lines and not self._quiet and time.monotonic() - self._told > _EVERY:
            self._told = time.monotonic()
            self.note(text)


def _guess(export: Export) -> int | None:
    """The size of the whole, from the rows expected and the bytes a row so far."""
    if not export.expected or export.rows < export.expected * _LEAST:
        return None
    return max(export.made, export.made * export.expected // export.rows)


def _amount(size: int) -> str:
    return str(tqdm.format_sizeof(size, "B", 1000))
