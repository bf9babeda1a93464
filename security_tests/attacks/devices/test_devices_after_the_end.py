"""Somebody who goes on after the end: replays, old tokens, blocked devices, ten thousand sessions."""

import re
import secrets
import time
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from backend.devices import sql
from foundation.database.connections import for_asyncpg
from tests.backend.devices.rig import IPHONE, DeviceApi, SignedIn, code_of
from tests.backend.devices.test_sessions import requests_of, session_id

MANY = 10_000
TEN_THOUSAND = """
WITH d AS (
  INSERT INTO devices.device
    (id, person, iss, sub, jkt, name, app, first_use_at, last_use_at, network)
  SELECT uuidv7(), o.person, o.iss, o.sub, rpad(n::text, 43, 'x'), 'x', 'x', now(), now(), 'unknown'
  FROM devices.device o, generate_series(1, %s) n RETURNING *)
INSERT INTO devices.session
  (id, device_id, person, iss, sid, sub, jkt, acr, started_at, first_use_at, last_use_at, network)
SELECT uuidv7(), d.id, d.person, d.iss, d.jkt, d.sub, d.jkt, 'aal1', now() - interval '1 minute', now(),
  now(), 'unknown' FROM d
"""


async def send(api: DeviceApi, headers: dict[str, str]) -> Any:
    """The same request with the very headers that were sent before."""
    return await api.ask(None, "Viewer", headers=headers)


async def test_request_of_an_ended_session_is_not_replayed(api: DeviceApi) -> None:
    phone, tablet = api.sign_in("lan", "phone"), api.sign_in("lan", "tablet")
    await api.ask(phone, "Viewer")
    unsent = phone.headers()
    await api.change(tablet, "EndSession", session=await session_id(api, tablet, phone))
    assert [code_of(await send(api, unsent)) for _ in range(2)] == [
        "identity.session_ended",
        "identity.proof_replayed",
    ]


async def test_mutation_is_not_replayed_to_end_a_later_session(api: DeviceApi) -> None:
    tablet, key = api.sign_in("lan", "tablet"), "0123456789abcdef"
    await api.change(tablet, "EndAllSessions", exceptThis=True, idempotencyKey=key)
    later = api.sign_in("lan", "phone", ago=-2)
    await api.ask(later, "Viewer")
    await api.change(tablet, "EndAllSessions", exceptThis=True, idempotencyKey=key)
    assert (await api.ask(later, "Viewer")).status_code == 200


async def test_new_token_of_an_ended_session_is_refused(api: DeviceApi) -> None:
    """A refresh that Keycloak answered before the directory came."""
    phone, tablet = api.sign_in("lan", "phone"), api.sign_in("lan", "tablet")
    await api.ask(phone, "Viewer")
    await api.change(tablet, "EndSession", session=await session_id(api, tablet, phone))
    phone.auth_time = int(time.time()) + 2
    assert code_of(await api.ask(phone, "Viewer")) == "identity.session_ended"


async def test_step_up_in_an_ended_session_does_not_revive_it(api: DeviceApi) -> None:
    phone, tablet = api.sign_in("lan", "phone"), api.sign_in("lan", "tablet")
    await api.ask(phone, "Viewer")
    await api.change(tablet, "EndAllSessions", exceptThis=True)
    phone.auth_time = int(time.time()) + 2
    assert code_of(await api.ask(phone, "Viewer")) == "identity.session_ended"


@pytest.mark.parametrize("who", ["lan", "minh"])
async def test_blocked_device_with_a_new_session_is_refused_everywhere(api: DeviceApi, who: str) -> None:
    phone, tablet = api.sign_in(who, "phone"), api.sign_in(who, "tablet")
    await api.ask(phone, "Viewer")
    await api.change(tablet, "ReportLostDevice", device=phone.thumbprint)
    later = api.sign_in(who, "phone", ago=-2)
    codes = [code_of(await api.ask(later, name)) for name in ("Viewer", "Sessions", "Devices", "Categories")]
    assert codes == ["identity.device_blocked"] * 4


async def test_blocked_device_does_not_end_its_owners_other_sessions(api: DeviceApi) -> None:
    phone, tablet = api.sign_in("lan", "phone"), api.sign_in("lan", "tablet")
    await api.ask(phone, "Viewer")
    await api.change(tablet, "ReportLostDevice", device=phone.thumbprint)
    thief = api.sign_in("lan", "phone", ago=-2)
    given = {"input": {"exceptThis": True, "idempotencyKey": secrets.token_hex(16)}}
    refused = await api.ask(thief, "EndAllSessions", given)
    assert (code_of(refused), (await api.ask(tablet, "Viewer")).status_code) == (
        "identity.device_blocked",
        200,
    )


