"""Conditions in stages, for servers that look for an index only where nothing is joined by an operator.

The embedded one reads a whole collection for a `find` with an `$or` in it, whatever stands beside that.  Of several
`$match` stages it answers the first by an index, and looks through what that brings.  A server that joins such stages
again finds the plan that it has for the `find`.
"""

from collections.abc import Mapping
from typing import Any

from gateway.db.driver import Command
from gateway.download_types import Condition, both

__all__ = ["in_stages", "staged"]


def in_stages(condition: Condition) -> list[Condition]:
    """Conditions that say the same one after another: what is asked of plain fields first, then what is joined."""
    parts = _parts(condition)
    plain = [part for part in parts if not _is_joined(part)]
    joined = [part for part in parts if _is_joined(part)]
    if not plain or not (joined or _is_joined(condition)):
        return [condition]
    first = both(plain)  # cannot be one where a field is asked twice in the same way
    return [*(plain if _is_joined(first) else [first]), *joined]


def staged(command: Command) -> Command:
    """A command that gives the same documents in stages, if that is of use."""
    if "pipeline" in command:
        return {**command, "pipeline": [each for stage in command["pipeline"] for each in _stages(stage)]}
    if "find" not in command:
        return command
    matches = _stages({"$match": command["filter"]})
    if len(matches) == 1:
        return {**command, "filter": matches[0]["$match"]}
    if _leaves_out_within(command.get("projection") or {}):
        return command
    kept = {key: value for key, value in command.items() if key not in _OF_FIND}
    further = [{stage: command[key]} for key, stage in _FURTHER.items() if command.get(key)]
    cursor = {"batchSize": command["batchSize"]}
    return {"aggregate": command["find"], "pipeline": [*matches, *further], "cursor": cursor, **kept}


# What a `find` has in fields of its own, in the order of an aggregation's stages.
_FURTHER = {"sort": "$sort", "limit": "$limit", "projection": "$project"}
_OF_FIND = frozenset({"find", "filter", "batchSize", "singleBatch", *_FURTHER})


def _leaves_out_within(projection: Mapping[str, int]) -> bool:
    """Whether fields within others are left out: of the embedded server's stages, not where they lie in lists."""
    return any("." in field and not kept for field, kept in projection.items())


def _stages(stage: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"$match": each} for each in in_stages(stage["$match"])] if "$match" in stage else [stage]


def _parts(condition: Condition) -> list[Condition]:
    """Conditions of which all must be met: each field alone, or what is joined."""
    found: list[Condition] = []
    for key, value in condition.items():
        found += [part for each in value for part in _parts(each)] if key == "$and" else [{key: value}]
    return found


def _is_joined(part: Condition) -> bool:
    return any(key.startswith("$") for key in part)
