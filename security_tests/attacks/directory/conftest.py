"""The directory of the running stack, for whoever has the api's key and role, or an officer's words."""

from collections.abc import AsyncIterator

import pytest

from cli.client import IocClient
from security_tests.attacks.directory.thief import Thief
from tests.conftest import RunningStack
from tests.identity.administration import Administration


@pytest.fixture(scope="session")
async def thief(running_stack: RunningStack) -> AsyncIterator[Thief]:
    """Has everything that the api has."""
    thief = Thief(running_stack)
    yield thief
    await thief.close()


@pytest.fixture(scope="session")
async def yen(running_stack: RunningStack) -> AsyncIterator[IocClient]:
    """Administers the people of Hoàn Kiếm."""
    async with running_stack.client("yen") as client:
        yield client


@pytest.fixture(scope="session")
async def nga(running_stack: RunningStack) -> AsyncIterator[IocClient]:
    """Administers the people of the city."""
    async with running_stack.client("nga") as client:
        yield client


@pytest.fixture(scope="session")
async def minh(running_stack: RunningStack) -> AsyncIterator[IocClient]:
    """Handles reports in Hoàn Kiếm and administers nobody."""
    async with running_stack.client("minh") as client:
        yield client


@pytest.fixture
async def keycloak(running_stack: RunningStack) -> AsyncIterator[Administration]:
    """Keycloak's administrator, whose token lives a minute."""
    async with Administration(running_stack) as administration:
        yield administration
