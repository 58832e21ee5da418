"""What is counted: one table of metrics, and how to count without knowing who reads the numbers.

Whoever has something to count adds it here, whether anybody reads it or not; `connect` says who does.  Unconnected, a
count costs next to nothing.  No label has values without bound: most are listed in the table, others are names of the
code's own (errors, commands), of configured datasets or of formats; what is not listed where a list is given, and what
comes after many values, is counted as `other`.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import product
from typing import Final, Literal, Protocol

__all__ = ["METRICS", "Child", "Kind", "Metric", "Spent", "connect", "lasted", "timed"]

Kind = Literal["counter", "gauge", "histogram"]


class Child(Protocol):
    """A number of a metric, or its distribution, for some values of its labels."""

    def inc(self, amount: float) -> None:
        """Add to it."""
        ...

    def set(self, value: float) -> None:
        """Replace it."""
        ...

    def observe(self, amount: float) -> None:
        """Add to the distribution."""
        ...


_MOST: Final = 1_000  # children of a metric
_OTHER: Final = "other"
METRICS: Final[list["Metric"]] = []
"""All of them, in the order of this module."""


@dataclass(slots=True)
class Metric:
    """A row of the table.  `labels` are names with the values that there are, none where these are not listed here.

    Names are without the prefix of all; those of counters get `_total` behind them.  `buckets` make a histogram.  A
    gauge is the sum of what all living processes say, or, if it is `shared`, what one of them said last.
    """

    name: str
    help: str
    kind: Kind = "counter"
    labels: Mapping[str, Sequence[str]] = field(default_factory=dict)
    buckets: Sequence[float] = ()
    shared: bool = False
    _make: Callable[[tuple[str, ...]], Child] | None = None
    _children: dict[tuple[str, ...], Child] = field(default_factory=dict)

    def __post_init__(self) -> None:
        METRICS.append(self)

    def add(self, amount: float, *labels: str) -> None:
        """Count; of a gauge also less."""
        if self._make is not None:
            self._child(labels).inc(amount)

    def put(self, value: float, *labels: str) -> None:
        """State a gauge's value."""
        if self._make is not None:
            self._child(labels).set(value)

    def observe(self, amount: float, *labels: str) -> None:
        """Take note of one case."""
        if self._make is not None:
            self._child(labels).observe(amount)

    @contextmanager
    def counted(self, *labels: str) -> Iterator[None]:
        """Let a gauge be one more for the block."""
        self.add(1, *labels)
        try:
            yield
        finally:
            self.add(-1, *labels)

    def _child(self, labels: tuple[str, ...]) -> Child:
        child = self._children.get(labels)
        if child is None:
            assert self._make is not None  # noqa: S101 - for the type checker
            known = zip(labels, self.labels.values(), strict=True)
            allowed = tuple(value if not values or value in values else _OTHER for value, values in known)
            if len(self._children) >= _MOST:
                allowed = tuple(_OTHER for _ in allowed)
                return self._make(allowed)
            child = self._children[labels] = self._make(allowed)
        return child

    def connect(self, make: Callable[[tuple[str, ...]], Child]) -> None:
        """Count in children that are made so; those whose labels are all listed are there from the beginning."""
        self._make = make
        self._children = {}
        if all(self.labels.values()):
            for labels in product(*self.labels.values()):
                self._child(labels)


def connect(maker: Callable[[Metric], Callable[[tuple[str, ...]], Child]]) -> None:
    """Have all metrics counted in what this makes of each."""
    for metric in METRICS:
        metric.connect(maker(metric))


@contextmanager
def timed(metric: Metric, *labels: str) -> Iterator[None]:
    """Add the seconds that the block takes to a counter, however it ends."""
    began = time.perf_counter()
    try:
        yield
    finally:
        metric.add(time.perf_counter() - began, *labels)


