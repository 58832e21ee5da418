"""What is delivered of a complete export whose file was damaged: the right bytes, made anew, or a cut."""

import asyncio
import json
import logging
import os
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from gateway.errors import DatasetChanged
from gateway.spool.checking import Checker, Inspector
from gateway.spool.disk import Disk
from gateway.spool.files import Fingerprint
from gateway.spool.folder import Folder, Kept, Unchecked
from tests.spool.test_spool import DATA, A, B, Producer, complete, fetched, opened

WRONG = bytes(100)


def overwrite(path: Path, at: int = 1_500_000, data: bytes = WRONG) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(data)


def overwrite_quietly(path: Path) -> None:
    state = path.stat()
    overwrite(path)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))


def replace(path: Path) -> None:
    path.with_suffix(".new").write_bytes(DATA[::-1])
    path.with_suffix(".new").rename(path)


def link(path: Path) -> None:
    replace(path)
    path.rename(path.with_name("elsewhere"))
    path.symlink_to(path.with_name("elsewhere"))


def put_sum(path: Path, text: str) -> None:
    path.with_suffix(".sum").write_text(text)


def give_another_digest(path: Path) -> None:
    known = json.loads(path.with_suffix(".sum").read_text())
    put_sum(path, json.dumps({**known, "sha256": "0" * 64}))


def swap(path: Path) -> None:
    """Data and all that is known of it, of another export."""
    for kind in (".data", ".sum", ".check"):
        shutil.copy2(path.with_name(B + kind), path.with_suffix(kind))


DAMAGES: dict[str, Callable[[Path], None]] = {
    "overwritten": overwrite,
    "overwritten, its time set back": overwrite_quietly,
    "a tail of zeros": lambda path: overwrite(path, 2_900_000, bytes(100_000)),
    "short": lambda path: os.truncate(path, 2_000_000),
    "empty": lambda path: os.truncate(path, 0),
    "long": lambda path: overwrite(path, len(DATA)),
    "replaced": replace,
    "a link": link,
    "of another export": swap,
    "no sum": lambda path: path.with_suffix(".sum").unlink(),
    "an empty sum": lambda path: put_sum(path, ""),
    "half a sum": lambda path: put_sum(path, '{"size": 30'),
    "a sum of something else": lambda path: put_sum(path, "[1]"),
    "a sum of another version": lambda path: put_sum(path, f'{{"size": {len(DATA)}, "sha256": "00"}}'),
    "another digest": give_another_digest,
}
HARMLESS: dict[str, Callable[[Path], None]] = {
    "touched": lambda path: path.touch(),
    "made readable": lambda path: path.chmod(0o640),
    "copied": lambda path: shutil.copy(path, path.with_suffix(".new")) and path.with_suffix(".new").rename(path),
    "no check": lambda path: path.with_suffix(".check").unlink(),
    "half a check": lambda path: path.with_suffix(".check").write_text('{"at": 1'),
}
damages = pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
harmless = pytest.mark.parametrize("change", HARMLESS.values(), ids=HARMLESS.keys())


@pytest.fixture
async def data(tmp_path: Path) -> Path:
    """The file of a complete export, beside another; nobody has them open."""
    async with opened(tmp_path) as spool:
        await fetched(spool, Producer())
        await fetched(spool, Producer(DATA[::-1]), B)
        assert await complete(spool)
    return tmp_path / f"{A}.data"


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> Callable[[str], int]:
    """How often the log says something of the export."""
    caplog.set_level(logging.INFO, "gateway.spool")
    return lambda text: sum(
        record.getMessage().startswith(text) and getattr(record, "fields", {}).get("digest") == A
        for record in caplog.records
    )


@damages
async def test_after_a_start_damaged_data_is_made_anew(data, damage, said):
    damage(data)
    producer = Producer()
    async with opened(data.parent) as spool:
        assert await spool.look(A) is None
        assert await fetched(spool, producer) == DATA
        assert producer.passes == 1
        assert await complete(spool)
        assert await fetched(spool, producer) == DATA
        assert producer.passes == 1
    assert said("damaged and removed") == 1
    assert data.read_bytes() == DATA


