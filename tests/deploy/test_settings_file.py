"""A file of settings: what goes over what, and what is said where it is wrong."""

from pathlib import Path

import pytest

from gateway.cli import main
from gateway.cli.settings_file import stated_in
from gateway.config import ConfigError, load


def file(folder: Path, text: str) -> Path:
    path = folder / "gateway.toml"
    path.write_text(text)
    return path


def test_flags_go_over_the_environment_over_the_file_over_defaults(tmp_path: Path):
    text = 'host = "::"\nport = 81\ngrace = 7.5\nworkers = 2\ndatasets = ["one", "two"]\nno_spool = true\n'
    stated = stated_in(file(tmp_path, text + 'spool_quota = "2G"\npage_limit = 50'))
    config = load({"port": "83"}, {"GATEWAY_PORT": "82", "GATEWAY_WORKERS": "3"}, stated)
    assert (config.port, config.workers, config.grace, config.host) == (83, 3, 7.5, "::")
    assert (config.datasets, config.no_spool, config.spool_quota) == (("one", "two"), True, 2 * 1024**3)
    assert (config.page_limit, config.flights) == (50, 4)


def test_what_has_units_may_be_a_number_too(tmp_path: Path):
    assert load({}, {}, stated_in(file(tmp_path, "spool_quota = 500"))).spool_quota == 500


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("prot = 80", "prot: there is no such setting; is port meant?"),
        ('page-limit = "5"', "page-limit: there is no such setting; is page_limit meant?"),
        ("[server]\nport = 80", "server: there is no such setting"),
        ('port = "80"', "port: must be a number, without quotes"),
        ("port = true", "port: must be a number, without quotes"),
        ("port = 8.5", "port '8.5': must be a whole number from 0 to 65535"),
        ("grace = nan", "grace 'nan': must be from 0 to 86400 seconds"),
        ("host = 8", "host: must be a text in quotes"),
        ('no_spool = "true"', "no_spool: must be true or false, without quotes"),
        ("datasets = [1]", 'datasets: must be a list of texts, as in ["one", "two"]'),
        ('datasets = ["one,two"]', "datasets: must be a list of texts"),
        ("datasets = []", "datasets '': name at least one dataset"),
        ("spool_quota = [1]", 'spool_quota: must be a number, or a text such as "2G"'),
        ("started = 1979-05-27", "started: there is no such setting"),
        ("port = ", "is no TOML: Invalid value (at end of document)"),
        ("port = 1\nport = 2", "is no TOML"),
    ],
)
def test_what_is_wrong_is_said_with_file_and_key(tmp_path: Path, text: str, told: str):
    path = file(tmp_path, text)
    with pytest.raises(ConfigError) as refused:
        load({}, {}, stated_in(path))
    assert f"{path}" in str(refused.value)
    assert told in str(refused.value)


def test_a_password_is_never_repeated(tmp_path: Path):
    for raw in (b'mongo_uri = "mongo://u:hunter2@host"', b'mongo_uri = "mongodb://u:hunter2@h\xff"', b"mongo_uri = 8"):
        path = tmp_path / "gateway.toml"
        path.write_bytes(raw)
        with pytest.raises(ConfigError) as refused:
            load({}, {}, stated_in(path))
        error: BaseException | None = refused.value
        while error:
            assert "hunter2" not in f"{error!s}{error!r}"
            error = error.__cause__ or error.__context__


@pytest.mark.parametrize("by_flag", [True, False])
def test_the_command_line_reads_it(
    by_flag: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    path = file(tmp_path, "port = 'x'")
    for name, told in ((path, f"{path}: port"), (tmp_path / "none", "No such file")):
        arguments = ["--config", str(name)] if by_flag else []
        monkeypatch.setenv("GATEWAY_CONFIG", str(name))
        assert main(["serve", *arguments]) == 2
        said = capsys.readouterr().err
        assert ("--config" if by_flag else "GATEWAY_CONFIG") in said
        assert told in said
