"""Administrators keep channels; the operator of the city sends again what did not arrive."""

import base64
from datetime import timedelta
from typing import Any

import pytest

from backend.administration.errors import CodeTaken
from backend.administration.service import AdministrationService
from backend.channels.addresses import AddressRefused, checked_url, target_of
from backend.channels.administration import ChannelService
from backend.channels.queries import ChannelQueries
from backend.channels.types import ChannelKind, NewChannel
from foundation.errors import Forbidden, InvalidInput, VersionConflict
from foundation.ids import new_uuid
from foundation.paging import PageRequest
from foundation.policy.engine import PolicyEngine
from tests.backend.channels.rig import Channels, data
from tests.backend.offices import OF_A_WARD, Office
from tests.backend.world import NOON, POLICIES, World, key


@pytest.fixture
def service(channels: Channels, world: World) -> ChannelService:
    """What administrators call."""
    policy = PolicyEngine.load(POLICIES)
    administration = AdministrationService(world.database, policy, world.clock, new_uuid)
    return ChannelService(administration, channels.seal, new_uuid)


@pytest.fixture
def queries(world: World) -> ChannelQueries:
    """What is read."""
    return ChannelQueries(world.database, PolicyEngine.load(POLICIES), world.clock)


def new(code: str = "ihanoi-call", **changes: Any) -> NewChannel:
    """A channel by Standard Webhooks."""
    full = {
        "kind": ChannelKind.WEBHOOK,
        "name": "Tổng đài",
        "callback_url": "https://hook.example.vn/x",
        "zalo_app_id": None,
        "secret": None,
    }
    return NewChannel(code, **{**full, **changes})


def octets(secret: str | None) -> bytes:
    """What stands behind a secret as it is shown."""
    assert secret is not None
    return base64.b64decode(secret.removeprefix("whsec_"))


async def test_made_channel_is_heard_by_its_secret(
    channels: Channels, service: ChannelService, office: Office
) -> None:
    done, made = await service.create(await office.administrator(), new(), key())
    assert (done.code, done.version) == ("ihanoi-call", 1)
    assert made.send != made.receive
    answer = await channels.send("ihanoi-call", "c-1", secret=octets(made.send))
    assert answer.status_code == 201
    wrong = await channels.send("ihanoi-call", "c-2", secret=octets(made.receive))
    assert wrong.status_code == 401


async def test_secret_is_shown_once_and_lies_nowhere(
    channels: Channels, service: ChannelService, office: Office
) -> None:
    who, once = await office.administrator(), key()
    _, made = await service.create(who, new(), once)
    done, again = await service.create(who, new(), once)
    assert (done.version, again.send, again.receive) == (1, None, None)
    kept = str(
        channels.rows(
            "SELECT (SELECT string_agg(h::text, '') FROM platform.history h),"
            " (SELECT string_agg(i::text, '') FROM platform.idempotency i),"
            " (SELECT string_agg(k::text, '') FROM channels.key k),"
            " (SELECT string_agg(line, '') FROM audit.event)"
        )
    )
    assert made.send is not None
    assert made.send not in kept
    assert octets(made.send).hex() not in kept


async def test_rotated_key_overlaps_and_a_stolen_one_ends_at_once(
    channels: Channels, service: ChannelService, office: Office
) -> None:
    who = await office.administrator()
    _, first = await service.create(who, new(), key())
    _, second = await service.rotate(who, "ihanoi-call", 1, "in", 24, None, key())
    for number, made in enumerate((first, second)):
        said = data(body=f"Lần {number}")
        assert (
            await channels.send("ihanoi-call", f"c-{number}", said, secret=octets(made.send))
        ).status_code == 201
    _, third = await service.rotate(who, "ihanoi-call", 2, "in", 0, None, key())
    channels.clock.advance(timedelta(seconds=1))
    channels.entry.doors._known.clear()
    for number, made in enumerate((first, second)):
        answer = await channels.send("ihanoi-call", f"d-{number}", secret=octets(made.send))
        assert answer.status_code == 401
    assert (await channels.send("ihanoi-call", "e-1", secret=octets(third.send))).status_code == 201


async def test_suspended_channel_is_not_heard_until_it_is_resumed(
    channels: Channels, service: ChannelService, office: Office
) -> None:
    who = await office.administrator()
    await service.suspend(who, "1022", 1, key())
    assert (await channels.send("1022", "c-1")).status_code == 403
    await service.resume(who, "1022", 2, key())
    channels.entry.doors._known.clear()
    assert (await channels.send("1022", "c-1")).status_code == 201


