"""Room in the folder of exports: what it may hold, and what goes when more is needed.  Blocking."""

import errno
import fcntl
import logging
import os
import threading
from typing import Final

from gateway.spool.files import Files, Found, open_file

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


class Room:
    """What the files of a folder may come to together, in bytes.  Any method may raise OSError."""

    def __init__(self, files: Files, quota: int) -> None:
        self.quota = quota
        self._files = files
        self._one = threading.Lock()

    def measure(self) -> None:
        """Settle a quota that was not named."""
        if not self.quota:
            free = os.statvfs(self._files.path)
            disk = free.f_bavail * free.f_frsize + self.usage()
            self.quota = min(_MOST_QUOTA, disk // 2)

    def usage(self) -> int:
        """Bytes of all files of exports."""
        return sum(found.state.st_size for found in self._files.all())

    def make(self, need: int) -> int:
        """How many bytes may be written now, at least `need`; OSError (EDQUOT) if nothing else can be removed."""
        with self._one:
            files = list(self._files.all())
            usage = sum(found.state.st_size for found in files)
            usage -= self._prune(files)
            if sum(found.kind == "data" for found in files) > _EXPORTS:
                usage -= self._evict(0, files, _EXPORTS // 16)
            if usage + need > self.quota:
                usage -= self._evict(usage + need - self.quota, files)
            if usage + need > self.quota:
                raise OSError(errno.EDQUOT, "the quota of the spool is used up")
            step = max(need, _LEAST_STEP, min(self.quota // _STEPS, _MOST_STEP))
            return min(step, self.quota - usage)

    def free_disk(self, need: int) -> bool:
        """Remove what was not used for longest until `need` bytes are gained; whether any were."""
        with self._one:
            return self._evict(need, list(self._files.all())) > 0

    def _evict(self, need: int, files: list[Found], many: int = 0) -> int:
        """Remove complete exports that nobody reads, and parts of the dead; returns the bytes gained.

        As many as bring the bytes needed, and at least so many.
        """
        gained = count = 0
        candidates = [found for found in files if found.kind in {"data", "part"}]
        for found in sorted(candidates, key=lambda found: (found.kind == "data", found.state.st_mtime_ns)):
            if gained >= need and count >= many:
                break
            removed = self._remove(found.digest) if found.kind == "data" else self._remove_part(found.digest)
            if removed:
                log.info("removed digest=%s kind=%s bytes=%d", found.digest, found.kind, found.state.st_size)
                gained, count = gained + found.state.st_size, count + 1
        return gained

    def _remove(self, digest: str) -> bool:
        """Remove complete data unless somebody reads it."""
        path = self._files.name(digest, "data")
        try:
            with open_file(path) as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if not os.fstat(file.fileno()).st_nlink:
                    return False  # removed by somebody else; what has the name now is another file
                path.unlink()
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
        data = {found.digest for found in files if found.kind in {"data", "part", "lock"}}
        records = [found for found in files if found.kind == "json" and found.digest not in data]
        size, gained = sum(found.state.st_size for found in records), 0
        for number, found in enumerate(sorted(records, key=lambda found: found.state.st_mtime_ns)):
            if len(records) - number <= _RECORDS and size - gained <= self.quota // _RECORDS_PART:
                break
            self._files.remove(found.digest, "json", "sum", "note")
            gained += found.state.st_size
        return gained
