"""A person's own sessions: seen, noted coarsely, ended at once here and asked of Keycloak."""

import json
from typing import Any

import asyncpg
import procrastinate
import pytest
from procrastinate.testing import InMemoryConnector

from foundation.database.connections import for_asyncpg
from foundation.database.database import Database
from foundation.identity import jose
from foundation.settings import AuditSettings, WorkerSettings
from services.housekeeping import register
from tests.backend.devices.rig import IPAD, IPHONE, DeviceApi, SignedIn, code_of
from tests.backend.world import POLICIES


def requests_of(api: DeviceApi) -> list[tuple[str, str, dict[str, Any]]]:
    """What the directory was asked: (operation, target, parameters) as the JWS says them."""
    found = []
    for operation, target, jws in api.rows(
        "SELECT operation, target, jws FROM directory.request ORDER BY operation, target"
    ):
        claims = jose.unverified_payload_of(jws)
        assert (claims["op"], claims["target"]) == (operation, target)
        found.append((operation, target, claims["params"]))
    return found


async def session_id(api: DeviceApi, person: SignedIn, of: SignedIn) -> str:
    """The public id of the session `of`, which `person` sees."""
    for node in await api.nodes(person, "Sessions", first=100):
        if node["device"]["id"] == of.thumbprint:
            return str(node["id"])
    raise LookupError


async def test_a_session_is_seen_by_its_owner(api: DeviceApi) -> None:
    lan = api.sign_in("lan", app=IPHONE)
    (node,) = await api.nodes(lan, "Sessions")
    shown = (node["level"], node["network"], node["current"], node["device"]["name"])
    assert shown == ("aal1", "UNKNOWN", True, "iPhone17,3")


async def test_sessions_are_listed_newest_first_with_the_one_that_asks_marked(api: DeviceApi) -> None:
    phone, tablet = api.sign_in("lan", "phone", app=IPHONE), api.sign_in("lan", "tablet", app=IPHONE)
    await api.ask(phone, "Viewer")
    nodes = await api.nodes(tablet, "Sessions")
    assert [(node["device"]["id"], node["current"]) for node in nodes] == [
        (tablet.thumbprint, True),
        (phone.thumbprint, False),
    ]


async def test_officials_see_their_own(api: DeviceApi) -> None:
    minh = api.sign_in("minh", app=IPAD)
    (node,) = await api.nodes(minh, "Sessions")
    assert (node["level"], node["device"]["app"], node["device"]["platform"]) == (
        "aal2",
        "ioc-ipad",
        "iPadOS 26.1",
    )


async def test_city_level_officials_see_their_own(api: DeviceApi) -> None:
    quang = api.sign_in("quang", app=IPAD)
    assert [node["current"] for node in await api.nodes(quang, "Sessions")] == [True]


async def test_pages_of_sessions_neither_skip_nor_repeat(api: DeviceApi) -> None:
    people = [api.sign_in("lan", f"device {number}") for number in range(5)]
    for person in people:
        await api.ask(person, "Viewer")
    seen, after = [], None
    for _ in range(3):
        page = await api.data(people[0], "Sessions", {"first": 2, "after": after})
        seen += [edge["node"]["device"]["id"] for edge in page["edges"]]
        after = page["pageInfo"]["endCursor"]
    assert seen == [person.thumbprint for person in reversed(people)]


async def test_public_id_of_a_session_is_not_keycloaks(api: DeviceApi) -> None:
    lan = api.sign_in("lan")
    answer = await api.ask(lan, "Sessions")
    assert lan.sid not in answer.text


async def test_a_session_keycloak_ended_is_no_longer_listed(api: DeviceApi) -> None:
    phone, tablet = api.sign_in("lan", "phone"), api.sign_in("lan", "tablet")
    await api.ask(phone, "Viewer")
    api.do(
        "INSERT INTO identity.session_end (event_id, iss, sid, sub, ended_at, cause)"
        " SELECT 'e', iss, sid, sub, now(), 'LOGOUT' FROM identity.session_seen WHERE sid = %s",
        phone.sid,
    )
    nodes = await api.nodes(tablet, "Sessions")
    assert [node["device"]["id"] for node in nodes] == [tablet.thumbprint]