@contextmanager
def lasted(metric: Metric, *labels: str, but: "Spent | None" = None) -> Iterator[None]:
    """Take note of the seconds that the block takes, without those of encoding in it, however it ends."""
    began = time.perf_counter()
    try:
        yield
    finally:
        seconds = time.perf_counter() - began - (but.encoding if but is not None else 0.0)
        metric.observe(max(0.0, seconds), *labels)


# Seconds: of what is quick, and of what may take hours.
_SHORT: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0)
_LONG: Final = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1_000.0, 3_600.0, 14_400.0)
_SIZES: Final = tuple(float(10**power) for power in range(3, 13))

OUTCOMES: Final = ("complete", "client left", "stalled", "stopping", "cut", "refused", "failed")
"""How a transfer ended: the client left or took nothing for too long; the gateway stopped, or cut it because it would
have been wrong; refused or failed before its first byte."""

# --- requests ---------------------------------------------------------------------------------------------------------

REQUESTS: Final = Metric(
    "requests", "Requests answered, by endpoint and status.", labels={"endpoint": (), "status": ()}
)
REQUEST_SECONDS: Final = Metric(
    "request_seconds",
    "Seconds until the answer to a request began, by endpoint.",
    "histogram",
    labels={"endpoint": ()},
    buckets=_SHORT,
)
REQUESTS_RUNNING: Final = Metric("requests_running", "Requests that are being answered.", "gauge")
REFUSALS: Final = Metric(
    "refusals",
    "Requests refused and connections dropped, by the kind of error, and by the limit where they went beyond one.",
    labels={"kind": (), "limit": ()},
)
INTERNAL_ERRORS: Final = Metric("internal_errors", "Requests and passes that failed by a fault of the gateway's own.")

# --- transfers --------------------------------------------------------------------------------------------------------

DOWNLOADS: Final = Metric("downloads", "Transfers of data that ended, by how they ended.", labels={"outcome": OUTCOMES})
FORMAT_DOWNLOADS: Final = Metric(
    "format_downloads", "Transfers of data that were complete, by format.", labels={"format": ()}
)
DOWNLOAD_SECONDS: Final = Metric(
    "download_seconds", "Seconds that transfers of data took, whole or not.", "histogram", buckets=_LONG
)
DOWNLOAD_BYTES: Final = Metric(
    "download_bytes", "Bytes that a transfer of data came to, whole or not.", "histogram", buckets=_SIZES
)
DOWNLOADS_RUNNING: Final = Metric("downloads_running", "Transfers of data under way.", "gauge")
SENT_BYTES: Final = Metric(
    "sent_bytes",
    "Bytes sent, of data from a complete file or as they are made, or of what the Beacon behind answers.",
    labels={"source": ("file", "stream", "beacon")},
)
CLIENT_WAIT_SECONDS: Final = Metric(
    "client_wait_seconds", "Seconds that transfers waited for their clients to take what was sent."
)

FORWARDED: Final = Metric(
    "forwarded", "Answers of the Beacon behind that were passed on, by how they ended.", labels={"outcome": OUTCOMES}
)
BEACON_SECONDS: Final = Metric(
    "beacon_seconds", "Seconds until an answer of the Beacon behind began, or failed to.", "histogram", buckets=_SHORT
)

# --- passes -----------------------------------------------------------------------------------------------------------

_PASS: Final = {"kind": ("export", "page")}
PASSES: Final = Metric(
    "passes",
    "Passes through the database that ended, by what they were for and how they ended.",
    labels={**_PASS, "outcome": ("complete", "left", "failed")},
)
PASSES_RUNNING: Final = Metric("passes_running", "Passes under way.", "gauge", labels=_PASS)
PASSES_MOST: Final = Metric("passes_most", "Passes that there may be at once, of all workers.", "gauge")
PASS_SECONDS: Final = Metric("pass_seconds", "Seconds that passes took.", "histogram", labels=_PASS, buckets=_LONG)
PASS_HELD_SECONDS: Final = Metric(
    "pass_held_seconds", "Seconds that passes stood still because nobody took what they had made.", labels=_PASS
)
ROWS: Final = Metric("rows", "Rows made, by dataset.", labels={"dataset": ()})
ROW_BYTES: Final = Metric("row_bytes", "Bytes that passes made, before compression.")
ENCODING_SECONDS: Final = Metric(
    "encoding_seconds",
    "Seconds of threads that made bytes of documents, by how: the compiled or usual encoder, one in Python, what is "
    "computed of many documents, compression.",
    labels={"stage": ("rows", "interpreted", "computed", "compressed")},
)

