"""What a request asks for: read from HTTP, or from the record that an export keeps of it; and its plan."""

import asyncio
import json
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final, Self, TypeVar
from urllib.parse import parse_qsl, quote, urlencode

from aiohttp import web

from gateway.download_types import Ask, Plan
from gateway.errors import BadRequest, GatewayError, MethodNotAllowed, RequestTimeout, TooLarge
from gateway.planning.format_choice import PACKED
from gateway.planning.plan import make_plan
from gateway.planning.question import canonical, outspoken
from gateway.planning.route_table import ROUTES
from gateway.query.bare_body import bare_body
from gateway.query.beacon_request import parse_request
from gateway.query.parameters import normal, parameter
from gateway.rights import View
from gateway.tabix import EXTENSIONS, Kind
from gateway.web.app_keys import BODIES, CATALOG, CONFIG, EXECUTOR
from gateway.web.messages.links import links_of

__all__ = ["POSTED", "DownloadRequest", "base_of", "body_of", "lasting_base", "of_file"]

T = TypeVar("T")
Pairs = tuple[tuple[str, str], ...]

_HOST = re.compile(r"[A-Za-z0-9._-]{1,253}(:[0-9]{1,5})?\Z|\[[0-9A-Fa-f:.]{2,45}\](:[0-9]{1,5})?\Z")
POSTED: Final = frozenset(route.path for route in ROUTES if route.post)
_TICKET: Final = "ticket"
_SKIP: Final = "skip"
_OUTPUTS: Final = frozenset({"output", "method"})


def base_of(request: web.Request) -> str:
    """The gateway's URL as its users see it, without a slash at the end; empty where nothing says it."""
    host = request.headers.get("Host", "")
    return request.app[CONFIG].public_url or (f"{request.scheme}://{host}" if _HOST.match(host) else "")


def lasting_base(request: web.Request) -> str:
    """The same for what may be kept, and be given to others: empty where a client names a host that is not known."""
    config, host = request.app[CONFIG], request.headers.get("Host", "")
    name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    return base_of(request) if config.public_url or name.lower() in config.link_hosts else ""


@dataclass(frozen=True, slots=True)
class DownloadRequest:
    """A request, as far as its answer depends on it; `ticket` says that it is not for the data, but for a ticket.

    `index` says that it is for the index of the file that all else asks for: `output=vcf.gz.tbi`.
    `path` is spelled as in its URL, where `%2F` is no slash.  `base` may be kept, `here` is for this client alone.
    """

    path: str
    pairs: tuple[tuple[str, str], ...]
    body: object | None
    accept: str
    base: str
    ticket: bool = False
    index: Kind | None = None
    here: str = ""

    @classmethod
    async def of(cls, request: web.Request) -> Self:
        """What an HTTP request asks for."""
        body = await _body(request)
        pairs = tuple(request.query.items())
        others = (pair for pair in pairs if pair[0].lower() != _TICKET)
        path, asked, index = of_file(request.rel_url.raw_path, others)
        return cls(
            path=path,
            pairs=asked,
            index=index,
            body=body,
            accept=",".join(request.headers.getall("Accept", [])),
            base=lasting_base(request),
            ticket=_wants_ticket([value for name, value in pairs if name.lower() == _TICKET]),
            here=base_of(request),
        )

    @classmethod
    def kept(cls, record: Mapping[str, Any]) -> Self:
        """What was asked for, from a record."""
        pairs = tuple((str(name), str(value)) for name, value in record["pairs"])
        return cls(record["path"], pairs, record["body"], record["accept"], record["base"])

    @classmethod
    def asked(cls, question: str, base: str) -> Self:
        """What a question asks for; BadRequest where it says what a request by HTTP may not."""
        url, mark, said = question.partition("\n")
        path, _, query = url.partition("?")
        if mark and path.rstrip("/") not in POSTED:
            raise BadRequest("this path takes no body", parameter="body")
        return cls(path, tuple(parse_qsl(query, keep_blank_values=True)), _json(said) if mark else None, "", base)

    def question(self, datasets: Iterable[str]) -> str:
        """What asks for the same on any host, however it was spelled; empty if nothing does.

        `datasets` answered it.  The question is a URL's path and query, with the body on a line of its own where no URL
        can say it.
        """
        with suppress(GatewayError):  # of a record: this version may understand less
            ask = self.ask()
            meant = outspoken(ask, self.accept, datasets)
            said = canonical(meant)
            decided = [("output", meant.output or "")] if ask.output is None else []
            decided += [] if ask.datasets else [("datasetIds", name) for name in meant.datasets]
            for candidate in (
                replace(self, path=said[0], pairs=said[1], body=None),
                replace(self, pairs=(*self.pairs, *decided), body=bare_body(self.body)),
            ):
                question = candidate.url + ("" if candidate.body is None else f"\n{json.dumps(candidate.body)}")
                with suppress(GatewayError):
                    if DownloadRequest.asked(question, "").ask() == meant:
                        return question
        return ""

    def record(self) -> dict[str, Any]:
        """The same as JSON has it; what is no part of the question is left out, large as it may be."""
        own = {"path": self.path, "pairs": list(self.pairs), "body": bare_body(self.body)}
        return own | {"accept": self.accept, "base": self.base, "live": self.live}

    @property
    def understood(self) -> Self:
        """The same without parameters that mean nothing here: what others may be told, who ask for the same bytes."""
        return replace(self, pairs=tuple(pair for pair in self.pairs if parameter(pair[0]) is not None))

    @property
    def live(self) -> str:
        """Path and query that ask it anew; empty if there is no such URL."""
        return self.url if self.body is None else ""

    @property
    def url(self) -> str:
        """Path and query alone."""
        query = f"?{urlencode(self.pairs, safe=':,!', errors='replace')}" if self.pairs else ""
        return quote(self.path, safe="/:,%", errors="replace") + query

    def following(self, skip: int) -> str:
        """The URL of a page that skips so many before it; empty if there is no such URL."""
        others = tuple(pair for pair in self.pairs if normal(pair[0]) != _SKIP)
        live = replace(self, pairs=(*others, (_SKIP, str(skip)))).live
        return self.base + live if live else ""

    async def plan(self, app: web.Application, view: View) -> Plan:
        """The plan that answers it now, to a caller who may see that."""
        ask = await self._aside(app, self.ask)
        links = partial(links_of, base=self.here, app=app, view=view)
        return await make_plan(
            ask, self.accept, self.base, config=app[CONFIG], catalog=app[CATALOG], view=view, links=links
        )

    async def question_in(self, app: web.Application, datasets: Iterable[str]) -> str:
        """The same as `question`."""
        return await self._aside(app, partial(self.question, datasets))

    def ask(self) -> Ask:
        """What is asked for, understood.  Raises what the parser raises."""
        return parse_request(self.path, self.pairs, self.body, routes=ROUTES)

    async def _aside(self, app: web.Application, read: Callable[[], T]) -> T:
        """Read it where nobody is kept waiting: a body of a megabyte takes its time, a query string does not."""
        return read() if self.body is None else await asyncio.get_running_loop().run_in_executor(app[EXECUTOR], read)


