"""The writer: bulk, idempotent, and the version that a dataset states."""

import pytest

from gateway.loading import BadDataset, Counts, LoadingError, StoreFailed, check_dataset, load, writer
from gateway.loading.writer import INDEXES, Writer


def cohort(count: int = 3, **more: str):
    for at in range(count):
        code = {"id": f"NCIT:C{at % 2}", "label": "x"}
        yield (
            "biosamples",
            {"id": f"bs{at}", "histological_diagnosis": code, "cohorts": [{"id": "pgx:cohort-a"}], **more},
        )
        yield "variants", {"id": f"v{at}", "biosample_id": f"bs{at}"}


def contents(dataset):
    return {name: list(dataset[name].find().sort("_id", 1)) for name in sorted(dataset.list_collection_names())}


def test_loading_again_changes_nothing(store, dataset):
    first = load(store.uri, dataset.name, cohort())
    before = contents(dataset)
    assert first.inserted == {"biosamples": 3, "variants": 3, "collations": 3}
    assert load(store.uri, dataset.name, cohort()) == Counts({}, {}, {"biosamples": 3, "variants": 3})
    assert contents(dataset) == before


def test_many_batches_and_repeats_among_them(store, dataset, monkeypatch):
    monkeypatch.setattr(writer, "BATCH", 100)
    ids = [*range(207), *range(50)]
    told: dict[str, int] = {}

    def progress(collection: str, count: int) -> None:
        told[collection] = told.get(collection, 0) + count

    done = load(store.uri, dataset.name, (("variants", {"id": f"v{at}"}) for at in ids), progress=progress)
    assert (done.inserted, done.unchanged) == ({"variants": 207}, {"variants": 50})
    assert told == {"variants": len(ids)}
    assert dataset.variants.count_documents({}) == 207


def test_the_statement(store, dataset):
    load(store.uri, dataset.name, cohort())
    first = dataset.dataversion.find_one()
    assert first["_id"] == dataset.name
    assert len(first["version"]) == 64
    assert first["counts"] == {"biosamples": 3, "individuals": 0, "analyses": 0, "variants": 3}
    assert first["last"]["variants"] == max(d["_id"] for d in dataset.variants.find())
    load(store.uri, dataset.name, cohort(4))
    second = dataset.dataversion.find_one()
    assert second["version"] != first["version"]
    assert second["counts"]["variants"] == 4
    assert second["last"]["biosamples"] == max(d["_id"] for d in dataset.biosamples.find())


def test_the_version_follows_from_the_content_alone(store, dataset, mongo):
    load(store.uri, dataset.name, cohort(4))
    load(store.uri, dataset.name, cohort(2, notes="n"))
    version = dataset.dataversion.find_one()["version"]
    mongo.drop_database(dataset.name)
    load(store.uri, dataset.name, reversed([*cohort(2, notes="n"), *list(cohort(4))[4:]]))
    assert dataset.dataversion.find_one()["version"] == version


def test_a_crash_leaves_no_statement_and_the_next_version_is_new(store, dataset):
    load(store.uri, dataset.name, cohort())
    version = dataset.dataversion.find_one()["version"]
    with Writer(store.uri, dataset.name) as writer:
        writer.write("variants", [{"id": "late"}])
        writer.flush("variants")  # and never `finish`
    assert dataset.dataversion.find_one() is None
    assert not load(store.uri, dataset.name, [("variants", {"id": "late"})]).inserted
    again = dataset.dataversion.find_one()
    assert again["version"] != version
    assert again["counts"]["variants"] == 4


def test_the_statement_goes_before_the_first_write_and_stays_where_there_is_none(store, dataset):
    load(store.uri, dataset.name, cohort())
    with Writer(store.uri, dataset.name) as writer:
        writer.write("variants", [{"id": "v0"}])
        writer.flush("variants")
        assert dataset.dataversion.find_one() is not None
        writer.write("variants", [{"id": "v0"}, {"id": "new"}])
        writer.flush("variants")
        assert dataset.dataversion.find_one() is None


def test_documents_merge_field_by_field(store, dataset):
    load(store.uri, dataset.name, [("biosamples", {"id": "s", "a": {"x": 1, "y": 2}, "list": [1, 2]})])
    load(store.uri, dataset.name, [("biosamples", {"id": "s", "a": {"y": 3, "z": {}}, "list": (2,)})])
    stored = dataset.biosamples.find_one({}, {"_id": 0})
    assert stored == {"id": "s", "a": {"x": 1, "y": 3, "z": {}}, "list": [2]}
    assert not load(store.uri, dataset.name, [("biosamples", {"id": "s", "a": {"z": {}}, "list": (2,)})]).changed


def test_indexes(store, dataset):
    load(store.uri, dataset.name, cohort())
    for collection, keys in INDEXES.items():
        indexes = dataset[collection].index_information()
        assert {f"{key}_1" for key in keys} <= indexes.keys()
        assert indexes["id_1"]["unique"]


def test_collations_keep_their_hierarchy_and_count_descendants(store, dataset):
    parent = {"id": "NCIT:P", "label": "Parent", "child_terms": ["NCIT:P", "NCIT:C0", "NCIT:C1"], "count": 99}
    parent |= {"scope": "biosamples", "db_key": "histological_diagnosis.id", "entity": "biosample"}
    for _ in range(2):
        load(store.uri, dataset.name, [*cohort(3), ("collations", parent)])
        found = {c["id"]: (c["count"], c["code_matches"], len(c["child_terms"])) for c in dataset.collations.find()}
        assert found == {"NCIT:P": (3, 0, 3), "NCIT:C0": (2, 2, 1), "NCIT:C1": (1, 1, 1), "pgx:cohort-a": (3, 3, 1)}
    fresh = dataset.collations.find_one({"id": "NCIT:C0"})
    assert (fresh["label"], fresh["collation_type"], fresh["dataset_id"]) == ("x", "NCIT", dataset.name)


def test_a_biosample_in_two_cohorts_of_a_family_counts_once(store, dataset):
    family = {
        "id": "pgx:cohort-p",
        "scope": "biosamples",
        "db_key": "cohorts.id",
        "child_terms": ["pgx:cohort-a", "pgx:cohort-b"],
    }
    both = [{"id": "pgx:cohort-a"}, {"id": "pgx:cohort-b"}]
    load(store.uri, dataset.name, [("collations", family), ("biosamples", {"id": "s", "cohorts": both})])
    assert dataset.collations.find_one({"id": "pgx:cohort-p"})["count"] == 1


@pytest.mark.parametrize(
    "name", ["admin", "local", "config", "_byconServicesDB", "a b", "", "1000", "x" * 39, "a.b", "é"]
)
def test_names_that_no_dataset_can_have(name):
    with pytest.raises(BadDataset):
        check_dataset(name)


@pytest.mark.parametrize("uri", ["mongodb://user:secret@127.0.0.1:1/", "mongodbx://secret", "mongodb://127.0.0.1:1"])
def test_an_unreachable_database_is_one_line_without_secrets(uri, monkeypatch):
    monkeypatch.setattr("gateway.loading.writer.SERVER_WAIT_MS", 200)
    with pytest.raises(StoreFailed) as caught:
        load(uri, "x", [])
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_document_that_cannot_be_stored_is_a_clean_error(store, dataset):
    with pytest.raises(LoadingError, match="cannot be stored"):
        load(store.uri, dataset.name, [("biosamples", {"id": "s", "x": 2**70})])
