"""Fetching a realm's keys: kept, renewed, with a floor between fetches, and never trusted for ever."""

import pytest

from foundation.identity.challenges import IdentityUnavailable, TokenInvalid
from foundation.identity.realm_keys import FLOOR_SECONDS, FRESH_SECONDS, STALE_SECONDS, RealmKeys
from tests.identity import world


@pytest.fixture
def keycloak() -> world.Keycloak:
    return world.Keycloak()


@pytest.fixture
def ticker() -> world.Ticker:
    return world.Ticker()


@pytest.fixture
def keys(keycloak: world.Keycloak, ticker: world.Ticker) -> RealmKeys:
    return RealmKeys(world.OFFICIALS, keycloak.http(), ticker)


async def test_known_key_is_fetched_once(keys: RealmKeys, keycloak: world.Keycloak) -> None:
    first, second = await keys.key("o"), await keys.key("o")
    assert (first.thumbprint(), second.thumbprint()) == (world.REALM_KEY.thumbprint(),) * 2
    assert keycloak.key_fetches == 1


async def test_unknown_key_is_refused(keys: RealmKeys) -> None:
    with pytest.raises(TokenInvalid):
        await keys.key("x")


async def test_invented_key_ids_cause_one_fetch_within_the_floor(
    keys: RealmKeys, keycloak: world.Keycloak
) -> None:
    for kid in ("x", "y", "z"):
        with pytest.raises(TokenInvalid):
            await keys.key(kid)
    assert keycloak.key_fetches == 1


async def test_new_key_is_found_after_the_floor(
    keys: RealmKeys, keycloak: world.Keycloak, ticker: world.Ticker
) -> None:
    await keys.key("o")
    keycloak.keys.append({**world.THIEF.as_dict(private=False), "kid": "new", "use": "sig"})
    ticker.seconds += FLOOR_SECONDS
    assert (await keys.key("new")).thumbprint() == world.THIEF.thumbprint()


async def test_new_key_is_found_at_once_after_a_fetch_that_was_not_in_vain(
    keys: RealmKeys, keycloak: world.Keycloak
) -> None:
    await keys.key("o")
    keycloak.keys.append({**world.THIEF.as_dict(private=False), "kid": "new", "use": "sig"})
    assert (await keys.key("new")).thumbprint() == world.THIEF.thumbprint()


async def test_invented_key_ids_after_a_good_fetch_cause_one_more(
    keys: RealmKeys, keycloak: world.Keycloak
) -> None:
    await keys.key("o")
    for kid in ("x", "y", "z"):
        with pytest.raises(TokenInvalid):
            await keys.key(kid)
    assert keycloak.key_fetches == 2


async def test_withdrawn_key_is_refused_after_a_while(
    keys: RealmKeys, keycloak: world.Keycloak, ticker: world.Ticker
) -> None:
    await keys.key("o")
    keycloak.keys = [key for key in keycloak.keys if key["kid"] != "o"]
    ticker.seconds += FRESH_SECONDS + 1
    with pytest.raises(TokenInvalid):
        await keys.key("o")


async def test_kept_keys_serve_while_keycloak_is_away(
    keys: RealmKeys, keycloak: world.Keycloak, ticker: world.Ticker
) -> None:
    await keys.key("o")
    keycloak.away = True
    ticker.seconds += FRESH_SECONDS + 1
    assert (await keys.key("o")).thumbprint() == world.REALM_KEY.thumbprint()


async def test_kept_keys_do_not_serve_for_ever(
    keys: RealmKeys, keycloak: world.Keycloak, ticker: world.Ticker
) -> None:
    await keys.key("o")
    keycloak.away = True
    ticker.seconds += STALE_SECONDS + 1
    with pytest.raises(IdentityUnavailable):
        await keys.key("o")


async def test_keycloak_away_from_the_start_is_unavailable(keys: RealmKeys, keycloak: world.Keycloak) -> None:
    keycloak.away = True
    with pytest.raises(IdentityUnavailable) as caught:
        await keys.key("o")
    assert (caught.value.status, caught.value.code) == (503, "identity.unavailable")


async def test_keys_of_other_kinds_are_left_out(keys: RealmKeys, keycloak: world.Keycloak) -> None:
    keycloak.keys = [{**keycloak.keys[0], "use": "enc"}, {"kty": "RSA", "kid": "r", "use": "sig"}]
    with pytest.raises(TokenInvalid):
        await keys.key("o")
