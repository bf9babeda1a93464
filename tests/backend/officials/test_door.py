"""Officials through the door: real tokens, signed bodies, a real database; Keycloak is a double."""

import asyncio
import json
import secrets
import time
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from backend.changes.errors import SessionOver
from backend.tenancy.errors import NoDutyHere
from foundation.identity.body_proofs import digest_of
from foundation.identity.principal import OfficialPrincipal, Origin
from graphql_schema.transport import RequestParts
from tests.backend.devices.rig import CONTRACT, DeviceApi, SignedIn, code_of, serving
from tests.backend.world import HOAN_KIEM, OFFICIALS, connect
from tests.conftest import Database
from tests.identity import world

NEW = "00000000-0000-4000-8000-0000000000aa"


@pytest.fixture
async def api(database: Database, tmp_path: Path) -> AsyncIterator[DeviceApi]:
    """One process of the api."""
    async with serving(database, tmp_path) as api:
        yield api


def headers_of(person: SignedIn, body: bytes | None) -> dict[str, str]:
    """A token, and a proof that signs a body, or none."""
    token, url = person.token(), f"{world.PUBLIC_URL}/graphql"
    claims: dict[str, Any] = {} if body is None else {"digest": digest_of(body)}
    proof = world.proof(
        token, person.key, iat=int(time.time()), jti=str(uuid.uuid4()), htm="POST", htu=url, **claims
    )
    return {"authorization": f"DPoP {token}", "dpop": proof}


async def signed(
    api: DeviceApi, person: SignedIn, name: str, given: dict[str, Any], *, sign: bool = True
) -> dict[str, Any]:
    """The payload of a mutation whose body the device signs."""
    query = (CONTRACT / "operations" / f"{name}.graphql").read_text(encoding="utf-8")
    variables = {"input": {**given, "idempotencyKey": secrets.token_hex(16)}}
    # As httpx writes it: what is signed is what is sent.
    body = json.dumps(
        {"query": query, "variables": variables}, ensure_ascii=False, separators=(",", ":"), allow_nan=False
    ).encode()
    answer = await api.ask(None, name, variables, headers=headers_of(person, body if sign else None))
    (payload,) = answer.json()["data"].values()
    assert answer.request.content == body
    found: dict[str, Any] = payload
    return found


def code(api: DeviceApi, name: str) -> str:
    """The code of one of the seeded officials."""
    return str(api.rows("SELECT code FROM tenancy.official WHERE name = %s", f"Trần {name}")[0][0])


async def suspended(api: DeviceApi) -> None:
    """Nga suspends Minh."""
    given = {"code": code(api, "Văn Minh"), "expectedVersion": 1, "note": "QĐ 12"}
    payload = await signed(api, api.sign_in("nga"), "SuspendOfficial", given)
    assert payload["__typename"] == "OfficialChanged"


async def test_suspended_officials_session_is_dead_at_its_next_request(api: DeviceApi) -> None:
    minh = api.sign_in("minh")
    assert (await api.ask(minh, "Viewer")).status_code == 200
    await suspended(api)
    assert code_of(await api.ask(minh, "Viewer")) == "identity.session_ended"


async def test_suspended_official_does_not_come_in_with_a_new_session(api: DeviceApi) -> None:
    await suspended(api)
    assert code_of(await api.ask(api.sign_in("minh", ago=-1), "Viewer")) == "tenancy.no_duty"


async def test_live_connection_of_a_suspended_official_ends(api: DeviceApi) -> None:
    minh = api.sign_in("minh")
    headers = minh.headers()
    parts = RequestParts(
        method="POST",
        path="/graphql",
        authorization=(headers["authorization"],),
        dpop=(headers["dpop"],),
        forwarded_for=(),
        peer="203.0.113.7",
        language="vi",
        request_id="live",
    )
    principal = await api.gateway.authenticate(parts, Origin("live", "203.0.113.0"))
    assert isinstance(principal, OfficialPrincipal)
    async with api.parts.hub.subscribed(principal) as subscription:
        await suspended(api)
        with pytest.raises(SessionOver):
            async with asyncio.timeout(60):
                await subscription.next()
    with pytest.raises(NoDutyHere):
        await api.gateway.stays(parts, principal)


async def test_body_that_the_device_did_not_sign_suspends_nobody(api: DeviceApi) -> None:
    given = {"code": code(api, "Văn Minh"), "expectedVersion": 1, "note": "QĐ 12"}
    payload = await signed(api, api.sign_in("nga"), "SuspendOfficial", given, sign=False)
    assert payload["code"] == "identity.digest_required"
    assert api.rows("SELECT state FROM tenancy.official WHERE code = %s", given["code"]) == [("active",)]


async def test_invited_official_is_active_from_the_first_request_on(api: DeviceApi) -> None:
    invitation = {
        "unit": HOAN_KIEM, "username": "an.nguyen", "email": "an@example.vn", "familyName": "Nguyễn",
        "givenName": "An", "duties": [{"kind": "HANDLER", "unit": HOAN_KIEM}],
    }  # fmt: skip
    made = await signed(api, api.sign_in("yen"), "InviteOfficial", invitation)
    with connect(api.test_database.settings("backend_directory")) as directory:
        directory.execute("SELECT tenancy.official_created(%s, %s, %s)", (made["code"], OFFICIALS, NEW))
    an = SignedIn("minh", NEW, api.key("iPad of An"), secrets.token_urlsafe(18), int(time.time()) - 5)
    viewer = await api.data(an, "Viewer")
    assert [duty["kind"] for duty in viewer["duties"]] == ["handler"]
    assert api.rows("SELECT state, version FROM tenancy.official WHERE code = %s", made["code"]) == [
        ("active", 2)
    ]
    assert len(api.events("official.activate")) == 1


async def test_first_use_of_a_session_notes_the_day_and_no_other_request_does(api: DeviceApi) -> None:
    minh = api.sign_in("minh")
    await api.ask(minh, "Viewer")
    api.do("UPDATE tenancy.official SET last_active_day = NULL")
    await api.ask(minh, "Viewer")
    assert api.rows("SELECT count(last_active_day) FROM tenancy.official") == [(0,)]


async def test_old_sign_in_gives_nobody_a_duty(api: DeviceApi) -> None:
    given = {
        "code": code(api, "Văn Minh"), "expectedVersion": 1, "note": "x", "end": [],
        "give": [{"kind": "LEAD", "unit": HOAN_KIEM}], "idempotencyKey": secrets.token_hex(16),
    }  # fmt: skip
    answer = await api.ask(api.sign_in("nga", ago=901), "ChangeDuties", {"input": given})
    assert (answer.status_code, code_of(answer)) == (401, "identity.step_up_required")


async def test_list_through_the_contracts_document(api: DeviceApi) -> None:
    names = [row["name"] for row in await api.nodes(api.sign_in("yen"), "Officials", search="tran")]
    assert names == ["Trần Văn Minh", "Trần Thị Thảo", "Trần Hải Yến"]
