"""`factor.present`: a code for a class of content, ahead of the requests that need it."""

from collections.abc import Mapping
from typing import Any

from foundation.database.unit_of_work import UnitOfWork
from foundation.recording import Activity, AuditEvent
from vault.call.operations import Answer, Asked, InvalidRequest, Operation
from vault.second_factor.codes import code_of
from vault.second_factor.service import WINDOWS, SecondFactor

PRESENT = AuditEvent("vault.factor.present", activity=Activity.UPDATE)
_CLASSES = {class_.name.lower(): class_ for class_ in WINDOWS}
"""A code for `restricted` travels with its request; `internal` needs none."""


def operations(factor: SecondFactor) -> Mapping[str, Operation]:
    """What this feature offers."""

    async def present(asked: Asked, work: UnitOfWork) -> Answer:
        class_ = _CLASSES[asked.parameters["class"]]
        await factor.present(asked, work, class_, code_of(asked.parameters))
        await work.record(PRESENT)

        async def said() -> dict[str, Any]:
            return {"class": asked.parameters["class"], "until": (asked.at + WINDOWS[class_]).isoformat()}

        return said

    return {"factor.present": Operation(PRESENT, _check, present)}


def _check(parameters: dict[str, Any]) -> None:
    if parameters.keys() != {"class", "code"}:
        raise InvalidRequest
    class_ = parameters["class"]
    if not isinstance(class_, str) or class_ not in _CLASSES:
        raise InvalidRequest
    code_of(parameters)
