"""A copy is told to stop while everything is under way, another takes over: nobody sees an error.

Copies of the test's own, so that the running stack's go on for the others.
"""

import asyncio
import contextlib
import functools
import json
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import httpx
import msgspec
import pytest
import websockets
from websockets.asyncio.client import ClientConnection

from cli.client import IocClient
from foundation.settings import (
    ApiSettings,
    DirectorySettings,
    EdgeEventsSettings,
    OperationsSettings,
    Section,
    WorkerSettings,
    load,
)
from security_tests.attacks.served import free_port
from stack.home import ROOT
from stack.settings_files import write_settings
from tests.backend.media.pictures import photo
from tests.backend.world import connect
from tests.conftest import RunningStack
from tests.scenarios.test_live import SUBSCRIBE, connected

SUBMIT = (ROOT / "mobile_contract" / "operations" / "SubmitReport.graphql").read_text(encoding="utf-8")
DRAIN_SECONDS = 3.0
T = TypeVar("T")
RESTART = 1012


@dataclass
class Copy:
    """A process of the test's own."""

    process: subprocess.Popen[bytes]
    operations: int
    port: int
    log: Path

    async def ready(self) -> None:
        """Return when it can be given work."""
        said = ""
        async with httpx.AsyncClient(trust_env=False, timeout=60) as operator:
            for _ in range(900):
                with contextlib.suppress(httpx.TransportError):
                    answer = await operator.get(f"http://127.0.0.1:{self.operations}/health/ready")
                    if answer.status_code == 200:
                        return
                    said = answer.text
                await asyncio.sleep(0.1)
        raise AssertionError(f"not ready: {said}\n{self.log.read_text(encoding='utf-8')[-3_000:]}")

    async def state(self) -> tuple[int, str]:
        """Status and state of `/health/ready`."""
        async with httpx.AsyncClient(trust_env=False, timeout=60) as operator:
            answer = await operator.get(f"http://127.0.0.1:{self.operations}/health/ready")
        return answer.status_code, answer.json()["state"]

    async def end(self) -> int:
        """Wait for its end after SIGTERM; the exit code."""
        return await asyncio.to_thread(self.process.wait, 40)


@contextlib.asynccontextmanager
async def copy_of(
    stack: RunningStack, name: str, kind: type[Section], folder: Path, **changes: Any
) -> AsyncIterator[Copy]:
    """One more process of a service, with the running one's settings, ports of its own, and `changes`."""
    port = free_port()
    settings = load(stack.home / "settings" / f"{name}.toml", kind)
    changes.setdefault("operations", OperationsSettings(port=free_port(), drain_seconds=DRAIN_SECONDS))
    operations = changes["operations"].port
    if kind is ApiSettings:
        changes["listen_port"] = port
    file = folder / f"{name}-{operations}.toml"
    write_settings(file, msgspec.structs.replace(settings, **changes))
    log = file.with_suffix(".log")
    command = [sys.executable, "-m", f"services.{name}", "--settings", str(file)]
    with log.open("wb") as output:
        # Starting it blocks for a moment, which disturbs nobody here.
        process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=output)  # noqa: ASYNC220
    try:
        yield Copy(process, operations, port, log)
    finally:
        if process.poll() is None:
            process.terminate()
            await asyncio.to_thread(process.wait, 40)


async def holds(condition: Callable[[], bool]) -> None:
    """Return as soon as it does."""
    while not condition():  # noqa: ASYNC110 - nobody tells of it
        await asyncio.sleep(0.2)


def lead_edge_to(stack: RunningStack, port: int) -> None:
    """From now on new requests go there; the edge lets those under way end."""
    edge = replace(stack.stack.edge, ports=replace(stack.stack.ports, api=port))
    edge.prepare()
    subprocess.run(
        ["kill", f"-{int(signal.SIGHUP)}", (edge.run / "nginx.pid").read_text().strip()], check=True
    )


async def once_more(call: Callable[[], Awaitable[T]]) -> T:
    """On a kept connection a call may meet its end, whoever ends it: HTTP libraries then try again by
    themselves (RFC 9112, 9.3.1), and httpx does not. A report has its key, so that it is the same one.
    """
    try:
        return await call()
    except httpx.RemoteProtocolError:
        return await call()


