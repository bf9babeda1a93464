"""What a request of the real api leaves in traces and metrics; what a wrong clock does to it."""

import asyncio
import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from foundation.clock import SystemClock
from foundation.clock_watch import ClockWatch
from foundation.telemetry import metrics
from services.seed import load_citizens
from tests.backend.devices.rig import DeviceApi, SignedIn, code_of, serving
from tests.backend.devices.test_live import close_of, opened
from tests.backend.world import HOAN_KIEM, connect
from tests.conftest import Database
from tests.foundation.test_traces import PARENT, traced
from tests.identity.world import CITIZENS, number_of

BODY = "Ổ gà rất lớn, gọi chị Lan 0912345678 hoặc lan@example.vn"
PLACE = "Ngõ 12 phố Hàng Bài"


def sample(name: str, **labels: str) -> float:
    """A metric's present value."""
    return metrics.REGISTRY.get_sample_value(name, labels) or 0.0


async def holds(condition: Callable[[], bool]) -> None:
    """Return as soon as it does."""
    while not condition():  # noqa: ASYNC110 - nobody tells of it
        await asyncio.sleep(0.02)


def report() -> dict[str, Any]:
    """The input of a submission."""
    return {
        "idempotencyKey": secrets.token_hex(16),
        "category": "street_light",
        "ward": HOAN_KIEM,
        "place": PLACE,
        "body": BODY,
    }


def proven(api: DeviceApi, database: Database) -> SignedIn:
    """Lan, signed in, whose number is proven: who reports can be reached."""
    people = {"citizens": [{"id": "lan", "phone": number_of("lan")}]}
    with connect(database.settings(database.superuser)) as connection:
        load_citizens(connection, people, CITIZENS, api.parts.keys.digests)
    return api.sign_in("lan")


async def test_a_trace_shows_each_seam_and_nothing_of_whom_or_what(
    database: Database, tmp_path: Path
) -> None:
    async with serving(database, tmp_path) as api:
        lan, minh = proven(api, database), api.sign_in("minh")
        sent = [lan.token(), minh.sub, lan.sid, minh.sid, lan.thumbprint, "phone of lan"]
        with traced() as collector:
            answer = await api.ask(lan, "SubmitReport", {"input": report()}, headers={"traceparent": PARENT})
            await api.ask(minh, "UnitReports", {"first": 5})
            await api.ask(None, "TrackReport", {"code": "0000000000000000"})
        made = answer.json()["data"]["submitReport"]
    assert made["__typename"] == "ReportChanged"
    code = made["code"]
    names = {span.name for span in collector.spans}
    assert {
        "request",
        "authentication",
        "document",
        "execution",
        "policy",
        "unit of work",
        "commit",
        "read scope",
        "query",
        "keycloak",
    } - names == {"keycloak"}  # the double has a transport of its own
    first = [span for span in collector.spans if span.trace_id.hex() == PARENT.split("-")[1]]
    assert {"request", "authentication", "unit of work", "commit"} <= {span.name for span in first}
    octets = collector.octets
    personal = [BODY, PLACE, "0912345678", "lan@example.vn", "203.0.113.7", code, "Minh", *sent]
    assert [text for text in personal if text.encode() in octets] == []
    assert b"eyJ" not in octets


async def test_requests_are_counted_by_root_field_and_outcome(database: Database, tmp_path: Path) -> None:
    async with serving(database, tmp_path) as api:
        lan = api.sign_in("lan")
        before = sample("ioc_requests_total", operation="viewer", outcome="answered")
        refused = sample("ioc_requests_total", operation="other", outcome="refused")
        seconds = sample("ioc_request_seconds_count", operation="viewer")
        unauthenticated = sample("ioc_refusals_total", code="identity.unauthenticated")
        transactions = sample("ioc_transaction_seconds_count", kind="write", end="commit")
        await api.ask(lan, "Viewer")
        await api.ask(None, "MyReports", {"first": 1})
        found = (
            sample("ioc_requests_total", operation="viewer", outcome="answered") - before,
            sample("ioc_request_seconds_count", operation="viewer") - seconds,
            sample("ioc_refusals_total", code="identity.unauthenticated") - unauthenticated,
        )
        assert found == (1, 1, 1)
        mine = sample("ioc_requests_total", operation="myReports", outcome="refused")
        assert mine + sample("ioc_requests_total", operation="other", outcome="refused") > refused
        assert sample("ioc_transaction_seconds_count", kind="write", end="commit") > transactions


