"""Cursors: where a page ended, sealed for one field and one person. Format: `docs/architecture/formats.md`.

b64u(0x01 ‖ AES-SIV(kind u8 ‖ log epoch u32 ‖ issued u32 ‖ position)), associated data = lp(field) ‖ lp(iss) ‖
lp(sub), one component, never empty (so nothing may ignore it); anonymous callers have iss = sub = "".
Positions: kind 1 = microseconds since 1970 i64 ‖ id 16; kind 2 = id i32 ‖ name key UTF-8; kind 3 (changes) =
xid u64 ‖ id 16.
"""

import contextlib
import struct
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from foundation.clock import Clock
from foundation.errors import CursorExpired, InvalidInput
from foundation.identity.principal import CitizenPrincipal, OfficialPrincipal, Principal
from foundation.ids import b64u, unb64u
from foundation.paging import Position

LIFE = timedelta(days=90)
MAX_LENGTH = 2_048
_VERSION = b"\x01"
_HEAD = struct.Struct(">BII")
_MOMENT = struct.Struct(">q16s")
_NUMBER = struct.Struct(">i")
_CHANGE = struct.Struct(">Q16s")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

Person = tuple[str, str]
"""(iss, sub)."""
NamePosition = tuple[str, int]
"""(name key, id): where a row stands in an alphabetical list."""


class Kind(IntEnum):
    """What a position is made of."""

    MOMENT = 1
    NAME = 2
    CHANGE = 3


def person_of(principal: Principal) -> Person:
    """(iss, sub) of whoever asks; two empty texts for nobody and for jobs."""
    if isinstance(principal, CitizenPrincipal | OfficialPrincipal):
        return principal.session.iss, principal.session.sub
    return "", ""


class Cursors:
    """Seals and opens cursors. `key` is 64 bytes; `epoch` the audit log's, raised by each restore.

    `accepted` are keys of before, or of after, that open but do not seal.
    """

    def __init__(self, key: bytes, epoch: int, clock: Clock, accepted: tuple[bytes, ...] = ()) -> None:
        self._siv = AESSIV(key)
        self._openers = tuple(AESSIV(one) for one in (key, *accepted))
        self._epoch = epoch
        self._clock = clock

    def of_moment(self, field: str, person: Person, position: Position) -> str:
        """The cursor of a row in a list ordered by (at, id)."""
        micros = (position.at - _EPOCH) // _MICROSECOND
        return self._seal(Kind.MOMENT, field, person, _MOMENT.pack(micros, position.id.bytes))

    def of_name(self, field: str, person: Person, position: NamePosition) -> str:
        """The cursor of a row in an alphabetical list."""
        name_key, number = position
        return self._seal(Kind.NAME, field, person, _NUMBER.pack(number) + name_key.encode("utf-8"))

    def moment(self, field: str, person: Person, cursor: str) -> Position:
        """The position behind a cursor of this field and person.

        Raises InvalidInput when it is not one, CursorExpired after 90 days or in another epoch.
        """
        octets = self._open(Kind.MOMENT, field, person, cursor)
        if len(octets) != _MOMENT.size:
            raise InvalidInput("after")
        micros, uuid = _MOMENT.unpack(octets)
        return Position(_EPOCH + micros * _MICROSECOND, UUID(bytes=uuid))

    def name(self, field: str, person: Person, cursor: str) -> NamePosition:
        """As `moment`, for an alphabetical list."""
        octets = self._open(Kind.NAME, field, person, cursor)
        if len(octets) < _NUMBER.size:
            raise InvalidInput("after")
        (number,) = _NUMBER.unpack(octets[: _NUMBER.size])
        return octets[_NUMBER.size :].decode("utf-8"), number

    def of_change(self, field: str, person: Person, position: tuple[int, UUID]) -> str:
        """The cursor of a change: (xid, id)."""
        x, uuid = position
        return self._seal(Kind.CHANGE, field, person, _CHANGE.pack(x, uuid.bytes))

    def change(self, field: str, person: Person, cursor: str) -> tuple[int, UUID]:
        """As `moment`, for the change feed."""
        octets = self._open(Kind.CHANGE, field, person, cursor)
        if len(octets) != _CHANGE.size:
            raise InvalidInput("after")
        x, uuid = _CHANGE.unpack(octets)
        return x, UUID(bytes=uuid)

    def _seal(self, kind: Kind, field: str, person: Person, position: bytes) -> str:
        head = _HEAD.pack(kind, self._epoch, int(self._clock.now().timestamp()))
        return b64u(_VERSION + self._siv.encrypt(head + position, [_bound_to(field, person)]))

    def _open(self, kind: Kind, field: str, person: Person, cursor: str) -> bytes:
        plain = self._opened(_octets_of(cursor)[1:], _bound_to(field, person))
        if len(plain) < _HEAD.size:
            raise InvalidInput("after")
        sealed_kind, epoch, issued = _HEAD.unpack(plain[: _HEAD.size])
        if sealed_kind != kind:
            raise InvalidInput("after")
        if epoch != self._epoch or self._clock.now() - datetime.fromtimestamp(issued, UTC) > LIFE:
            raise CursorExpired
        return plain[_HEAD.size :]

    def _opened(self, sealed: bytes, bound_to: bytes) -> bytes:
        for siv in self._openers:
            with contextlib.suppress(InvalidTag, ValueError):
                return siv.decrypt(sealed, [bound_to])
        raise InvalidInput("after")


def _octets_of(cursor: str) -> bytes:
    if len(cursor) > MAX_LENGTH:
        raise InvalidInput("after")
    try:
        octets = unb64u(cursor)
    except InvalidInput as error:
        raise InvalidInput("after") from error
    if octets[:1] != _VERSION:
        raise InvalidInput("after")
    return octets


def _bound_to(field: str, person: Person) -> bytes:
    return b"".join(_lp(part.encode("utf-8")) for part in (field, *person))


def _lp(octets: bytes) -> bytes:
    return struct.pack(">H", len(octets)) + octets
