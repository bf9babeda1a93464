"""A person's own devices: seen, named, given up for ever."""

from datetime import timedelta

import pytest

from backend.devices.service import MOST_ONE_BY_ONE, checked_name
from foundation.errors import InvalidInput
from tests.backend.devices.rig import IPHONE, DeviceApi, code_of
from tests.backend.devices.test_sessions import requests_of


async def test_a_device_is_named_by_its_model_at_first(api: DeviceApi) -> None:
    lan = api.sign_in("lan", app=IPHONE)
    (node,) = await api.nodes(lan, "Devices")
    shown = (node["id"], node["name"], node["appVersion"], node["platform"], node["state"], node["current"])
    assert shown == (lan.thumbprint, "iPhone17,3", "1.4.0", "iOS 26.1", "ENROLLED", True)


async def test_a_device_whose_app_says_nothing_is_named_by_its_client(api: DeviceApi) -> None:
    (node,) = await api.nodes(api.sign_in("lan"), "Devices")
    assert (node["name"], node["appVersion"], node["platform"]) == ("ihanoi-app", None, None)


async def test_a_device_is_renamed(api: DeviceApi) -> None:
    lan = api.sign_in("lan", app=IPHONE)
    changed = await api.change(lan, "RenameDevice", device=lan.thumbprint, name="  Máy của mẹ Lan ")
    (node,) = await api.nodes(lan, "Devices")
    assert (changed["device"]["name"], node["name"]) == ("Máy của mẹ Lan", "Máy của mẹ Lan")


async def test_the_name_stays_when_the_app_is_updated(api: DeviceApi) -> None:
    lan = api.sign_in("lan", app=IPHONE)
    await api.change(lan, "RenameDevice", device=lan.thumbprint, name="Máy của mẹ")
    api.do("UPDATE devices.session SET last_use_at = last_use_at - interval '16 minutes'")
    lan.app = IPHONE.replace("1.4.0", "1.5.0")
    await api.ask(lan, "Viewer")
    (node,) = await api.nodes(lan, "Devices")
    assert (node["name"], node["appVersion"]) == ("Máy của mẹ", "1.5.0")


@pytest.mark.parametrize("name", ["", "   ", "x" * 61, "a\u202eb", "a\nb", "a\x00b", "\u200b"])
def test_a_name_that_can_not_be_shown_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        checked_name(name)
    assert caught.value.field == "name"


def test_a_name_has_one_form() -> None:
    assert checked_name("Ma\u0301y Đức") == "Máy Đức"


async def test_a_lost_device_is_refused_in_its_session(api: DeviceApi) -> None:
    phone, tablet = api.sign_in("lan", "phone"), api.sign_in("lan", "tablet")
    await api.ask(phone, "Viewer")
    changed = await api.change(tablet, "ReportLostDevice", device=phone.thumbprint)
    refused = await api.ask(phone, "Viewer")
    assert (changed["device"]["state"], refused.status_code, code_of(refused)) == (
        "LOST",
        401,
        "identity.device_blocked",
    )


async def test_a_lost_device_is_refused_in_a_new_session_too(api: DeviceApi) -> None:
    phone, tablet = api.sign_in("lan", "phone"), api.sign_in("lan", "tablet")
    await api.ask(phone, "Viewer")
    await api.change(tablet, "ReportLostDevice", device=phone.thumbprint)
    later = api.sign_in("lan", "phone", ago=-2)
    assert code_of(await api.ask(later, "Viewer")) == "identity.device_blocked"


async def test_it_is_refused_after_its_rows_and_ends_were_swept(api: DeviceApi) -> None:
    phone, tablet = api.sign_in("lan", "phone"), api.sign_in("lan", "tablet")
    await api.ask(phone, "Viewer")
    await api.change(tablet, "ReportLostDevice", device=phone.thumbprint)
    api.do("DELETE FROM identity.session_end")
    api.do("DELETE FROM devices.session")
    api.do("DELETE FROM devices.device")
    later = api.sign_in("lan", "phone", ago=-2)
    assert code_of(await api.ask(later, "Viewer")) == "identity.device_blocked"


async def test_other_devices_go_on(api: DeviceApi) -> None:
    phone, tablet = api.sign_in("lan", "phone"), api.sign_in("lan", "tablet")
    await api.ask(phone, "Viewer")
    await api.change(tablet, "ReportLostDevice", device=phone.thumbprint)
    assert (await api.ask(tablet, "Viewer")).status_code == 200


