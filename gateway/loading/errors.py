"""What can go wrong while data are loaded.  Each message is one line, ready to be shown as it is."""

from collections.abc import Sequence
from pathlib import Path

__all__ = ["BadDataset", "BadFile", "BadLine", "LoadingError", "StoreFailed"]


class LoadingError(Exception):
    """Loading stopped; the message says why."""

    def after(self, files: Sequence[str | Path]) -> None:
        """Let the message say which files had been imported before."""
        if files:
            self.args = (f"{self} ({', '.join(map(str, files))} had been imported before)",)


class BadDataset(LoadingError):
    """The name cannot be that of a dataset."""


class BadFile(LoadingError):
    """The file cannot be read as what it should be."""

    def __init__(self, file: str | Path, reason: str) -> None:
        super().__init__(f"{file}: {reason}")
        self.file = file
        self.reason = reason


class BadLine(BadFile):
    """A malformed line.  Lines count from 1."""

    def __init__(self, file: str | Path, line: int, reason: str) -> None:
        super().__init__(f"{file}:{line}", reason)
        self.file = file
        self.line = line


class StoreFailed(LoadingError):
    """The database cannot be reached, or refused."""
