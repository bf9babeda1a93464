"""What every process shows of itself while it runs: health, metrics, traces; and what it measures."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any

import structlog
from cryptography import x509

from foundation.clock_watch import ClockWatch
from foundation.disks import Disks
from foundation.health import Health, State
from foundation.settings import MediaSettings, OperationsSettings, Section
from foundation.telemetry import metrics, traces
from services.operations import Answer, Routes, operations

SAMPLE_SECONDS = 5.0
LAG_SECONDS = 0.5
_STATES = {State.READY: 1.0, State.DEGRADED: 0.5}

log = structlog.get_logger()

Sample = Callable[[], Awaitable[None]]
"""Measures something and sets a gauge. What it raises is logged; it is asked again."""


@contextlib.asynccontextmanager
async def observed(
    service: str,
    settings: Any,
    health: Health,
    *,
    samples: Sequence[Sample] = (),
    clock: ClockWatch | None = None,
    shared: bool = False,
) -> AsyncIterator[None]:
    """`/health/…` and `/metrics` are served and traces are sent while the block runs.

    `settings` are the process's own, with `operations` and `tracing`; `shared`: several processes of this
    service listen on one port.
    """
    traces.configure(settings.tracing, service)
    disks = disks_of(settings)
    for name in disks.folders:
        health.add(f"disk_{name}", disks.probe(name), needed=False)
    metrics.STARTED.set(time.time())
    tasks = [
        asyncio.create_task(lag_forever()),
        asyncio.create_task(
            sample_forever([health_sample(health), own_sample(settings, disks, clock), *samples])
        ),
    ]
    if clock is not None:
        health.add("clock", clock.probe)
        with contextlib.suppress(Exception):  # told by the check, measured again
            await clock.measure()
        tasks.append(asyncio.create_task(clock.measure_forever()))
    try:
        async with operations(settings.operations, health, metrics_route(), shared=shared):
            yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.to_thread(traces.close)


def metrics_route() -> Routes:
    """`/metrics` for Prometheus."""

    async def exposition() -> Answer:
        body = await asyncio.to_thread(metrics.exposition)
        return Answer(HTTPStatus.OK, body, metrics.CONTENT_TYPE)

    return {"/metrics": exposition}


async def sample_forever(samples: Sequence[Sample]) -> None:
    """Each sample, again and again; one that fails keeps no other from it, and is told once."""
    failing: set[int] = set()
    while True:
        for number, sample in enumerate(samples):
            try:
                await sample()
                failing.discard(number)
            except Exception as error:
                if number not in failing:
                    failing.add(number)
                    log.warning("not_measured", what=sample.__qualname__, fault=type(error).__name__)
        await asyncio.sleep(SAMPLE_SECONDS)


async def lag_forever() -> None:
    """How late the loop wakes up: the longest of the last five seconds."""
    late: list[float] = []
    while True:
        before = time.monotonic()
        await asyncio.sleep(LAG_SECONDS)
        late = [*late[-9:], max(0.0, time.monotonic() - before - LAG_SECONDS)]
        metrics.LOOP_LAG.set(max(late))


def health_sample(health: Health) -> Sample:
    """The state of the process and of each check."""

    async def sample_health() -> None:
        report = await health.report()
        metrics.READY.set(_STATES.get(report.state, 0.0))
        for name, (state, _) in report.checks.items():
            metrics.CHECKS.labels(name).set(state is State.READY)

    return sample_health


def own_sample(settings: Any, disks: Disks, clock: ClockWatch | None) -> Sample:
    """Disks, certificates, the clock."""
    certificates = dict(certificates_of(settings))

    async def sample_process() -> None:
        if clock is not None and clock.offset is not None:
            metrics.CLOCK_OFFSET.set(abs(clock.offset))
        disks.low()
        for name, share in disks.free().items():
            metrics.DISK_FREE.labels(name).set(share)
        for name, file in certificates.items():
            metrics.CERTIFICATE_ENDS.labels(name).set(end_of(file))

    return sample_process


def end_of(file: Path) -> float:
    """When the first certificate of a PEM file to run out does (seconds since 1970); 0 for no certificate."""
    try:
        found = x509.load_pem_x509_certificates(file.read_bytes())
    except (OSError, ValueError):
        return 0.0
    return min(one.not_valid_after_utc.timestamp() for one in found)


def disks_of(settings: Any) -> Disks:
    """What the settings name, and the media folder that this process writes to."""
    given: OperationsSettings | None = settings.operations
    folders = {} if given is None else dict(given.disks)
    media: MediaSettings | None = getattr(settings, "media", None)
    if media is not None and media.folder is not None:
        folders.setdefault("media", media.folder)
    return Disks(folders, 0.1 if given is None else given.disk_free_ratio)


def certificates_of(settings: Section) -> Iterator[tuple[str, Path]]:
    """(name, file) of every certificate that a process's settings name."""
    for name in settings.__struct_fields__:
        value = getattr(settings, name)
        if isinstance(value, OperationsSettings):
            yield from value.certificates.items()
        elif isinstance(value, Section):
            for inner, file in certificates_of(value):
                yield f"{name}_{inner}", file
        elif isinstance(value, Path) and name in ("certificate_file", "ca_file", "keycloak_ca_file"):
            yield name.removesuffix("_file"), value
