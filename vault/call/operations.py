"""What can be asked inside a request: each feature offers operations by name."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from foundation.database.unit_of_work import UnitOfWork
from foundation.errors import Refusal
from foundation.identity.principal import OfficialPrincipal
from foundation.recording import Activity, AuditEvent
from vault.call.errors import Unavailable
from vault.keyring.memory import wipe


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
class Plain:
    """A result whose content lies sealed in the database: its JSON in parts, wiped once the answer is sealed.

    No part becomes a str on the way, which nobody could wipe.
    """

    parts: tuple[bytes | bytearray, ...] = field(repr=False)

    def wipe(self) -> None:
        """Overwrite what can be."""
        for part in self.parts:
            if isinstance(part, bytearray):
                wipe(part)


Answer = Callable[[], Awaitable[dict[str, Any] | Plain]]
"""Makes what is said, after the commit: nothing is decrypted before its event is kept."""


async def _unknown() -> None:
    raise Unavailable


@dataclass(frozen=True, slots=True)
class Asked:
    """One call, opened: who asks, with which parameters, at which moment."""

    principal: OfficialPrincipal
    parameters: dict[str, Any]
    operation_id: bytes
    """16 octets; a write that comes again under the same one is the same write."""
    at: datetime
    lives: Callable[[], Awaitable[None]] = _unknown
    """Ask Keycloak anew whether the session lives, for `restricted`. Raises Unauthenticated, Unavailable."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation, and what a refusal of it is recorded as."""

    intent: AuditEvent
    check: Callable[[dict[str, Any]], None]
    """Raises InvalidRequest for parameters that the operation does not have."""
    run: Callable[[Asked, UnitOfWork], Awaitable[Answer]]
    """In the transaction that uses the proof up. It records its event, and does not commit: the door does.

    A Refusal undoes everything and is recorded with the proof, and is said sealed.
    """
    for_suspended: bool = False
    """Whether it is also for who was reset at Keycloak, or while nobody can tell: ways to an enrolment."""


def none(parameters: dict[str, Any]) -> None:
    """Of an operation without parameters. Raises InvalidRequest."""
    if parameters:
        raise InvalidRequest


HELLO = AuditEvent("vault.hello", activity=Activity.READ)


async def hello(asked: Asked, work: UnitOfWork) -> Answer:
    """The way there and back: nothing is read, nothing kept but the event."""
    await work.record(HELLO)

    async def said() -> dict[str, Any]:
        return {
            "hello": asked.principal.session.sid[:8],
            "at": asked.at.isoformat(),
            "request": asked.principal.origin.request_id,
        }

    return said


GREETING: Mapping[str, Operation] = {"hello": Operation(HELLO, none, hello, for_suspended=True)}


class Operations:
    """All of them, by name. Raises ValueError when two features have one name."""

    def __init__(self, *features: Mapping[str, Operation]) -> None:
        self._known = {name: one for feature in features for name, one in feature.items()}
        if len(self._known) != sum(map(len, features)):
            raise ValueError("two operations have one name")

    def find(self, value: dict[str, Any]) -> tuple[Operation, dict[str, Any]]:
        """The operation that a request names, and its parameters. Raises InvalidRequest, UnknownOperation."""
        if value.keys() != {"operation", "parameters"}:
            raise InvalidRequest
        name, parameters = value["operation"], value["parameters"]
        if not isinstance(name, str) or not isinstance(parameters, dict):
            raise InvalidRequest
        operation = self._known.get(name)
        if operation is None:
            raise UnknownOperation
        return operation, parameters
