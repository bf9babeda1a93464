"""Logs of the processes: one JSON object a line on stderr, from structlog and every library alike.

They are for operators and hold no content of requests. What looks like a secret or tells of a person is cut
out as the last step before the line is written, whoever logged it (`foundation.telemetry.redaction`).
"""

import logging
import sys
import threading
from collections.abc import MutableMapping
from typing import Any

import orjson
import structlog

from foundation.telemetry import traces
from foundation.telemetry.redaction import REDACTED, redacted, redacted_text

__all__ = ["REDACTED", "configure", "redact"]

LONGEST_LINE = 16_384
"""Octets. A collector cuts longer lines, and what is left is no JSON."""
LONGEST_TRACEBACK = 10_240
_LONG = ("exception", "stack", "stack_info")
_FIRST = ("service", "event", "level", "timestamp", "request_id", "trace_id", "logger")

EventDict = MutableMapping[str, Any]


def redact(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Replace what looks like a secret, and any value under a name that tells of one, however deep."""
    return {name: _of_field(name, value) for name, value in event.items()}


def configure(service: str, level: int = logging.INFO) -> None:
    """Send everything that this process logs to stderr as JSON with `service`, time (UTC) and level.

    Uncaught exceptions, Python's warnings and libraries that brought handlers of their own included.
    """

    def name_service(_logger: object, _method: str, event: EventDict) -> EventDict:
        return {"service": service} | dict(event)

    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        _name_trace,
        name_service,
    ]
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
        # Behind everything that could still add something.
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            redact,
            structlog.processors.JSONRenderer(serializer=_dumps),
        ],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    _take_over(level)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        # Not cached: structlog's capture_logs reaches only loggers that look their processors up.
        cache_logger_on_first_use=False,
    )


def _take_over(level: int) -> None:
    """No way past the formatter: handlers that libraries brought, warnings, and what nobody caught."""
    for name in list(logging.Logger.manager.loggerDict):
        logger = logging.getLogger(name)
        logger.handlers = []
        logger.propagate = True
    for name in ("httpx", "httpcore", "urllib3"):
        # A line a call to Keycloak says nothing to an operator.
        logging.getLogger(name).setLevel(max(level, logging.WARNING))
    # Each job's start and end: the metrics count them.
    logging.getLogger("procrastinate").setLevel(max(level, logging.WARNING))
    logging.captureWarnings(capture=True)
    sys.excepthook = _uncaught
    threading.excepthook = lambda fault: _uncaught(
        fault.exc_type, fault.exc_value or fault.exc_type(), fault.exc_traceback
    )


def _uncaught(kind: type[BaseException], error: BaseException, trace: Any) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    logging.getLogger("uncaught").critical("uncaught_exception", exc_info=(kind, error, trace))


def _name_trace(_logger: object, _method: str, event: EventDict) -> EventDict:
    trace = traces.current_trace()
    if trace is not None:
        event["trace_id"] = trace
    return event


def _of_field(name: str, value: Any) -> Any:
    if name in _LONG and isinstance(value, str):
        text = redacted_text(value, 4 * LONGEST_TRACEBACK)
        if len(text) > LONGEST_TRACEBACK:
            # How it came to be and what it was; the middle is the library's.
            return f"{text[:2_048]}\n… [cut]\n{text[-(LONGEST_TRACEBACK - 2_048) :]}"
        return text
    return redacted(value, name)


def _dumps(value: dict[str, Any], **_options: object) -> str:
    octets = orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS)
    if len(octets) <= LONGEST_LINE:
        return octets.decode()
    # The names of what is left out are kept: somebody logs too much there.
    kept: dict[str, Any] = {name: value[name] for name in _FIRST if name in value}
    kept["event"] = str(kept.get("event", ""))[:1_024]
    for name in _LONG:
        if name in value:
            kept[name] = str(value[name])[-2_048:]
    kept["left_out"] = [name[:64] for name in value if name not in kept][:64]
    return orjson.dumps(kept, default=str).decode()
