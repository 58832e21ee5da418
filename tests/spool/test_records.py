"""What is kept of questions: of those that are answered only, and no more than there is room for."""

import json
import os
from pathlib import Path

import pytest

from gateway.errors import Busy
from gateway.spool.folder import Folder
from gateway.spool.spool import Making
from tests.spool.test_spool import DATA, Producer, fetched, kinds, opened


def asking(number: int, length: int, data: bytes = b"tiny") -> Making:
    return Making(f"{number:040x}", {"path": "x" * length}, Producer(data))


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


async def test_nothing_is_kept_of_who_is_refused(tmp_path: Path):
    async with opened(tmp_path, places=0) as spool:
        for number in range(20):
            with pytest.raises(Busy):
                async with spool.join(asking(number, 1_000_000)) as export:
                    await export.begins()
            assert await spool.failure(f"{number:040x}") is None
        await spool.idle()
        assert not kinds(tmp_path)


async def test_questions_and_answers_share_the_quota(tmp_path: Path):
    """As many large questions with small answers as would be five times the quota."""
    async with opened(tmp_path, quota=2_000_000) as spool:
        for number in range(100):
            async with spool.join(asking(number, 100_000)) as export:
                await export.finished()
            await spool.idle()
            assert size_of(tmp_path) < 2_000_000
        assert kinds(tmp_path) >= {".json", ".data", ".sum"}
        assert (await spool.recall(f"{99:040x}") or {})["path"] == "x" * 100_000
        assert await fetched(spool, Producer(DATA[:500_000])) == DATA[:500_000]
        assert size_of(tmp_path) < 2_000_000


def test_what_is_left_of_old_questions_goes_with_them(tmp_path: Path):
    folder = Folder(tmp_path, 1_000_000)
    for number in range(50):
        digest = f"{number:040x}"
        folder.remember(digest, {"path": "x" * 10_000})
        (tmp_path / f"{digest}.note").write_text(json.dumps({"x": "x" * 10_000}))
        (tmp_path / f"{digest}.sum").write_text("{}")
        if number % 2:
            (tmp_path / f"{digest}.json").unlink()  # what somebody did, or a crash
        for path in tmp_path.glob(f"{digest}.*"):
            os.utime(path, (number, number))
    folder.room.make(0)
    assert size_of(tmp_path) <= 1_000_000 // 16
    assert folder.recall(f"{48:040x}") is not None
    assert folder.recall(f"{20:040x}") is None