@damages
async def test_damage_is_seen_by_a_process_that_has_checked_before(data, damage, said):
    producer = Producer()
    async with opened(data.parent) as spool:
        assert await fetched(spool, producer) == DATA
        assert await spool.look(A) is not None
        damage(data)
        assert await spool.look(A) is None
        assert await fetched(spool, producer) == DATA
        assert producer.passes == 1
        await spool.idle()
    assert said("damaged and removed") == 1


@harmless
async def test_what_is_only_touched_is_checked_and_stays(data, change, said):
    producer = Producer()
    async with opened(data.parent) as spool:
        assert await fetched(spool, producer) == DATA
        change(data)
        for _ in range(3):
            assert await fetched(spool, producer) == DATA
        assert producer.passes == 0
    assert said("checked") <= 2
    assert said("damaged") == 0


async def test_what_a_process_wrote_itself_is_not_read_again(tmp_path, said):
    async with opened(tmp_path) as spool, opened(tmp_path) as second:
        for where in (spool, spool, second, second):
            assert await fetched(where, Producer()) == DATA
            await where.idle()
    assert said("checked") == 0


async def test_many_share_a_check_and_so_do_processes(data, said):
    producer = Producer()
    async with opened(data.parent) as spool, opened(data.parent) as second:
        work = [fetched(where, producer) for where in [spool, second] * 20]
        assert set(await asyncio.gather(*work)) == {DATA}
        assert await fetched(second, producer) == DATA
    assert producer.passes == 0
    assert said("checked") == 1


@pytest.mark.parametrize("damage", [overwrite, lambda path: os.truncate(path, 2_000_000)], ids=["overwritten", "short"])
async def test_who_reads_damaged_data_is_cut(data, damage):
    producer = Producer()
    async with opened(data.parent) as spool, spool.join(producer.making()) as export:
        assert await export.read(0, 100_000) == DATA[:100_000]
        damage(data)
        for _ in range(2):
            with pytest.raises(DatasetChanged):
                await export.read(100_000, 1000)
        with pytest.raises(DatasetChanged):
            await export.last(len(DATA) - 10, len(DATA))
        assert await fetched(spool, producer) == DATA
        with pytest.raises(DatasetChanged):
            await export.read(0, 1000)


async def test_who_reads_what_was_removed_for_others_reads_on(data):
    async with opened(data.parent) as spool, spool.join(Producer().making()) as export:
        await export.finished()
        data.unlink()
        assert await export.read(100_000, 1000) == DATA[100_000:101_000]
        assert await export.last(len(DATA) - 10, len(DATA)) == DATA[-10:]


async def test_a_check_goes_on_when_everybody_has_left(data, said):
    async with opened(data.parent) as spool:
        async with spool.join(Producer().making()) as export:
            await export.begins()
        await spool.idle()
        assert await spool.look(A) is not None
        assert said("checked") == 1


async def test_stopping_ends_a_check(data):
    (data.parent / f"{A}.check").unlink()
    async with opened(data.parent) as spool:
        export = await spool.join(Producer().making()).__aenter__()
        await export.begins()
    assert export.error is not None or export.sum is not None
    lock = Folder(data.parent, 10**9).claim(A)
    assert isinstance(lock, Unchecked)  # nobody holds it any more
    lock.lock.release()
    lock.kept.file.close()


# --- in the background -----------------------------------------------------------------------------------------------


def rot(path: Path) -> None:
    """Damage that no time tells of, as that of a disk: here all processes are told that it was checked."""
    folder = Folder(path.parent, 10**9)
    known = folder.sum(A)
    overwrite(path)
    with path.open("rb", buffering=0) as file:
        folder.vouch(A, Fingerprint.of(file), known)


async def inspect(path: Path, *, seconds: float = 0.5, **how: float) -> None:
    disk = Disk(Folder(path, 10**9))
    how = {"pause": 0.01, "every": 1000.0, "rate": 0, **how}
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(seconds):
            await Inspector(disk, Checker(disk), **how).run()
    disk.close()


