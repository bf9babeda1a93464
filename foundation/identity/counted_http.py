"""Calls to Keycloak as metrics and traces tell them: what for, how long, how they ended; nothing of whom."""

import re
import time

import httpx
from opentelemetry.trace import SpanKind

from foundation.telemetry import metrics, traces

_PURPOSES = (
    (re.compile(r"/protocol/openid-connect/certs$"), "keys"),
    (re.compile(r"/protocol/openid-connect/token/introspect$"), "introspection"),
    (re.compile(r"/protocol/openid-connect/token$"), "token"),
    (re.compile(r"^/admin/realms/[^/]+/(?:admin-)?events$"), "events"),
    (re.compile(r"^/admin/"), "administration"),
)


def purpose_of(path: str) -> str:
    """One of five words, or "other"."""
    return next((word for pattern, word in _PURPOSES if pattern.search(path)), metrics.OTHER)


class CountedTransport(httpx.AsyncBaseTransport):
    """Another transport, counted."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """As the inner one; a status from 500 on is a fault, as no answer is."""
        purpose, outcome, began = purpose_of(request.url.path), "away", time.perf_counter()
        try:
            with traces.span("keycloak", kind=SpanKind.CLIENT, ioc_purpose=purpose) as span:
                response = await self._inner.handle_async_request(request)
                span.tell(http_response_status_code=response.status_code)
            outcome = "fault" if response.status_code >= httpx.codes.INTERNAL_SERVER_ERROR else "answered"
            return response
        finally:
            metrics.KEYCLOAK_CALLS.labels(purpose, outcome).inc()
            metrics.KEYCLOAK_SECONDS.labels(purpose).observe(time.perf_counter() - began)

    async def aclose(self) -> None:
        """Let go of the connections."""
        await self._inner.aclose()
