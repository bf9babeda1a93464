"""What a process measures of itself: disks, certificates, the clock, its own readiness."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from structlog.testing import capture_logs

from foundation.clock import FrozenClock
from foundation.clock_watch import ClockWatch
from foundation.disks import Disks
from foundation.health import Health
from foundation.settings import AuditSettings, DatabaseSettings, OperationsSettings, WorkerSettings
from foundation.telemetry import metrics
from services import observing
from services.observing import certificates_of, disks_of, end_of, observed
from stack import certificates
from tests.services.test_operations import ask, unused_port

NOW = datetime(2026, 11, 27, 3, tzinfo=UTC)


def settings_of(folder: Path, **operations: object) -> WorkerSettings:
    """A worker's settings with what is watched."""
    database = DatabaseSettings(host="x", port=1, name="x", user="x", password_file=folder / "none")
    return WorkerSettings(
        environment="development",
        database=database,
        audit=AuditSettings(log="backend"),
        policies_folder=folder,
        operations=OperationsSettings(port=unused_port(), **operations),  # type: ignore[arg-type]
    )


def values(body: bytes) -> dict[tuple[str, tuple[str, ...]], float]:
    """Each sample by its name and the values of its labels."""
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
    }


async def test_a_process_shows_its_disks_certificates_and_clock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(observing, "SAMPLE_SECONDS", 0.01)
    pairs = certificates.ensure(tmp_path)
    settings = settings_of(tmp_path, disks={"data": tmp_path}, certificates={"edge": pairs.edge.certificate})
    clock = FrozenClock(NOW)

    async def theirs() -> datetime:
        return NOW - timedelta(seconds=1.5)

    async with observed("worker", settings, Health("worker"), clock=ClockWatch(clock, theirs)):
        _, body = await _until_measured(settings)
    found = values(body)
    assert 0 < found["ioc_disk_free_ratio", ("data",)] < 1
    assert found["ioc_certificate_ends_timestamp_seconds", ("edge",)] == end_of(pairs.edge.certificate)
    assert found["ioc_clock_offset_seconds", ()] == pytest.approx(1.5, abs=0.2)
    assert found["ioc_check_ready", ("clock",)] == 1


async def _until_measured(settings: WorkerSettings) -> tuple[int, bytes]:
    assert settings.operations is not None
    for _ in range(2000):
        status, body = await ask(settings.operations.port, "/metrics")
        if b"ioc_check_ready{" in body and b"ioc_disk_free_ratio{" in body:
            return status, body
    raise AssertionError("nothing was measured")


async def test_a_process_with_a_wrong_clock_is_not_ready_and_says_why(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    assert settings.operations is not None

    async def theirs() -> datetime:
        return NOW - timedelta(seconds=3)

    async with observed("worker", settings, Health("worker"), clock=ClockWatch(FrozenClock(NOW), theirs)):
        status, body = await ask(settings.operations.port, "/health/ready")
    assert status == 503
    assert json.loads(body)["checks"]["clock"] == {"state": "unready", "reason": "clock_off"}


async def test_a_disk_that_is_nearly_full_is_an_alarm_once_and_work_goes_on(tmp_path: Path) -> None:
    free = {"share": 0.5}
    disks = Disks({"media": tmp_path}, 0.1, lambda _: free["share"])
    health = Health("worker", monotonic=iter(range(100)).__next__)
    health.add("disk_media", disks.probe("media"), needed=False)
    assert disks.low() == []
    free["share"] = 0.09
    with capture_logs() as lines:
        assert (disks.low(), disks.low()) == (["media"], ["media"])
    report = await health.report()
    assert [line["event"] for line in lines] == ["disk_low"]
    assert (report.ready, report.checks["disk_media"][1]) == (True, "nearly_full")
    free["share"] = 0.5
    with capture_logs() as lines:
        assert disks.low() == []
    assert [line["event"] for line in lines] == ["disk_has_room_again"]


def test_a_disk_that_nobody_can_look_at_is_an_alarm_too(tmp_path: Path) -> None:
    disks = Disks({"media": tmp_path / "not there"}, 0.1)
    assert disks.free() == {"media": -1.0}
    assert disks.low() == ["media"]


def test_the_media_folder_is_watched_without_being_named(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    assert disks_of(settings).folders == {}


def test_what_is_no_certificate_ended_long_ago(tmp_path: Path) -> None:
    (tmp_path / "x.pem").write_text("no certificate")
    assert (end_of(tmp_path / "x.pem"), end_of(tmp_path / "none.pem")) == (0.0, 0.0)


def test_certificates_of_the_settings_are_found_however_deep(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, certificates={"edge": tmp_path / "edge.pem"})
    assert dict(certificates_of(settings)) == {"edge": tmp_path / "edge.pem"}


async def test_one_measurement_that_fails_keeps_no_other_from_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(observing, "SAMPLE_SECONDS", 0)
    seen: list[int] = []

    async def broken() -> None:
        raise ValueError("words of a person")

    async def counting() -> None:
        seen.append(1)
        if len(seen) == 5:
            raise KeyboardInterrupt

    with capture_logs() as lines, pytest.raises(KeyboardInterrupt):
        await observing.sample_forever([broken, counting])
    assert [line["event"] for line in lines] == ["not_measured"]
    assert "person" not in str(lines)


def test_what_nobody_told_of_is_counted_as_other() -> None:
    names = metrics.Names()
    names.tell({"myReports"})
    assert [names.of(name) for name in ("myReports", "drop table", "x" * 1_000)] == [
        "myReports",
        "other",
        "other",
    ]


def test_words_that_are_no_codes_or_too_many_are_counted_as_other() -> None:
    names = metrics.Names()
    assert names.of("Trần Văn Minh") == "other"
    assert names.of("0912345678") == "other"
    for number in range(metrics.MOST_VALUES):
        assert names.of(f"area.reason_{'a' * (number % 26)}{chr(97 + number // 26)}") != ""
    assert names.of("area.one_more_than_there_is_room_for") == "other"
