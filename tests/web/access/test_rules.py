"""The operator's file: the example is one, whatever is wrong is named; tokens that the command makes are good."""

import re
from pathlib import Path

import pytest

from gateway.cli import check, command_line
from gateway.config import ConfigError, load
from gateway.rights import View
from gateway.web.access import policy_file, static_tokens
from gateway.web.access.access import Access
from gateway.web.access.policy import Proof, Visa
from gateway.web.access.policy_file import load_rules
from tests.proxies import DEPLOY

EXAMPLE = (DEPLOY / "access.toml").read_text()
SERVED = ("progenetix", "cohort", "trial")


def access(folder: Path, text: str = EXAMPLE, served: tuple[str, ...] = SERVED) -> Access:
    (folder / "tokens").write_text("")
    (folder / "access.toml").write_text(text)
    return Access.of(load({"access": str(folder / "access.toml"), "datasets": ",".join(served)}, {}))


def test_the_example_says_what_it_says(tmp_path: Path):
    policy = access(tmp_path).policy
    seen = {
        "nobody": (None, {"progenetix": "record", "cohort": "count"}),
        "alice": (Proof(token="alice"), {"progenetix": "record", "cohort": "record"}),
        "a reader": (
            Proof(issuer="institute", claims={"groups": ["x", "cohort-readers"]}),
            {"progenetix": "record", "cohort": "record", "trial": "boolean"},
        ),
        "a stranger": (
            Proof(issuer="elsewhere", claims={"groups": ["cohort-readers"]}),
            {"progenetix": "record", "cohort": "count"},
        ),
        "a visitor": (
            Proof(visas=(Visa("https://archive.example.org/datasets/D0001", "https://dac.example.org/", "archive"),)),
            {"progenetix": "record", "cohort": "count", "trial": "record"},
        ),
        "with no name": (Proof(), {"progenetix": "record", "cohort": "count"}),
    }
    for who, (proof, granted) in seen.items():
        view = policy.view(proof)
        assert dict(view.granted) == granted, who
        assert view.default == ("progenetix",), who
        assert view.differs, who
        assert view.guarded == granted.keys() - {"progenetix"}, who


def test_where_nothing_is_public_the_default_is_the_first_that_is_seen(tmp_path: Path):
    text = 'tokens = "tokens"\n[datasets.a]\n[datasets.b]\ngrants = [{ tokens = "x" }]\n[datasets.c]\npublic = "none"\n'
    policy = access(tmp_path, text, ("a", "b", "c")).policy
    assert policy.anonymous == View(granted={}, default=(), differs=True)
    assert policy.view(Proof(token="x")).default == ("b",)


def test_without_a_file_all_is_public():
    assert Access.of(load({"datasets": "a,b"}, {})).policy.anonymous == View.whole(("a", "b"))


def without(line: str) -> str:
    assert line in EXAMPLE
    return EXAMPLE.replace(line, "")


def instead(line: str, other: str) -> str:
    assert line in EXAMPLE
    return EXAMPLE.replace(line, other)


AGAIN = '\n[issuers.again]\nurl = "https://login.example.org/realms/science"\naudience = "x"\nkeys = "https://x"'
WRONG = [
    (without("[datasets.progenetix]\npublic"), "Invalid"),
    (without('[datasets.progenetix]\npublic = "record"'), "datasets.progenetix"),
    (instead('public = "count"', 'public = "counts"'), "datasets.cohort.public"),
    (instead('public = "count"', "public = true"), "datasets.cohort.public"),
    (instead('public = "count"', 'publik = "count"'), "datasets.cohort.publik"),
    (without('tokens = "tokens"'), r"datasets.cohort.grants\[0\].tokens"),
    (instead('tokens = "tokens"', 'tokens = "nowhere"'), "tokens: .*nowhere"),
    (instead('tokens = "tokens"', 'tokens = "."'), "tokens: .*is no file"),
    (instead('tokens = ["alice", "pipeline"]', "tokens = []"), r"datasets.cohort.grants\[0\].tokens"),
    (instead('tokens = ["alice", "pipeline"]', "tokens = [5]"), r"datasets.cohort.grants\[0\].tokens"),
    (without('tokens = ["alice", "pipeline"]'), r"datasets.cohort.grants\[0\]"),
    (instead('issuer = "institute"\nclaim', 'issuer = "other"\nclaim'), r"datasets.cohort.grants\[1\].issuer"),
    (without('claim = "groups"'), r"datasets.cohort.grants\[1\].claim"),
    (without('values = ["cohort-readers"]'), r"datasets.cohort.grants\[1\].values"),
    (without("everyone = true"), r"datasets.trial.grants\[1\].claim"),
    (instead("everyone = true", "everyone = false"), r"datasets.trial.grants\[1\].everyone"),
    (instead('granularity = "boolean"', 'granularity = "none"'), r"datasets.trial.grants\[1\].granularity"),
    (without('source = "https://dac.example.org/"'), r"datasets.trial.grants\[0\].source"),
    (instead('issuers = ["archive"]', 'issuers = ["institute"]'), r"datasets.trial.grants\[0\].issuers"),
    (without('audience = "https://beacon.example.org"'), "issuers.institute.audience"),
    (without('url = "https://login.example.org/realms/science"'), "issuers.institute.url"),
    (instead('algorithms = ["RS256", "ES256"]', 'algorithms = ["HS256"]'), "issuers.institute.algorithms: 'HS256'"),
    (instead('algorithms = ["RS256", "ES256"]', 'algorithms = "none"'), "issuers.institute.algorithms: 'none'"),
    (instead("leeway = 60", "leeway = 601"), "issuers.institute.leeway"),
    (instead("leeway = 60", "leeway = true"), "issuers.institute.leeway"),
    (instead('keys = "https://visas', 'keys = "http://visas'), "visa_issuers.archive.keys: must be https"),
    (instead('keys = "https://visas', 'keys = "ftp://visas'), "visa_issuers.archive.keys"),
    (instead('keys = "https://visas.example.org/jwks"', 'keys = "tokens"'), "visa_issuers.archive.keys: .*no JWK set"),
    (instead("[visa_issuers.archive]", "[[visa_issuers.archive]]"), "visa_issuers.archive: must be a table"),
    (EXAMPLE + AGAIN, "issuers: two"),
    ("datasets = 5", "datasets: must be a table"),
    ("x = ", "Invalid"),
    ("\0", "Invalid|Illegal"),
]