async def test_sessions_of_a_realm_that_was_logged_out_are_no_longer_listed(api: DeviceApi) -> None:
    old, new = api.sign_in("lan", "phone", ago=600), api.sign_in("lan", "tablet", ago=60)
    await api.ask(old, "Viewer")
    api.do(
        "INSERT INTO identity.session_end (event_id, iss, ended_at, cause)"
        " SELECT 'e', iss, now() - interval '5 minutes', 'logout-all' FROM identity.session_seen"
    )
    nodes = await api.nodes(new, "Sessions")
    assert [node["device"]["id"] for node in nodes] == [new.thumbprint]


async def test_an_ended_session_is_refused_from_the_next_request_on(api: DeviceApi) -> None:
    phone, tablet = api.sign_in("lan", "phone"), api.sign_in("lan", "tablet")
    await api.ask(phone, "Viewer")
    ended = await api.change(tablet, "EndSession", session=await session_id(api, tablet, phone))
    refused = await api.ask(phone, "Viewer")
    assert (ended["__typename"], refused.status_code, code_of(refused)) == (
        "SessionEnded",
        401,
        "identity.session_ended",
    )


async def test_ending_one_session_leaves_the_others(api: DeviceApi) -> None:
    phone, tablet = api.sign_in("lan", "phone"), api.sign_in("lan", "tablet")
    await api.ask(phone, "Viewer")
    await api.change(tablet, "EndSession", session=await session_id(api, tablet, phone))
    assert (await api.ask(tablet, "Viewer")).status_code == 200


async def test_keycloak_is_asked_to_end_the_session_in_the_name_of_its_owner(api: DeviceApi) -> None:
    phone, tablet = api.sign_in("lan", "phone"), api.sign_in("lan", "tablet")
    await api.ask(phone, "Viewer")
    await api.change(tablet, "EndSession", session=await session_id(api, tablet, phone))
    assert requests_of(api) == [("session.end", phone.sid, {"realm": "citizens", "person": "lan"})]


async def test_an_end_is_an_event(api: DeviceApi) -> None:
    phone, tablet = api.sign_in("minh", "phone"), api.sign_in("minh", "tablet")
    await api.ask(phone, "Viewer")
    await api.change(tablet, "EndSession", session=await session_id(api, tablet, phone))
    (event,) = api.events("session.end")
    assert (event["unmapped"]["decision"], event["unmapped"]["policies"]) == (
        "allow",
        ["session-own-official"],
    )


async def test_all_sessions_but_this_one_end(api: DeviceApi) -> None:
    devices = [api.sign_in("lan", name) for name in ("phone", "tablet", "web")]
    for device in devices:
        await api.ask(device, "Viewer")
    await api.change(devices[0], "EndAllSessions", exceptThis=True)
    assert [(await api.ask(device, "Viewer")).status_code for device in devices] == [200, 401, 401]


async def test_all_sessions_end(api: DeviceApi) -> None:
    devices = [api.sign_in("lan", name) for name in ("phone", "tablet")]
    await api.ask(devices[1], "Viewer")
    await api.change(devices[0], "EndAllSessions", exceptThis=False)
    assert [(await api.ask(device, "Viewer")).status_code for device in devices] == [401, 401]


async def test_sessions_that_never_called_end_too(api: DeviceApi) -> None:
    known, unknown = api.sign_in("lan", "phone"), api.sign_in("lan", "tablet")
    await api.change(known, "EndAllSessions", exceptThis=True)
    assert code_of(await api.ask(unknown, "Viewer")) == "identity.session_ended"


