"""What a folder of exports holds, looked at from outside: what grows and what is complete.  Blocking.

It takes no locks and counts as no use of anything; what is being removed meanwhile is left out.
"""

import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from os import stat_result
from pathlib import Path
from typing import Final

from gateway.spool.files import Files
from gateway.spool.folder import Note, Sum

__all__ = ["Listed", "Listing"]

_SILENT: Final = 30.0  # seconds after which a writer that says nothing is taken for dead; it notes twice in one
_KNOWN: Final = 20_000


@dataclass(frozen=True, slots=True)
class _About:
    """What an export is of."""

    datasets: tuple[str, ...]
    form: str
    packed: bool


@dataclass(frozen=True, slots=True)
class Listed:
    """An export: of which datasets, in which format, how much of it there is, and since when (seconds of the epoch)."""

    digest: str
    datasets: tuple[str, ...]
    form: str
    packed: bool
    complete: bool
    rows: int
    size: int
    since: float


class Listing:
    """Looks through a folder.  What exports are of is remembered; any method may raise OSError."""

    def __init__(self, path: Path) -> None:
        self._files = Files(path)
        self._known: dict[str, tuple[_About, Sum | None]] = {}

    def complete(self, digests: Iterable[str]) -> dict[str, Sum]:
        """What is known of those of some exports that are complete."""
        found = {}
        for digest in digests:
            known = self._sum(digest)
            with suppress(FileNotFoundError):
                if known and self._files.name(digest, "data").stat(follow_symlinks=False).st_size == known.size:
                    found[digest] = known
        return found

    def all(self) -> list[Listed]:
        """All exports that there are now, the newest first."""
        there: dict[str, dict[str, stat_result]] = {}
        for found in self._files.all():
            there.setdefault(found.digest, {})[found.kind] = found.state
        listed = []
        for digest, kinds in there.items():
            one = self._kept(digest, kinds) if "data" in kinds else self._growing(digest, kinds)
            listed += [one] if one else []
        return sorted(listed, key=lambda each: each.since, reverse=True)

    def _kept(self, digest: str, kinds: dict[str, stat_result]) -> Listed | None:
        about, known = self._about(digest, complete=True)
        state = kinds["data"]
        if about is None or known is None or known.size != state.st_size:
            return None
        return Listed(
            digest, about.datasets, about.form, about.packed, complete=True, rows=known.rows, size=known.size,
            since=state.st_mtime,
        )  # fmt: skip

    def _growing(self, digest: str, kinds: dict[str, stat_result]) -> Listed | None:
        if "part" not in kinds or "lock" not in kinds:
            return None
        heard = max(kinds[kind].st_mtime for kind in ("part", "lock", "note") if kind in kinds)
        about, _ = self._about(digest, complete=False)
        value = self._files.read(digest, "note") if "note" in kinds else None
        note = None
        with suppress(TypeError):  # of another version
            note = Note(**value) if value else None
        if about is None or (note and note.failed) or time.time() - heard > _SILENT:
            return None
        return Listed(
            digest, about.datasets, about.form, about.packed, complete=False, rows=note.rows if note else 0,
            size=kinds["part"].st_size, since=kinds["lock"].st_mtime,
        )  # fmt: skip

    def _sum(self, digest: str) -> Sum | None:
        value = self._files.read(digest, "sum")
        with suppress(TypeError):  # of another version
            return Sum(**value) if value else None
        return None

    def _about(self, digest: str, *, complete: bool) -> tuple[_About | None, Sum | None]:
        """What an export is of, and how much it is: the same whenever it is made."""
        about, known = self._known.get(digest, (None, None))
        if about is None:
            record = self._files.read(digest, "json") or {}
            datasets = record.get("datasets")
            if not isinstance(datasets, list) or not datasets:
                return None, None
            about = _About(tuple(map(str, datasets)), str(record.get("form", "other")), bool(record.get("packing")))
        if complete and known is None:
            known = self._sum(digest)
        self._known[digest] = about, known
        if len(self._known) > _KNOWN:
            del self._known[next(iter(self._known))]
        return about, known
