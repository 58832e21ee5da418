"""What is derived from an export lies beside it: it goes with it, counts as room, and is never that of other data."""

import hashlib
from pathlib import Path

import pytest

from gateway.spool.folder import Folder, Lock
from gateway.spool.writer import Writer

A, B = (f"{number:040x}" for number in range(2))
INDEXES = {"tbi": b"one index" * 99, "csi": b"another"}
DATA = b"x" * 100_000
SHA = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    made = Folder(tmp_path / "spool", 250_000)
    made.prepare()
    return made


def put(folder: Folder, digest: str, data: bytes = DATA) -> None:
    lock = folder.claim(digest)
    assert isinstance(lock, Lock)
    writer = Writer(folder, digest, lock)
    writer.write(data, 1)
    writer.keep(writer.total(1), INDEXES)
    writer.file.close()


def test_it_is_there_with_the_data_and_goes_with_it(folder: Folder):
    put(folder, A)
    assert {kind: folder.beside.read(A, kind, SHA) for kind in INDEXES} == INDEXES
    assert folder.room.usage() > len(DATA) + sum(map(len, INDEXES.values()))
    folder.room.give_up(A)
    assert {path.suffix for path in folder.path.glob(f"{A}.*")} <= {".json", ".sum"}
    put(folder, A)
    put(folder, B, DATA + b"y")
    folder.room.make(100_000)
    assert {path.suffix for path in folder.path.glob(f"{A}.*")} <= {".json", ".sum"}
    assert folder.beside.read(A, "tbi", SHA) is None


def test_it_is_not_that_of_other_data_nor_damaged(folder: Folder):
    put(folder, A)
    put(folder, B, DATA + b"y")
    assert folder.beside.read(A, "tbi", hashlib.sha256(b"other").hexdigest()) is None
    assert folder.beside.read(A, "data", SHA) is None
    (folder.path / f"{B}.index").replace(folder.path / f"{A}.index")  # sealed for another export
    assert folder.beside.read(A, "tbi", SHA) is None
    folder.beside.keep(A, SHA, INDEXES)
    (folder.path / f"{A}.csi").write_bytes(b"anothes")
    assert folder.beside.read(A, "csi", SHA) is None
    assert folder.beside.read(A, "tbi", SHA) == INDEXES["tbi"]


def test_an_export_is_kept_where_there_is_no_room_for_its_indexes(folder: Folder):
    lock = folder.claim(A)
    assert isinstance(lock, Lock)
    writer = Writer(folder, A, lock)
    writer.write(DATA, 1)
    writer.keep(writer.total(1), {"tbi": bytes(300_000)})
    writer.file.close()
    kept = folder.kept(A)
    assert kept is not None
    kept.file.close()
    assert folder.beside.read(A, "tbi", SHA) is None
