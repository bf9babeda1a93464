"""Asking Keycloak about officials' sessions: remembered a few seconds, refused without an answer."""

import asyncio
from pathlib import Path

import pytest
from joserfc import jwt

from foundation.clock import FrozenClock
from foundation.identity.challenges import IdentityUnavailable, SessionEnded
from foundation.identity.client_assertion import ClientAssertion
from foundation.identity.introspection import Introspector
from foundation.identity.principal import VerifiedSession
from tests.identity import world

TOKEN = world.official_token()


@pytest.fixture
def keycloak() -> world.Keycloak:
    return world.Keycloak()


@pytest.fixture
def ticker() -> world.Ticker:
    return world.Ticker()


@pytest.fixture
def introspector(keycloak: world.Keycloak, ticker: world.Ticker, tmp_path: Path) -> Introspector:
    return Introspector(
        issuer=world.OFFICIALS,
        assertion=ClientAssertion(world.settings(tmp_path).introspection),
        http=keycloak.http(),
        clock=FrozenClock(world.NOW),
        remember_seconds=5.0,
        monotonic=ticker,
    )


@pytest.fixture
async def session() -> VerifiedSession:
    return await world.verifier().verify(TOKEN, world.NOW)


async def test_living_session_is_asked_about_once_in_five_seconds(
    introspector: Introspector, keycloak: world.Keycloak, ticker: world.Ticker, session: VerifiedSession
) -> None:
    await introspector.confirm(TOKEN, session)
    ticker.seconds += 4.9
    await introspector.confirm(TOKEN, session)
    assert len(keycloak.introspections) == 1


async def test_ended_session_is_refused_after_five_seconds(
    introspector: Introspector, keycloak: world.Keycloak, ticker: world.Ticker, session: VerifiedSession
) -> None:
    await introspector.confirm(TOKEN, session)
    keycloak.active = False
    ticker.seconds += 5
    with pytest.raises(SessionEnded):
        await introspector.confirm(TOKEN, session)


@pytest.mark.parametrize("active", [False, None, "true", 1])
async def test_answer_that_does_not_say_active_is_refused(
    introspector: Introspector, keycloak: world.Keycloak, session: VerifiedSession, active: object
) -> None:
    keycloak.session["active"] = active
    with pytest.raises(SessionEnded):
        await introspector.confirm(TOKEN, session)


async def test_requests_at_once_ask_once(
    introspector: Introspector, keycloak: world.Keycloak, session: VerifiedSession
) -> None:
    await asyncio.gather(*(introspector.confirm(TOKEN, session) for _ in range(8)))
    assert len(keycloak.introspections) == 1


async def test_keycloak_away_refuses(
    introspector: Introspector, keycloak: world.Keycloak, session: VerifiedSession
) -> None:
    keycloak.away = True
    with pytest.raises(IdentityUnavailable) as caught:
        await introspector.confirm(TOKEN, session)
    assert (caught.value.status, caught.value.code, caught.value.www_authenticate) == (
        503,
        "identity.unavailable",
        None,
    )


async def test_keycloak_away_refuses_once_the_memory_is_over(
    introspector: Introspector, keycloak: world.Keycloak, ticker: world.Ticker, session: VerifiedSession
) -> None:
    await introspector.confirm(TOKEN, session)
    keycloak.away = True
    ticker.seconds += 5
    with pytest.raises(IdentityUnavailable):
        await introspector.confirm(TOKEN, session)


@pytest.mark.parametrize("claim", ["sub", "sid"])
async def test_answer_about_somebody_else_is_refused(
    introspector: Introspector, keycloak: world.Keycloak, session: VerifiedSession, claim: str
) -> None:
    keycloak.session[claim] = "somebody-else"
    with pytest.raises(SessionEnded):
        await introspector.confirm(TOKEN, session)


async def test_client_proves_itself_with_its_own_key(
    introspector: Introspector, keycloak: world.Keycloak, session: VerifiedSession
) -> None:
    await introspector.confirm(TOKEN, session)
    sent = jwt.decode(keycloak.introspections[0]["client_assertion"], world.CLIENT_KEY, algorithms=["ES256"])
    assert {name: sent.claims[name] for name in ("iss", "sub", "aud")} == {
        "iss": "ioc-backend",
        "sub": "ioc-backend",
        "aud": world.OFFICIALS,
    }
