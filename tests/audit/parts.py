"""Real parts for the tests of the log: rsyslog as the SOC's receiver, connections of the runtime roles."""

import asyncio
import contextlib
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import asyncpg
import orjson
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from audit.check import Findings, check_file
from audit.log import LogWriter
from audit.recorder import AuditRecorder
from audit.refusals import RefusalCounter
from audit.relay import Relay
from audit.relp import Receiver, client_context
from foundation.clock import Clock, FrozenClock, SystemClock
from foundation.database.connections import for_asyncpg, url_of
from foundation.identity.principal import (
    AnonymousPrincipal,
    CitizenPrincipal,
    OfficialPrincipal,
    Origin,
    SystemPrincipal,
    VerifiedSession,
)
from foundation.ids import NewId, new_uuid
from foundation.settings import DatabaseSettings
from stack.certificates import RELAY_NAME, Authority, Pair
from stack.home import ROOT

ORIGIN = "ioc.hanoi.gov.vn/log/backend/1"
NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
REQUEST = Origin("0193a1b2-request", "203.0.113.0")
DEADLINE = 60.0
RSYSLOGD = shutil.which("rsyslogd", path="/usr/sbin:/sbin:/usr/bin:/bin") or "rsyslogd"


def session(
    sub: str = "6f0a3a52-5b54-4d0e-8a55-0c2b4f1d0b01", sid: str = "s-1", acr: str = "aal2"
) -> VerifiedSession:
    """A verified session."""
    return VerifiedSession(
        iss="https://localhost:1/realms/hanoi-ioc",
        sub=sub,
        sid=sid,
        jkt="j" * 43,
        azp="ioc-ipad",
        acr=acr,
        amr=("pwd", "otp"),
        auth_time=NOW,
        expires_at=NOW,
        organisation=None,
        token_digest=b"d" * 32,
    )


def official(sub: str = "6f0a3a52-5b54-4d0e-8a55-0c2b4f1d0b01") -> OfficialPrincipal:
    """An officer of ward 00070."""
    return OfficialPrincipal(REQUEST, session(sub), new_uuid(), 7, "00070", (), frozenset({7}), False)


def citizen(sid: str = "s-1") -> CitizenPrincipal:
    """A citizen in the session `sid`."""
    return CitizenPrincipal(REQUEST, session("6f0a3a52-5b54-4d0e-8a55-0c2b4f1d0a01", sid, "aal1"), new_uuid())


def system() -> SystemPrincipal:
    """A job."""
    return SystemPrincipal(Origin("job-1", ""), "worker")


def anonymous(network: str = "203.0.113.0") -> AnonymousPrincipal:
    """Nobody."""
    return AnonymousPrincipal(Origin("r-1", network))


def recorder(
    clock: Clock | None = None, refusals: RefusalCounter | None = None, new_id: NewId = new_uuid
) -> AuditRecorder:
    """A recorder as the api composes it."""
    return AuditRecorder(
        service="ioc-backend",
        clock=clock or SystemClock(),
        new_id=new_id,
        random_bytes=secrets.token_bytes,
        refusals=refusals or RefusalCounter(),
    )


def engine(settings: DatabaseSettings, size: int = 10) -> AsyncEngine:
    """SQLAlchemy as a runtime role."""
    return create_async_engine(url_of(settings, "asyncpg"), pool_size=size, max_overflow=0)


async def connect(settings: DatabaseSettings) -> asyncpg.Connection:
    """One asyncpg connection as a runtime role."""
    return await asyncpg.connect(**for_asyncpg(settings))


