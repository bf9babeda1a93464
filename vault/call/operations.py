"""What can be asked inside a request. So far: whether it opens."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from foundation.errors import Refusal
from foundation.identity.principal import OfficialPrincipal
from foundation.recording import Activity, AuditEvent


class InvalidRequest(Refusal):
    """What opened is no request of this contract. Said sealed."""

    code = "vault.invalid_request"
    vi = "Yêu cầu gửi kho dữ liệu không đúng định dạng. Hãy cập nhật ứng dụng."
    en = "The request to the vault is malformed. Please update the app."


class UnknownOperation(Refusal):
    """No such operation here. Said sealed."""

    code = "vault.unknown_operation"
    vi = "Kho dữ liệu không có thao tác này. Hãy cập nhật ứng dụng."
    en = "The vault has no such operation. Please update the app."


@dataclass(frozen=True, slots=True)
class Asked:
    """One call, opened: who asks, with which parameters, at which moment."""

    principal: OfficialPrincipal
    parameters: dict[str, Any]
    at: datetime


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation by its event, which is kept after `check` and before `run` reads anything."""

    intent: AuditEvent
    check: Callable[[dict[str, Any]], None]
    """Raises InvalidRequest for parameters that the operation does not have."""
    run: Callable[[Asked], Awaitable[dict[str, Any]]]


def none(parameters: dict[str, Any]) -> None:
    """Of an operation without parameters. Raises InvalidRequest."""
    if parameters:
        raise InvalidRequest


async def hello(asked: Asked) -> dict[str, Any]:
    """The way there and back: nothing is read, nothing kept but the event."""
    return {
        "hello": asked.principal.session.sid[:8],
        "at": asked.at.isoformat(),
        "request": asked.principal.origin.request_id,
    }


class Operations:
    """All of them, by name."""

    KNOWN: ClassVar[dict[str, Operation]] = {
        "hello": Operation(AuditEvent("vault.hello", activity=Activity.READ), none, hello)
    }

    def find(self, value: dict[str, Any]) -> tuple[Operation, dict[str, Any]]:
        """The operation that a request names, and its parameters. Raises InvalidRequest, UnknownOperation."""
        if value.keys() != {"operation", "parameters"}:
            raise InvalidRequest
        name, parameters = value["operation"], value["parameters"]
        if not isinstance(name, str) or not isinstance(parameters, dict):
            raise InvalidRequest
        operation = self.KNOWN.get(name)
        if operation is None:
            raise UnknownOperation
        return operation, parameters