async def test_somebody_elses_sessions_go_on(api: DeviceApi) -> None:
    lan, hung = api.sign_in("lan"), api.sign_in("hung")
    await api.ask(hung, "Viewer")
    await api.change(lan, "EndAllSessions", exceptThis=False)
    assert (await api.ask(hung, "Viewer")).status_code == 200


async def test_a_session_begun_afterwards_is_let_in(api: DeviceApi) -> None:
    phone = api.sign_in("lan", "phone")
    await api.change(phone, "EndAllSessions", exceptThis=False)
    later = api.sign_in("lan", "phone", ago=-2)
    assert (await api.ask(later, "Viewer")).status_code == 200


async def test_keycloak_is_asked_to_end_all_of_a_citizen_but_one(api: DeviceApi) -> None:
    lan = api.sign_in("lan")
    await api.change(lan, "EndAllSessions", exceptThis=True)
    ((citizen,),) = api.rows("SELECT id::text FROM citizens.citizen")
    expected = {"person": "lan", "except_session": lan.sid}
    assert requests_of(api) == [("citizen.end_sessions", citizen, expected)]


async def test_keycloak_is_asked_to_end_all_of_an_official_by_the_public_code(api: DeviceApi) -> None:
    minh = api.sign_in("minh")
    await api.change(minh, "EndAllSessions", exceptThis=False)
    ((code,),) = api.rows("SELECT code FROM tenancy.official WHERE subject = %s", minh.sub)
    assert requests_of(api) == [("official.end_sessions", code, {"person": minh.sub})]


async def test_city_level_officials_end_their_sessions(api: DeviceApi) -> None:
    phone, tablet = api.sign_in("quang", "phone"), api.sign_in("quang", "tablet")
    await api.ask(phone, "Viewer")
    await api.change(tablet, "EndAllSessions", exceptThis=True)
    assert code_of(await api.ask(phone, "Viewer")) == "identity.session_ended"


async def test_the_same_key_ends_once(api: DeviceApi) -> None:
    lan = api.sign_in("lan")
    for _ in range(2):
        await api.change(lan, "EndAllSessions", exceptThis=True, idempotencyKey="0123456789abcdef")
    assert len(requests_of(api)) == 1


async def test_without_a_way_to_the_directory_nothing_ends(api: DeviceApi, monkeypatch: Any) -> None:
    lan = api.sign_in("lan")
    await api.ask(lan, "Viewer")
    monkeypatch.setattr("foundation.directory_queue.DirectoryQueue.add", _broken)
    await api.ask(lan, "EndAllSessions", {"input": {"exceptThis": False, "idempotencyKey": "0" * 16}})
    assert (await api.ask(lan, "Viewer")).status_code == 200


async def _broken(*_: Any, **__: Any) -> None:
    raise RuntimeError("no way to the directory")


async def test_first_use_of_an_officials_device_is_an_event(api: DeviceApi) -> None:
    minh = api.sign_in("minh")
    await api.ask(minh, "Viewer")
    (event,) = api.events("device.add")
    assert event["unmapped"]["resource"] == f"device:{minh.thumbprint}"


async def test_a_citizens_device_is_not_in_the_log(api: DeviceApi) -> None:
    lan = api.sign_in("lan")
    await api.change(lan, "RenameDevice", device=lan.thumbprint, name="Máy của Lan")
    lines = api.rows("SELECT line FROM audit.event")
    assert not any(lan.thumbprint in line or "Máy của Lan" in line for (line,) in lines)


async def test_another_key_in_a_known_browser_session_is_a_session_of_its_own(api: DeviceApi) -> None:
    phone = api.sign_in("lan", "phone")
    other = api.sign_in("lan", "tablet")
    other.sid = phone.sid
    await api.ask(phone, "Viewer")
    nodes = await api.nodes(other, "Sessions")
    assert {node["device"]["id"] for node in nodes} == {phone.thumbprint, other.thumbprint}


