"""The keys that api and worker sign with are replaced while requests of the old ones still come."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from directory.errors import Forged
from foundation.directory_queue import LIFE, Operation
from stack.rotation import Rotation, Step
from tests.conftest import RunningStack
from tests.directory.rig import CITY, Office
from tests.identity.administration import Administration


def act(plan: list[Step]) -> None:
    for step in plan:
        step.act()


@pytest.fixture
async def city(keycloak: Administration) -> dict[str, Any]:
    """The city's organisation as it is: to put it there again changes nothing."""
    (found,) = await keycloak.get(f"hanoi-ioc/organizations?q=unit_code:{CITY}&briefRepresentation=false")
    return {"name": found["name"], "enabled": True}


async def test_old_key_is_taken_for_a_day_and_then_no_more(
    running_stack: RunningStack, office: Office, city: dict[str, Any]
) -> None:
    rotation, old = Rotation(running_stack.stack), office.key("worker")
    act(rotation.queue_keys())
    new = office.key("worker")
    for key in (old, new):
        await office.done(Operation.ORGANISATION_PUT, CITY, city, signer="worker", key=key)
    early = rotation.forget(datetime.now(UTC) + LIFE - timedelta(minutes=5))
    act(rotation.forget(datetime.now(UTC) + LIFE + timedelta(minutes=5)))
    refused = await office.refused(Operation.ORGANISATION_PUT, CITY, city, signer="worker", key=old)
    await office.done(Operation.ORGANISATION_PUT, CITY, city, signer="worker", key=new)
    assert old.thumbprint() != new.thumbprint()
    assert [step.words for step in early if "queue" in step.words] == []
    assert refused == Forged.code


@pytest.mark.parametrize(
    "done", [1, 3, 4], ids=["one key made", "one key in its place", "both in their places"]
)
async def test_plan_broken_off_leaves_everybody_heard(
    running_stack: RunningStack, office: Office, city: dict[str, Any], done: int
) -> None:
    """Then the machine starts again: each process takes what lies there."""
    rotation, before = Rotation(running_stack.stack), office.key("worker")
    act(rotation.queue_keys()[:done])
    running_stack.stack.services.write_settings()
    rotation.reloader("directory")()
    for key in (before, office.key("worker")):
        await office.done(Operation.ORGANISATION_PUT, CITY, city, signer="worker", key=key)
    # The api, whose old key is taken until `forget`, takes half a minute to follow itself.
    act([step for step in rotation.queue_keys() if step.words != "api uses it"])
    await office.done(Operation.ORGANISATION_PUT, CITY, city, signer="worker")