@dataclass
class Soc:
    """A private rsyslog with the repository's configuration, that can be killed and started again."""

    folder: Path
    sink: Path = ROOT / "deploy/rsyslog/sink.py"
    name: str = "audit.jsonl"
    port: int = 0
    process: subprocess.Popen[bytes] | None = None
    authority: Authority = field(init=False)
    client: Pair = field(init=False)

    def __post_init__(self) -> None:
        tls = self.folder / "tls"
        tls.mkdir(mode=0o700)
        (self.folder / "work").mkdir()
        (self.folder / "soc").mkdir()
        self.authority = Authority(tls, "soc-authority", "SOC")
        self.authority.ensure()
        self.client = self.authority.client("relay", RELAY_NAME)
        self.port = self.port or free_port()
        self._configure(self.authority.server("receiver"))

    @property
    def file(self) -> Path:
        """What the SOC holds."""
        return self.folder / "soc" / self.name

    def _configure(self, server: Pair) -> None:
        template = (ROOT / "deploy/rsyslog/receiver.conf.template").read_text(encoding="utf-8")
        for token, value in {
            "{work}": self.folder / "work",
            "{port}": self.port,
            "{ca}": self.authority.certificate,
            "{certificate}": server.certificate,
            "{key}": server.key,
            "{permitted_peers}": f'"{RELAY_NAME}"',
            "{sink}": self.sink,
            "{python}": sys.executable,
            "{file}": self.file,
        }.items():
            template = template.replace(token, str(value))
        (self.folder / "rsyslog.conf").write_text(template, encoding="utf-8")

    def start(self) -> None:
        """Start and wait for the port."""
        pid = self.folder / "rsyslog.pid"
        pid.unlink(missing_ok=True)
        self.process = subprocess.Popen(
            [RSYSLOGD, "-n", "-f", str(self.folder / "rsyslog.conf"), "-i", str(pid)],
            stdout=subprocess.DEVNULL,
            stderr=(self.folder / "stderr.log").open("ab"),
        )
        wait_until_sync(self._listens, "rsyslog does not listen")

    def _listens(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (self.folder / "stderr.log").read_text()
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False

    def kill(self) -> None:
        """kill -9."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """SIGTERM; nothing if it does not run."""
        if self.process is not None:
            self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)
        self.process.wait(120)
        self.process = None

    def receiver(self, client: Pair | None = None, **options: float) -> Receiver:
        """How the relay reaches it."""
        client = client or self.client
        tls = client_context(str(self.authority.certificate), str(client.certificate), str(client.key))
        return Receiver("127.0.0.1", self.port, "localhost", tls, **options)  # type: ignore[arg-type]  # window is an int

    def findings(self) -> Findings:
        """What a reader of the file finds."""
        return check_file(self.file)

    def size(self) -> int:
        """The size of the backend's log, as the file shows it."""
        logs = self.findings().logs
        return logs[ORIGIN].size if ORIGIN in logs else 0


def free_port() -> int:
    """A port of the loopback that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_sync(condition: Callable[[], bool], message: str) -> None:
    """Poll until `condition` holds."""
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end, message
        time.sleep(0.05)


async def wait_until(condition: Callable[[], bool], message: str) -> None:
    """Poll until `condition` holds."""
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end, message
        await asyncio.sleep(0.05)


def log_writer(connection: asyncpg.Connection) -> LogWriter:
    """The log's writer."""
    return LogWriter(
        connection,
        clock=FrozenClock(NOW),
        new_id=new_uuid,
        random_bytes=secrets.token_bytes,
        product_version="test",
    )


@contextlib.asynccontextmanager
async def running_relay(settings: DatabaseSettings, receiver: Receiver) -> AsyncIterator[Relay]:
    """The relay as a task."""
    relay = Relay(lambda: connect(settings), log_writer, receiver, poll_seconds=0.02)
    task = asyncio.create_task(relay.run())
    try:
        yield relay
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def event_ids(findings: Findings) -> set[UUID]:
    """The events' own ids in the file, without the log's first line."""
    lines = findings.logs[ORIGIN].lines.values()
    values = [orjson.loads(line) for line in lines]
    return {UUID(value["metadata"]["uid"]) for value in values if value["unmapped"]["action"] != "log.open"}
