"""Traces of some requests: which steps they took and how long, and nothing that anybody wrote or is.

Spans are begun by hand at the seams. Whether a trace is recorded is decided once, at its root; below a root
that is not, a span costs one look at a context variable. Attributes are an allow-list of names, and values
that are no word, number, request id or digest of ours are told as "other". Exceptions are told by their kind:
their texts may hold what was written. Sent by OTLP over HTTP in Protobuf, from a thread, and dropped when the
collector is away.
"""

import contextlib
import functools
import random
import re
import secrets
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Self

import requests
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import SpanKind, Status, StatusCode
from requests.adapters import HTTPAdapter

from foundation.settings import TracingSettings

OTHER = "other"
EXPORT_SECONDS = 5.0
ATTRIBUTES = frozenset(
    {
        "ioc.request_id",
        "ioc.operation",
        "ioc.document",
        "ioc.outcome",
        "ioc.principal",
        "ioc.action",
        "ioc.purpose",
        "ioc.task",
        "ioc.attempt",
        "ioc.lines",
        "ioc.kind",
        "db.query.summary",
        "http.response.status_code",
        "error.type",
    }
)
_VALUE = re.compile(
    r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?:sha256:)?[0-9a-f]{64}"
    # A code or the name of a task, a root field, a statement's summary. A person's name or a token is none.
    r"|(?!.*[0-9]{6})[a-z][a-z0-9_]{0,39}(?:\.[a-z][a-z0-9_]{0,39}){0,3}"
    r"|[a-z]{1,20}(?:[A-Z][a-z]{0,20}){1,6}"
    r"|(?:SELECT|INSERT|UPDATE|DELETE|SET|LOCK|SQL) (?:[a-z_]{1,30}\.[a-z_]{1,30}|other)"
)
_HEADERS = frozenset({"Content-Type", "Content-Encoding", "Content-Length", "User-Agent", "Connection"})
_PARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}")
_VERB = re.compile(r"\s*(?:WITH\b.*?\b)?(SELECT|INSERT|UPDATE|DELETE|SET|LOCK)\b", re.DOTALL | re.IGNORECASE)
_TABLE = re.compile(r"\b([a-z_]+\.[a-z_]+)\b")

Value = str | int | float | bool


class _Tracing:
    """What is there once tracing is configured. One a process."""

    def __init__(self, provider: TracerProvider, ratio: float) -> None:
        self.provider = provider
        self.tracer = provider.get_tracer("ioc")
        self.ratio = ratio
        self.bound = round(ratio * (1 << 64))


_tracing: _Tracing | None = None
_here: ContextVar[trace.Span | None] = ContextVar("span", default=None)


