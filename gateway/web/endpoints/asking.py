"""What the questions of the page have in common: parameters, places among the pages, and how they are answered.

They are small and asked while somebody types.  Each has a place of its client among pages, and none among downloads.
"""

import hashlib
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from typing import Any, Final, Self

from aiohttp import web

from gateway.errors import BadRequest, DatabaseDown
from gateway.formats.base import dumps
from gateway.planning.format_choice import check_seen
from gateway.query import shown, single, whole
from gateway.query.parameters import PARAMETERS, normal
from gateway.rights import Granularity, View
from gateway.web.app_keys import AWAY, CLIENTS, DAILY, PAGES, SOURCE, VIEW
from gateway.web.messages.headers import PRIVATE, is_known

__all__ = ["LONGEST", "Answer", "Asked", "answering", "database"]

LONGEST: Final = 200
"""Characters of what somebody types."""
_MOST: Final = 100  # of what is listed
_BELIEVED: Final = 4.0  # seconds for which the database is believed to be away; less than Retry-After says
_SHARED: Final = frozenset({"datasetIds", "collationTypes"})  # with requests for data, by all their names
_NAMES: Final = {normal(alias): normal(p.name) for p in PARAMETERS if p.name in _SHARED for alias in p.aliases}


@dataclass(frozen=True, slots=True)
class Answer:
    """What is said: not to be kept where it is `passing`, and by nobody else where it is `guarded`."""

    value: Mapping[str, Any]
    passing: bool = False
    guarded: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """The parameters of a question, by their names in plain spelling; names that mean nothing are ignored."""

    words: Mapping[str, list[str]]

    @classmethod
    def of(cls, request: web.Request) -> Self:
        """What a request says."""
        words: dict[str, list[str]] = {}
        for name, value in request.query.items():
            words.setdefault(_NAMES.get(normal(name), normal(name)), []).append(value)
        return cls(words)

    def text(self, name: str) -> str:
        """What is typed; empty where nothing is.  BadRequest where it is said twice, or too long."""
        text = single({name: self.words.get(normal(name), [])}, name) or ""
        if len(text) > LONGEST:
            raise BadRequest(f"{name}: more than {LONGEST} characters", parameter=name)
        return text.encode("utf-8", "replace").decode()  # of what is no text some code points are no characters

    def several(self, name: str) -> tuple[str, ...]:
        """The values of a list, each once.  BadRequest where they are too many, or one is too long."""
        values = (one.strip() for text in self.words.get(normal(name), ()) for one in text.split(","))
        found = tuple(dict.fromkeys(value for value in values if value))
        if len(found) > _MOST:
            raise BadRequest(f"{name}: more than {_MOST}", parameter=name)
        for value in found:
            if len(value) > LONGEST:
                raise BadRequest(f"{name}: '{shown(value)}' is too long", parameter=name)
        return tuple(value.encode("utf-8", "replace").decode() for value in found)

    def limit(self, usual: int) -> int:
        """How many are to be listed.  BadRequest for what is no such number."""
        text = single({"limit": self.words.get("limit", [])}, "limit")
        return whole("limit", text, 1, _MOST) if text else usual

    def dataset(self, view: View) -> tuple[str, Granularity]:
        """The one dataset that is asked about, and what may be seen of it.  BadRequest, NotFound."""
        here = {name.lower(): name for name in view.granted}
        names = tuple(dict.fromkeys(here.get(name.lower(), name) for name in self.several("datasetIds")))
        if len(names) > 1:
            raise BadRequest("datasetIds: ask about each dataset alone", parameter="datasetIds")
        names = names or view.default[:1]
        check_seen(names, view)
        return names[0], view.granted[names[0]]


_Endpoint = Callable[[web.Request], Awaitable[Answer]]


def answering(endpoint: _Endpoint) -> Callable[[web.Request], Awaitable[web.Response]]:
    """The handler of an endpoint that says what its answer is."""

    @wraps(endpoint)
    async def handler(request: web.Request) -> web.Response:
        app, sent = request.app, 0
        with app[CLIENTS].take(), app[PAGES].take(), app[DAILY].having(lambda: sent):
            answer = await endpoint(request)
            response = _response(request, answer)
            sent = len(response.body) if isinstance(response.body, bytes) else 0
            return response

    return handler


@contextmanager
def database(app: web.Application) -> Iterator[None]:
    """Ask the database within the block.  Where it was found away a moment ago, DatabaseDown is raised at once.

    Who types should not wait for what is not there; every few seconds somebody does, to see whether it is back.
    """
    away = app[AWAY]
    if away and app[SOURCE].out_of_sight and time.monotonic() - away[0] < _BELIEVED:
        raise DatabaseDown("the database cannot be reached")
    try:
        yield
    except DatabaseDown:
        away[:] = [time.monotonic()]
        raise


def _response(request: web.Request, answer: Answer) -> web.Response:
    body = dumps(answer.value) + b"\n"
    headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
    if request[VIEW].differs:
        headers["Vary"] = "Authorization"
    if answer.guarded:
        headers["Cache-Control"] = PRIVATE
    elif not answer.passing:
        headers["Cache-Control"] = "no-cache"
        headers["ETag"] = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
        if is_known(request, headers["ETag"]):
            return web.Response(status=304, headers=headers)
    return web.Response(body=body, content_type="application/json", headers=headers)
