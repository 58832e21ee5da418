"""Imports files of segments: each is read twice, first to see that all of it is well-formed, then to write it.

So memory holds a file's sample lines but not its rows, and nothing of a malformed file is written.  Only where the rows
of biosamples are interleaved, some 100 bytes a row are kept, to tell a repeated row from the same row again.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Never

from tqdm import tqdm

from gateway.genome import ASSEMBLY
from gateway.loading.calls import Calling, Silence
from gateway.loading.content import merged
from gateway.loading.documents import Document, Sample, derived_id, row_key, sample, variant
from gateway.loading.errors import BadFile, LoadingError, StoreFailed
from gateway.loading.reader import Item, Note, Row, SampleLine, Silent, read
from gateway.loading.writer import Counts, Writer

__all__ = ["REASONS", "Report", "import_files"]

REASONS: Final = 20  # of skipped lines, the reasons that a report names
_SAMPLES: Final = 1000  # biosamples whose documents are made at a time
_LINK_KEYS: Final = frozenset({"individual_id", "analysis_id", "callset_id"})
# Assemblies that files of segments have in their names, and nowhere else.
_OTHER_ASSEMBLY: Final = re.compile(r"hg1[0-9]|GRCh3[67]|NCBI3[56]|b37", re.IGNORECASE)

Links = dict[str, tuple[str, str]]
"""For a biosample's id, those of its individual and its analysis."""


@dataclass(frozen=True, slots=True)
class Report:
    """What an import did: documents written; variants read and biosamples named in the files; and what gave none.

    `silent` counts well-formed rows that are no variants, by the reason; `skipped` malformed lines, `reasons` of some.
    """

    counts: Counts = field(default_factory=Counts)
    rows: int = 0
    samples: int = 0
    silent: Mapping[Silence, int] = field(default_factory=dict)
    skipped: int = 0
    reasons: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(slots=True)
class _Findings:
    """What reading one file, or all of them, brought to light."""

    lines: dict[str, list[SampleLine]] = field(default_factory=dict)
    rows: int = 0
    grouped: bool = True
    silent: Counter[Silence] = field(default_factory=Counter)
    skipped: int = 0
    reasons: list[str] = field(default_factory=list)
    notes: Counter[str] = field(default_factory=Counter)

    def add(self, other: "_Findings", file: Path) -> None:
        """Sum up another file's findings."""
        self.lines |= {key: [] for key in other.lines}
        self.rows += other.rows
        self.silent += other.silent
        self.skipped += other.skipped
        self.reasons = (self.reasons + other.reasons)[:REASONS]
        self.notes.update({f"{file}: {text}": count for text, count in other.notes.items()})

    def report(self, counts: Counts) -> Report:
        """The same for the caller."""
        warnings = tuple(text + (f" ({count:,} times)" if count > 1 else "") for text, count in self.notes.items())
        named = len(self.lines)
        return Report(counts, self.rows, named, dict(self.silent), self.skipped, tuple(self.reasons), warnings)


def import_files(
    paths: Sequence[str | Path],
    *,
    uri: str,
    dataset: str,
    calling: Calling | None = None,
    skip_bad: bool = False,
    progress: bool = True,
) -> Report:
    """Import the files, one after the other; raise LoadingError at the first that cannot be.

    Those before it stay imported, and the message says so.  `calling` judges rows without a type.  With `skip_bad`,
    malformed lines are counted and reported instead.  `progress` shows a bar of the bytes read (each file's twice) on
    standard error.
    """
    files = [Path(path) for path in paths]
    total = _Findings()
    with Writer(uri, dataset) as writer, _bar(files, show=progress) as bar:
        for at, file in enumerate(files):
            try:
                total.add(_import(_File(file, calling or Calling(), bar), writer, skip_bad=skip_bad), file)
            except StoreFailed:
                raise
            except LoadingError as error:
                if at:
                    writer.finish()
                error.after(files[:at])
                raise
        return total.report(writer.finish())