async def test_session_of_a_blocked_device_is_of_no_use_with_another_key(api: DeviceApi) -> None:
    """The browser's session on the lost device gives tokens to whoever opens the app anew on it."""
    phone, tablet = api.sign_in("lan", "phone"), api.sign_in("lan", "tablet")
    await api.ask(phone, "Viewer")
    await api.change(tablet, "ReportLostDevice", device=phone.thumbprint)
    anew = SignedIn("lan", "lan", api.key("the app on the phone, installed anew"), phone.sid, phone.auth_time)
    told = {"realm": "citizens", "person": "lan"}
    assert (code_of(await api.ask(anew, "Viewer")), requests_of(api)) == (
        "identity.session_ended",
        [("session.end", phone.sid, told)],
    )


async def many_sessions(api: DeviceApi, person: SignedIn) -> None:
    """Ten thousand sessions on as many devices, all in use now."""
    await api.ask(person, "Viewer")
    api.do(TEN_THOUSAND, MANY)


async def test_ten_thousand_sessions_are_pages_of_the_same_work(api: DeviceApi) -> None:
    """Each page is a walk along one index: no sort, and no more rows than are shown."""
    lan = api.sign_in("lan")
    await many_sessions(api, lan)
    api.do("ANALYZE devices.session, devices.device")
    place = (
        "SELECT person, iss, first_use_at, id FROM devices.session"
        " ORDER BY first_use_at DESC, id DESC OFFSET 5000 LIMIT 1"
    )
    ((person, iss, at, row),) = api.rows(place)
    since = at - timedelta(hours=10)
    connection = await asyncpg.connect(**for_asyncpg(api.test_database.settings("backend_app")))
    try:
        async with connection.transaction():
            await connection.execute("SELECT set_config('ioc.subject', $1, true)", str(person))
            plans = [
                await connection.fetch(f"EXPLAIN ANALYZE {sql.SESSIONS}", person, "j", "s", since, iss, 21),
                await connection.fetch(
                    f"EXPLAIN ANALYZE {sql.SESSIONS_AFTER}", person, "j", "s", since, iss, at, row, 21
                ),
            ]
    finally:
        await connection.close()
    read = [rows_read(plan, "session_of_person") for plan in plans]
    assert read == [21, 21]


def rows_read(plan: list[asyncpg.Record], index: str) -> int:
    """How many rows the walk along an index gave."""
    (line,) = [line for (line,) in plan if index in line]
    return round(float(re.search(r"actual time=\S+ rows=([0-9.]+)", line)[1]))  # type: ignore[index]  # there


async def test_ten_thousand_sessions_end_as_one_and_are_one_request(api: DeviceApi) -> None:
    lan = api.sign_in("lan")
    await many_sessions(api, lan)
    await api.change(lan, "EndAllSessions", exceptThis=True)
    ended = api.rows("SELECT count(*) FROM identity.session_end"), len(requests_of(api))
    assert (ended, len(await api.nodes(lan, "Sessions", first=100))) == (([(1,)], 1), 1)


@pytest.mark.parametrize(
    "header",
    [
        f"{IPHONE}, {IPHONE}",
        "ihanoi-app/1.4.0 (iOS 26.1; '); DROP TABLE devices.device; --)",
        "ihanoi-app/1.4.0 (iOS 26.1; <img src=x onerror=alert(1)>)",
        "ihanoi-app/1.4.0 (iOS 26.1; {{7*7}})",
        f"ihanoi-app/1.4.0 (iOS 26.1; {'A' * 10_000})",
        "ioc-ipad/1.4.0 (iOS 26.1; iPhone17,3)",
    ],
)
async def test_what_is_no_header_of_an_app_reaches_no_row(api: DeviceApi, header: str) -> None:
    lan = api.sign_in("lan", app=header)
    answer = await api.ask(lan, "Viewer")
    assert (answer.status_code, code_of(answer), api.rows("SELECT * FROM devices.device")) == (
        400,
        "app.unreadable",
        [],
    )


async def test_an_app_that_is_too_old_is_told_so_before_its_token_is_looked_at(api: DeviceApi) -> None:
    answer = await api.ask(None, "Viewer", headers={"ioc-app": "ihanoi-app/0.9.9 (iOS 26.1; iPhone17,3)"})
    shown = answer.json()["errors"][0]["extensions"]
    assert (answer.status_code, shown["code"], shown["minimum"]) == (403, "app.too_old", "1.0.0")