@dataclass
class Load:
    """What people do meanwhile. `errors` is everything that was not as it should be."""

    lan: IocClient
    minh: IocClient
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    errors: list[str] = field(default_factory=list)
    submitted: list[str] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    answered: int = 0
    uploaded: int = 0
    restarts: int = 0
    told: list[str] = field(default_factory=list)
    streams_ended: int = 0
    seen_until: str | None = None
    streamed: list[str] = field(default_factory=list)

    def fault(self, what: str, of: Any) -> None:
        """Note an error."""
        self.errors.append(f"{time.monotonic():.2f} {what}: {str(of)[:300]}")

    async def read(self) -> None:
        """An officer looks again and again."""
        while not self.stop.is_set():
            try:
                answer = await once_more(lambda: self.minh.graphql("{ viewer { __typename } }"))
                if answer.get("errors"):
                    self.fault("read", answer)
                self.answered += 1
            except Exception as error:
                self.fault("read", repr(error))
            await asyncio.sleep(0.1)

    async def write(self) -> None:
        """A citizen reports again and again."""
        while not self.stop.is_set():
            given: dict[str, Any] = {
                "category": "tree",
                "ward": "00070",
                "place": "Phố Tràng Thi",
                "body": "Cây đổ.",
                "idempotencyKey": secrets.token_hex(16),
            }
            try:
                answer = await once_more(functools.partial(self.lan.graphql, SUBMIT, {"input": given}))
                made = answer["data"]["submitReport"]
                self.submitted.append(str(made["code"]))
                self.ids.append(str(made["report"]["id"]))
            except Exception as error:
                self.fault("write", repr(error))
            await asyncio.sleep(0.2)

    async def upload(self, code: str, octets: bytes) -> None:
        """A photo, which takes about a second, again and again."""
        for _ in range(8):
            if self.stop.is_set():
                return
            try:
                headers = [
                    *await self.lan.headers("POST", "/media"),
                    ("Idempotency-Key", secrets.token_hex(16)),
                    ("Content-Type", "image/jpeg"),
                ]
                answer = await self.lan.http.post(
                    f"{self.lan.endpoints.api_url}/media",
                    headers=headers,
                    params={"report": code},
                    content=octets,
                )
                if answer.status_code != 201:
                    self.fault("upload", answer.text)
                self.uploaded += 1
            except Exception as error:
                self.fault("upload", repr(error))

    async def follow(self) -> None:
        """A citizen follows; sent elsewhere she connects again and resumes after the last cursor."""
        after: str | None = None
        while not self.stop.is_set():
            try:
                socket = await connected(self.lan)
                payload = {"query": SUBSCRIBE, "variables": {"after": after}}
                await socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": payload}))
                after = await self._listen(socket, after)
            except Exception as error:
                self.fault("follow", repr(error))

    async def stream(self) -> None:
        """An officer follows by server-sent events, and does as she does."""
        ends = asyncio.create_task(self.stop.wait())
        while not self.stop.is_set():
            following = asyncio.create_task(self._stream_from(self.seen_until))
            await asyncio.wait({following, ends}, return_when=asyncio.FIRST_COMPLETED)
            following.cancel()
            try:
                await following
            except asyncio.CancelledError:
                return
            except Exception as error:
                self.fault("stream", repr(error))

    async def _stream_from(self, after: str | None) -> None:
        headers = [*await self.minh.headers("POST", "/graphql/stream"), ("Accept", "text/event-stream")]
        url = f"{self.minh.endpoints.api_url}/graphql/stream"
        body = {"query": SUBSCRIBE, "variables": {"after": after}}
        completed = False
        async with self.minh.http.stream("POST", url, headers=headers, json=body) as answer:
            if answer.status_code != 200:
                self.fault("stream", await answer.aread())
            lines = answer.aiter_lines()
            while not completed:
                try:
                    line = await anext(lines)
                except StopAsyncIteration:
                    self.fault("stream", "it ended without a word")
                    return
                completed = line == "event: complete"
                if line.startswith("data: {"):
                    seen = json.loads(line.removeprefix("data: "))
                    if seen.get("errors"):
                        self.fault("stream", seen)
                        return
                    self.seen_until = seen["data"]["changes"]["cursor"]
                    self.streamed.append(seen["data"]["changes"]["subjectId"])
        self.streams_ended += completed

    async def _listen(self, socket: ClientConnection, after: str | None) -> str | None:
        while not self.stop.is_set():
            try:
                message = json.loads(await asyncio.wait_for(socket.recv(), 0.5))
            except TimeoutError:
                continue
            except websockets.ConnectionClosed as closed:
                code = closed.rcvd.code if closed.rcvd else 0
                if code != RESTART:
                    self.fault("follow", repr(closed))
                self.restarts += 1
                return after
            if message["type"] == "next":
                change = message["payload"]["data"]["changes"]
                after = change["cursor"]
                self.told.append(change["subjectId"])
            elif message["type"] != "ping":
                self.fault("follow", message)
        await socket.close()
        return after


