"""Zalo's events by Zalo's own signature, and the Open311 door."""

import hashlib
import json
import secrets
from datetime import timedelta
from urllib.parse import urlencode
from xml.etree.ElementTree import fromstring

import httpx
import pytest

from tests.backend.channels.rig import PHONE, Channels
from tests.backend.world import CITY, HOAN_KIEM, NOON, TEXT

APP = "4321234567890"
OA_SECRET = b"oaSecretKeyOfZalo123"
KEY = "k" * 43
FORM = {"content-type": "application/x-www-form-urlencoded"}


@pytest.fixture
def zalo(channels: Channels) -> Channels:
    """Zalo with the key that the OA's page shows."""
    channels.make("zalo", "zalo", app_id=APP, secret=OA_SECRET)
    return channels


async def event(channels: Channels, name: str = "user_send_text", **changes: object) -> httpx.Response:
    """An event as Zalo sends it."""
    stamp = str(int((NOON + changes.pop("off", timedelta())).timestamp() * 1_000))  # type: ignore[operator]
    secret = changes.pop("secret", OA_SECRET)
    said = {
        "app_id": APP,
        "sender": {"id": "246845883529197922"},
        "recipient": {"id": "388613280878808645"},
        "event_name": name,
        "message": {"text": TEXT, "msg_id": "96d3cdf3af150460909"},
        "timestamp": stamp,
        **changes,
    }
    body = json.dumps(said, ensure_ascii=False).encode()
    mac = hashlib.sha256(APP.encode() + body + stamp.encode() + secret).hexdigest()  # type: ignore[operator]
    return await channels.ask("POST", "/channels/zalo/zalo", body, {"x-zevent-signature": f"mac={mac}"})


async def test_text_to_the_official_account_becomes_a_report(zalo: Channels) -> None:
    answer = await event(zalo)
    assert (answer.status_code, answer.json()["outcome"], answer.json()["report"]["unit"]) == (
        200,
        "taken",
        CITY,
    )
    assert (await event(zalo)).json()["outcome"] == "repeated"
    assert "246845883529197922" not in str(
        zalo.rows("SELECT r::text, r.routing_reason FROM reports.report r")
    )


async def test_other_event_is_answered_and_forgotten(zalo: Channels) -> None:
    answer = await event(zalo, "follow")
    assert (answer.status_code, answer.json()) == (200, {"outcome": "ignored"})


async def test_event_with_another_key_is_refused(zalo: Channels) -> None:
    assert (await event(zalo, secret=b"other")).status_code == 401


async def test_event_of_another_app_is_refused(zalo: Channels) -> None:
    assert (await event(zalo, app_id="999999")).status_code == 401


async def test_event_that_zalo_sends_again_after_hours_is_heard(zalo: Channels) -> None:
    assert (await event(zalo, off=-timedelta(hours=12))).status_code == 200


@pytest.mark.parametrize("off", [-timedelta(hours=14), timedelta(minutes=6)])
async def test_event_of_another_time_is_refused(zalo: Channels, off: timedelta) -> None:
    answer = await event(zalo, off=off)
    assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (401, "webhook.clock")


async def test_text_that_can_not_be_taken_is_not_sent_for_hours(zalo: Channels) -> None:
    answer = await event(zalo, message={"text": "x" * 5_000, "msg_id": "m-2"})
    assert (answer.status_code, answer.json()["outcome"]) == (200, "refused")


@pytest.fixture
def door(channels: Channels) -> Channels:
    """A client of the Open311 door, and another one."""
    channels.add_client("app311", KEY)
    channels.add_client("other311", "o" * 43)
    return channels


def form(**changes: str) -> bytes:
    """A request as GeoReport v2 has it."""
    full = {
        "api_key": KEY,
        "service_code": "street_light",
        "lat": "21.0245",
        "long": "105.8516",
        "address_string": "Ngõ 12 phố Hàng Bài",
        "attribute[ward]": HOAN_KIEM,
        "description": TEXT,
        "phone": PHONE,
        "first_name": "Lan",
        "email": "lan@example.vn",
    }
    return urlencode({**full, **changes}).encode()