async def test_open311_client_gets_a_key_and_zalo_keeps_its_own(
    channels: Channels, service: ChannelService, office: Office
) -> None:
    who = await office.administrator()
    _, client = await service.create(who, new("client", kind=ChannelKind.OPEN311, callback_url=None), key())
    shown = await channels.ask("GET", f"/open311/v2/requests.json?api_key={client.send}")
    assert (shown.status_code, shown.json()) == (200, [])
    zalo = new("zalo", kind=ChannelKind.ZALO, zalo_app_id="4321234567890", secret="oaSecretKey123")
    _, made = await service.create(who, zalo, key())
    assert made.send is None


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"callback_url": "http://hook.example.vn/"}, "callbackUrl"),
        ({"callback_url": "https://localhost/"}, "callbackUrl"),
        ({"callback_url": "https://127.0.0.1/"}, "callbackUrl"),
        ({"callback_url": "https://10.0.0.5/"}, "callbackUrl"),
        ({"callback_url": "https://2130706433/"}, "callbackUrl"),
        ({"callback_url": "https://[::1]/"}, "callbackUrl"),
        ({"callback_url": "https://keycloak/"}, "callbackUrl"),
        ({"callback_url": "https://api.ioc.internal/"}, "callbackUrl"),
        ({"callback_url": "https://user:pass@hook.example.vn/"}, "callbackUrl"),
        ({"callback_url": "https://hook.example.vn\\@evil.vn/"}, "callbackUrl"),
        ({"callback_url": "https://hook.example.vn/#a"}, "callbackUrl"),
        ({"callback_url": "https://hook.example.vn:99999/"}, "callbackUrl"),
        ({"callback_url": "file:///etc/passwd"}, "callbackUrl"),
        ({"name": "\u202eđỏ"}, "name"),
        ({"secret": "mine"}, "secret"),
        ({"zalo_app_id": "12345"}, "zaloAppId"),
        ({"kind": ChannelKind.ZALO}, "zaloAppId"),
        ({"rate_amount": 0}, "rateAmount"),
        ({"rate_seconds": 86_401}, "rateSeconds"),
    ],
)
async def test_bad_channel_is_refused_by_name(
    service: ChannelService, office: Office, changes: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        await service.create(await office.administrator(), new(**changes), key())
    assert refused.value.field == field


async def test_taken_code_old_version_and_other_people_are_refused(
    service: ChannelService, queries: ChannelQueries, office: Office, world: World
) -> None:
    who = await office.administrator()
    with pytest.raises(CodeTaken):
        await service.create(who, new("1022"), key())
    with pytest.raises(VersionConflict):
        await service.suspend(who, "1022", 7, key())
    for other in (
        await world.official("minh"),
        await world.official("quang"),
        await office.administrator(OF_A_WARD, "00070"),
    ):
        with pytest.raises(Forbidden):
            await service.suspend(other, "1022", 1, key())
        with pytest.raises(Forbidden):
            await queries.channels(other)


async def test_administrator_sees_channels_without_secrets(
    channels: Channels, queries: ChannelQueries, office: Office
) -> None:
    found = await queries.channels(await office.administrator())
    assert [one.code for one in found] == ["1022", "portal"]
    assert {one.purpose for one in found[0].keys} == {"in", "out"}


async def test_operator_sends_again_what_was_given_up(
    channels: Channels, queries: ChannelQueries, world: World
) -> None:
    dead, sent = new_uuid(), new_uuid()
    with channels.superuser() as connection:
        for one, state in ((dead, "dead"), (sent, "sent")):
            connection.execute(
                "INSERT INTO channels.delivery (id, channel, external_id, change_id, report_code, version,"
                " step, report_state, unit_code, unit_name, changed_at, state, attempts, next_at, fault,"
                " ended_at) VALUES (%s, '1022', 'c-1', %s, '0123456789ABCDEF', 2, 'accepted', 'in_progress',"
                " '00070', 'x', %s, %s, 11, %s, 'http_503', %s)",
                (one, new_uuid(), NOON, state, NOON, NOON),
            )
    quang = await world.official("quang")
    page = await queries.dead(quang, PageRequest(10))
    assert [(one.id, one.fault) for one in page.items] == [(dead, "http_503")]
    once = key()
    assert await queries.resend(quang, [dead, sent], once) == 1
    assert await queries.resend(quang, [dead, sent], once) == 1
    assert channels.rows("SELECT state, attempts FROM channels.delivery ORDER BY id") == [
        ("waiting", 0),
        ("sent", 11),
    ]
    for other in ("minh", "phuong", "nga"):
        with pytest.raises(Forbidden):
            await queries.dead(await world.official(other), PageRequest(10))
        with pytest.raises(Forbidden):
            await queries.resend(await world.official(other), [dead], key())


@pytest.mark.parametrize(
    "address",
    ["10.1.2.3", "127.0.0.1", "169.254.169.254", "::1", "::ffff:10.0.0.1", "64:ff9b::a00:1", "fe80::1%eth0",
     "fc00::1", "0.0.0.0", "100.64.0.1", "224.0.0.1", "2002:a00:1::"],
)  # fmt: skip
async def test_name_that_leads_inside_is_refused(address: str) -> None:
    async def resolve(host: str, port: int) -> list[str]:
        return ["203.0.113.9" if host == "never" else "8.8.8.8", address]

    with pytest.raises(AddressRefused) as refused:
        await target_of("https://hook.example.vn/x", resolve)
    assert refused.value.fault == "private_address"


async def test_call_goes_to_the_address_that_was_looked_at() -> None:
    async def resolve(host: str, port: int) -> list[str]:
        return ["2001:4860:4860::8888", "8.8.8.8"]

    target = await target_of("https://hook.example.vn:8443/x?y=1", resolve)
    assert (target.url, target.host_header, target.server_name) == (
        "https://8.8.8.8:8443/x?y=1",
        "hook.example.vn:8443",
        "hook.example.vn",
    )
    assert checked_url("https://hook.example.vn/x") == "https://hook.example.vn/x"
