"""The level and age that an operation states."""

from dataclasses import replace
from datetime import timedelta

import pytest

from foundation.identity.challenges import StepUpRequired
from foundation.identity.principal import VerifiedSession
from foundation.identity.step_up import require
from tests.identity import world


async def session(**claims: object) -> VerifiedSession:
    return await world.verifier().verify(world.official_token(**claims), world.NOW)


async def test_equal_level_and_age_are_enough() -> None:
    signed_in = await session(auth_time=int(world.at(-900).timestamp()))
    require(signed_in, acr="aal2", max_age=timedelta(seconds=900), now=world.NOW)


async def test_higher_level_is_enough() -> None:
    require(await session(acr="aal3", amr=["pwd", "hwk"]), acr="aal2", max_age=None, now=world.NOW)


async def test_lower_level_is_refused_and_the_needed_one_named() -> None:
    with pytest.raises(StepUpRequired) as caught:
        require(await session(), acr="aal3", max_age=timedelta(minutes=15), now=world.NOW)
    assert caught.value.details == {"acrValues": "aal3", "maxAge": 900}


async def test_lower_level_is_challenged_as_rfc_9470_says() -> None:
    with pytest.raises(StepUpRequired) as caught:
        require(await session(), acr="aal3", max_age=timedelta(minutes=15), now=world.NOW)
    assert caught.value.www_authenticate == (
        'DPoP error="insufficient_user_authentication", '
        'error_description="a stronger or more recent sign-in is needed", '
        'acr_values="aal3", max_age="900", algs="ES256"'
    )


async def test_highest_level_by_name_without_a_passkey_is_refused() -> None:
    by_name = replace(await session(), acr="aal3")
    with pytest.raises(StepUpRequired) as caught:
        require(by_name, acr="aal3", max_age=None, now=world.NOW)
    assert caught.value.details == {"acrValues": "aal3", "maxAge": None}


async def test_old_sign_in_is_refused_though_its_level_is_enough() -> None:
    signed_in = await session(auth_time=int(world.at(-901).timestamp()))
    with pytest.raises(StepUpRequired) as caught:
        require(signed_in, acr="aal2", max_age=timedelta(seconds=900), now=world.NOW)
    assert (caught.value.code, caught.value.details) == (
        "identity.step_up_required",
        {"acrValues": "aal2", "maxAge": 900},
    )


async def test_age_is_counted_in_whole_seconds_as_keycloak_does() -> None:
    signed_in = await session(auth_time=int(world.at(-900).timestamp()))
    require(signed_in, acr="aal2", max_age=timedelta(seconds=900), now=world.at(0.9))


async def test_unknown_requirement_is_a_fault() -> None:
    with pytest.raises(KeyError):
        require(await session(), acr="aal9", max_age=None, now=world.NOW)