async def test_services_are_public_in_both_formats(door: Channels) -> None:
    shown = await door.ask("GET", "/open311/v2/services.json")
    assert {"service_code": "street_light", "metadata": True, "type": "realtime"}.items() <= shown.json()[
        0
    ].items()
    root = fromstring((await door.ask("GET", "/open311/v2/services.xml")).content)
    assert (root.tag, root[0].tag, root[0].findtext("service_code")) == (
        "services",
        "service",
        "street_light",
    )


async def test_definition_lists_the_wards(door: Channels) -> None:
    shown = (await door.ask("GET", "/open311/v2/services/road.json")).json()
    assert len(shown["attributes"][0]["values"]) == 126
    root = fromstring((await door.ask("GET", "/open311/v2/services/road.xml")).content)
    assert len(root.findall("./attributes/attribute/values/value")) == 126
    assert (await door.ask("GET", "/open311/v2/services/none.json")).status_code == 404


async def test_posted_request_is_a_report_that_its_client_can_follow(door: Channels) -> None:
    posted = await door.ask("POST", "/open311/v2/requests.json", form(), FORM)
    assert posted.status_code == 201, posted.text
    code = posted.json()[0]["service_request_id"]
    assert door.rows("SELECT u.code FROM reports.report r JOIN tenancy.unit u ON u.id = r.handler_id") == [
        (HOAN_KIEM,)
    ]
    one = await door.ask("GET", f"/open311/v2/requests/{code}.json?api_key={KEY}")
    assert (one.json()[0]["status"], one.json()[0]["service_code"]) == ("open", "street_light")
    assert TEXT not in one.text
    root = fromstring((await door.ask("GET", f"/open311/v2/requests.xml?api_key={KEY}")).content)
    assert [request.findtext("service_request_id") for request in root] == [code]


async def test_request_of_another_client_is_not_there(door: Channels) -> None:
    code = (await door.ask("POST", "/open311/v2/requests.json", form(), FORM)).json()[0]["service_request_id"]
    other = await door.ask("GET", f"/open311/v2/requests/{code}.json?api_key={'o' * 43}")
    assert other.status_code == 404
    assert (await door.ask("GET", f"/open311/v2/requests.json?api_key={'o' * 43}")).json() == []


async def test_same_idempotency_key_is_one_request(door: Channels) -> None:
    headers = {**FORM, "idempotency-key": secrets.token_hex(8)}
    first = await door.ask("POST", "/open311/v2/requests.json", form(), headers)
    again = await door.ask("POST", "/open311/v2/requests.json", form(), headers)
    assert first.json()[0]["service_request_id"] == again.json()[0]["service_request_id"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (form(api_key=""), 403),
        (form(api_key="x" * 43), 403),
        (form(description=" "), 400),
        (form(lat="nan"), 400),
        (form(lat="105.8", long="21.0"), 400),
        (form(phone="113"), 400),
        (form(description="a\0b"), 400),
        (form() + b"&lat=21", 400),
        (b"\xff\xfe", 400),
        (b"&".join(b"a%d=1" % n for n in range(100)), 400),
    ],
)
async def test_bad_request_is_answered_in_the_formats_of_the_standard(
    door: Channels, body: bytes, status: int
) -> None:
    answer = await door.ask("POST", "/open311/v2/requests.json", body, FORM)
    assert (answer.status_code, answer.json()[0]["code"]) == (status, status)
    root = fromstring((await door.ask("POST", "/open311/v2/requests.xml", body, FORM)).content)
    assert (root.tag, root[0].findtext("code")) == ("errors", str(status))
    assert door.rows("SELECT count(*) FROM reports.report") == [(0,)]


@pytest.mark.parametrize(
    "path",
    ["services", "services.txt", "requests", "v1/services.json", "", "v2/requests/x.json?api_key=" + KEY],
)
async def test_other_addresses_are_not_there(door: Channels, path: str) -> None:
    assert (await door.ask("GET", f"/open311/{path}")).status_code == 404
