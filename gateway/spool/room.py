"""Room in the folder of exports: what it may hold, and what goes when more is needed.  Blocking."""

import errno
import fcntl
import logging
import os
import threading
from typing import Final

from gateway import metrics
from gateway.logs import fields
from gateway.spool.files import DERIVED, Files, Found, open_own

__all__ = ["Room"]

log = logging.getLogger("gateway.spool")

# Room is asked for in steps of this part of the quota: what concurrent writers may go beyond it together.
_STEPS: Final = 256
_LEAST_STEP: Final = 64 * 1024
_MOST_STEP: Final = 16 * 1024 * 1024
_RECORDS: Final = 10_000
# Complete exports: each time that room is looked for, all of them are looked at.
_EXPORTS: Final = 5_000
_RECORDS_PART: Final = 16  # of the quota
_MOST_QUOTA: Final = 10 * 1024**3
_BLOCK: Final = 4096


class Room:
    """What the files of a folder may come to together, in bytes of whole blocks.  Any method may raise OSError."""

    def __init__(self, files: Files, quota: int) -> None:
        self.quota = quota
        self._files = files
        self._block = _BLOCK
        self._one = threading.Lock()

    def measure(self) -> None:
        """Learn of the disk; settle a quota that was not named."""
        disk = os.statvfs(self._files.path)
        self._block = disk.f_frsize or _BLOCK
        if not self.quota:
            self.quota = min(_MOST_QUOTA, (disk.f_bavail * disk.f_frsize + self.usage()) // 2)

    def usage(self) -> int:
        """Bytes of all files of exports."""
        return sum(self._bytes(found) for found in self._files.all())

    def _bytes(self, found: Found) -> int:
        """What a file takes.  Not what the system says: that comes late, and with what it may still take back."""
        return -(-found.state.st_size // self._block) * self._block

    def make(self, need: int, *, own: int = 0, known: int = 0) -> int:
        """How many bytes may be written now, at least `need`; OSError (EDQUOT) if nothing else can be removed.

        For an export that has `own` bytes already and is `known` to come to so many, if it was complete once.  One that
        may be too large for the quota removes others only up to half of it: it would remove all, and fail then.
        """
        with self._one:
            if known > self.quota:
                raise OSError(errno.EDQUOT, "it is larger than the quota of the spool")
            fits = known >= own + need or own + need <= self.quota // 2
            usage = self._without_the_oldest(need, fits=fits)
            if usage + need > self.quota:
                why = "is used up" if fits else "has no room for one so large"
                raise OSError(errno.EDQUOT, f"the quota of the spool {why}")
            step = max(need, _LEAST_STEP, min(self.quota // _STEPS, _MOST_STEP))
            return min(step, self.quota - usage)

    def _without_the_oldest(self, need: int, *, fits: bool) -> int:
        """Bytes that are in use when enough was removed, or what can be."""
        usage = 0
        for _ in range(2):  # what was asked for data that went may go next
            files = list(self._files.all())
            usage = sum(self._bytes(found) for found in files) - self._prune(files)
            if sum(found.kind == "data" for found in files) > _EXPORTS:
                usage -= self._evict(0, files, _EXPORTS // 16)
            if usage + need > self.quota:
                usage -= self._evict(usage + need - self.quota, files if fits else _no_data(files))
            if usage + need <= self.quota:
                break
        return usage

    def free_disk(self, need: int, *, own: int, known: int) -> bool:
        """Remove what was not used for longest until `need` bytes are gained; whether any were.

        Not for an export that has more bytes than all others: what they have would not be enough for long.
        """
        with self._one:
            files = list(self._files.all())
            fits = known >= own + need or own <= sum(self._bytes(found) for found in files) // 2
            return self._evict(need, files if fits else _no_data(files)) > 0

    def _evict(self, need: int, files: list[Found], many: int = 0) -> int:
        """Remove complete exports that nobody reads, and parts of the dead; returns the bytes gained.

        As many as bring the bytes needed, and at least so many.
        """
        gained = count = 0
        candidates = [found for found in files if found.kind in {"data", "part"}]
        used = {found.digest: found.state.st_mtime_ns for found in files if found.kind == "sum"}
        for found in sorted(candidates, key=lambda found: (found.kind == "data", used.get(found.digest, 0))):
            if gained >= need and count >= many:
                break
            removed = self._remove(found.digest) if found.kind == "data" else self._remove_part(found.digest)
            if removed:
                told = fields(digest=found.digest, kind=found.kind, bytes=found.state.st_size)
                log.info("removed to make room", extra=told)
                metrics.SPOOL_EVICTIONS.add(1, found.kind)
                gained, count = gained + self._bytes(found), count + 1
        return gained

    def give_up(self, digest: str) -> None:
        """Remove complete data unless somebody reads it, to make room for other data of who asked for both."""
        if self._remove(digest):
            log.info("removed: its client has asked for more", extra=fields(digest=digest))
            metrics.SPOOL_EVICTIONS.add(1, "data")

    def _remove(self, digest: str) -> bool:
        """Remove complete data unless somebody reads it."""
        path = self._files.name(digest, "data")
        try:
            with open_own(path) as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if not os.fstat(file.fileno()).st_nlink:
                    return False  # removed by somebody else; what has the name now is another file
                path.unlink()
                self._files.remove(digest, "check", *DERIVED)
        except (BlockingIOError, FileNotFoundError):
            return False
        return True

    def _remove_part(self, digest: str) -> bool:
        lock = self._files.lock(digest)
        if lock is None:
            return False
        self._files.remove(digest, "part")
        lock.release()
        return True

    def _prune(self, files: list[Found]) -> int:
        """Forget the oldest requests whose data is gone, where there are too many; returns the bytes gained."""
        held = {found.digest for found in files if found.kind in {"data", "part", "lock"}}
        used: dict[str, int] = {}
        sizes: dict[str, int] = {}
        for found in files:
            if found.digest not in held:
                used[found.digest] = max(used.get(found.digest, 0), found.state.st_mtime_ns)
                sizes[found.digest] = sizes.get(found.digest, 0) + self._bytes(found)
        size, gained = sum(sizes.values()), 0
        for number, digest in enumerate(sorted(used, key=used.__getitem__)):
            if len(used) - number <= _RECORDS and size - gained <= self.quota // _RECORDS_PART:
                break
            self._files.remove(digest, "json", "sum", "note", "check", *DERIVED)
            gained += sizes[digest]
        return gained


def _no_data(files: list[Found]) -> list[Found]:
    return [found for found in files if found.kind != "data"]
