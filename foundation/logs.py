"""Logs of the processes: one JSON object a line on stderr, from structlog and the standard library alike.

They are for operators and hold no content of requests. What looks like a token, key or proof is cut out as
the last step, whoever logged it: a second wall behind not logging it.
"""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import orjson
import structlog

_SECRET_NAMES = re.compile(
    r"token|secret|password|authorization|cookie|proof|dpop|assertion|\bkey\b", re.IGNORECASE
)
_SECRET_VALUES = re.compile(
    r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*){0,3}"  # JWS and JWE in compact form
    r"|(?i:\b(?:bearer|dpop|basic)\s+[A-Za-z0-9._~+/=-]{8,})"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)",
    re.DOTALL,
)
REDACTED = "[redacted]"

EventDict = MutableMapping[str, Any]


def redact(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Replace token-like values, and any value under a name that tells of one. Looks into nested values."""
    return {name: _redacted(name, value) for name, value in event.items()}


def _redacted(name: str, value: Any) -> Any:
    if isinstance(value, dict):
        return {str(inner): _redacted(str(inner), item) for inner, item in value.items()}
    if isinstance(value, list | tuple):
        return [_redacted(name, item) for item in value]
    if isinstance(value, str | bytes):
        if _SECRET_NAMES.search(name):
            return REDACTED
        return _SECRET_VALUES.sub(
            REDACTED, value if isinstance(value, str) else value.decode(errors="replace")
        )
    return value


def configure(service: str, level: int = logging.INFO) -> None:
    """Send everything that this process logs to stderr as JSON with `service`, time (UTC) and level."""

    def name_service(_logger: object, _method: str, event: EventDict) -> EventDict:
        return {"service": service} | dict(event)

    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        name_service,
        redact,
    ]
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.JSONRenderer(serializer=_dumps),
        ],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    # A line for each call to Keycloak would bury the others.
    logging.getLogger("httpx").setLevel(max(level, logging.WARNING))
    # A line a call to Keycloak says nothing to an operator.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        # Not cached: structlog's capture_logs reaches only loggers that look their processors up.
        cache_logger_on_first_use=False,
    )


def _dumps(value: object, **_options: object) -> str:
    return orjson.dumps(value, default=str).decode()
