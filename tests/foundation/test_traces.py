"""What leaves as a trace, as a collector hears it (OTLP over HTTP): steps and times, nobody's words."""

import gzip
import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from foundation.settings import TracingSettings
from foundation.telemetry import traces

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@dataclass
class Collector:
    """A receiver of OTLP/HTTP with Protobuf."""

    port: int = 0
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    @property
    def spans(self) -> list[Any]:
        """All spans that came."""
        found = []
        for body in self.bodies:
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                for scope in resource.scope_spans:
                    found += scope.spans
        return found

    @property
    def octets(self) -> bytes:
        """Everything that was sent, headers included."""
        return b"".join(self.bodies) + str(self.headers).encode()

    def attributes(self, name: str) -> dict[str, Any]:
        """Of the first span of a name."""
        span = next(span for span in self.spans if span.name == name)
        return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in span.attributes}


@contextmanager
def collecting() -> Iterator[Collector]:
    """A collector on this machine."""
    collector = Collector()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            zipped = self.headers.get("content-encoding") == "gzip"
            collector.bodies.append(gzip.decompress(body) if zipped else body)
            collector.headers.append(dict(self.headers))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            return

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    collector.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield collector
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def traced(ratio: float = 1.0) -> Iterator[Collector]:
    """Traces of this process go to a collector; when the block is left all have been sent."""
    with collecting() as collector:
        traces.configure(
            TracingSettings(endpoint=f"http://127.0.0.1:{collector.port}/v1/traces", ratio=ratio), "api"
        )
        try:
            yield collector
        finally:
            traces.close()


def test_a_trace_goes_on_from_the_edge_and_its_steps_hang_together() -> None:
    with traced() as collector, traces.root("request", PARENT, ioc_operation="myReports") as request:
        with traces.span("authentication"):
            carried = traces.traceparent()
        request.tell(http_response_status_code=200)
    spans = {span.name: span for span in collector.spans}
    request_span, inner = spans["request"], spans["authentication"]
    assert request_span.trace_id.hex() == inner.trace_id.hex() == "0af7651916cd43dd8448eb211c80319c"
    assert request_span.parent_span_id.hex() == "b7ad6b7169203331"
    assert inner.parent_span_id == request_span.span_id
    assert carried == f"00-{inner.trace_id.hex()}-{inner.span_id.hex()}-01"
    assert collector.attributes("request") == {"ioc.operation": "myReports", "http.response.status_code": 200}


SECRETS = {
    "token": "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiI2ZjBhM2E1MiJ9.c2lnbmF0dXJl",
    "name": "Trần Văn Minh",
    "phone": "0912345678",
    "email": "minh@hanoi.gov.vn",
    "statement": "SELECT * FROM reports.report WHERE body = 'ổ gà'",
    "address": "203.0.113.77",
    "plain name": "Nguyen Thi Lan 0912345678",
}


@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS.keys())
@pytest.mark.parametrize("name", ["ioc_operation", "ioc_request_id", "db_query_summary", "ioc_action"])
def test_what_is_no_word_of_ours_is_told_as_other(name: str, secret: str) -> None:
    with traced() as collector, traces.root("request", **{name: secret}):
        pass
    assert set(collector.attributes("request").values()) == {"other"}
    assert secret.encode() not in collector.octets


def test_an_attribute_that_is_not_on_the_list_does_not_leave() -> None:
    with traced() as collector, traces.root("request", user_name="minh", ioc_kind="x"):
        pass
    assert collector.attributes("request") == {"ioc.kind": "x"}


def test_the_text_of_an_exception_does_not_leave() -> None:
    with traced() as collector, pytest.raises(ValueError, match="Minh"), traces.root("request"):
        raise ValueError("Trần Văn Minh, 0912345678")
    assert collector.attributes("request") == {"error.type": "ValueError"}
    assert [len(span.events) for span in collector.spans] == [0]
    assert b"Minh" not in collector.octets


def test_a_statement_is_told_by_its_verb_and_table() -> None:
    assert traces.summary_of("SELECT body FROM reports.report WHERE code = 'AB12'") == "SELECT reports.report"
    assert traces.summary_of("WITH x AS (SELECT 1) UPDATE platform.y SET z = 'Minh'") == "SELECT platform.y"
    assert traces.summary_of("Trần Văn Minh") == "SQL other"


def test_a_trace_that_is_not_recorded_costs_no_span_and_the_edge_can_not_force_it() -> None:
    with traced(ratio=0.0) as collector, traces.root("request", PARENT), traces.span("inner"):
        assert (traces.recording(), traces.traceparent(), traces.current_trace()) == (False, None, None)
    assert collector.bodies == []


def test_what_is_no_traceparent_begins_a_trace_of_our_own() -> None:
    with traced() as collector:
        with traces.root("request", "00-00000000000000000000000000000000-0000000000000000-01"):
            pass
        with traces.root("request", "Robert'); DROP TABLE"):
            pass
    assert [span.parent_span_id for span in collector.spans] == [b"", b""]
    assert b"DROP" not in collector.octets


def test_headers_carry_no_credentials_even_if_the_environment_has_some(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer s3cret")
    with traced() as collector, traces.root("request"):
        pass
    assert b"s3cret" not in collector.octets


def test_a_collector_that_is_away_keeps_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traces, "EXPORT_SECONDS", 0.2)
    traces.configure(TracingSettings(endpoint="http://127.0.0.1:9/v1/traces", ratio=1.0), "api")
    with traces.root("request") as span:
        span.tell(ioc_outcome="answered")
    traces.close()
    assert not traces.configured()


async def test_an_iteration_that_another_task_closes_ends_its_span() -> None:
    import asyncio

    async def steps() -> Any:
        with traces.root("request"):
            yield 1
            yield 2

    with traced() as collector:
        iteration = steps()
        await asyncio.create_task(anext(iteration))
        await asyncio.create_task(iteration.aclose())
    assert [span.name for span in collector.spans] == ["request"]