def of_file(path: str, pairs: Iterable[tuple[str, str]]) -> tuple[str, Pairs, Kind | None]:
    """Path and pairs that ask for a file where its index is asked for, and which index that is.

    Its extension stands behind the name of the output, `output=vcf.gz.tbi`, or behind that of a file in the path.  Not
    behind any path, although genome tools ask for that: they keep `g_variants.tbi`, and take it for all other queries.
    """
    found, kinds = [], set()
    for name, value in pairs:
        word, kind = _without_extension(value.rstrip())
        if kind is not None and normal(name) in _OUTPUTS:
            kinds.add(kind)
            found.append((name, word))
        else:
            found.append((name, value))
    path, kind = _without_extension(path)
    kinds |= {kind} if kind else set()
    if len(kinds) > 1:
        raise BadRequest("several indexes are asked for at once", parameter="output")
    return path, tuple(found), next(iter(kinds), None)


def _without_extension(name: str) -> tuple[str, Kind | None]:
    """The name of a packed file where it is that of its index, and which."""
    stem, dot, extension = name.rpartition(".")
    kind = EXTENSIONS.get(dot + extension.lower())
    return (stem, kind) if kind and stem.lower().endswith(PACKED) else (name, None)


def _wants_ticket(values: list[str]) -> bool:
    if {value.lower() for value in values} <= {"false"}:
        return False
    if {value.lower() for value in values} == {"true"}:
        return True
    raise BadRequest("ticket is true or false", parameter=_TICKET)


async def _body(request: web.Request) -> object | None:
    """The JSON body of a Beacon POST, None for other methods."""
    if request.method in {"GET", "HEAD"}:
        return None
    if request.method != "POST" or request.path.rstrip("/") not in POSTED:
        raise MethodNotAllowed(f"{request.method} is not for this path; use GET")
    return await body_of(request)


async def body_of(request: web.Request) -> object:
    """The JSON body of a request, an empty object if there is none.  Raises BadRequest, RequestTimeout, TooLarge."""
    config = request.app[CONFIG]
    try:
        with request.app[BODIES].take():
            async with asyncio.timeout(config.body_timeout or None):
                raw = await request.read()
    except TimeoutError as error:
        request.content.set_exception(web.RequestPayloadError("late"))  # nor is it waited for behind the answer
        why = f"the request body took more than {config.body_timeout:g} seconds"
        raise RequestTimeout(why, parameter="body", limit="body time") from error
    except web.HTTPRequestEntityTooLarge as error:
        raise TooLarge("the request body is larger than 1 MiB") from error
    except web.RequestPayloadError as error:
        raise BadRequest("the request body does not hold what its headers say", parameter="body") from error
    return _json(raw) if raw.strip() else {}


def _json(raw: bytes | str) -> object:
    try:
        body: object = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise BadRequest("the request body is not JSON", parameter="body") from error
    if body is None:  # which stands for none
        raise BadRequest("the body is not a JSON object", parameter="body")
    return body
