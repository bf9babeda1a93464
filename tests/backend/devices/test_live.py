"""Open connections end with their sessions, at once and whether or not anything is followed on them."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from backend.tenancy.service import TenancyService
from foundation.identity.authenticator import Authenticator
from graphql_schema.live import operations
from tests.backend.devices.rig import DeviceApi, SignedIn, serving
from tests.backend.devices.test_sessions import session_id
from tests.conftest import Database
from tests.graphql_schema.live_client import Socket

SUBSCRIPTION = {
    "id": "1",
    "type": "subscribe",
    "payload": {"query": "subscription { changes { kind } }", "variables": {}},
}


@pytest.fixture
async def api(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[DeviceApi]:
    """The api; Keycloak is not asked again, so that what ends a connection is the noted end alone."""
    monkeypatch.setattr(operations, "WATCH_SECONDS", 3_600.0)
    monkeypatch.setattr(operations, "SPREAD_SECONDS", 0.0)
    async with serving(database, tmp_path) as api:
        yield api


async def opened(api: DeviceApi, person: SignedIn, *, following: bool) -> Socket:
    """A connection that was let in."""
    socket = Socket(api.app)
    await socket.__aenter__()
    headers = person.headers("GET")
    payload = {"authorization": headers["authorization"], "dpop": headers["dpop"]}
    await socket.event()
    socket.say({"type": "connection_init", "payload": payload})
    assert (await socket.hear())["type"] == "connection_ack"
    if following:
        socket.say(SUBSCRIPTION)
    return socket


async def close_of(socket: Socket) -> tuple[Any, Any]:
    """Code and reason of what closed it."""
    event = await socket.event()
    while event["type"] != "websocket.close":
        event = await socket.event()
    await socket.__aexit__(None, None, None)
    return event["code"], event["reason"]


@pytest.mark.parametrize("following", [True, False])
@pytest.mark.parametrize("who", ["lan", "minh"])
async def test_connection_ends_with_its_session(api: DeviceApi, who: str, following: bool) -> None:
    phone, tablet = api.sign_in(who, "phone"), api.sign_in(who, "tablet")
    socket = await opened(api, phone, following=following)
    await api.change(tablet, "EndSession", session=await session_id(api, tablet, phone))
    assert await close_of(socket) == (4401, "identity.session_ended")


async def test_connection_ends_with_all_others(api: DeviceApi) -> None:
    phone, tablet = api.sign_in("lan", "phone"), api.sign_in("lan", "tablet")
    socket = await opened(api, phone, following=True)
    await api.change(tablet, "EndAllSessions", exceptThis=True)
    assert await close_of(socket) == (4401, "identity.session_ended")


async def test_connection_of_a_lost_device_ends(api: DeviceApi) -> None:
    phone, tablet = api.sign_in("lan", "phone"), api.sign_in("lan", "tablet")
    socket = await opened(api, phone, following=True)
    await api.change(tablet, "ReportLostDevice", device=phone.thumbprint)
    assert await close_of(socket) == (4401, "identity.session_ended")


async def test_the_session_that_was_kept_goes_on(api: DeviceApi) -> None:
    phone, tablet = api.sign_in("lan", "phone"), api.sign_in("lan", "tablet")
    kept, ended = await opened(api, tablet, following=True), await opened(api, phone, following=True)
    await api.change(tablet, "EndAllSessions", exceptThis=True)
    await close_of(ended)
    kept.say({"type": "ping"})
    assert (await kept.hear())["type"] == "pong"
    await kept.__aexit__(None, None, None)


async def test_what_is_remembered_of_keycloak_is_not_enough_for_a_connection(
    api: DeviceApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The session ends at Keycloak without a word to us, right after it was asked at the door."""
    monkeypatch.setattr(operations, "WATCH_SECONDS", 0.05)
    minh = api.sign_in("minh")
    socket = await opened(api, minh, following=False)
    # An answer is remembered for 5 s at the door: so many within the patience of this test are new ones.
    async with asyncio.timeout(60):
        while len(api.keycloak.introspections) < 5:  # noqa: ASYNC110 - the double has no event
            await asyncio.sleep(0.02)
    api.keycloak.ended.add(minh.sid)
    assert await close_of(socket) == (4401, "identity.session_ended")


async def test_keycloak_that_does_not_answer_in_time_ends_the_connection_and_not_the_session(
    api: DeviceApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    minh = api.sign_in("minh")
    monkeypatch.setattr(operations, "ANSWER_SECONDS", 0.05)
    monkeypatch.setattr(Authenticator, "stays", _for_ever)
    socket = await opened(api, minh, following=True)
    assert await close_of(socket) == (1012, "restart")


async def test_database_that_is_away_ends_the_connection_and_not_the_session(
    api: DeviceApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operations, "WATCH_SECONDS", 0.05)
    minh = api.sign_in("minh")
    socket = await opened(api, minh, following=True)
    with monkeypatch.context() as away:
        away.setattr(TenancyService, "principal_of", _away)
        assert await close_of(socket) == (1012, "restart")
    assert (await api.ask(minh, "Viewer")).status_code == 200


async def _away(*_: Any) -> None:
    raise ConnectionRefusedError


async def _for_ever(*_: Any) -> None:
    await asyncio.Event().wait()


def test_an_end_works_within_five_seconds_whatever_was_remembered() -> None:
    assert operations.WATCH_SECONDS + operations.ANSWER_SECONDS <= 5.0
