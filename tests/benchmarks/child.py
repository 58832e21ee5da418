"""A benchmark's other process, which says what it has to say line by line; killed at the end."""

import subprocess
import sys
from typing import Self

from psutil import Process

__all__ = ["Child"]


class Child:
    """`python -m` some module with arguments."""

    def __init__(self, *command: str) -> None:
        self._process = subprocess.Popen([sys.executable, "-m", *command], stdout=subprocess.PIPE, text=True)
        self.process = Process(self._process.pid)
        """As the system sees it."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def line(self) -> str:
        """The next line; empty at the end."""
        assert self._process.stdout is not None
        return self._process.stdout.readline()
