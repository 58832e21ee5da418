"""Whether a dataset has the indexes that each kind of question needs, and whether its server uses them.

Each question is asked as a client asks it, to its first rows; then the server explains the commands that this took.
"""

import asyncio
import json
from collections.abc import Mapping
from contextlib import aclosing
from typing import Any, Final

from gateway.checks.explained import Reading, explainable
from gateway.checks.findings import Finding, fail, ok, warning
from gateway.checks.inspector import Inspector, reason
from gateway.checks.questions import Question, questions
from gateway.config import Config
from gateway.dataset_state import DatasetState
from gateway.db.driver import Command
from gateway.db.reader import DatasetReader
from gateway.download_types import Plan
from gateway.errors import BadRequest, DatabaseSlow, GatewayError, NotFound
from gateway.flow.resources import Resources
from gateway.planning.index_check import Unserved, found_unserved
from gateway.planning.plan import make_plan
from gateway.rights import View

__all__ = ["check_dataset"]

_EXPLAIN_SECONDS: Final = 10
_QUESTION_SECONDS: Final = 30
_NAMED: Final = 3
# What look-ups beside the questions need: ids of every collection, and whose they are.
_NEEDED: Final = (
    *(("biosamples", "id"), ("biosamples", "individual_id"), ("individuals", "id"), ("collations", "id")),
    *(("variants", "id"), ("variants", "biosample_id"), ("analyses", "id"), ("analyses", "biosample_id")),
)


async def check_dataset(dataset: str, config: Config, resources: Resources, inspector: Inspector) -> list[Finding]:
    """What is wrong with reading a dataset."""
    try:
        state = await resources.catalog.state(dataset)
    except NotFound:
        return [fail("datasets", f"{dataset} holds no data, or its user may not see it")]
    except GatewayError as error:
        return [fail("datasets", f"{dataset} cannot be read: {reason(error)}")]
    counts = ", ".join(f"{state.counts[name]:,} {name}" for name in sorted(state.counts) if "_" not in name)
    era = "the flat model of 2021" if state.analyses == "callsets" else "the current model"
    found = [ok("datasets", f"{dataset}: {era}, {counts}")]
    try:
        asked = await questions(DatasetReader(resources.source, state), state)
    except GatewayError as error:
        return [*found, fail("queries", f"{dataset}: {reason(error)}")]
    return [*found, *await _Dataset(state, config, resources, inspector).check(asked)]