async def test_what_no_time_tells_is_found_in_the_background(data, said):
    producer = Producer()
    async with opened(data.parent) as spool:
        rot(data)
        async with spool.join(producer.making()) as export:
            assert await export.last(1_500_000, 1_500_100) == WRONG  # as if it were right
            await inspect(data.parent)  # it was checked a moment ago, by what is said
            assert data.exists()
            await inspect(data.parent, every=-1)
            assert not data.exists()
            with pytest.raises(DatasetChanged):
                await export.read(0, 1000)
        assert await fetched(spool, producer) == DATA
    assert said("damaged and removed") == 1


async def test_the_background_reads_what_was_not_read_for_long_and_tells_others(data):
    then = time.time() - 5000
    os.utime(data.with_suffix(".check"), (then, then))
    used = data.with_suffix(".sum").stat().st_mtime_ns
    other = Folder(data.parent, 10**9)
    await inspect(data.parent)
    assert data.with_suffix(".check").stat().st_mtime > then + 1000
    assert data.with_suffix(".sum").stat().st_mtime_ns == used  # no use of it
    kept = other.claim(A)
    assert isinstance(kept, Kept)
    kept.file.close()
    assert not (data.parent / "inspection.lock").exists()


@pytest.mark.parametrize("damage", [DAMAGES["short"], DAMAGES["no sum"]], ids=["short", "no sum"])
async def test_the_background_clears_what_is_not_complete(data, damage, said):
    damage(data)
    data.with_suffix(".check").unlink()
    await inspect(data.parent)
    assert not data.exists()
    assert said("damaged and removed") == 1


async def test_the_background_is_slow_and_one(data):
    data.with_suffix(".check").unlink()
    lock = Folder(data.parent, 10**9).inspection()
    await inspect(data.parent, seconds=0.2)
    assert not data.with_suffix(".check").exists()
    lock.release()
    await inspect(data.parent, seconds=0.3, rate=10_000)  # it is to take minutes
    assert not data.with_suffix(".check").exists()


# --- while it is made ------------------------------------------------------------------------------------------------


async def test_somebody_else_who_writes_to_a_growing_export_cuts_those_who_follow_it(tmp_path):
    gate = asyncio.Event()
    producer = Producer(wait=lambda at: gate.wait() if at > 2_000_000 else None)
    async with opened(tmp_path) as spool:
        async with spool.join(producer.making()) as export:
            await export.read(1_900_000)
            await asyncio.sleep(0.05)
            overwrite(tmp_path / f"{A}.part")
            gate.set()
            with pytest.raises(DatasetChanged):
                await export.finished()
        await spool.idle()
        assert await fetched(spool, producer) == DATA


@pytest.mark.parametrize("when", ["before", "after"])
async def test_somebody_else_who_writes_while_it_takes_its_name(tmp_path, monkeypatch, when):
    replaced = Path.replace

    def damaged(path: Path, target: Path) -> None:
        if when == "before" and path.suffix == ".part":
            time.sleep(0.02)
            overwrite(path)
        replaced(path, target)
        if when == "after" and path.suffix == ".part":
            time.sleep(0.02)
            overwrite(target)

    producer = Producer()
    async with opened(tmp_path) as spool:
        with monkeypatch.context() as patched:
            patched.setattr(Path, "replace", damaged)
            async with spool.join(producer.making()) as export:
                await export.finished()
                await spool.idle()
                with pytest.raises(DatasetChanged):
                    await export.read(0, 1000)
        assert await fetched(spool, producer) == DATA
        assert producer.passes == 2


def opened_in(folder: Path) -> list[str]:
    """Files of a folder that this process has open, and locks that it holds."""
    names = []
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            names.append(str(descriptor.readlink()))
    return [name for name in names if name.startswith(str(folder))]


@pytest.mark.parametrize("damage", [DAMAGES["short"], HARMLESS["no check"], None], ids=["short", "no check", "right"])
async def test_who_stops_at_any_moment_leaves_nothing_open(data, damage):
    for milliseconds in range(12):
        if damage is not None:
            with suppress(FileNotFoundError):  # the last round was stopped while it was made anew
                damage(data)
        await inspect(data.parent, seconds=milliseconds / 2000, every=-1, pause=0)
        assert not opened_in(data.parent)
        with suppress(TimeoutError):
            async with (
                opened(data.parent) as spool,
                asyncio.timeout(milliseconds / 2000),
                spool.join(Producer().making()),
            ):
                await asyncio.Event().wait()
        assert not opened_in(data.parent)