# --- the database -----------------------------------------------------------------------------------------------------

DATABASE_SECONDS: Final = Metric(
    "database_seconds",
    "Seconds that commands to the database took, without what was made of their replies, by command.",
    "histogram",
    labels={"command": ()},
    buckets=_SHORT,
)
DATABASE_ERRORS: Final = Metric(
    "database_errors",
    "Commands to the database that failed, by kind of error.",
    labels={
        "kind": (
            *("DatabaseDown", "DatabaseSlow", "DatabaseRefused", "NoSuchIndex"),
            *("SnapshotLost", "DatasetChanged", "BadDocument"),
        )
    },
)
DATABASE_RETRIES: Final = Metric("database_retries", "Reads that were tried again in mid-stream.")

# --- the spool --------------------------------------------------------------------------------------------------------

SPOOL_USES: Final = Metric(
    "spool_uses",
    "Exports asked of the spool: kept there, followed while they were made, to be made, or without room.",
    labels={"result": ("kept", "followed", "made", "no room")},
)
SPOOL_WRITTEN_BYTES: Final = Metric("spool_written_bytes", "Bytes written to the spool.")
SPOOL_EVICTIONS: Final = Metric(
    "spool_evictions",
    "Files removed from the spool for others: complete exports, and parts that nobody writes any more.",
    labels={"kind": ("data", "part")},
)
SPOOL_DAMAGED: Final = Metric("spool_damaged", "Exports found damaged on the disk, and removed.")
SPOOL_BYTES: Final = Metric("spool_bytes", "Bytes of disk that the spool's files take.", "gauge", shared=True)
SPOOL_QUOTA_BYTES: Final = Metric("spool_quota_bytes", "Bytes that they may take.", "gauge", shared=True)

# --- the processes ----------------------------------------------------------------------------------------------------

WORKERS: Final = Metric("workers", "Processes that serve.", "gauge")
START_SECONDS: Final = Metric(
    "start_seconds", "When the newest process began to serve, in Unix time.", "gauge", shared=True
)
CPU_SECONDS: Final = Metric("cpu_seconds", "Seconds of processors used.")
MEMORY_BYTES: Final = Metric("memory_bytes", "Memory in use, resident.", "gauge")
OPEN_FILES: Final = Metric("open_files", "Open files, connections among them.", "gauge")
OPEN_FILES_MOST: Final = Metric("open_files_most", "Open files that there may be.", "gauge")
LOOP_DELAY_SECONDS: Final = Metric(
    "loop_delay_seconds",
    "How late event loops came to what was due, looked at each second.",
    "histogram",
    buckets=_SHORT[:13],
)
INFO: Final = Metric(
    "info", "Always 1; the labels say what runs.", "gauge", labels={"version": (), "engine": ()}, shared=True
)


@dataclass(slots=True)
class Spent:
    """What one pass spent, in seconds; reads and encoders may be several at a time, so sums may be more than the pass.

    `held` is when nobody took what it had made.
    """

    database: float = 0.0
    encoding: float = 0.0
    held: float = 0.0
    reads: int = 0
    retries: int = 0

    def read(self, seconds: float) -> None:
        """Take note of a read."""
        self.database += seconds
        self.reads += 1

    @contextmanager
    def encodes(self) -> Iterator[None]:
        """Take note of the block, which encodes, or waits for its turn."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.encoding += time.perf_counter() - began
