"""Who else may write to the folder of exports: nobody."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.spool.folder import Folder
from gateway.spool.private import private_folder

OTHER = 65_534
root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o770, 0o2770, 0o720, 0o702])
def test_a_folder_that_others_can_write_to_is_refused(tmp_path: Path, mode: int):
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(mode)
    with pytest.raises(PermissionError, match=f"mode {mode:04o}.*chmod 700"):
        Folder(shared, 1_000_000).prepare()
    assert not list(shared.iterdir())
    assert shared.stat().st_mode & 0o7777 == mode  # it may be shared on purpose


@pytest.mark.parametrize("mode", [0o700, 0o755, 0o750, 0o2755])
def test_a_folder_that_others_can_at_most_read_is_taken(tmp_path: Path, mode: int):
    own = tmp_path / "own"
    own.mkdir()
    own.chmod(mode)
    assert private_folder(own) == own


@root
def test_a_folder_of_somebody_else_is_refused(tmp_path: Path):
    given = tmp_path / "given"
    given.mkdir(mode=0o700)
    os.chown(given, OTHER, OTHER)
    with pytest.raises(PermissionError, match="belongs to"):
        private_folder(given)


def test_a_folder_that_anybody_can_rename_is_refused(tmp_path: Path):
    above = tmp_path / "above"
    above.mkdir()
    above.chmod(0o777)
    with pytest.raises(PermissionError, match="rename"):
        private_folder(above / "own")
    Folder(above / "own", 1_000_000, trusting=True).prepare()  # where there is nobody else
    above.chmod(0o1777)  # as /tmp: each may rename what is his own
    assert private_folder(above / "other") == above / "other"


def test_what_a_link_leads_to_counts_and_is_used(tmp_path: Path):
    own, shared, link = tmp_path / "own", tmp_path / "shared", tmp_path / "link"
    own.mkdir(mode=0o700)
    shared.mkdir()
    shared.chmod(0o777)
    link.symlink_to(own)
    folder = Folder(link, 1_000_000)
    folder.prepare()
    assert folder.path == own
    link.unlink()
    link.symlink_to(shared)
    with pytest.raises(PermissionError, match=str(shared)):
        private_folder(link)


def test_folders_that_are_made_are_private_all_the_way(tmp_path: Path):
    made = private_folder(tmp_path / "a" / "b" / "c")
    assert {path.stat().st_mode & 0o777 for path in (made, *made.parents[:2])} == {0o700}


def test_the_command_line_says_so(tmp_path: Path):
    tmp_path.chmod(0o777)
    command = [sys.executable, "-m", "gateway", "serve", f"--spool={tmp_path}", "--port=0"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"pgx-gateway: --spool {tmp_path}: others than its owner can write")
