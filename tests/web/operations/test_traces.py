"""Traces: what a collector of OpenTelemetry is sent; a real receiver of OTLP over HTTP stands in for one."""

import http.server
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.harness import Gateway, until
from tests.web.conftest import BIG, SMALL, Quick

PARENT = "0af7651916cd43dd8448eb211c80319c"


@contextmanager
def collector() -> Iterator[tuple[int, list[Any]]]:
    """Its port, and the spans that it was sent, with the resource that each is of."""
    spans: list[Any] = []

    class Receiver(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent = ExportTraceServiceRequest.FromString(self.rfile.read(int(self.headers["Content-Length"])))
            for of in sent.resource_spans:
                spans.extend((of.resource, span) for scope in of.scope_spans for span in scope.spans)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port, spans
        server.shutdown()


def said(attributes: Any) -> dict[str, Any]:
    """Attributes as they are; of a value that is one of several kinds, the one."""
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}


def test_a_collector_is_sent_spans(quick: Quick, tmp_path: Path):
    with collector() as (port, spans):
        variables = (
            f"OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:{port} OTEL_SERVICE_NAME=ours OTEL_BSP_SCHEDULE_DELAY=100"
        )
        with Gateway(*quick.arguments, log=tmp_path / "log", before=f"export {variables}", traces=True) as gateway:
            gateway.ask(BIG, traceparent=f"00-{PARENT}-b7ad6b7169203331-01", X_Request_ID="r-1")
            gateway.ask("/nowhere")
        until(lambda: len(spans) > 5, what="the spans")
        log = gateway.log
    assert f"request_id=r-1 trace_id={PARENT}" in log
    assert {said(resource.attributes)["service.name"] for resource, _ in spans} == {"ours"}
    mine = {span.name: span for _, span in spans if span.trace_id.hex() == PARENT}
    root = mine["GET /beacon/variants"]
    told = said(root.attributes)
    assert root.parent_span_id.hex() == "b7ad6b7169203331"
    assert (told["http.response.status_code"], told["pgx.request_id"], told["pgx.outcome"]) == (200, "r-1", "complete")
    assert {span.parent_span_id for span in (mine["plan"], mine["pass"])} == {root.span_id}
    made = said(mine["pass"].attributes)
    assert (made["pgx.rows"], made["pgx.outcome"]) == (100_000, "complete")
    assert made["pgx.reads"] > 5
    # Of the slices only those before the first byte: the others are summed up by the pass.
    reads = [span for _, span in spans if span.name == "database find" and span.trace_id.hex() == PARENT]
    assert 0 < len(reads) < made["pgx.reads"]
    assert any(span.name == "GET other" for _, span in spans)


def test_a_collector_that_is_not_there_hurts_nobody(quick: Quick, tmp_path: Path):
    variables = "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:9 OTEL_BSP_SCHEDULE_DELAY=50"
    with Gateway(*quick.arguments, log=tmp_path / "log", before=f"export {variables}", traces=True) as gateway:
        assert gateway.ask(SMALL).status == 200
        assert gateway.stop() == 0


def test_without_the_library_it_is_said_what_to_install(tmp_path: Path):
    hidden = tmp_path / "opentelemetry"
    hidden.mkdir()
    (hidden / "__init__.py").write_text("raise ModuleNotFoundError(name='opentelemetry')")
    paths = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    command = [sys.executable, "-m", "gateway", "serve", "--traces", "--no-spool", "--port=0"]
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": paths}, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 2
    assert "pip install 'pgx-gateway[traces]'" in done.stderr
    assert "Traceback" not in done.stderr
