"""The whole door: headers, token, proof, replay, revocation, introspection, with the real database."""

from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from foundation.clock import FrozenClock
from foundation.identity.authenticator import Authenticator
from foundation.identity.challenges import IdentityRefusal
from foundation.identity.principal import VerifiedSession
from tests.conftest import Database
from tests.identity import world
from tests.identity.test_logout_tokens import token as logout_token
from tests.identity.test_revocation import pool_of


@pytest.fixture
def keycloak() -> world.Keycloak:
    return world.Keycloak()


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[asyncpg.Pool]:
    owner = await pool_of(database.settings(database.superuser))
    await owner.execute("INSERT INTO identity.proof_epoch (since) VALUES (now() - interval '1 hour')")
    await owner.close()
    pool = await pool_of(database.settings("backend_app"))
    yield pool
    await pool.close()


@pytest.fixture
async def door(pool: asyncpg.Pool, keycloak: world.Keycloak, tmp_path: Path) -> AsyncIterator[Authenticator]:
    clock = FrozenClock(world.NOW)
    authenticator = Authenticator(world.settings(tmp_path), pool, clock, keycloak.http())
    await authenticator.open()
    yield authenticator
    await authenticator.close()


async def knock(door: Authenticator, token: str, proof: str, path: str = "/graphql") -> VerifiedSession:
    return await door.authenticate("POST", path, [f"DPoP {token}"], [proof])


async def refused(door: Authenticator, token: str, proof: str, path: str = "/graphql") -> tuple[int, str]:
    with pytest.raises(IdentityRefusal) as caught:
        await knock(door, token, proof, path)
    return caught.value.status, caught.value.code


async def test_official_is_let_in_after_introspection(door: Authenticator, keycloak: world.Keycloak) -> None:
    token = world.official_token()
    session = await knock(door, token, world.proof(token))
    assert (session.organisation, session.unseen, len(keycloak.introspections)) == ("00070", True, 1)


async def test_citizen_is_let_in_without_introspection(door: Authenticator, keycloak: world.Keycloak) -> None:
    token = world.citizen_token()
    session = await knock(door, token, world.proof(token))
    assert (session.organisation, session.unseen, len(keycloak.introspections)) == (None, True, 0)


async def test_replayed_proof_is_refused(door: Authenticator) -> None:
    token = world.official_token()
    await knock(door, token, world.proof(token))
    assert await refused(door, token, world.proof(token)) == (401, "identity.proof_replayed")


async def test_proof_is_used_up_by_a_request_that_is_refused_later(
    door: Authenticator, keycloak: world.Keycloak
) -> None:
    token = world.official_token()
    keycloak.active = False
    await refused(door, token, world.proof(token))
    keycloak.active = True
    assert await refused(door, token, world.proof(token)) == (401, "identity.proof_replayed")


async def test_proof_for_another_path_is_refused(door: Authenticator) -> None:
    token = world.official_token()
    assert await refused(door, token, world.proof(token), "/other") == (401, "identity.proof_invalid")


async def test_ended_official_is_refused(door: Authenticator, keycloak: world.Keycloak) -> None:
    keycloak.active = False
    token = world.official_token()
    assert await refused(door, token, world.proof(token)) == (401, "identity.session_ended")


async def test_session_that_keycloak_denied_stays_dead_when_keycloak_revives_it(
    door: Authenticator, keycloak: world.Keycloak
) -> None:
    token = world.official_token()
    keycloak.active = False
    await refused(door, token, world.proof(token))
    keycloak.active = True
    assert await refused(door, token, world.proof(token, jti="2")) == (401, "identity.session_ended")


async def test_token_that_expires_on_the_way_to_keycloak_ends_no_session(
    door: Authenticator, keycloak: world.Keycloak
) -> None:
    expiring = world.official_token(exp=int(world.NOW.timestamp()) + 10)
    keycloak.active = False
    await refused(door, expiring, world.proof(expiring))
    keycloak.active = True
    renewed = world.official_token(jti="onrtrt:2")
    session = await knock(door, renewed, world.proof(renewed, jti="2"))
    assert session.sid == world.official_claims()["sid"]


async def test_official_is_refused_while_keycloak_is_away(
    door: Authenticator, keycloak: world.Keycloak
) -> None:
    token = world.official_token()
    await knock(door, token, world.proof(token))
    keycloak.away = True
    other = world.official_token(jti="onrtrt:2")
    assert await refused(door, other, world.proof(other, jti="another")) == (503, "identity.unavailable")


async def test_back_channel_logout_ends_the_session_at_once(door: Authenticator) -> None:
    token = world.official_token()
    await knock(door, token, world.proof(token))
    await door.end_session(logout_token(sid=world.official_claims()["sid"], sub=None))
    assert await refused(door, token, world.proof(token, jti="another")) == (401, "identity.session_ended")


async def test_refusal_uses_no_proof_up_before_the_token_is_verified(
    door: Authenticator, pool: asyncpg.Pool, database: Database
) -> None:
    token = world.sign(world.official_claims(), world.THIEF)
    await refused(door, token, world.proof(token))
    owner = await pool_of(database.settings(database.superuser))
    remembered = await owner.fetchval("SELECT count(*) FROM identity.proof_replay")
    await owner.close()
    assert remembered == 0