class Span:
    """Does nothing: the trace is not recorded."""

    __slots__ = ()

    def tell(self, **attributes: Value) -> None:
        """Add attributes. Names are written with `_` for `.`: those of ATTRIBUTES, others are dropped."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        """End the span."""


class _Recorded(Span):
    """A span that will be sent."""

    __slots__ = ("_span", "_token")

    def __init__(self, span: trace.Span) -> None:
        self._span = span
        self._token: Token[trace.Span | None] | None = None

    def tell(self, **attributes: Value) -> None:
        for written, value in attributes.items():
            name = _NAMES.get(written)
            if name is not None:
                self._span.set_attribute(name, _bounded(value))

    def __enter__(self) -> Self:
        self._token = _here.set(self._span)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        if kind is not None:
            self._span.set_attribute("error.type", kind.__name__)
            self._span.set_status(Status(StatusCode.ERROR))
        self._span.end()
        if self._token is not None:
            # Closed by another task, it ends in another context: there is nothing to restore.
            with contextlib.suppress(ValueError):
                _here.reset(self._token)


_NAMES = {name.replace(".", "_"): name for name in ATTRIBUTES}
_NOTHING = Span()


def configure(settings: TracingSettings | None, service: str, exporter: SpanExporter | None = None) -> None:
    """Begin to trace, as the settings say; None: no traces. `exporter` stands in for a collector in tests."""
    global _tracing  # noqa: PLW0603 - one a process, as the loggers
    close()
    if settings is None:
        return
    resource = Resource({"service.name": f"ioc-{service}", "service.instance.id": secrets.token_hex(8)})
    provider = TracerProvider(
        sampler=ALWAYS_ON,  # the decision is made before a span is begun
        resource=resource,
        span_limits=SpanLimits(max_span_attributes=16, max_events=0, max_links=1),
    )
    if exporter is not None:
        provider.add_span_processor(SimpleSpanProcessor(exporter))
    else:
        provider.add_span_processor(BatchSpanProcessor(_exporter_of(settings), export_timeout_millis=5_000))
    _tracing = _Tracing(provider, settings.ratio)


def close() -> None:
    """Send what waits, for a few seconds at most, and trace no more."""
    global _tracing
    if _tracing is not None:
        tracing, _tracing = _tracing, None
        tracing.provider.shutdown()


def configured() -> bool:
    """Whether any trace may be recorded."""
    return _tracing is not None


def root(
    name: str,
    parent: str | None = None,
    *,
    kind: SpanKind = SpanKind.SERVER,
    follow: bool = False,
    **attributes: Value,
) -> Span:
    """The first span of this process's part of a trace.

    `parent` is a W3C traceparent of somebody trusted; its sampling flag is not obeyed, for the share of
    traces is ours to set, unless `follow`: then it is our own, of a trace that is recorded.
    """
    if _tracing is None:
        return _NOTHING
    before = _parent_of(parent)
    if before is None:
        record = random.random() < _tracing.ratio  # noqa: S311 - a sample, no secret
    else:
        record = follow or before.trace_id & ((1 << 64) - 1) < _tracing.bound
    if not record:
        return _NOTHING
    context = Context()
    if before is not None:
        context = trace.set_span_in_context(trace.NonRecordingSpan(before), context)
    return _begun(_tracing, name, context, kind, attributes)


def span(name: str, *, kind: SpanKind = SpanKind.INTERNAL, **attributes: Value) -> Span:
    """A step below the present one; nothing when the trace is not recorded."""
    here = _here.get()
    if here is None or _tracing is None:
        return _NOTHING
    return _begun(_tracing, name, trace.set_span_in_context(here, Context()), kind, attributes)


def recording() -> bool:
    """Whether what happens here is being recorded."""
    return _here.get() is not None


def current_trace() -> str | None:
    """The id of the trace that is being recorded here, 32 hexadecimal digits."""
    here = _here.get()
    return None if here is None else f"{here.get_span_context().trace_id:032x}"


def traceparent() -> str | None:
    """What carries the trace on (W3C Trace Context, 3.2): None when it is not recorded."""
    here = _here.get()
    if here is None:
        return None
    context = here.get_span_context()
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-01"


@functools.lru_cache(maxsize=1_024)
def summary_of(statement: str) -> str:
    """A statement as its verb and the first object it names ("SELECT reports.report"), no text of it else."""
    verb, table = _VERB.match(statement), _TABLE.search(statement)
    return f"{verb[1].upper() if verb else 'SQL'} {table[1] if table else OTHER}"[:64]


def _begun(tracing: _Tracing, name: str, context: Context, kind: SpanKind, told: dict[str, Value]) -> Span:
    begun = _Recorded(tracing.tracer.start_span(name, context, kind, record_exception=False))
    begun.tell(**told)
    return begun


def _parent_of(traceparent: str | None) -> trace.SpanContext | None:
    found = _PARENT.fullmatch(traceparent or "")
    if found is None:
        return None
    context = trace.SpanContext(
        int(found[1], 16), int(found[2], 16), is_remote=True, trace_flags=trace.TraceFlags(1)
    )
    return context if context.is_valid else None


def _bounded(value: Value) -> Value:
    if isinstance(value, str):
        return value if _VALUE.fullmatch(value) else OTHER
    return value


class _OnlyOurs(HTTPAdapter):
    """The library adds headers that the environment names, credentials among them: they are not sent."""

    def add_headers(self, request: requests.PreparedRequest, **_options: object) -> None:
        for name in set(request.headers) - _HEADERS:
            del request.headers[name]


def _exporter_of(settings: TracingSettings) -> SpanExporter:
    session = requests.Session()
    # No proxies and no credentials from the environment.
    session.trust_env = False
    for scheme in ("http://", "https://"):
        session.mount(scheme, _OnlyOurs())
    return OTLPSpanExporter(
        endpoint=settings.endpoint,
        certificate_file=None if settings.ca_file is None else str(settings.ca_file),
        timeout=EXPORT_SECONDS,
        compression=Compression.Gzip,
        session=session,
    )
