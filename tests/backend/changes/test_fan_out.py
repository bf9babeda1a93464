"""The fan-out: each feature follows each change, and one that fails keeps no other from it."""

from uuid import UUID

import procrastinate
import pytest
from procrastinate import testing

from backend.changes.jobs import FAN_OUT, ReactionsFailed, register
from foundation.identity.principal import SystemPrincipal
from foundation.ids import new_uuid

CHANGE = UUID("019a0000-0000-7000-8000-000000000001")


async def test_failing_feature_keeps_no_other_from_following_and_the_job_fails():
    followed: list[UUID] = []

    async def fails(_: SystemPrincipal, __: UUID) -> None:
        raise LookupError("no such change")

    async def follows(principal: SystemPrincipal, change_id: UUID) -> None:
        assert principal.name == "fan_out"
        followed.append(change_id)

    app = procrastinate.App(connector=testing.InMemoryConnector())
    register(app, {"fails": fails, "follows": follows}, new_uuid)
    with pytest.raises(ReactionsFailed, match="fails"):
        await app.tasks[FAN_OUT](change_id=str(CHANGE))
    assert followed == [CHANGE]
