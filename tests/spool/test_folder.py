"""The folder: what counts as complete, who may write, what is removed, and what a dead process leaves behind."""

import hashlib
import os
import stat
import subprocess
import sys
import time

import pytest

from gateway.errors import DatasetChanged
from gateway.spool.folder import Folder, Kept, Lock
from gateway.spool.writer import Writer

DIGESTS = [f"{number:040x}" for number in range(20)]
A, B, C = DIGESTS[:3]


@pytest.fixture
def folder(tmp_path) -> Folder:
    made = Folder(tmp_path / "spool", 1_000_000)
    made.prepare()
    return made


def put(folder: Folder, digest: str, data: bytes) -> None:
    lock = folder.claim(digest)
    assert isinstance(lock, Lock)
    writer = Writer(folder, digest, lock)
    try:
        writer.write(data, 1)
        writer.keep(writer.total(1))
    except Exception:
        writer.drop()
        raise
    finally:
        writer.file.close()


def get(folder: Folder, digest: str) -> bytes | None:
    kept = folder.kept(digest)
    if kept is None:
        return None
    with kept.file as file:
        data = file.read()
    assert (kept.sum.size, kept.sum.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    return data


def age(folder: Folder, digest: str, seconds: float) -> None:
    then = time.time() - seconds
    os.utime(folder.path / f"{digest}.sum", (then, then))


def test_only_the_owner_can_look_into_it(folder):
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
    put(folder, A, b"x")
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.path.iterdir()} == {0o600}


def test_complete_data_is_found_by_another(folder):
    put(folder, A, b"some bytes")
    other = Folder(folder.path, 1_000_000)
    other.prepare()
    assert get(other, A) == b"some bytes"
    assert get(other, B) is None
    assert {path.suffix for path in folder.path.iterdir()} == {".data", ".sum", ".check"}


def test_one_writes_and_others_hear_so(folder):
    other = Folder(folder.path, 1_000_000)
    lock = folder.claim(A)
    assert isinstance(lock, Lock)
    assert other.claim(A) is None
    assert folder.claim(A) is None
    free = other.claim(B)
    assert isinstance(free, Lock)
    free.release()
    lock.release()
    taken = other.claim(A)
    assert isinstance(taken, Lock)
    taken.release()
    assert list(folder.path.iterdir()) == []


def test_what_is_being_written_is_not_complete(folder):
    lock = folder.claim(A)
    writer = Writer(folder, A, lock)
    writer.write(b"half", 1)
    assert folder.kept(A) is None
    other = Folder(folder.path, 1_000_000)
    other.prepare()  # a restart beside a living writer leaves its part alone
    grown = other.watch(A, None)
    assert (grown.size, grown.file.read()) == (4, b"half")
    grown.file.close()
    writer.drop()
    writer.file.close()
    assert list(folder.path.glob("*.part")) == []
    assert folder.kept(A) is None


def test_leftovers_of_the_dead_count_for_nothing(folder):
    (folder.path / f"{A}.part").write_bytes(b"half")
    (folder.path / f"{A}.lock").touch()
    (folder.path / f"{B}.data").write_bytes(b"without a sum")
    put(folder, C, b"whole")
    with (folder.path / f"{C}.data").open("ab") as file:
        file.write(b"more")
    again = Folder(folder.path, 1_000_000)
    again.prepare()
    assert not list(folder.path.glob("*.part")) + list(folder.path.glob("*.lock"))
    for digest in (A, B, C):
        assert again.kept(digest) is None
        lock = again.claim(digest)
        assert isinstance(lock, Lock)
        lock.release()