async def statements(api: DeviceApi, person: SignedIn) -> list[str]:
    """Every statement of one request, as the api's connections send them."""
    sent: list[str] = []

    def keep(record: Any) -> None:
        sent.append(record.query)

    pool: Any = api.parts.database.pool
    # asyncpg's pool has no public way to its connections.
    holders = [holder._con for holder in pool._holders if holder._con is not None]
    for connection in holders:
        connection.add_query_logger(keep)
    try:
        await api.ask(person, "Viewer")
    finally:
        for connection in holders:
            connection.remove_query_logger(keep)
    return sent


async def test_uses_within_a_quarter_of_an_hour_are_one_round_trip_at_the_door(api: DeviceApi) -> None:
    lan = api.sign_in("lan")
    await api.ask(lan, "Viewer")
    sent = await statements(api, lan)
    assert [query for query in sent if "devices." in query or "identity." in query] == [
        "SELECT identity.admit($1, $2, $3, $4, $5, $6, $7)"
    ]


async def test_the_use_after_a_quarter_of_an_hour_is_one_statement_more(api: DeviceApi) -> None:
    lan = api.sign_in("lan")
    await api.ask(lan, "Viewer")
    api.do("UPDATE devices.session SET last_use_at = last_use_at - interval '16 minutes'")
    sent = await statements(api, lan)
    assert [query for query in sent if "devices." in query] == [
        "SELECT devices.touch($1, $2, $3, $4, $5, $6, $7)"
    ]


async def test_last_use_is_written_once_in_a_quarter_of_an_hour(api: DeviceApi) -> None:
    lan = api.sign_in("lan")
    await api.ask(lan, "Viewer")
    rows = "SELECT xmin::text, last_use_at FROM devices.session"
    before = api.rows(rows)
    for _ in range(5):
        await api.ask(lan, "Viewer")
    assert api.rows(rows) == before


async def test_network_is_told_as_its_kind_alone(api: DeviceApi) -> None:
    lan = api.sign_in("lan")
    await api.ask(lan, "Viewer", address="113.160.7.9")
    (node,) = await api.nodes(lan, "Sessions")
    stored = json.dumps(
        api.rows("SELECT row_to_json(s), row_to_json(d) FROM devices.session s, devices.device d")
    )
    assert (node["network"], "113.160" in stored) == ("INTERNET", False)


async def swept_by_the_worker(api: DeviceApi) -> None:
    """As each hour."""
    settings = WorkerSettings(
        environment="development",
        database=api.test_database.settings("backend_worker"),
        audit=AuditSettings(log="backend"),
        policies_folder=POLICIES,
    )
    app = procrastinate.App(connector=InMemoryConnector())
    database = Database(settings.database, api.parts.watched)
    register(app, settings, database, api.parts.watched, api.parts.clock)  # type: ignore[arg-type]  # counts nothing
    await app.tasks["housekeeping.forget"](0)
    await database.close()


async def test_sweeping_forgets_old_sessions_and_unused_devices_but_no_lost_one(api: DeviceApi) -> None:
    for name in ("old", "lost"):
        await api.ask(api.sign_in("lan", name), "Viewer")
    api.do("UPDATE devices.session SET first_use_at = first_use_at - interval '31 days'")
    api.do("UPDATE devices.device SET last_use_at = last_use_at - interval '366 days'")
    api.do("UPDATE devices.device SET lost_at = now() WHERE jkt = %s", api.key("lost").thumbprint())
    await swept_by_the_worker(api)
    found = api.rows("SELECT jkt FROM devices.device"), api.rows("SELECT id FROM devices.session")
    assert found == ([(api.key("lost").thumbprint(),)], [])


@pytest.mark.parametrize("role", ["backend_worker", "backend_directory", "backend_relay", "backend_feed"])
async def test_no_other_role_reads_devices(api: DeviceApi, role: str) -> None:
    connection = await asyncpg.connect(**_connect(api, role))
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.fetch("SELECT * FROM devices.device")
    finally:
        await connection.close()


def _connect(api: DeviceApi, role: str) -> dict[str, Any]:
    return for_asyncpg(api.test_database.settings(role))
