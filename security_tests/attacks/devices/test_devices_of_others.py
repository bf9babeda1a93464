"""Somebody who wants to see, end or block what is another person's."""

import asyncpg
import pytest

from foundation.database.connections import for_asyncpg
from tests.backend.devices.rig import DeviceApi, SignedIn
from tests.backend.devices.test_sessions import requests_of, session_id

PAIRS = [("lan", "hung"), ("minh", "thao"), ("lan", "quang"), ("quang", "minh")]
"""(whose, who attacks): citizens, officials of one unit, across realms, the city's operator both ways."""


async def both(api: DeviceApi, whose: str, who: str) -> tuple[SignedIn, SignedIn]:
    """Two people who have called."""
    victim, attacker = api.sign_in(whose), api.sign_in(who)
    await api.ask(victim, "Viewer")
    await api.ask(attacker, "Viewer")
    return victim, attacker


async def untouched(api: DeviceApi, victim: SignedIn) -> bool:
    """Whether nothing was asked of the directory and the victim goes on."""
    return (requests_of(api), (await api.ask(victim, "Viewer")).status_code) == ([], 200)


@pytest.mark.parametrize(("whose", "who"), PAIRS)
async def test_sessions_and_devices_of_others_are_not_listed(api: DeviceApi, whose: str, who: str) -> None:
    _, attacker = await both(api, whose, who)
    sessions = [node["device"]["id"] for node in await api.nodes(attacker, "Sessions")]
    devices = [node["id"] for node in await api.nodes(attacker, "Devices")]
    assert (sessions, devices) == ([attacker.thumbprint], [attacker.thumbprint])


@pytest.mark.parametrize(("whose", "who"), PAIRS)
async def test_session_of_another_is_not_ended(api: DeviceApi, whose: str, who: str) -> None:
    victim, attacker = await both(api, whose, who)
    stolen = await session_id(api, victim, victim)
    answer = await api.change(attacker, "EndSession", session=stolen)
    assert (answer["code"], await untouched(api, victim)) == ("common.not_found", True)


@pytest.mark.parametrize(("whose", "who"), PAIRS)
async def test_device_of_another_is_not_blocked(api: DeviceApi, whose: str, who: str) -> None:
    victim, attacker = await both(api, whose, who)
    answer = await api.change(attacker, "ReportLostDevice", device=victim.thumbprint)
    assert (answer["code"], await untouched(api, victim)) == ("common.not_found", True)


@pytest.mark.parametrize(("whose", "who"), PAIRS)
async def test_device_of_another_is_not_renamed(api: DeviceApi, whose: str, who: str) -> None:
    victim, attacker = await both(api, whose, who)
    answer = await api.change(attacker, "RenameDevice", device=victim.thumbprint, name="của tôi")
    names = api.rows("SELECT count(*) FROM devices.device WHERE name = 'của tôi'")
    assert (answer["code"], names) == ("common.not_found", [(0,)])


async def test_absent_and_hidden_look_the_same(api: DeviceApi) -> None:
    victim, attacker = await both(api, "lan", "hung")
    hidden = await api.change(attacker, "ReportLostDevice", device=victim.thumbprint)
    absent = await api.change(attacker, "ReportLostDevice", device="A" * 43)
    assert hidden == absent


async def test_trying_is_recorded(api: DeviceApi) -> None:
    victim, attacker = await both(api, "lan", "hung")
    await api.change(attacker, "EndSession", session=await session_id(api, victim, victim))
    (event,) = api.events("session.end")
    assert event["unmapped"]["decision"] == "deny"


@pytest.mark.parametrize("device", ["", "x", "A" * 42, "A" * 44, "A" * 42 + "\0", "' OR 1=1 --", "é" * 43])
async def test_what_can_be_no_device_is_not_found(api: DeviceApi, device: str) -> None:
    answer = await api.change(api.sign_in("lan"), "ReportLostDevice", device=device)
    assert answer["code"] == "common.not_found"


async def test_keycloaks_own_session_id_is_no_public_one(api: DeviceApi) -> None:
    victim, attacker = await both(api, "lan", "hung")
    answer = await api.change(attacker, "EndSession", session=victim.sid)
    assert (answer["code"], await untouched(api, victim)) == ("common.invalid_input", True)


async def test_one_device_of_two_people_shows_each_the_own_row(api: DeviceApi) -> None:
    """A family's tablet: one key, two accounts."""
    lan, hung = api.sign_in("lan", "tablet"), api.sign_in("hung", "tablet")
    await api.ask(lan, "Viewer")
    await api.change(hung, "RenameDevice", device=hung.thumbprint, name="Máy của Hùng")
    (device,) = await api.nodes(lan, "Devices")
    assert device["name"] == "ihanoi-app"


READS: dict[str, str] = {
    "devices": "SELECT count(*) FROM devices.device WHERE person <> $1",
    "sessions": "SELECT count(*) FROM devices.session WHERE person <> $1",
}


@pytest.mark.parametrize("table", READS)
@pytest.mark.parametrize("role", ["backend_app", "backend_city"])
async def test_a_forgotten_where_shows_nobody_elses_rows(api: DeviceApi, table: str, role: str) -> None:
    await both(api, "lan", "hung")
    ((person,),) = api.rows("SELECT id FROM citizens.citizen WHERE subject = 'lan'")
    connection = await asyncpg.connect(**for_asyncpg(api.test_database.settings("backend_app")))
    try:
        async with connection.transaction():
            await connection.execute(f"SET LOCAL ROLE {role}")
            await connection.execute("SELECT set_config('ioc.subject', $1, true)", str(person))
            found = await connection.fetchval(READS[table], person)
    finally:
        await connection.close()
    assert found == 0


WRITES = [
    "DELETE FROM devices.device",
    "DELETE FROM devices.session",
    "DELETE FROM identity.blocked_key",
    "SELECT * FROM identity.blocked_key",
    "UPDATE identity.blocked_key SET sub = 'x'",
    "UPDATE devices.session SET ended_at = NULL",
    "UPDATE devices.session SET person = NULL",
    "UPDATE devices.device SET jkt = 'x'",
    "SELECT devices.sweep()",
    "SELECT devices.end_rows()",
]


@pytest.mark.parametrize("statement", WRITES)
async def test_the_api_can_not_take_back_a_block_or_an_end(api: DeviceApi, statement: str) -> None:
    connection = await asyncpg.connect(**for_asyncpg(api.test_database.settings("backend_app")))
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)
    finally:
        await connection.close()
