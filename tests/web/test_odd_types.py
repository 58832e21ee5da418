"""Documents whose fields are of every type of BSON: every answer is one, whole, and nothing is an internal error."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from pymongo import MongoClient

from gateway.demo.store import Store
from gateway.formats import OFFERED
from gateway.planning.route_table import ROUTES
from tests import odd_types
from tests.harness import Gateway

DATASETS = ("typed", "typed_old")
ENTITIES = ("g_variants", "biosamples", "individuals", "analyses", "runs", "cohorts", "datasets")
EVERYTHING, CHOSEN, OTHERS = "allData=true", f"filters={odd_types.CODE}", f"filters=!{odd_types.CODE}"


def _asked() -> Iterator[tuple[str, tuple[str, ...]]]:
    """Every format of what it holds by itself, and every service, each with the datasets that it is asked for.

    Most services deliver one of those formats (test_formats compares the bytes): they are asked for the other dataset.
    """
    formats = set()
    for word in ENTITIES:
        route, _ = ROUTES.find(f"/beacon/{word}")
        for form in OFFERED:
            if route.entity in form.entities:
                formats.add((form.name, route.entity))
                both = DATASETS if form.name.startswith("json") else DATASETS[:1]
                yield f"/beacon/{word}?output={form.name}{'&limit=0' if form.pages else ''}", both
    for route in ROUTES:
        if route.path.startswith("/services/") and not route.ids:
            yield f"{route.path}?", DATASETS[1:] if (route.output, route.entity) in formats else DATASETS


@pytest.fixture(scope="module")
def typed(
    store: Store, mongo: MongoClient[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    for name in DATASETS:
        mongo.drop_database(name)  # another module's tests may have come between this one's
        odd_types.write_types(mongo[name], old=name == "typed_old")
    with Gateway(store.uri, DATASETS, log=tmp_path_factory.mktemp("typed") / "log") as running:
        yield running
        assert not re.search("request failed|Traceback", running.log), running.log[-3000:]


@pytest.mark.parametrize(("path", "datasets"), list(_asked()))
def test_no_type_of_a_value_makes_an_internal_error(typed: Gateway, path: str, datasets: tuple[str, ...]):
    asked = [f"datasetIds={name}&{EVERYTHING}" for name in datasets]
    if path.startswith("/beacon/biosamples?output=json&"):  # whatever the format, the same selections
        asked += [f"datasetIds=typed&{CHOSEN}", f"datasetIds=typed&{OTHERS}"]
    for words in asked:
        answer = typed.ask(f"{path}&{words}")
        refused = answer.status == 400 and "selected by their own ids" in answer.text
        assert answer.status == 200 or refused, (words, answer.text)
        assert answer.whole, words