async def test_api_stops_and_another_takes_over_without_an_error_for_anyone(
    running_stack: RunningStack, tmp_path: Path
) -> None:
    octets = photo(width=4000, height=3000, quality=90)
    async with (
        running_stack.client("lan") as lan,
        running_stack.client("minh") as minh,
        copy_of(running_stack, "api", ApiSettings, tmp_path) as old,
        copy_of(running_stack, "api", ApiSettings, tmp_path) as new,
    ):
        try:
            await old.ready()
            await new.ready()
            lead_edge_to(running_stack, old.port)
            await asyncio.sleep(1)
            load = Load(lan, minh)
            await load.lan.graphql("{ viewer { __typename } }")
            async with asyncio.TaskGroup() as people:
                for _ in range(2):
                    people.create_task(load.read())
                people.create_task(load.write())
                people.create_task(load.follow())
                people.create_task(load.stream())
                await holds(lambda: bool(load.submitted))
                people.create_task(load.upload(load.submitted[0], octets))
                lead_edge_to(running_stack, new.port)
                await asyncio.sleep(0.5)
                old.process.send_signal(signal.SIGTERM)
                await asyncio.sleep(0.7)
                draining = await old.state()
                ended = await old.end()
                before = len(load.submitted)
                await asyncio.sleep(3)
                lead_edge_to(running_stack, running_stack.stack.ports.api)
                await asyncio.sleep(1)
                after = len(load.submitted)
                load.stop.set()
        finally:
            lead_edge_to(running_stack, running_stack.stack.ports.api)
            await asyncio.sleep(0.5)
    assert load.errors == []
    assert (draining, ended) == ((503, "draining"), 0)
    assert after > before > 0
    assert (load.restarts >= 1, load.streams_ended >= 1) == (True, True)
    assert (load.answered > 0, load.uploaded > 0) == (True, True)
    assert len(set(load.submitted)) == len(load.submitted)
    # Not the first, made before she followed, nor the last, made when she stopped.
    assert len(load.ids) > 10
    assert set(load.ids[3:-5]) - set(load.told) == set()
    assert set(load.ids[3:-5]) - set(load.streamed) == set()


async def test_worker_stops_and_another_takes_over_and_every_job_is_done(
    running_stack: RunningStack, tmp_path: Path
) -> None:
    failed_before = _failed(running_stack)
    async with running_stack.client("lan") as lan, running_stack.client("minh") as minh:
        load = Load(lan, minh)
        async with asyncio.TaskGroup() as people:
            people.create_task(load.write())
            async with copy_of(running_stack, "worker", WorkerSettings, tmp_path) as old:
                await old.ready()
                await asyncio.sleep(2)
                async with copy_of(running_stack, "worker", WorkerSettings, tmp_path) as new:
                    await new.ready()
                    old.process.send_signal(signal.SIGTERM)
                    ended = await old.end()
                    await asyncio.sleep(1)
                    load.stop.set()
                    await _queue_is_empty(running_stack)
    assert load.errors == []
    assert ended == 0
    assert load.submitted
    assert _failed(running_stack) == failed_before


async def _queue_is_empty(stack: RunningStack) -> None:
    async with asyncio.timeout(60):
        await holds(lambda: not _waiting(stack))


def _waiting(stack: RunningStack) -> int:
    return _count(stack, "status IN ('todo', 'doing') AND coalesce(scheduled_at, now()) <= now()")


def _failed(stack: RunningStack) -> list[tuple[str, str]]:
    """Jobs that were given up, whoever's: task and arguments."""
    with connect(stack.database("backend_superuser")) as connection:
        rows = connection.execute(
            "SELECT task_name, args::text FROM jobs.procrastinate_jobs WHERE status = 'failed' ORDER BY id"
        )
        return [(str(task), str(given)) for task, given in rows.fetchall()]


def _count(stack: RunningStack, where: str) -> int:
    with connect(stack.database("backend_superuser")) as connection:
        (rows,) = connection.execute(
            f"SELECT count(*) FROM jobs.procrastinate_jobs WHERE {where}".encode()
        ).fetchone() or (0,)
    return int(rows)


@pytest.mark.parametrize("name", ["worker", "edge_events", "directory"])
async def test_a_process_that_is_told_to_stop_ends_by_itself(
    running_stack: RunningStack, name: str, tmp_path: Path
) -> None:
    kinds = {"worker": WorkerSettings, "edge_events": EdgeEventsSettings, "directory": DirectorySettings}
    kind = kinds[name]
    async with copy_of(running_stack, name, kind, tmp_path) as one:
        await one.ready()
        one.process.send_signal(signal.SIGTERM)
        assert await one.end() == 0
        assert '"draining"' in one.log.read_text(encoding="utf-8")