async def test_the_key_is_blocked_for_this_person_alone(api: DeviceApi) -> None:
    phone, tablet = api.sign_in("lan", "phone"), api.sign_in("lan", "tablet")
    await api.ask(phone, "Viewer")
    await api.change(tablet, "ReportLostDevice", device=phone.thumbprint)
    assert (await api.ask(api.sign_in("hung", "phone"), "Viewer")).status_code == 200


async def test_the_device_that_asks_may_be_given_up(api: DeviceApi) -> None:
    phone = api.sign_in("lan", "phone")
    await api.change(phone, "ReportLostDevice", device=phone.thumbprint)
    assert code_of(await api.ask(phone, "Viewer")) == "identity.device_blocked"


async def test_keycloak_is_asked_to_end_each_session_of_the_device(api: DeviceApi) -> None:
    sessions = [api.sign_in("lan", "phone") for _ in range(2)]
    tablet = api.sign_in("lan", "tablet")
    for session in sessions:
        await api.ask(session, "Viewer")
    await api.change(tablet, "ReportLostDevice", device=sessions[0].thumbprint)
    told = {"realm": "citizens", "person": "lan"}
    assert requests_of(api) == [("session.end", sid, told) for sid in sorted(s.sid for s in sessions)]


async def test_a_device_of_very_many_sessions_is_one_request(api: DeviceApi) -> None:
    phone, tablet = api.sign_in("lan", "phone"), api.sign_in("lan", "tablet")
    await api.ask(phone, "Viewer")
    api.do(
        "INSERT INTO devices.session SELECT uuidv7(), s.device_id, s.person, s.iss, 'sid' || n, s.sub, s.jkt,"
        " s.acr, s.started_at, s.first_use_at, s.last_use_at, s.network FROM devices.session s,"
        " generate_series(1, %s) n",
        MOST_ONE_BY_ONE,
    )
    await api.change(tablet, "ReportLostDevice", device=phone.thumbprint)
    assert [(operation, told) for operation, _, told in requests_of(api)] == [
        ("citizen.end_sessions", {"person": "lan", "except_session": tablet.sid})
    ]


async def test_reporting_it_again_changes_nothing(api: DeviceApi) -> None:
    phone, tablet = api.sign_in("lan", "phone"), api.sign_in("lan", "tablet")
    await api.ask(phone, "Viewer")
    for _ in range(2):
        await api.change(tablet, "ReportLostDevice", device=phone.thumbprint)
    assert (len(requests_of(api)), len(api.events("device.lost"))) == (1, 1)


async def test_a_lost_device_of_an_official_is_an_event_of_the_unit(api: DeviceApi) -> None:
    phone, tablet = api.sign_in("minh", "phone"), api.sign_in("minh", "tablet")
    await api.ask(phone, "Viewer")
    await api.change(tablet, "ReportLostDevice", device=phone.thumbprint)
    (event,) = api.events("device.lost")
    assert (event["unmapped"]["resource"], event["unmapped"]["unit"]) == (
        f"device:{phone.thumbprint}",
        "00070",
    )


async def test_its_sessions_are_no_longer_listed_and_the_device_is_lost(api: DeviceApi) -> None:
    phone, tablet = api.sign_in("lan", "phone"), api.sign_in("lan", "tablet")
    await api.ask(phone, "Viewer")
    await api.change(tablet, "ReportLostDevice", device=phone.thumbprint)
    sessions = [node["device"]["id"] for node in await api.nodes(tablet, "Sessions")]
    devices = [(node["id"], node["state"]) for node in await api.nodes(tablet, "Devices")]
    assert (sessions, devices) == (
        [tablet.thumbprint],
        [(tablet.thumbprint, "ENROLLED"), (phone.thumbprint, "LOST")],
    )


async def test_who_leaves_takes_sessions_and_devices_along(api: DeviceApi) -> None:
    lan, hung = api.sign_in("lan"), api.sign_in("hung")
    await api.ask(lan, "Viewer")
    await api.ask(hung, "Viewer")
    api.do("SELECT devices.forget_person(id) FROM citizens.citizen WHERE subject = 'lan'")
    assert api.rows(
        "SELECT d.sub, s.sub FROM devices.device d JOIN devices.session s ON s.device_id = d.id"
    ) == [("hung", "hung")]


async def test_moments_are_those_of_the_database_and_in_order(api: DeviceApi) -> None:
    await api.ask(api.sign_in("lan"), "Viewer")
    ((first, last, started),) = api.rows(
        "SELECT s.first_use_at, s.last_use_at, s.started_at FROM devices.session s"
    )
    assert timedelta(0) <= last - first < timedelta(minutes=1) <= first - started
