"""What `deploy/` holds, looked over by the tools whose files they are; and whether its parts fit one another."""

import json
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from gateway.cli.settings_file import commented, stated_in
from gateway.config import SETTINGS, load
from tests.harness import Gateway, free_port
from tests.proxies import DEPLOY, Nginx, program

VARIABLES = {setting.variable for setting in SETTINGS} | {"GATEWAY_CONFIG", "GATEWAY_LOG_LEVEL"}
# Seconds that workers have to close their connections, see `web/workers.py`.
SPARE = 5
UNIT = DEPLOY / "pgx-gateway.service"


def tool(name: str) -> str:
    """A program that pip installs beside Python; skips the test where there is none for this machine."""
    found = shutil.which(name, path=str(Path(sys.executable).parent))
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def ran(*command: object) -> str:
    """What a command prints; it must succeed."""
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


# --- settings --------------------------------------------------------------------------------------------------------


def test_the_file_of_settings_is_what_the_command_prints():
    """Where this fails: `pgx-gateway settings > deploy/gateway.toml`."""
    assert (DEPLOY / "gateway.toml").read_text() == commented()


def test_the_file_of_settings_states_the_defaults(tmp_path: Path):
    text = re.sub(r"^#(?=\w+ = )", "", commented(), flags=re.MULTILINE)
    assert list(tomllib.loads(text)) == [setting.name for setting in SETTINGS]
    file = tmp_path / "gateway.toml"
    file.write_text(text)
    assert load({}, {}, stated_in(file)) == load({}, {})


# --- container -------------------------------------------------------------------------------------------------------


def test_hadolint_finds_nothing_in_the_dockerfile():
    assert ran(tool("hadolint"), "--no-color", DEPLOY / "Dockerfile") == ""


