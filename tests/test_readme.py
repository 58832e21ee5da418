"""README is true: tables are those of the code, its nginx configuration is the tested one, its tour the demo's."""

import re
from pathlib import Path

from gateway.cli.command_line import _parser
from gateway.config import SETTINGS
from gateway.demo.cohort import documents
from gateway.formats import FORMATS
from gateway.planning.routes import ROUTES
from gateway.query.parameters import PARAMETERS
from tests.proxies import DEPLOY

TEXT = (Path(__file__).parents[1] / "README.md").read_text()


def table(heading: str) -> list[list[str]]:
    """The rows of the table under a heading, without its head."""
    section = TEXT.split(f"\n## {heading}\n", 1)[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip("|"))] for line in lines[2:]]


def code(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


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


def test_endpoints():
    told = " ".join(code for row in table("Endpoints") for code in re.findall(r"`([^`]+)`", " ".join(row)))
    for route in ROUTES:
        for word in route.path.strip("/").split("/"):
            assert word in told or word == "{ids}", route.path


def test_the_numbers_of_the_tour_are_those_of_the_demo():
    cohort = list(documents())
    biosamples = [document for collection, document in cohort if collection == "biosamples"]
    glioblastoma = {d["id"] for d in biosamples if d.get("histological_diagnosis", {}).get("id") == "NCIT:C3058"}
    in_situ = [d for d in biosamples if d.get("icdo_morphology", {}).get("id") == "pgx:icdom-85002"]
    variants = [document for collection, document in cohort if collection == "variants"]
    rows = sum(variant["biosample_id"] in glioblastoma for variant in variants)
    assert f'"numTotalResults":{rows}}}' in TEXT
    assert f"\n{rows + 1}\n" in TEXT  # with the line of column names
    assert f'"numTotalResults":{len(in_situ)}}}' in TEXT
    assert f"{len(biosamples)} biosamples, some {round(len(variants), -3):,} variants" in TEXT


def test_the_nginx_configuration_is_the_one_that_is_deployed():
    assert TEXT.split("```nginx\n")[1].split("```")[0] == (DEPLOY / "nginx.conf").read_text()
