"""`factor.issue`: an enrolled device's factor, said once. `factor.present`: a code for a class of content."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from foundation.database.unit_of_work import UnitOfWork
from foundation.recording import Activity, AuditEvent
from vault.call.operations import Answer, Asked, InvalidRequest, Operation, none
from vault.second_factor.codes import code_of
from vault.second_factor.errors import FactorMissing
from vault.second_factor.service import WINDOWS, SecondFactor

ISSUE = AuditEvent("vault.factor.issue", activity=Activity.CREATE)
PRESENT = AuditEvent("vault.factor.present", activity=Activity.UPDATE)
_CLASSES = {class_.name.lower(): class_ for class_ in WINDOWS}
"""A code for `restricted` travels with its request; `internal` needs none."""


Enrolled = Callable[[AsyncConnection, str, str, datetime], Awaitable[bool]]
"""Whether the register has the device `jkt` as that of `sub`, in force at a moment."""


def operations(factor: SecondFactor, enrolled: Enrolled) -> Mapping[str, Operation]:
    """What this feature offers."""

    async def issue(asked: Asked, work: UnitOfWork) -> Answer:
        session = asked.principal.session
        if not await enrolled(work.connection, session.sub, session.jkt, asked.at):
            raise FactorMissing
        uri = await factor.issue_first(asked, work)

        async def said() -> dict[str, Any]:
            return {"uri": uri}

        return said

    async def present(asked: Asked, work: UnitOfWork) -> Answer:
        class_ = _CLASSES[asked.parameters["class"]]
        await factor.present(asked, work, class_, code_of(asked.parameters))
        await work.record(PRESENT)

        async def said() -> dict[str, Any]:
            return {"class": asked.parameters["class"], "until": (asked.at + WINDOWS[class_]).isoformat()}

        return said

    return {
        "factor.issue": Operation(ISSUE, none, issue),
        "factor.present": Operation(PRESENT, _check, present),
    }


def _check(parameters: dict[str, Any]) -> None:
    if parameters.keys() != {"class", "code"}:
        raise InvalidRequest
    class_ = parameters["class"]
    if not isinstance(class_, str) or class_ not in _CLASSES:
        raise InvalidRequest
    code_of(parameters)