def test_the_dockerfile_copies_what_is_sent_to_its_build():
    sent = {line[1:] for line in (DEPLOY.parent / ".dockerignore").read_text().splitlines() if line[:1] == "!"}
    copied = re.findall(r"^COPY (?!--from)(.*) \S+$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)
    assert {name for names in copied for name in names.split()} == sent
    for name in sent:
        assert (DEPLOY.parent / name).exists()


@pytest.fixture(scope="module")
def composed() -> Mapping[str, Any]:
    """The compose file, as Docker Compose understands it."""
    command = [tool("docker-compose"), "-f", str(DEPLOY / "compose.yaml"), "config", "--format", "json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stderr == ""
    found: Mapping[str, Any] = json.loads(done.stdout)
    return found["services"]


def test_compose_gives_downloads_the_time_that_the_gateway_gives_them(composed: Mapping[str, Any]):
    grace = int(composed["gateway"]["environment"]["GATEWAY_GRACE"]) + SPARE
    for name in ("gateway", "nginx"):
        minutes, seconds = re.fullmatch(r"(?:(\d+)m)?(\d+)s", composed[name]["stop_grace_period"]).groups("0")
        assert int(minutes) * 60 + int(seconds) > grace


def test_compose_has_a_database_that_nobody_else_reaches(composed: Mapping[str, Any]):
    assert "ports" not in composed["mongo"]
    assert list(composed["mongo"]["networks"]) == ["database"]
    assert composed["gateway"]["read_only"] is True
    assert composed["gateway"]["cap_drop"] == ["ALL"]


def test_nginx_of_compose_passes_everything_on(gateway: Gateway, tmp_path: Path):
    port = free_port()
    text = (DEPLOY / "compose" / "nginx.conf").read_text()
    for old, new in (("listen 80;", f"listen 127.0.0.1:{port};"), ("gateway:8080", f"127.0.0.1:{gateway.port}")):
        assert old in text
        text = text.replace(old, new)
    with Nginx(tmp_path, port, text) as proxied:
        for path in ("/health", "/services/pgxsegvariants?filters=NCIT:C3058", "/beacon/g_variants?limit=3&filters=x"):
            through, direct = proxied.ask(path), gateway.ask(path)
            assert (through.status, through.body.replace(proxied.url.encode(), gateway.url.encode())) == (
                direct.status,
                direct.body,
            )


# --- Kubernetes ------------------------------------------------------------------------------------------------------

MANIFESTS = {one["kind"]: one for one in yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text())}
POD = MANIFESTS["Deployment"]["spec"]["template"]["spec"]
(CONTAINER,) = POD["containers"]


@pytest.mark.parametrize("kind", MANIFESTS)
def test_manifests_are_valid(kind: str):
    version = kubernetes_validate.latest_version()
    kubernetes_validate.validate(MANIFESTS[kind], version, strict=True)


def test_the_settings_of_the_manifests_are_settings(tmp_path: Path):
    file = tmp_path / "gateway.toml"
    file.write_text(MANIFESTS["ConfigMap"]["data"]["gateway.toml"])
    config = load({}, MANIFESTS["Secret"]["stringData"], stated_in(file))
    (sleep,) = CONTAINER["lifecycle"]["preStop"]["exec"]["command"][1:]
    assert POD["terminationGracePeriodSeconds"] > int(sleep) + config.grace + SPARE
    room = next(volume["emptyDir"]["sizeLimit"] for volume in POD["volumes"] if volume["name"] == "exports")
    assert int(room.removesuffix("Gi")) * 1024**3 > config.spool_quota
    assert config.trust_local_users


def test_the_parts_of_the_manifests_know_one_another(gateway: Gateway):
    labels = MANIFESTS["Deployment"]["spec"]["template"]["metadata"]["labels"]
    for kind in ("Deployment", "PodDisruptionBudget"):
        assert MANIFESTS[kind]["spec"]["selector"]["matchLabels"] == labels
    assert MANIFESTS["Service"]["spec"]["selector"] == labels
    target = MANIFESTS["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]
    assert (target["kind"], target["name"]) == ("Deployment", MANIFESTS["Deployment"]["metadata"]["name"])
    assert {mount["name"] for mount in CONTAINER["volumeMounts"]} == {volume["name"] for volume in POD["volumes"]}
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert gateway.ask(CONTAINER[probe]["httpGet"]["path"]).status == 200


def test_the_pod_is_restricted():
    """What the namespace enforces (Pod Security Standards, `restricted`), and a root that nobody writes to."""
    assert MANIFESTS["Namespace"]["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    assert POD["securityContext"]["runAsNonRoot"] is True
    assert POD["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault"
    own = CONTAINER["securityContext"]
    assert own["allowPrivilegeEscalation"] is False
    assert own["readOnlyRootFilesystem"] is True
    assert own["capabilities"] == {"drop": ["ALL"]}


# --- systemd ---------------------------------------------------------------------------------------------------------


def test_the_unit_is_one(tmp_path: Path):
    text = UNIT.read_text()
    assert "/opt/pgx-gateway/bin/pgx-gateway serve" in text
    unit = tmp_path / UNIT.name
    unit.write_text(text.replace("/opt/pgx-gateway/bin/pgx-gateway serve", shutil.which("true") or "true"))
    # What it does not know it says, and succeeds.
    assert ran(program("systemd-analyze"), "verify", "--man=no", unit) == ""


def test_the_unit_is_hardened():
    """An exposure of 2.0 at most, of 10: `systemd-analyze security --offline=true` calls up to 4 `OK`."""
    ran(program("systemd-analyze"), "security", "--offline=true", "--no-pager", "--threshold=20", UNIT)


def test_the_unit_gives_downloads_their_time():
    stated = dict(line.split("=", 1) for line in UNIT.read_text().splitlines() if re.match(r"[A-Z]\w+=", line))
    grace = re.search(r"^Environment=GATEWAY_GRACE=(\d+)$", UNIT.read_text(), re.MULTILINE)
    assert grace
    assert int(stated["TimeoutStopSec"]) > int(grace[1]) + SPARE


def test_variables_of_all_files_are_settings():
    files = [UNIT, DEPLOY / "Dockerfile", DEPLOY / "compose.yaml", DEPLOY / "kubernetes.yaml", DEPLOY / "gateway.toml"]
    for file in files:
        assert set(re.findall(r"GATEWAY_[A-Z_]+", file.read_text())) <= VARIABLES, file.name
