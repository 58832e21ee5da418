"""Imports `.pgxseg` files: each is read twice, first to see that all of it is well-formed, then to write it.

So memory holds a file's sample lines but not its rows, and nothing of a malformed file is written.  Only where the rows
of biosamples are interleaved, some 100 bytes a row are kept, to tell a repeated row from the same row again.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Never

from tqdm import tqdm

from gateway.loading.content import merged
from gateway.loading.documents import Document, Sample, derived_id, row_key, sample, variant
from gateway.loading.errors import BadFile, BadLine, LoadingError, StoreFailed
from gateway.loading.reader import Note, Row, SampleLine, read, unpacked
from gateway.loading.writer import Counts, Writer

__all__ = ["REASONS", "Report", "import_files"]

REASONS: Final = 20  # of skipped lines, the reasons that a report names
_SAMPLES: Final = 1000  # biosamples whose documents are made at a time
_LINK_KEYS: Final = frozenset({"individual_id", "analysis_id", "callset_id"})

Links = dict[str, tuple[str, str]]
"""For a biosample's id, those of its individual and its analysis."""


@dataclass(frozen=True, slots=True)
class Report:
    """What an import did: rows read and biosamples named in the files, documents written, lines passed over and why."""

    counts: Counts = field(default_factory=Counts)
    rows: int = 0
    samples: int = 0
    skipped: int = 0
    reasons: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(slots=True)
class _Findings:
    """What reading one file, or all of them, brought to light."""

    lines: dict[str, list[SampleLine]] = field(default_factory=dict)
    rows: int = 0
    grouped: bool = True
    skipped: int = 0
    reasons: list[str] = field(default_factory=list)
    notes: Counter[str] = field(default_factory=Counter)

    def add(self, other: "_Findings", file: Path) -> None:
        """Sum up another file's findings."""
        self.lines |= {key: [] for key in other.lines}
        self.rows += other.rows
        self.skipped += other.skipped
        self.reasons = (self.reasons + other.reasons)[:REASONS]
        self.notes.update({f"{file}: {text}": count for text, count in other.notes.items()})

    def report(self, counts: Counts) -> Report:
        """The same for the caller."""
        warnings = tuple(text + (f" ({count:,} times)" if count > 1 else "") for text, count in self.notes.items())
        return Report(counts, self.rows, len(self.lines), self.skipped, tuple(self.reasons), warnings)


def import_files(
    paths: Sequence[str | Path], *, uri: str, dataset: str, skip_bad: bool = False, progress: bool = True
) -> Report:
    """Import the files, one after the other; raise LoadingError at the first that cannot be.

    Those before it stay imported, and the message says so.  With `skip_bad`, malformed lines are counted and reported
    instead.  `progress` shows a bar of the bytes read (each file's twice) on standard error.
    """
    files = [Path(path) for path in paths]
    total = _Findings()
    with Writer(uri, dataset) as writer, _bar(files, show=progress) as bar:
        for at, file in enumerate(files):
            try:
                total.add(_import(file, writer, bar, skip_bad=skip_bad), file)
            except StoreFailed:
                raise
            except LoadingError as error:
                if at:
                    writer.finish()
                error.after(files[:at])
                raise
        return total.report(writer.finish())


def _import(file: Path, writer: Writer, bar: "tqdm[Never]", *, skip_bad: bool) -> _Findings:
    found = _check(file, bar, skip_bad=skip_bad)
    links = _write_samples(writer, found.lines)
    writer.write("variants", _variants(file, bar, links, grouped=found.grouped))
    for collection in ("individuals", "biosamples", "analyses", "variants"):
        writer.flush(collection)
    return found


def _write_samples(writer: Writer, lines: Mapping[str, list[SampleLine]]) -> Links:
    links: Links = {}
    names = Counter(
        text.strip() for group in lines.values() for line in group for key, text in line.pairs if key in _LINK_KEYS
    )
    # Biosamples may share an individual, and contradict one another: what they say of it must be one document, or
    # importing again would tell the writer two things in turn.
    shared: dict[tuple[str, str], Document] = {}
    keys = list(lines)
    for at in range(0, len(keys), _SAMPLES):
        samples = [sample(key, lines[key]) for key in keys[at : at + _SAMPLES]]
        for one, individual_id, analysis_id in _linked(writer, samples):
            links[one.id] = individual_id, analysis_id
            for collection, document in one.documents(individual_id, analysis_id):
                key = collection, document["id"]
                if names[document["id"]] > 1 and collection != "biosamples":
                    shared[key] = merged(shared.get(key, {}), document)
                else:
                    writer.write(collection, (document,))
    for (collection, _), document in shared.items():
        writer.write(collection, (document,))
    return links


