"""README is true: its tables are those of the code, its files exist, its URLs answer, its code runs."""

import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from gateway.cli.command_line import _parser
from gateway.config import SETTINGS
from gateway.demo.cohort import documents
from gateway.formats import FORMATS
from gateway.metrics import METRICS
from gateway.planning.route_table import ROUTES
from gateway.query.parameters import PARAMETERS
from tests.harness import Gateway
from tests.proxies import DEPLOY
from tests.test_house import FLOORS, GROUND

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text()
DEMO = "http://127.0.0.1:8080"


def section(heading: str, level: str = "##") -> str:
    """What is under a heading, up to the next of its level or above."""
    return re.split(rf"\n#{{2,{len(level)}}} ", TEXT.split(f"\n{level} {heading}\n", 1)[1])[0]


def table(heading: str) -> list[list[str]]:
    """The rows of the first table under a heading, without its head."""
    found = re.search(r"(?:^\|.*\n)+", section(heading), re.MULTILINE)
    assert found
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip("|"))] for line in found[0].splitlines()[2:]]


def block(heading: str, language: str) -> str:
    """The first block of code under a heading of the third level."""
    return section(heading, "###").split(f"```{language}\n")[1].split("```")[0]


def code(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


# --- the reference --------------------------------------------------------------------------------------------------


def test_settings():
    told = [(row[0].strip("`"), row[1].strip("`"), row[2].strip("`"), row[3]) for row in table("Settings")]
    assert told == [(s.flag, s.variable, s.default, s.help) for s in SETTINGS]


def test_formats():
    told = [(tuple(code(row[0])), tuple(code(row[1])), row[2]) for row in table("Formats")]
    assert told == [(form.words, form.accepts, form.summary) for form in FORMATS]


def test_parameters():
    told = {name for row in table("Parameters") for name in code(row[0])}
    known = {p.name for p in PARAMETERS if p.use in {"request", "variant"}}
    assert known <= told
    assert told <= known | {alias for p in PARAMETERS for alias in p.aliases}


def test_commands():
    told = {code(row[0])[0].split()[1] for row in table("Commands")}
    choices = next(action.choices for action in _parser()._actions if action.dest != "help" and action.choices)
    assert told == set(choices)


def test_metrics():
    """Each with its kind, its labels and what it says."""
    rows = re.findall(r"^\| (`pgx_gateway_.*) \|$", section("Seeing what it does"), re.MULTILINE)
    told = [[cell.strip() for cell in row.split(" | ")] for row in rows]
    assert len(told) == len(METRICS)
    for (name, kind, labels, says), metric in zip(told, METRICS, strict=True):
        assert code(name) == ["pgx_gateway_" + metric.name + "_total" * (metric.kind == "counter")]
        assert (kind, code(labels), says) == (metric.kind, list(metric.labels), metric.help)
        for label, values in metric.labels.items():
            assert not values or f"`{label}` ({', '.join(values)})" in labels


def test_endpoints():
    told = " ".join(code for row in table("Endpoints") for code in re.findall(r"`([^`]+)`", " ".join(row)))
    for route in ROUTES:
        for word in route.path.strip("/").split("/"):
            assert word in told or word == "{ids}", route.path


def test_the_nginx_configuration_is_the_one_that_is_deployed():
    """The way of downloads: what else is in it are regular expressions, and the other locations."""
    shown = TEXT.split("```nginx\n")[1].split("```")[0]
    assert shown.startswith("    location @gateway {\n")
    assert f"\n{shown}}}\n" in (DEPLOY / "nginx.conf").read_text()


# --- examples -------------------------------------------------------------------------------------------------------


def test_the_numbers_of_the_tour_are_those_of_the_demo():
    cohort = list(documents())
    biosamples = [document for collection, document in cohort if collection == "biosamples"]
    glioblastoma = {d["id"] for d in biosamples if d.get("histological_diagnosis", {}).get("id") == "NCIT:C3058"}
    in_situ = [d for d in biosamples if d.get("icdo_morphology", {}).get("id") == "pgx:icdom-85002"]
    variants = [document for collection, document in cohort if collection == "variants"]
    rows = sum(variant["biosample_id"] in glioblastoma for variant in variants)
    assert f'"numTotalResults":{rows}}}' in TEXT
    assert f"\n{rows + 1}\n" in TEXT  # with the line of column names
    assert f".vcf.gz | wc -l\n{len(glioblastoma)}\n" in TEXT
    assert f'"numTotalResults":{len(in_situ)}}}' in TEXT
    assert f"{len(biosamples)} biosamples, some {round(len(variants), -3):,} variants" in TEXT


def urls() -> list[str]:
    """Paths with a query that README tells to ask for, in its table of files and in its commands."""
    told = [path for row in table("Downloading") for path in code(row[2])]
    return list(dict.fromkeys([*told, *re.findall(rf"{DEMO}(/[^'\" ]*\?[^'\" ]*)", TEXT)]))


@pytest.mark.parametrize("path", urls())
def test_urls_answer(gateway: Gateway, path: str):
    answer = gateway.ask(path)
    assert answer.status == 200
    assert "Warning" not in answer.headers
    assert len(answer.body) > 100


def test_python_reads_it(gateway: Gateway):
    script = block("Python", "python").replace(DEMO, gateway.url.rstrip("/"))
    script += "\nassert len(records) == len(segments) > len(samples) > 1 and len(status) > 1\n"
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, timeout=60)


