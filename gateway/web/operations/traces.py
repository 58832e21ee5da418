"""Traces for OpenTelemetry: spans of requests, of what is asked before the first byte, and of passes.

Sent by OTLP over HTTP, as the standard `OTEL_` variables say.  The library is loaded where traces are wanted, alone.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractContextManager, suppress
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from aiohttp import web

from gateway import __version__, spans
from gateway.config import ConfigError
from gateway.logs import struck, trace_id
from gateway.spans import Value
from gateway.web.app_keys import REQUEST_ID
from gateway.web.messages.transfer import TRANSFER
from gateway.web.operations.request_log import endpoint_of

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span, Tracer

__all__ = ["check", "traced", "tracing"]

_NAME: Final = "pgx-gateway"
# What is not sent by then is lost: an unreachable collector must not hold up the end.
_LAST_SECONDS: Final = 3.0
_LONGEST_PATH: Final = 500

_TRACER: Final = web.AppKey["Tracer"]("tracer")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def check() -> None:
    """Raise ConfigError where the library is missing."""
    try:
        found = all(find_spec(f"opentelemetry.{name}") for name in ("sdk.trace", "exporter.otlp.proto.http"))
    except ModuleNotFoundError:
        found = False
    if not found:
        raise ConfigError("--traces needs a library that is not installed here: pip install 'pgx-gateway[traces]'")


async def tracing(app: web.Application) -> AsyncIterator[None]:
    """Trace for the lifetime of an application."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    own = Resource({"service.name": _NAME, "service.version": __version__})
    provider = TracerProvider(resource=Resource.create().merge(own).merge(OTELResourceDetector().detect()))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    tracer = provider.get_tracer(_NAME, __version__)
    app[_TRACER] = tracer
    spans.connect(_Tracing(tracer))
    try:
        yield
    finally:
        spans.connect(None)
        await _end(provider)


async def _end(provider: "TracerProvider") -> None:
    """Send what there is, if that goes quickly; not in a thread that the interpreter would wait for."""
    over = asyncio.Event()
    loop = asyncio.get_running_loop()

    def end() -> None:
        provider.shutdown()
        with suppress(RuntimeError):  # nobody waits any more
            loop.call_soon_threadsafe(over.set)

    threading.Thread(target=end, name="traces", daemon=True).start()
    try:
        async with asyncio.timeout(_LAST_SECONDS):
            await over.wait()
    except TimeoutError:
        return


@web.middleware
async def traced(request: web.Request, handler: Handler) -> web.StreamResponse:
    """A span of a request, within the one of who asks (`traceparent`)."""
    from opentelemetry import propagate, trace  # noqa: PLC0415

    endpoint = endpoint_of(request)
    path = struck(request.rel_url.raw_path)[:_LONGEST_PATH]
    attributes = {"http.request.method": request.method, "http.route": endpoint, "url.path": path}
    with request.app[_TRACER].start_as_current_span(
        f"{request.method} {endpoint}",
        propagate.extract(request.headers),
        kind=trace.SpanKind.SERVER,
        attributes=attributes,
    ) as span:
        trace_id.set(trace.format_trace_id(span.get_span_context().trace_id))
        try:
            response = await handler(request)
            span.set_attribute("http.response.status_code", response.status)
        finally:
            span.set_attribute("pgx.request_id", request.get(REQUEST_ID, ""))
            if (transfer := request.get(TRANSFER)) is not None:
                span.set_attribute("pgx.outcome", transfer.outcome)
                span.set_attribute("pgx.bytes", transfer.size)
    return response


class _Span:
    """A span of OpenTelemetry, in the gateway's words."""

    def __init__(self, span: "Span") -> None:
        self._span = span

    def say(self, **attributes: Value | None) -> None:
        for name, value in attributes.items():
            if value is not None:
                self._span.set_attribute(f"pgx.{name}", value)

    def end(self, failed: str | None = None) -> None:
        from opentelemetry.trace import StatusCode  # noqa: PLC0415

        if failed is not None:
            self._span.set_status(StatusCode.ERROR, failed)
        self._span.end()


class _Tracing:
    """Who has the gateway's spans traced."""

    def __init__(self, tracer: "Tracer") -> None:
        self._tracer = tracer

    def begin(self, name: str, attributes: Mapping[str, Value]) -> _Span:
        return _Span(self._tracer.start_span(name, attributes=attributes))

    def within(self, name: str, attributes: Mapping[str, Value]) -> AbstractContextManager[object]:
        return self._tracer.start_as_current_span(name, attributes=attributes)