@dataclass(frozen=True, slots=True)
class _File:
    """A file to read, how to judge its rows, and the bar that moves meanwhile."""

    path: Path
    calling: Calling
    bar: "tqdm[Never]"

    def items(self) -> Iterator[Item]:
        """What the file says, while the bar moves on with the bytes read of it, packed as they are."""
        path, bar = self.path, self.bar
        try:
            if not path.is_file():
                raise BadFile(path, "no such file" if not path.exists() else "not a regular file")
            size, at = path.stat().st_size, 0
            with path.open("rb") as raw:
                for count, item in enumerate(read(raw, path, self.calling)):
                    if not count % 1000:
                        bar.update(raw.tell() - at)
                        at = raw.tell()
                    yield item
                bar.update(size - at)
        except OSError as error:
            raise BadFile(path, error.strerror or str(error)) from error


def _import(file: _File, writer: Writer, *, skip_bad: bool) -> _Findings:
    found = _check(file, skip_bad=skip_bad)
    links = _write_samples(writer, found.lines)
    writer.write("variants", _variants(file, links, grouped=found.grouped))
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


def _check(file: _File, *, skip_bad: bool) -> _Findings:
    """Read the whole file; raise its first BadLine unless these are to be skipped, and BadFile if it says nothing."""
    found = _Findings()
    before = ""
    with_rows: set[str] = set()
    for item in file.items():
        if isinstance(item, Row):
            found.rows += 1
            if item.biosample_id != before:
                before = item.biosample_id
                found.grouped &= before not in with_rows
                with_rows.add(before)
                found.lines.setdefault(before, [])
        elif isinstance(item, SampleLine):
            found.lines.setdefault(item.biosample_id, []).append(item)
        elif isinstance(item, Silent):
            found.silent[item.reason] += 1
            found.lines.setdefault(item.biosample_id, [])  # it was looked at, and what was not found counts as well
        elif isinstance(item, Note):
            found.notes[item.text] += 1
        else:
            if not skip_bad:
                raise item
            found.skipped += 1
            if len(found.reasons) < REASONS:
                found.reasons.append(str(item))
    _tell(file.path, found)
    return found


def _tell(file: Path, found: _Findings) -> None:
    """Note what is odd about a whole file; BadFile where it has lines and none of them was understood."""
    if other := _OTHER_ASSEMBLY.search(file.name):
        found.notes[f"its name says {other[0]}, its positions were taken for those of {ASSEMBLY}"] += 1
    if found.rows:
        return
    lines = found.skipped + found.silent.total()
    if lines and lines == found.skipped + found.silent[Silence.NO_VALUE] and not any(found.lines.values()):
        why = f", the first because: {found.reasons[0]}" if found.reasons else f": {Silence.NO_VALUE}"
        raise BadFile(file, f"none of its {lines:,} lines can be imported{why}")
    told = "only samples" if found.lines else "and no samples"
    found.notes[f"no variants in it, {f'in none of {lines:,} rows' if lines else told}"] += 1


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


def _variants(file: _File, links: Links, *, grouped: bool) -> Iterator[Document]:
    seen: Counter[bytes] = Counter()
    before = ""
    for row in file.items():
        if isinstance(row, Row):
            if grouped and row.biosample_id != before:
                seen.clear()
                before = row.biosample_id
            key = row_key(row)
            if row.biosample_id not in links:
                raise BadFile(file.path, "changed while it was being read")
            yield variant(row, key, seen[key], *links[row.biosample_id])
            seen[key] += 1


@contextmanager
def _bar(files: Sequence[Path], *, show: bool) -> Iterator["tqdm[Never]"]:
    total = sum(2 * file.stat().st_size for file in files if file.is_file())
    bar: tqdm[Never] = tqdm(total=total, unit="B", unit_scale=True, desc="import", disable=not show)
    with bar:
        yield bar