@pytest.mark.parametrize(("text", "named"), WRONG, ids=range(len(WRONG)))
def test_what_is_wrong_is_named(tmp_path: Path, text: str, named: str):
    with pytest.raises(ConfigError, match=named) as error:
        access(tmp_path, text)
    assert str(tmp_path / "access.toml") in str(error.value)


def test_a_dataset_that_is_served_must_be_named(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"datasets\.cellz: is missing"):
        access(tmp_path, EXAMPLE, (*SERVED, "cellz"))


@pytest.mark.parametrize("name", ["access.toml", "tokens"])
@pytest.mark.parametrize("mode", [0o666, 0o664])
def test_files_that_others_can_write_are_refused(tmp_path: Path, name: str, mode: int):
    access(tmp_path)
    (tmp_path / name).chmod(mode)
    with pytest.raises(ConfigError, match="others can write to it"):
        load_rules(str(tmp_path / "access.toml"), SERVED)
    with pytest.raises(ConfigError, match="No such file"):
        load_rules(str(tmp_path / "missing.toml"), SERVED)


def test_issuers_need_a_library_that_may_not_be_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(policy_file, "find_spec", lambda _: None)
    with pytest.raises(ConfigError, match=r"issuers\.institute: joserfc is not installed: pip install"):
        access(tmp_path)
    text = 'tokens = "tokens"\n[datasets.a]\ngrants = [{ tokens = "x" }]\n'
    assert access(tmp_path, text, ("a",)).rules


def test_the_file_is_checked(tmp_path: Path):
    access(tmp_path)
    config = load({"access": str(tmp_path / "access.toml"), "datasets": ",".join(SERVED)}, {})
    (found,) = check._access(config)
    assert (found.level, found.subject) == ("ok", "access")
    assert "seen by everybody: progenetix: record, cohort: count, trial: none" in found.text
    (tmp_path / "tokens").unlink()
    (found,) = check._access(config)
    assert found.level == "fail"
    assert re.search("tokens: .*No such file", found.text)
    assert not list(check._access(load({}, {})))


def test_serving_stops_at_once_where_the_file_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    access(tmp_path)
    (tmp_path / "access.toml").write_text(instead('public = "count"', 'public = "all"'))
    arguments = ["serve", "--datasets", ",".join(SERVED), "--access", str(tmp_path / "access.toml")]
    assert command_line.main(arguments) == 2
    assert "datasets.cohort.public: 'all' is none of none, boolean, count, record" in capsys.readouterr().err


# --- static tokens --------------------------------------------------------------------------------------------------


def test_the_command_makes_tokens(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    file, made = tmp_path / "tokens", {}
    for name in ("alice", "bob"):
        assert command_line.main(["token", name, "--file", str(file), "--until", "2999-01-31"]) == 0
        out = capsys.readouterr()
        made[name] = out.out.strip()
        assert made[name] not in out.err + file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600
    file.write_text(file.read_text().rstrip("\n"))  # as some editors leave it
    assert command_line.main(["token", "carol@example.org"]) == 0
    told = capsys.readouterr()
    line = told.err.strip().splitlines()[-1]
    assert command_line.main(["token", "dave", "--file", str(file)]) == 0
    known = static_tokens.read(f"{file.read_text()}{line}\n")
    assert [token.name for token in known] == ["alice", "bob", "dave", "carol@example.org"]
    for name, token in (*made.items(), ("carol@example.org", told.out.strip())):
        assert re.fullmatch(r"pgx_[\w-]{43}", token)
        found = static_tokens.find(known, token)
        assert found
        assert found.name == name
    assert static_tokens.find(known, told.out) is None
    for wrong in (["a b"], ["alice", "--until", "soon"], ["alice", "--until", "2027-13-01"], [""]):
        assert command_line.main(["token", *wrong]) == 2


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("alice", "line 1: alice"),
        ("# x\n\nalice zz", "line 3: alice"),
        (f"alice {'A' * 64}", "small letters"),
        (f"alice {'a' * 64} soon", "soon"),
        (f"alice {'a' * 64} 2027-01-31 x", "behind the day"),
        (f"-x {'a' * 64}", "line 1"),
        (f"alice {'a' * 64}\n" * 1001, "more than 1000"),
    ],
)
def test_a_file_of_tokens_that_is_none(text: str, why: str):
    with pytest.raises(ValueError, match=why):
        static_tokens.read(text)
