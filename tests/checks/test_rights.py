"""What a database user may do, from what servers say of it."""

from typing import Any

import pytest

from gateway.checks.findings import exit_code
from gateway.checks.rights import rights

READ = ["changeStream", "collStats", "dbHash", "dbStats", "find", "killCursors", "listCollections", "listIndexes"]
READ += ["planCacheRead"]
WRITE = [*READ, "convertToCapped", "createCollection", "createIndex", "insert", "remove", "update"]


def status(*privileges: tuple[dict[str, Any], list[str]], user: str = "reader") -> dict[str, Any]:
    """What `connectionStatus` answers; the shapes are those of MongoDB 5.0."""
    told = [{"resource": resource, "actions": actions} for resource, actions in privileges]
    return {"authInfo": {"authenticatedUsers": [{"user": user, "db": "admin"}], "authenticatedUserPrivileges": told}}


def of(database: str, collection: str = "") -> dict[str, Any]:
    return {"db": database, "collection": collection}


@pytest.mark.parametrize(
    ("told", "code", "words"),
    [
        (status((of("one"), READ), (of("two"), READ)), 0, "reader@admin may read and cannot write"),
        (status((of(""), READ)), 0, "may read and cannot write"),
        (status((of("one"), READ), (of("two"), READ), (of("other"), WRITE)), 0, "cannot write"),
        (status((of("one"), READ), (of("two"), READ), (of("one", "system.js"), WRITE)), 0, "cannot write"),
        (status((of("one"), READ), (of("two"), WRITE)), 1, "can write (convertToCapped, createCollection, createIndex"),
        (status((of(""), READ), (of("", "variants"), ["insert"])), 1, "can write (insert)"),
        (status(({"anyResource": True}, ["anyAction"])), 1, "can write (anyAction)"),
        (status(({"cluster": True}, ["anyAction"])), 2, "may not read one"),
        (status((of("one"), READ)), 2, "may not read two"),
        (status((of(""), ["find", "listCollections"])), 1, "may read one, but not listIndexes, changeStream"),
        ({"authInfo": {"authenticatedUsers": [], "authenticatedUserPrivileges": []}}, 1, "asks nobody who they are"),
        ({}, 1, "asks nobody who they are"),
    ],
)
def test_rights(told: dict[str, Any], code: int, words: str):
    found = rights(told, ["one", "two"])
    assert exit_code(found) == code
    assert words in " ".join(each.text for each in found)
    assert all(each.commands for each in found if each.level != "ok")


def test_names_in_commands_are_quoted():
    (found,) = rights(status(user='a"b'), ['x"y'])
    expected = 'db.getSiblingDB("admin").grantRolesToUser("a\\"b", [{"role": "read", "db": "x\\"y"}])'
    assert found.commands == (expected,)


def test_handovers_are_read_too():
    """A user for the datasets alone would have links of the Beacon fail: the commands give it what it needs."""
    places = [("housekeeping", "querybuffer"), ("one", "querybuffer")]
    (found,) = rights(status((of("one"), READ)), ["one"], places)
    assert found.level == "warning"
    assert "may not read housekeeping.querybuffer" in found.text
    assert found.commands == (
        'db.getSiblingDB("admin").grantRolesToUser("reader", [{"role": "read", "db": "housekeeping"}])',
    )
    (found,) = rights(status((of("one"), READ), (of("housekeeping", "querybuffer"), ["find"])), ["one"], places)
    assert found.level == "ok"
    (found,) = rights({}, ["one"], places)
    assert '[{"role": "read", "db": "one"}, {"role": "read", "db": "housekeeping"}]' in found.commands[0]
