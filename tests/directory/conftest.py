"""The directory of the running stack, with the officers who ask and Keycloak's administrator who looks."""

from collections.abc import AsyncIterator

import pytest

from cli.client import IocClient
from tests.conftest import RunningStack
from tests.directory.rig import Office
from tests.identity.administration import Administration


@pytest.fixture(scope="session")
async def office(running_stack: RunningStack) -> AsyncIterator[Office]:
    """Asks the directory."""
    office = Office(running_stack)
    yield office
    await office.close()


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


@pytest.fixture
async def keycloak(running_stack: RunningStack) -> AsyncIterator[Administration]:
    """Keycloak's administrator, whose token lives a minute."""
    async with Administration(running_stack) as administration:
        yield administration
