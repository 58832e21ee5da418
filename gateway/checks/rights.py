"""What a database user may do: read what is served, and better nothing else."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from gateway.checks.findings import Finding, fail, ok, warning

__all__ = ["rights"]

_NEEDED: Final = ("find", "listCollections", "listIndexes", "changeStream")
_WRITES: Final = frozenset(
    {
        *("insert", "update", "remove", "bypassDocumentValidation", "anyAction"),
        *("createCollection", "dropCollection", "dropDatabase", "renameCollection", "renameCollectionSameDB"),
        *("createIndex", "dropIndex", "collMod", "convertToCapped", "restore"),
    }
)
_SUBJECT: Final = "rights"


def rights(
    status: Mapping[str, Any],
    datasets: Sequence[str],
    query_buffers: Sequence[tuple[str, str]] = (),
    genes: Sequence[tuple[str, str]] = (),
) -> list[Finding]:
    """What `connectionStatus` with `showPrivileges` says of the user that the gateway is to the database.

    `query_buffers` are databases and collections of handovers, `genes` of genes.
    """
    databases = tuple(dict.fromkeys((*datasets, *(database for database, _ in (*query_buffers, *genes)))))
    told = status.get("authInfo") or {}
    names = [f"{user.get('user')}@{user.get('db')}" for user in told.get("authenticatedUsers") or ()]
    if not names:
        text = "the database asks nobody who they are: whoever reaches it can write, the gateway too; see `security`"
        return [warning(_SUBJECT, f"{text} in the manual of mongod", _reader(databases))]
    who, privileges = ", ".join(names), told.get("authenticatedUserPrivileges") or ()
    found: list[Finding] = []
    for dataset in datasets:
        missing = [action for action in _NEEDED if action not in _actions(privileges, dataset)]
        if "find" in missing:
            found.append(fail(_SUBJECT, f"{who} may not read {dataset}", _grant(names[0], dataset)))
        elif missing:
            text = f"{who} may read {dataset}, but not {', '.join(missing)}: the role `read` has them"
            found.append(warning(_SUBJECT, text, _grant(names[0], dataset)))
    unread = [place for place in query_buffers if "find" not in _actions(privileges, place[0])]
    if unread:
        places = " and ".join(f"{database}.{collection}" for database, collection in unread)
        text = f"{who} may not read {places}, where the Beacon keeps handovers: links with `accessid` fail"
        grants = (_grant(names[0], database) for database in dict.fromkeys(database for database, _ in unread))
        found.append(warning(_SUBJECT, f"{text}; `query_buffers` names what there is", *grants))
    writes = sorted({action for name in datasets for action in _WRITES & _actions(privileges, name)})
    if writes:
        text = f"{who} can write ({', '.join(writes[:4])}{' ...' if writes[4:] else ''}); the gateway only reads"
        found.append(warning(_SUBJECT, f"{text}: a user that cannot write is safer", _reader(databases)))
    return found or [ok(_SUBJECT, f"{who} may read and cannot write")]


def _actions(privileges: Sequence[Mapping[str, Any]], dataset: str) -> set[str]:
    """What may be done in a database, in all of its collections or in some."""
    found: set[str] = set()
    for privilege in privileges:
        resource = privilege.get("resource") or {}
        inside = resource.get("db") in {"", dataset} and not str(resource.get("collection", "")).startswith("system.")
        if inside or resource.get("anyResource"):
            found.update(privilege.get("actions") or ())
    if "anyAction" in found:
        found.update(_NEEDED)
    return found


def _reader(databases: Sequence[str]) -> str:
    """A command that makes a user who can read these databases and nothing else; it asks for the password."""
    roles = [{"role": "read", "db": database} for database in databases]
    return (
        'db.getSiblingDB("admin").createUser({user: "pgx-gateway", pwd: passwordPrompt(), '
        f"roles: {json.dumps(roles)}}})"
    )


def _grant(user: str, dataset: str) -> str:
    name, _, database = user.rpartition("@")
    role = json.dumps([{"role": "read", "db": dataset}])
    return f"db.getSiblingDB({json.dumps(database)}).grantRolesToUser({json.dumps(name)}, {role})"
