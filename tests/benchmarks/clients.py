"""Clients that read and discard, processes that are watched while they work, and tables of what came of it."""

import os
import re
import socket
import statistics
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from psutil import Process

from tests.benchmarks.child import Child
from tests.benchmarks.cohort import Cohort
from tests.harness import Gateway

__all__ = ["Ceiling", "Read", "cpu", "curl", "many", "median", "path", "peak", "raw", "served", "table"]

_BUFFER: Final = 1 << 20
_END: Final = b"\r\n0\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Read:
    """A transfer that was read to its end: seconds to the first byte of its body and to its last, and its bytes."""

    first: float
    seconds: float
    size: int


def path(cohort: Cohort) -> str:
    """The address of all variants of a cohort as pgxseg."""
    return f"/beacon/variants?filters=NCIT:C3262&output=pgxseg&datasetIds={cohort.name}"


def raw(port: int, address: str) -> Read:
    """Read with bare system calls."""
    began = time.perf_counter()
    buffer, head, tail, size, first = bytearray(_BUFFER), b"", b"", 0, 0.0
    with socket.create_connection(("127.0.0.1", port), timeout=300) as client:
        client.sendall(f"GET {address} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        while not tail.endswith(_END):
            got = client.recv_into(buffer)
            assert got, "the transfer was cut"
            if not first:
                head += bytes(buffer[:got])
                assert head.startswith(b"HTTP/1.1 200"), head[:300]
                # Headers alone are of no use to anyone.
                first = time.perf_counter() - began if not head.endswith(b"\r\n\r\n") else 0.0
            size += got
            tail = (tail + bytes(buffer[max(0, got - 8) : got]))[-8:]
    return Read(first, time.perf_counter() - began, size)


def curl(port: int, address: str) -> Read:
    """Read with curl, which throws away what it gets."""
    shown = "%{time_starttransfer} %{time_total} %{size_download}"
    command = ["curl", "-sS", "--fail", "-o", os.devnull, "-w", shown, f"http://127.0.0.1:{port}{address}"]
    first, seconds, size = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return Read(float(first), float(seconds), int(size))


def many(clients: int, read: Callable[[], Read]) -> tuple[float, list[Read]]:
    """The same reading by so many clients at once: the seconds until all are done, and what each had."""
    found: list[Read] = []
    threads = [threading.Thread(target=lambda: found.append(read())) for _ in range(clients)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == clients, "a transfer broke"
    return time.perf_counter() - began, found


def cpu(process: Process) -> float:
    """Processor seconds that a process has used."""
    times = process.cpu_times()
    return float(times.user + times.system)


def peak(process: Process) -> float:
    """The largest resident memory that a process ever had, MB."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024


def median(values: Iterable[float]) -> float:
    """The median."""
    return statistics.median(values)


class Ceiling(Child):
    """A server of the benchmarks in a process of its own; it prints its URL when it listens."""

    def __init__(self, module: str, *arguments: str) -> None:
        super().__init__(f"tests.benchmarks.{module}", *arguments)
        line = self.line()
        found = re.search(r"http://[^\s:]+:(\d+)", line)
        assert found, f"{module} did not start: {line}"
        self.port = int(found[1])


class served(Gateway):  # noqa: N801 - reads as a phrase: `with served(uri, cohort) as gateway`
    """A gateway over cohorts, or other datasets; `stub` is the cost of a row, in microseconds, of an encoder that
    does nothing.  It has no spool unless one is named: what is measured is a pass, each time.
    """

    def __init__(
        self, uri: str, *cohorts: Cohort | str, stub: float | None = None, module: str = "gateway", **settings: object
    ) -> None:
        self._folder = TemporaryDirectory()
        os.environ["STUB_COST"] = str(stub or 0)
        module = module if stub is None else "tests.benchmarks.stub"
        names = [cohort if isinstance(cohort, str) else cohort.name for cohort in cohorts]
        settings = settings if "spool" in settings else {"no_spool": True, **settings}
        super().__init__(uri, names, log=Path(self._folder.name) / "log", module=module, version_ttl=3600, **settings)
        self.watched = Process(self.process.pid)

    def stop(self, *numbers: int) -> int:
        """Stop it and forget its log."""
        code = super().stop(*numbers)
        self._folder.cleanup()
        return code


def table(title: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table, numbers to the right."""
    lines = [heads, *rows]
    widths = [max(len(line[at]) for line in lines) for at in range(len(heads))]
    print(f"\n{title}")
    for line in lines:
        first, *others = (
            cell.ljust(w) if at == 0 else cell.rjust(w) for at, (cell, w) in enumerate(zip(line, widths, strict=True))
        )
        print("  " + "  ".join([first, *others]).rstrip(), flush=True)
