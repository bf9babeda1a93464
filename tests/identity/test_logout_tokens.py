"""Keycloak's back-channel logout tokens."""

from typing import Any

import pytest

from foundation.identity.challenges import MalformedRequest
from foundation.identity.logout_tokens import LogoutTokenVerifier
from foundation.identity.revocation import SessionEnd
from tests.identity import world

EVENT = "http://schemas.openid.net/event/backchannel-logout"


def claims(**changes: Any) -> dict[str, Any]:
    issued = int(world.NOW.timestamp())
    whole = {
        "exp": issued + 120,
        "iat": issued,
        "jti": "a-logout",
        "iss": world.OFFICIALS,
        "aud": "ioc-ipad",
        "sub": "a-person",
        "typ": "Logout",
        "sid": "a-session",
        "events": {EVENT: {}},
    }
    return {name: value for name, value in {**whole, **changes}.items() if value is not None}


def token(header: dict[str, Any] | None = None, **changes: Any) -> str:
    return world.sign(claims(**changes), **{"typ": "logout+jwt", **(header or {})})


async def verified(logout_token: str) -> SessionEnd:
    keys = world.FixedKeys(c=world.OTHER_REALM_KEY), world.FixedKeys(o=world.REALM_KEY)
    return await LogoutTokenVerifier(world.settings(), *keys).verify(logout_token, world.NOW)


async def refused(logout_token: str) -> tuple[str, str | None]:
    with pytest.raises(MalformedRequest) as caught:
        await verified(logout_token)
    return caught.value.code, caught.value.missing


async def test_logout_token_names_the_session_that_ends() -> None:
    assert await verified(token()) == SessionEnd(
        event_id=f"logout:{world.OFFICIALS}:a-logout",
        iss=world.OFFICIALS,
        sid="a-session",
        sub="a-person",
        ended_at=world.NOW,
        cause="backchannel_logout",
    )


async def test_logout_token_without_session_ends_all_of_a_person() -> None:
    assert (await verified(token(sid=None))).sid is None


@pytest.mark.parametrize(
    ("logout_token", "missing"),
    [
        (token(header={"typ": "at+jwt"}), "not a logout token of an accepted issuer"),
        (token(iss="https://evil.test"), "not a logout token of an accepted issuer"),
        (world.sign(claims(), world.THIEF, typ="logout+jwt"), "the signature is not valid"),
        (world.forged({"alg": "none", "typ": "logout+jwt", "kid": "o"}, claims()), "alg must be ES256"),
        (token(aud="account"), "aud is not an accepted client"),
        (token(nonce="n"), "a logout token has no nonce"),
        (token(events=None), "events does not name back-channel logout"),
        (token(events={"other": {}}), "events does not name back-channel logout"),
        (token(exp=int(world.NOW.timestamp())), "the logout token is not current"),
        (token(iat=int(world.at(-301).timestamp())), "the logout token is not current"),
        (token(iat=None), "iat and exp are needed"),
        (token(jti=None), "jti is missing"),
        (token(sid=None, sub=None), "sid or sub is needed"),
        (token(sid=7), "sid or sub is needed"),
        ("x" * 8193, "the logout token is too long"),
    ],
)
async def test_logout_token_that_does_not_fit_is_refused(logout_token: str, missing: str) -> None:
    assert await refused(logout_token) == ("identity.malformed_request", missing)
