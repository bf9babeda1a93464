"""Logs are JSON lines; what looks like a secret never stands in one."""

import subprocess
import sys

import orjson
import pytest

from foundation.logs import REDACTED, redact
from stack.home import ROOT

TOKEN = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiI2ZjBhM2E1MiJ9.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    "event",
    [
        {"event": f"refused {TOKEN}"},
        {"event": "x", "header": f"DPoP {TOKEN}"},
        {"event": "x", "header": "Basic aW9jLWJhY2tlbmQ6c2VjcmV0"},
        {"event": "x", "access_token": "opaque-value-0123456789"},
        {"event": "x", "password": "aW9jLWJhY2tlbmQ6c2VjcmV0"},
        {"event": "x", "headers": {"Authorization": "aW9jLWJhY2tlbmQ6c2VjcmV0"}},
        {"event": "x", "values": [f"a {TOKEN}"]},
        {"event": "x", "raw": TOKEN.encode()},
        {
            "event": "x",
            "pem": "-----BEGIN PRIVATE KEY-----\naW9jLWJhY2tlbmQ6c2VjcmV0\n-----END PRIVATE KEY-----",
        },
    ],
)
def test_token_like_value_is_cut_out(event: dict) -> None:
    text = str(redact(None, "info", event))
    assert [part for part in (TOKEN, "opaque-value", "aW9jLW") if part in text] == []
    assert REDACTED in text


def test_plain_values_stay() -> None:
    event = {"event": "soc_unreachable", "leaves": 6, "error": "could not open", "origin": None}
    assert redact(None, "info", event) == event


def run(code: str) -> list[dict]:
    """What a process logs."""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True)
    return [orjson.loads(line) for line in done.stderr.splitlines()]


def test_structlog_and_the_standard_library_write_the_same_json() -> None:
    lines = run(
        "import logging, structlog\n"
        "from foundation import logs\n"
        "logs.configure('relay')\n"
        "structlog.get_logger().info('started', port=1)\n"
        "logging.getLogger('x').warning('careful %s', 'there')\n"
    )
    assert [(line["service"], line["level"], line["event"]) for line in lines] == [
        ("relay", "info", "started"),
        ("relay", "warning", "careful there"),
    ]


def test_exception_is_one_line_without_its_token() -> None:
    (line,) = run(
        "import structlog\n"
        "from foundation import logs\n"
        "logs.configure('relay')\n"
        "try:\n"
        f"    raise ValueError('{TOKEN}')\n"
        "except ValueError:\n"
        "    structlog.get_logger().exception('failed')\n"
    )
    assert "ValueError" in line["exception"]
    assert TOKEN not in line["exception"]