def _check(file: Path, bar: "tqdm[Never]", *, skip_bad: bool) -> _Findings:
    """Read the whole file; raise its first BadLine unless these are to be skipped."""
    found = _Findings()
    before = ""
    with_rows: set[str] = set()
    for item in _items(file, bar):
        if isinstance(item, Row):
            found.rows += 1
            if item.biosample_id != before:
                before = item.biosample_id
                found.grouped &= before not in with_rows
                with_rows.add(before)
                found.lines.setdefault(before, [])
        elif isinstance(item, SampleLine):
            found.lines.setdefault(item.biosample_id, []).append(item)
        elif isinstance(item, Note):
            found.notes[item.text] += 1
        else:
            if not skip_bad:
                raise item
            found.skipped += 1
            if len(found.reasons) < REASONS:
                found.reasons.append(str(item))
    if not found.lines:
        found.notes["no variants and no samples in it"] += 1
    return found


def _linked(writer: Writer, samples: Sequence[Sample]) -> Iterator[tuple[Sample, str, str]]:
    """Each sample with the ids of its individual and its analysis: its file's, else those stored, else derived ones.

    Where a file names what was derived before, the variants stored with the derived id are moved.
    """
    ids = [one.id for one in samples]
    individuals = {
        stored["id"]: stored["individual_id"]
        for stored in writer.find("biosamples", "id", ids, ("individual_id",))
        if isinstance(stored.get("individual_id"), str)
    }
    analyses: dict[str, set[str]] = {}
    for stored in writer.find("analyses", "biosample_id", ids, ("id",)):
        analyses.setdefault(stored["biosample_id"], set()).add(stored["id"])
    for one in samples:
        derived = derived_id("pgxind", one.id)
        old = individuals.get(one.id, derived)
        individual_id = one.biosample.get("individual_id", old)
        if individual_id != old and one.id in individuals:
            writer.relink(one.id, "individual_id", old, individual_id)
            if old == derived:
                writer.remove("individuals", old)
        derived = derived_id("pgxcs", one.id)
        known = analyses.get(one.id, {derived})
        analysis_id = one.analysis.get("id") or (derived if derived in known else min(known))
        if analysis_id != derived and derived in known and one.id in analyses:
            writer.relink(one.id, "analysis_id", derived, analysis_id)
            writer.remove("analyses", derived)
        yield one, individual_id, analysis_id


def _variants(file: Path, bar: "tqdm[Never]", links: Links, *, grouped: bool) -> Iterator[Document]:
    seen: Counter[bytes] = Counter()
    before = ""
    for row in _items(file, bar):
        if isinstance(row, Row):
            if grouped and row.biosample_id != before:
                seen.clear()
                before = row.biosample_id
            key = row_key(row)
            if row.biosample_id not in links:
                raise BadFile(file, "changed while it was being read")
            yield variant(row, key, seen[key], *links[row.biosample_id])
            seen[key] += 1


def _items(file: Path, bar: "tqdm[Never]") -> Iterator[SampleLine | Row | Note | BadLine]:
    """What the file says, while the bar moves on with the bytes read of it, packed as they are."""
    try:
        if not file.is_file():
            raise BadFile(file, "no such file" if not file.exists() else "not a regular file")
        size, at = file.stat().st_size, 0
        with file.open("rb") as raw:
            for count, item in enumerate(read(unpacked(raw), file)):
                if not count % 1000:
                    bar.update(raw.tell() - at)
                    at = raw.tell()
                yield item
            bar.update(size - at)
    except OSError as error:
        raise BadFile(file, error.strerror or str(error)) from error


@contextmanager
def _bar(files: Sequence[Path], *, show: bool) -> Iterator["tqdm[Never]"]:
    total = sum(2 * file.stat().st_size for file in files if file.is_file())
    bar: tqdm[Never] = tqdm(total=total, unit="B", unit_scale=True, desc="import", disable=not show)
    with bar:
        yield bar
