"""What an operator asks a process: health over a listener of its own."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus

import pytest

from foundation.health import Health, State, Unready
from foundation.settings import OperationsSettings
from services.operations import AT_ONCE, Answer, Routes, operations


class Time:
    """A monotonic clock that is turned by hand."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


async def fine() -> None:
    return None


async def away() -> None:
    raise Unready("away")


def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def listening(health: Health, more: Routes | None = None) -> AsyncIterator[int]:
    port = unused_port()
    async with operations(OperationsSettings(port=port), health, more):
        yield port


async def ask(port: int, path: str, method: str = "GET") -> tuple[int, bytes]:
    """The status and the body."""
    octets = await exchange(port, f"{method} {path} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
    head, _, body = octets.partition(b"\r\n\r\n")
    return int(head.split(b" ")[1]), body


async def exchange(port: int, octets: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(octets)
    answer = await reader.read()
    writer.close()
    return answer


async def test_ready_when_every_need_answers() -> None:
    health = Health("x")
    health.add("database", fine)
    async with listening(health) as port:
        status, body = await ask(port, "/health/ready")
    assert status == 200
    assert json.loads(body)["checks"] == {"database": {"state": "ready", "reason": ""}}


async def test_a_need_that_is_away_makes_it_unready_and_is_named() -> None:
    health = Health("x")
    health.add("database", away)
    health.add("scanner", fine, needed=False)
    async with listening(health) as port:
        status, body = await ask(port, "/health/ready")
    assert (status, json.loads(body)["state"]) == (503, "unready")
    assert json.loads(body)["checks"]["database"] == {"state": "unready", "reason": "away"}


async def test_what_it_can_do_without_makes_it_degraded_and_it_gets_work() -> None:
    health = Health("x")
    health.add("database", fine)
    health.add("soc", away, needed=False)
    async with listening(health) as port:
        status, body = await ask(port, "/health/ready")
    assert (status, json.loads(body)["state"]) == (200, "degraded")


async def test_a_need_that_is_away_outweighs_one_that_is_only_missed() -> None:
    health = Health("x")
    health.add("database", away)
    health.add("soc", away, needed=False)
    assert (await health.report()).state is State.UNREADY


async def test_a_need_that_never_answers_makes_it_unready(monkeypatch: pytest.MonkeyPatch) -> None:
    async def silent() -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr("foundation.health.PROBE_SECONDS", 0.01)
    health = Health("x")
    health.add("database", silent)
    assert (await health.report()).checks == {"database": (State.UNREADY, "no_answer")}


async def test_the_words_of_a_fault_are_not_told() -> None:
    async def broken() -> None:
        raise ValueError("password of a person")

    health = Health("x")
    health.add("database", broken)
    async with listening(health) as port:
        _, body = await ask(port, "/health/ready")
    assert json.loads(body)["checks"]["database"]["reason"] == "ValueError"


async def test_draining_is_unready_at_once_and_alive() -> None:
    health = Health("x")
    health.add("database", fine)
    async with listening(health) as port:
        before, _ = await ask(port, "/health/ready")
        health.drain()
        after, body = await ask(port, "/health/ready")
        alive, _ = await ask(port, "/health/live")
    assert (before, after, alive, json.loads(body)["state"]) == (200, 503, 200, "draining")


async def test_a_thousand_questions_ask_the_database_once() -> None:
    asked = 0

    async def count() -> None:
        nonlocal asked
        asked += 1

    time = Time()
    health = Health("x", monotonic=time)
    health.add("database", count)
    for _ in range(1_000):
        await health.report()
    assert asked == 1
    time.now += 1.1
    await health.report()
    assert asked == 2


async def test_a_process_whose_work_stands_still_does_not_live() -> None:
    time = Time()
    health = Health("x", monotonic=time)
    pulse = health.pulse("shipping", 60)
    async with listening(health) as port:
        time.now += 60
        assert (await ask(port, "/health/live"))[0] == 200
        time.now += 1
        status, body = await ask(port, "/health/live")
        assert (status, json.loads(body)["silent"]) == (503, ["shipping"])
        pulse.beat()
        assert (await ask(port, "/health/live"))[0] == 200


async def test_more_routes_stand_beside_health_and_a_broken_one_is_answered() -> None:
    async def metrics() -> Answer:
        return Answer(HTTPStatus.OK, b"up 1\n", "text/plain")

    async def broken() -> Answer:
        raise ValueError("x")

    async with listening(Health("x"), {"/metrics": metrics, "/broken": broken}) as port:
        assert await ask(port, "/metrics") == (200, b"up 1\n")
        assert await ask(port, "/broken") == (500, b"")
        assert (await ask(port, "/health/live"))[0] == 200


@pytest.mark.parametrize(
    ("octets", "status"),
    [
        (b"POST /health/live HTTP/1.1\r\n\r\n", b"405"),
        (b"GET /etc/passwd HTTP/1.1\r\n\r\n", b"404"),
        (b"GET /health/live/../ready HTTP/1.1\r\n\r\n", b"404"),
        (b"GET /health/live?x=1 HTTP/1.0\r\n\r\n", b"200"),
        (b"\r\n\r\n", b"405"),
    ],
)
async def test_whatever_is_sent_is_answered_once_and_closed(octets: bytes, status: bytes) -> None:
    async with listening(Health("x")) as port:
        assert (await exchange(port, octets)).split(b" ")[1] == status


async def test_a_head_without_end_is_cut_off_and_the_next_is_heard() -> None:
    async with listening(Health("x")) as port:
        assert await exchange(port, b"GET /" + b"x" * 20_000) == b""
        assert (await ask(port, "/health/live"))[0] == 200


async def test_head_has_no_body() -> None:
    async with listening(Health("x")) as port:
        assert await ask(port, "/health/ready", "HEAD") == (200, b"")


async def test_clients_that_say_nothing_keep_nobody_from_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.operations.REQUEST_SECONDS", 3_600.0)
    async with listening(Health("x")) as port:
        silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2 * AT_ONCE)]
        async with asyncio.timeout(60):  # else it would wait for the silent ones
            assert (await ask(port, "/health/live"))[0] == 200
        for _, writer in silent:
            writer.close()