def test_a_killed_writer_frees_its_lock(folder):
    code = f"""
import sys, time
from pathlib import Path
from gateway.spool.folder import Folder
from gateway.spool.writer import Writer
folder = Folder(Path({str(folder.path)!r}), 1_000_000)
writer = Writer(folder, "{A}", folder.claim("{A}"))
writer.write(b"half of it", 1)
print("ready", flush=True)
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as child:
        assert child.stdout.readline() == b"ready\n"
        assert folder.claim(A) is None
        child.kill()
    lock = folder.claim(A)
    assert isinstance(lock, Lock)
    assert folder.kept(A) is None
    lock.release()


def test_least_recently_used_goes_first(folder):
    for number, digest in enumerate(DIGESTS[:9]):
        put(folder, digest, bytes(100_000))
        age(folder, digest, 1000 - number)
    assert get(folder, A) is not None  # a use
    put(folder, DIGESTS[10], bytes(250_000))
    gone = [digest for digest in DIGESTS[:9] if get(folder, digest) is None]
    assert gone == [B, C, DIGESTS[3]]
    assert folder.room.usage() <= folder.room.quota
    assert folder.sum(B) is not None  # what is known of it stays


def test_what_is_read_stays(folder):
    for number, digest in enumerate((A, B)):
        put(folder, digest, bytes(400_000))
        age(folder, digest, 100 - number)
    reading = Folder(folder.path, 1_000_000).kept(A)
    put(folder, C, bytes(300_000))
    assert get(folder, A) is not None
    assert get(folder, B) is None
    with pytest.raises(OSError, match="quota"):
        put(folder, B, bytes(600_000))
    reading.file.close()


def test_more_than_the_quota_is_refused_in_mid_write(folder):
    lock = folder.claim(A)
    writer = Writer(folder, A, lock)
    for _ in range(45):
        writer.write(bytes(20_000), 1)
    with pytest.raises(OSError, match="quota"):
        writer.write(bytes(200_000), 1)
    assert writer.size == 900_000
    writer.drop(full=True)
    assert folder.noted(A).full
    writer.file.close()


def test_tiny_exports_count_as_what_they_take_of_the_disk(folder):
    folder.room.quota = 200_000
    for digest in DIGESTS:
        folder.remember(digest, {"path": digest})
        put(folder, digest, b"tiny")
    taken = sum(path.stat().st_blocks * 512 for path in folder.path.iterdir())
    assert folder.room.usage() == taken <= 200_000
    assert get(folder, DIGESTS[-1]) == b"tiny"


def write(folder: Folder, digest: str, size: int) -> None:
    """An export that comes in many chunks."""
    lock = folder.claim(digest)
    writer = Writer(folder, digest, lock)
    try:
        for at in range(0, size, 10_000):
            writer.write(bytes(min(10_000, size - at)), 1)
        writer.keep(writer.total(1))
    except Exception:
        writer.drop()
        raise
    finally:
        writer.file.close()


def test_what_is_larger_than_the_quota_does_not_remove_all_others(folder):
    for number, digest in enumerate(DIGESTS[:9]):
        put(folder, digest, bytes(90_000))
        age(folder, digest, 1000 - number)
    with pytest.raises(OSError, match="large"):
        write(folder, DIGESTS[10], 2_000_000)
    assert sum(get(folder, digest) is not None for digest in DIGESTS[:9]) >= 4
    write(folder, DIGESTS[10], 450_000)  # half of it is for any
    assert get(folder, DIGESTS[10]) is not None


def test_what_is_known_to_fit_may_remove_others_and_what_is_not_removes_none(folder):
    write(folder, A, 900_000)
    (folder.path / f"{A}.data").unlink()
    put(folder, B, bytes(300_000))
    smaller = Folder(folder.path, 800_000)
    with pytest.raises(OSError, match="larger than the quota"):
        write(smaller, A, 900_000)
    assert get(folder, B) is not None
    write(folder, A, 900_000)
    assert get(folder, A) is not None
    assert get(folder, B) is None


def test_parts_of_the_dead_make_room(folder):
    (folder.path / f"{A}.part").write_bytes(bytes(900_000))
    put(folder, B, bytes(500_000))
    assert not (folder.path / f"{A}.part").exists()


def test_the_default_quota_is_no_more_than_half_of_the_disk(tmp_path):
    made = Folder(tmp_path / "spool", 0)
    made.prepare()
    disk = os.statvfs(tmp_path)
    assert 0 < made.room.quota <= min(10 * 1024**3, disk.f_bavail * disk.f_frsize // 2 + 1_000_000_000)


def test_the_first_question_is_kept(folder):
    folder.remember(A, {"path": "/one"})
    folder.remember(A, {"path": "/two"})
    assert folder.recall(A) == {"path": "/one"}
    assert folder.recall(B) is None
    (folder.path / f"{B}.json").write_text("{")
    assert folder.recall(B) is None
    folder.remember(B, {"path": "/anew"})
    assert folder.recall(B) == {"path": "/anew"}


def test_old_questions_without_data_are_forgotten(folder):
    folder.room.quota = 800_000
    for number, digest in enumerate(DIGESTS):
        folder.remember(digest, {"path": "x" * 1000})
        if digest == A:
            put(folder, A, b"has data")
        os.utime(folder.path / f"{digest}.json", (number, number))
    folder.room.make(0)
    kept = [digest for digest in DIGESTS if folder.recall(digest)]
    assert kept[0] == A
    assert kept[1:] == DIGESTS[-len(kept) + 1 :]
    assert len(kept) == 13  # a block each


def test_the_same_export_with_other_bytes_is_refused_once(folder):
    put(folder, A, b"first")
    (folder.path / f"{A}.data").unlink()
    with pytest.raises(DatasetChanged):
        put(folder, A, b"other")
    put(folder, A, b"other")
    assert get(folder, A) == b"other"


def test_a_failing_disk_leaves_nothing_that_looks_complete(folder):
    lock = folder.claim(A)
    writer = Writer(folder, A, lock)
    writer.write(b"data", 1)
    (folder.path / f"{A}.part").unlink()  # what somebody did behind our back
    with pytest.raises(OSError, match="No such file"):
        writer.keep(writer.total(1))
    writer.file.close()
    assert folder.kept(A) is None
    assert isinstance(folder.claim(A), Lock)


def test_kept_survives_removal(folder):
    put(folder, A, b"bytes")
    kept = folder.kept(A)
    assert isinstance(kept, Kept)
    for path in folder.path.iterdir():
        path.unlink()
    with kept.file as file:
        assert os.pread(file.fileno(), 10, 0) == b"bytes"
    assert folder.kept(A) is None


def test_a_file_that_vanishes_does_not_keep_a_process_from_the_folder(folder):
    """Another process renames its small files all the time: they are listed, and then gone."""
    (folder.path / "gone.tmp").symlink_to(folder.path / "nothing")
    Folder(folder.path, 1_000_000).prepare()


def test_a_folder_that_others_have_filled_is_of_use_later(folder):
    lock = folder.claim(A)
    assert isinstance(lock, Lock)
    writer = Writer(folder, A, lock)
    writer.write(bytes(900_000), 1)
    smaller = Folder(folder.path, 800_000)
    smaller.prepare()
    with pytest.raises(OSError, match="quota"):
        smaller.room.make(1)
    writer.drop()
    writer.file.close()
    put(smaller, B, b"x")
    assert get(smaller, B) == b"x"