async def off_by(api: DeviceApi, seconds: float) -> ClockWatch:
    """From now on the process's clock is ahead of its database's by this."""

    async def theirs() -> datetime:
        return datetime.now(UTC) - timedelta(seconds=seconds)

    watch = ClockWatch(SystemClock(), theirs)
    await watch.measure()
    api.gateway.open(api.gateway._door(), watch)
    return watch


async def test_a_clock_within_two_seconds_lets_people_in(database: Database, tmp_path: Path) -> None:
    async with serving(database, tmp_path) as api:
        await off_by(api, 1.5)
        assert (await api.ask(api.sign_in("lan"), "Viewer")).status_code == 200


@pytest.mark.parametrize("seconds", [2.5, -2.5])
async def test_a_clock_more_than_two_seconds_off_refuses_everybody_and_says_why(
    database: Database, tmp_path: Path, seconds: float
) -> None:
    async with serving(database, tmp_path) as api:
        await off_by(api, seconds)
        lan = api.sign_in("lan")
        answers = [
            await api.ask(lan, "Viewer"),
            await api.ask(None, "TrackReport", {"code": "0000000000000000"}),
            await api.ask(lan, "SubmitReport", {"input": report()}),
        ]
        rows = api.rows("SELECT count(*) FROM reports.report")
    assert [(answer.status_code, code_of(answer)) for answer in answers] == [(503, "service.clock_off")] * 3
    assert {answer.headers["retry-after"] for answer in answers} == {"5"}
    assert rows == [(0,)]


async def test_a_clock_that_is_set_right_lets_people_in_again(database: Database, tmp_path: Path) -> None:
    async with serving(database, tmp_path) as api:
        await off_by(api, 3)
        refused = await api.ask(api.sign_in("lan"), "Viewer")
        await off_by(api, 0)
        let_in = await api.ask(api.sign_in("lan"), "Viewer")
    assert (refused.status_code, let_in.status_code) == (503, 200)


async def test_open_connections_end_when_the_clock_goes_wrong(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("graphql_schema.live.operations.WATCH_SECONDS", 0.2)
    monkeypatch.setattr("graphql_schema.live.operations.SPREAD_SECONDS", 0.0)
    async with serving(database, tmp_path) as api:
        socket = await opened(api, api.sign_in("lan"), following=True)
        await off_by(api, 10)
        async with asyncio.timeout(60):
            assert await close_of(socket) == (1012, "restart")


@pytest.mark.parametrize("following", [True, False])
async def test_connections_of_a_process_that_drains_are_sent_elsewhere(
    database: Database, tmp_path: Path, following: bool
) -> None:
    async with serving(database, tmp_path) as api:
        socket = await opened(api, api.sign_in("lan"), following=following)
        api.parts.hub.drain()
        async with asyncio.timeout(60):
            assert await close_of(socket) == (1012, "restart")


async def test_a_change_that_can_not_be_delivered_is_told_once_counted_each_time_and_heals(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.changes.hub.RETRY_SECONDS", 0.02)
    async with serving(database, tmp_path) as api:
        hub, faults = api.parts.hub, sample("ioc_live_feed_faults_total")
        await asyncio.sleep(0.5)
        deliver = hub._deliver

        def poisoned(concern: Any) -> None:
            raise KeyError(concern.change.resource)

        monkeypatch.setattr(hub, "_deliver", poisoned)
        with capture_logs() as lines:
            answer = await api.ask(proven(api, database), "SubmitReport", {"input": report()})
            assert answer.json()["data"]["submitReport"]["__typename"] == "ReportChanged"
            async with asyncio.timeout(60):
                await holds(lambda: sample("ioc_live_feed_faults_total") - faults >= 5)
            stood_still = sample("ioc_live_feed_read_timestamp_seconds")
            assert hub.interrupted
            assert sample("ioc_live_feed_lag_seconds") > 0
            monkeypatch.setattr(hub, "_deliver", deliver)
            async with asyncio.timeout(60):
                await holds(lambda: not hub.interrupted)
        told = [line["event"] for line in lines if line["event"].startswith("feed_")]
        assert told == ["feed_interrupted", "feed_goes_on"]
        assert sample("ioc_live_feed_read_timestamp_seconds") > stood_still