async def test_clients_that_do_not_read_keep_nobody_from_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    async def large() -> Answer:
        return Answer(HTTPStatus.OK, bytes(32 * 1024 * 1024), "text/plain")

    monkeypatch.setattr("services.operations.REQUEST_SECONDS", 3_600.0)
    async with listening(Health("x"), {"/large": large}) as port:
        deaf = [await asyncio.open_connection("127.0.0.1", port, limit=1) for _ in range(AT_ONCE)]
        for reader, writer in deaf:
            writer.write(b"GET /large HTTP/1.1\r\n\r\n")
            await reader.readexactly(1)
        async with asyncio.timeout(60):
            assert (await ask(port, "/health/live"))[0] == 200
        for _, writer in deaf:
            writer.transport.abort()


async def test_of_too_many_clients_the_one_that_waits_longest_is_cut_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("services.operations.REQUEST_SECONDS", 3_600.0)
    monkeypatch.setattr("services.operations.MOST_OPEN", 4)
    async with listening(Health("x")) as port:
        silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(4)]
        assert (await ask(port, "/health/live"))[0] == 200
        async with asyncio.timeout(60):
            assert await silent[0][0].read() == b""
        assert (await ask(port, "/health/live"))[0] == 200
        for _, writer in silent:
            writer.close()


async def test_time_for_a_request_counts_while_it_waits_for_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    never = asyncio.Event()

    async def stuck() -> Answer:
        await never.wait()
        return Answer(HTTPStatus.OK, b"")

    monkeypatch.setattr("services.operations.REQUEST_SECONDS", 0.5)
    async with listening(Health("x"), {"/stuck": stuck}) as port:
        asked = (exchange(port, b"GET /stuck HTTP/1.1\r\n\r\n") for _ in range(2 * AT_ONCE))
        answers = asyncio.gather(*asked)
        async with asyncio.timeout(60):
            assert set(await answers) == {b""}