class _Dataset:
    def __init__(self, state: DatasetState, config: Config, resources: Resources, inspector: Inspector) -> None:
        self._state = state
        self._config = config
        self._resources = resources
        self._inspector = inspector
        self._lacking: dict[Unserved, None] = {}
        self._faults: dict[str, list[str]] = {}  # what is wrong, and with which questions
        self._explained: dict[str, str | None] = {}
        self._mute = ""

    async def check(self, asked: list[Question]) -> list[Finding]:
        """What the indexes lack, then what is wrong with plans."""
        for collection, field in _NEEDED:
            name = self._state.analyses if collection == "analyses" else collection
            if name in self._state.collections and (lacking := Unserved.of(self._state, name, {field: ""})):
                self._lacking[lacking] = None
        for question in asked:
            await self._question(question)
        return [*self._of_indexes(), *self._of_plans(len(asked))]

    def _of_indexes(self) -> list[Finding]:
        name, found = self._state.dataset, []
        advised: dict[str, None] = {}
        lacking = [one for one in self._lacking if one.collection in self._state.collections]
        for one in sorted(lacking, key=lambda one: not one.costs):
            makes = [_create(name, one.collection, field) for field in one.advised]
            if one.costs:
                text = f"{name}: {one.collection} has none for {', '.join(one.fields)}"
                news = [make for make in makes if make not in advised]
                found.append(warning("indexes", f"{text}: all {one.documents:,} documents are read", *news))
            advised |= dict.fromkeys(makes)
        few = [make for make in advised if not any(make in each.commands for each in found)]
        if few:
            text = f"{name}: small collections lack some, which matters once they grow"
            found.append(ok("indexes", text, *few))
        return found or [ok("indexes", f"{name}: every kind of query has its own")]

    def _of_plans(self, number: int) -> list[Finding]:
        name, reads = self._state.dataset, len(self._explained)
        if self._mute:
            text = f"{name}: {number} kinds of query answered; the server does not explain how: {self._mute}"
            return [*self._told_faults(), ok("queries", text)]
        if self._faults:
            return self._told_faults()
        return [ok("queries", f"{name}: {number} kinds answered, the plans of their {reads} reads are right")]

    def _told_faults(self) -> list[Finding]:
        found = []
        for text, names in self._faults.items():
            some = ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if names[_NAMED:] else "")
            found.append(warning("queries", f"{self._state.dataset}: {text}; asked for: {some}"))
        return found

    async def _question(self, question: Question) -> None:
        self._inspector.reads.clear()
        try:
            async with asyncio.timeout(_QUESTION_SECONDS):
                await self._run(question)
        except BadRequest:  # what this dataset has is nothing that this gateway can be asked for
            return
        except TimeoutError:
            self._fault(question, f"no first row within {_QUESTION_SECONDS} seconds")
        except GatewayError as error:
            self._fault(question, reason(error))
        for database, command in list(self._inspector.reads):
            if database == self._state.dataset and not self._mute:
                fault = await self._explain(command)
                if fault:
                    self._fault(question, fault)

    async def _run(self, question: Question) -> None:
        """Ask it, up to its first rows."""
        plan = await self._planned(question)
        async with aclosing(self._resources.pump.chunks(plan, [])) as chunks:
            await anext(chunks, b"")

    async def _planned(self, question: Question) -> Plan:
        catalog = self._resources.catalog
        view = View.whole(self._config.datasets)
        plan = await make_plan(question.ask, "*/*", "http://localhost", config=self._config, catalog=catalog, view=view)
        selections = {id(part.selection): (part.dataset_state, part.selection) for part in plan.parts}
        self._lacking |= dict.fromkeys(found_unserved(list(selections.values()), plan.parts))
        return plan

    def _fault(self, question: Question, text: str) -> None:
        names = self._faults.setdefault(text, [])
        if question.name not in names:
            names.append(question.name)

    async def _explain(self, command: Command) -> str | None:
        """What is wrong with how a read is done, asked once for reads of one form."""
        form = _form(command)
        if form not in self._explained:
            self._explained[form] = await self._explained_now(command)
        return self._explained[form]

    async def _explained_now(self, command: Command) -> str | None:
        told: Mapping[str, Any] = {}
        for verbosity in ("executionStats", "queryPlanner"):  # the second, where the first takes too long
            explain = {"explain": explainable(command), "verbosity": verbosity, "maxTimeMS": _EXPLAIN_SECONDS * 1000}
            try:
                told = await self._inspector.answer(self._state.dataset, explain)
                break
            except DatabaseSlow:
                continue
            except GatewayError as error:
                self._mute = reason(error)
                return None
        hint = command.get("hint")
        name = next(iter(command.values()))
        fault = Reading.of(told).fault(hint if isinstance(hint, str) else None)
        documents = self._state.counts.get(str(name), 0)
        return f"{name} ({documents:,} documents): {fault}" if fault else None


def _form(command: Command) -> str:
    """A read without its values: what is alike has the same plan."""

    def form(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: form(inner) for key, inner in value.items()}
        return [form(inner) for inner in value[:1]] if isinstance(value, list) else type(value).__name__

    name, hint, limit = next(iter(command.values())), command.get("hint"), bool(command.get("limit"))
    asked = form(command.get("filter") or command.get("query") or {})
    stages = [next(iter(stage)) for stage in command.get("pipeline", ())]
    matched = [form(stage) for stage in command.get("pipeline", ())]
    return json.dumps([name, hint, limit, asked, stages, matched, command.get("sort")], default=str)


def _create(dataset: str, collection: str, field: str) -> str:
    database, name = json.dumps(dataset), json.dumps(collection)
    return f"db.getSiblingDB({database}).getCollection({name}).createIndex({json.dumps({field: 1})})"
