"""What is said of this machine: packages, engine, open files, and the folder of exports."""

import os
from pathlib import Path

import pytest

from gateway.checks import machine
from gateway.checks.findings import Finding, exit_code
from gateway.checks.machine import check_machine
from gateway.config import load


def said(subject: str, **settings: str) -> list[Finding]:
    """The findings about a subject."""
    return [found for found in check_machine(load(settings, {})) if found.subject.startswith(subject)]


def test_a_private_folder_is_well(tmp_path: Path):
    spool = tmp_path / "spool"
    spool.mkdir(mode=0o700)
    (spool / f"{'a' * 40}.data").write_bytes(b"x" * 5000)
    folder, room = said("spool", spool=str(spool), spool_quota="1M")
    assert (folder.level, room.level) == ("ok", "ok")
    assert "8 KiB used of a quota of 1 MiB" in room.text


def test_a_folder_that_is_not_there_is_not_made(tmp_path: Path):
    spool = tmp_path / "a" / "b"
    (found,) = said("spool", spool=str(spool))
    assert found.level == "ok"
    assert "will be made" in found.text
    assert not spool.parent.exists()


def test_a_folder_that_others_can_write_to_is_none(tmp_path: Path):
    tmp_path.chmod(0o777)
    (found,) = said("spool", spool=str(tmp_path))
    assert found.level == "fail"
    assert "chmod 700" in found.text


def test_the_volume_of_a_container_is_one_if_that_is_said(tmp_path: Path):
    """As Kubernetes makes it: everybody may write to it, and so rename the spool, but there is nobody else."""
    tmp_path.chmod(0o777)
    spool = tmp_path / "exports"
    spool.mkdir(mode=0o700)
    (found,) = said("spool", spool=str(spool))
    assert found.level == "fail"
    assert "--trust-local-users" in found.text
    assert exit_code(said("spool", spool=str(spool), trust_local_users="true")) == 0


def test_a_quota_beyond_the_disk_is_told(tmp_path: Path):
    tmp_path.chmod(0o700)
    _, room = said("spool", spool=str(tmp_path), spool_quota="900000T")
    assert room.level == "warning"
    assert "the disk is full before the quota is" in room.text


def test_no_spool_is_a_choice_and_no_home_is_not():
    assert [found.level for found in said("spool", no_spool="true")] == ["ok"]
    assert [found.level for found in said("spool", spool="")] == ["warning"]


def test_where_nobody_may_write_no_folder_will_be_made():
    if os.geteuid() == 0:
        (found,) = said("spool", spool="/proc/none/exports")
        assert found.level in {"ok", "fail"}  # root may try
        return
    (found,) = said("spool", spool="/none/exports")
    assert found.level == "fail"


def test_packages_are_compared_with_what_is_required(monkeypatch: pytest.MonkeyPatch):
    (found,) = said("versions")
    assert found.level == "ok"
    wanted = ["pymongo<2", "nothing-of-this-name>=1", "pytest<1; extra == 'test'", "aiohttp>=3"]
    monkeypatch.setattr(machine.metadata, "requires", lambda _: wanted)
    (found,) = said("versions")
    assert found.level == "fail"
    assert "pymongo" in found.text
    assert "nothing-of-this-name is missing" in found.text
    assert "aiohttp" not in found.text
    assert "pytest" not in found.text


def test_an_engine_without_a_compiler_is_told(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(machine.codec, "IMPLEMENTATION", "python")
    (found,) = said("engine")
    assert found.level == "warning"


def test_too_few_files_are_told(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(machine.resource, "getrlimit", lambda _: (256, 1024))
    (found,) = said("open files")
    assert found.level == "warning"
    assert found.commands == ("ulimit -n 4352",)