def test_python_reads_in_place(gateway: Gateway, tmp_path: Path):
    script = "".join(re.findall(r"```python\n(.*?)```", section("Reading in place"), re.DOTALL))
    script = script.replace(DEMO, gateway.url.rstrip("/")) + "\nassert len(found.fetchall()) > 0\n"
    script += "import os\nos._exit(0)\n"  # threads of these libraries may abort an interpreter that ends by itself
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=120, cwd=tmp_path, check=False
    )
    assert done.returncode == 0, done.stderr


def test_r_reads_it(gateway: Gateway):
    rscript = shutil.which("Rscript")
    if rscript is None:
        pytest.skip("r-base-core is not installed")
    script = block("R", "r").replace(DEMO, gateway.url.rstrip("/"))
    script += "\nstopifnot(nrow(segments) > nrow(samples), nrow(samples) > 1, length(tree$order) == nrow(status))\n"
    subprocess.run([rscript, "--vanilla", "-e", script], check=True, capture_output=True, timeout=60)


# --- what it says of the code ---------------------------------------------------------------------------------------


def test_the_way_of_a_download():
    lines = re.findall(r"^(\d+)\. (.*)$", section("How it works"), re.MULTILINE)
    assert [int(number) for number, _ in lines] == list(range(1, 11))
    for _, line in lines:
        files = [name for name in code(line) if "/" in name and not name.startswith("/")]
        assert files
        for name in files:
            assert (ROOT / "gateway" / name).exists(), name
    rooms = {"web", "query", "planning", "db", "formats", "flow", "codec", "spool"}
    assert {name.split("/")[0] for _, line in lines for name in code(line) if "/" in name} >= rooms


def test_where_to_change_what():
    rows = table("How it works")
    assert len(rows) > 5
    for row in rows:
        names = [name for name in code(row[1]) if name.endswith((".py", "/")) and not name.startswith("/")]
        assert names, row
        for name in names:
            assert (ROOT / "gateway" / name).exists(), name


def test_packages_are_listed_as_they_may_import_one_another():
    told = [line.split() for line in section("How it works").split("```\n")[1].splitlines()]
    assert told[-1] == GROUND
    assert [set(line) for line in reversed(told)] == [floor - {"__main__"} for floor in FLOORS]


def test_files_and_modules_exist():
    prose = re.sub(r"```.*?```", "", TEXT, flags=re.DOTALL)
    for name in re.findall(r"(?<![-/\w])((?:gateway|deploy|tests)/[\w./-]*\w)", TEXT):
        assert (ROOT / name).exists(), name
    for name in re.findall(r"python -m ((?:gateway|tests)[\w.]*)", prose):
        assert find_spec(name), name


def test_links_lead_to_headings():
    anchors = {
        re.sub(r"[^\w -]", "", h.lower()).replace(" ", "-") for h in re.findall(r"^#+ (.*)$", TEXT, re.MULTILINE)
    }
    assert set(re.findall(r"\]\(#([^)]*)\)", TEXT)) <= anchors


def test_sections_are_in_the_order_of_their_readers():
    headings = re.findall(r"^## (.*)$", TEXT, re.MULTILINE)
    order = [
        "Downloading",
        "Your own database",
        "Importing",
        "Beside a Beacon",
        "Settings",
        "Sizing",
        "Seeing what it does",
        "Commands",
    ]
    order += ["Endpoints", "Formats", "Parameters", "How downloads end", "How it works", "Limits"]
    assert [heading for heading in headings if heading in order] == order
    assert TEXT.index("sh deploy/demo.sh") < TEXT.index("sh tests/run.sh") < TEXT.index("\n## ")


def test_it_names_no_machine():
    assert not re.search(r"/(tmp|work|root|home)/|pypi\.org|pythonhosted|anaconda", TEXT)
