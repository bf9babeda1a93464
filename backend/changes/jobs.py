"""The one fan-out job of a change: every feature that reacts to a report's change is told of it here.

Reports know none of the features that follow them. A reaction is given the change's id alone and changes
nothing when it is run again: after a failure of any, all are run again.
"""

from collections.abc import Awaitable, Callable, Mapping
from uuid import UUID

import procrastinate
import structlog

from foundation.database.retries import RETRY
from foundation.identity.principal import Origin, SystemPrincipal
from foundation.ids import NewId

FAN_OUT = "reports.fan_out"
NOWHERE = "0.0.0.0"  # noqa: S104 - a job has no network; nothing is bound to this

Reaction = Callable[[SystemPrincipal, UUID], Awaitable[None]]

log = structlog.get_logger()


class ReactionsFailed(Exception):
    """Some features could not follow a change; the job is tried again."""


def register(app: procrastinate.App, reactions: Mapping[str, Reaction], new_id: NewId) -> None:
    """Let the worker run the fan-out. `reactions` by the feature's name, run in this order."""

    @app.task(name=FAN_OUT, retry=RETRY)
    async def fan_out(change_id: str) -> None:
        failed = []
        for feature, react in reactions.items():
            principal = SystemPrincipal(Origin(str(new_id()), NOWHERE), "fan_out")
            try:
                await react(principal, UUID(change_id))
            except Exception:
                # One feature that fails keeps no other from following.
                log.exception("reaction_failed", feature=feature, change=change_id)
                failed.append(feature)
        if failed:
            raise ReactionsFailed(", ".join(failed))
