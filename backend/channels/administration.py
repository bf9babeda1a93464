"""What administrators do to channels: made, changed, keys rotated, suspended. Secrets are shown once."""

import re
import secrets as randomness
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text

from backend.administration.errors import CodeTaken
from backend.administration.service import AdministrationService
from backend.administration.types import Done, Fields, HistoryKind, Made, Register
from backend.channels.addresses import checked_url
from backend.channels.doors import KeySeal, digest_of, seal_secret
from backend.channels.signing import SECRET_BYTES, shown
from backend.channels.types import ChannelKind, ChannelState, NewChannel, Secrets
from foundation.database.unit_of_work import UnitOfWork
from foundation.errors import InvalidInput, NotFound, VersionConflict
from foundation.idempotency import Idempotency
from foundation.identity.principal import OfficialPrincipal
from foundation.ids import NewId, RandomBytes, b64u
from foundation.recording import Activity, AuditEvent
from foundation.texts import checked_label

MAX_CHANNELS = 100
MOST_RATE = 100_000
MOST_OVERLAP_HOURS = 24 * 14
_CODE = re.compile(r"(?!.*[0-9]{9})[a-z0-9][a-z0-9-]{1,31}")
_APP_ID = re.compile(r"[0-9]{5,30}")
_ZALO_SECRET = re.compile(r"[\x21-\x7e]{8,128}")
_COUNT = text("SELECT count(*) FROM channels.channel")
_INSERT = text(
    """
    INSERT INTO channels.channel (code, kind, name, state, callback_url, zalo_app_id, rate_amount,
      rate_seconds, created_at)
    VALUES (:code, :kind, :name, 'active', :callback_url, :zalo_app_id, :rate_amount, :rate_seconds, :now)
    ON CONFLICT (code) DO NOTHING RETURNING true
    """
)
_ONE = text(
    """
    SELECT code, kind, name, state, callback_url, zalo_app_id, rate_amount, rate_seconds, version
    FROM channels.channel WHERE code = :code FOR UPDATE
    """
)
_CHANGE = text(
    """
    UPDATE channels.channel SET name = :name, state = :state, callback_url = :callback_url,
      rate_amount = :rate_amount, rate_seconds = :rate_seconds, version = version + 1 WHERE code = :code
    """
)
_OVER = text(
    """
    UPDATE channels.key SET until_at = greatest(from_at, :until)
    WHERE channel = :code AND purpose = :purpose AND (until_at IS NULL OR until_at > :until)
    """
)
_KEY = text(
    """
    INSERT INTO channels.key (id, channel, purpose, sealed, digest, from_at)
    VALUES (:id, :code, :purpose, :sealed, :digest, :now)
    """
)
_TOLD = ("kind", "name", "state", "callback_url", "zalo_app_id", "rate_amount", "rate_seconds")

Make = Callable[[UnitOfWork, datetime], Awaitable[Made]]


class ChannelService:
    """Changes of channels. A channel that handed something in is never removed: it is suspended."""

    def __init__(
        self,
        administration: AdministrationService,
        seal: KeySeal,
        new_id: NewId,
        *,
        private_addresses: bool = False,
        random_bytes: RandomBytes = randomness.token_bytes,
    ) -> None:
        self._administration = administration
        self._seal = seal
        self._new_id = new_id
        self._private = private_addresses
        self._random_bytes = random_bytes

    async def create(
        self, principal: OfficialPrincipal, new: NewChannel, idempotency: Idempotency
    ) -> tuple[Done, Secrets]:
        """A channel with its first keys. Asked again there are no secrets in the answer: rotate them.

        Raises InvalidInput, CodeTaken, Forbidden.
        """
        made_secrets: list[Secrets] = []

        async def make(work: UnitOfWork, now: datetime) -> Made:
            row = self._checked(new)
            work.intent = replace(work.intent, resource=f"channel:{new.code}")
            if (await work.connection.execute(_COUNT)).scalar_one() >= MAX_CHANNELS:
                raise InvalidInput("code")
            if (await work.connection.execute(_INSERT, {**row, "now": now})).scalar() is None:
                raise CodeTaken
            send = await self._add_key(work, new.code, new.kind, "in", new.secret, now)
            receive = None
            if new.kind is not ChannelKind.OPEN311:
                receive = await self._add_key(work, new.code, ChannelKind.WEBHOOK, "out", None, now)
            made_secrets.append(Secrets(send, receive))
            return Made(HistoryKind.CHANNEL, new.code, 1, None, _told({**row, "state": ChannelState.ACTIVE}))

        done = await self._change(principal, "channel.create", Activity.CREATE, idempotency, make)
        return done, made_secrets[0] if made_secrets else Secrets()

    async def change(
        self,
        principal: OfficialPrincipal,
        code: str,
        expected_version: int,
        name: str,
        callback_url: str | None,
        rate_amount: int,
        rate_seconds: int,
        idempotency: Idempotency,
    ) -> Done:
        """Another name, address or rate. Raises NotFound, VersionConflict, InvalidInput, Forbidden."""

        async def make(work: UnitOfWork, now: datetime) -> Made:
            changed = {
                "name": checked_label("name", name),
                "callback_url": self._url(callback_url),
                "rate_amount": _checked_rate("rateAmount", rate_amount, MOST_RATE),
                "rate_seconds": _checked_rate("rateSeconds", rate_seconds, 86_400),
            }
            return await _write(work, await _one(work, code, expected_version), changed)

        return await self._change(principal, "channel.change", Activity.UPDATE, idempotency, make)

    async def rotate(
        self,
        principal: OfficialPrincipal,
        code: str,
        expected_version: int,
        purpose: str,
        overlap_hours: int,
        secret: str | None,
        idempotency: Idempotency,
    ) -> tuple[Done, Secrets]:
        """A new key; the others end after the overlap: at once with 0, for one that was stolen.

        `purpose` "in": what the channel signs with; "out": what we sign with. `secret`: Zalo's own new one.
        Raises NotFound, VersionConflict, InvalidInput, Forbidden.
        """
        made_secrets: list[Secrets] = []

        async def make(work: UnitOfWork, now: datetime) -> Made:
            if purpose not in ("in", "out"):
                raise InvalidInput("purpose")
            if not 0 <= overlap_hours <= MOST_OVERLAP_HOURS:
                raise InvalidInput("overlapHours")
            row = await _one(work, code, expected_version)
            kind = ChannelKind(row.kind) if purpose == "in" else ChannelKind.WEBHOOK
            if purpose == "out" and row.kind == ChannelKind.OPEN311:
                raise InvalidInput("purpose")
            until = now + timedelta(hours=overlap_hours)
            await work.connection.execute(_OVER, {"code": code, "purpose": purpose, "until": until})
            made = await self._add_key(work, code, kind, purpose, secret, now)
            made_secrets.append(Secrets(made, None) if purpose == "in" else Secrets(None, made))
            return await _write(work, row, {}, {"rotated": purpose, "overlapHours": overlap_hours})

        done = await self._change(principal, "channel.rotate", Activity.UPDATE, idempotency, make)
        return done, made_secrets[0] if made_secrets else Secrets()

    async def suspend(
        self, principal: OfficialPrincipal, code: str, expected_version: int, idempotency: Idempotency
    ) -> Done:
        """Nothing more is taken from it, and nothing sent to it. Raises NotFound, VersionConflict."""
        return await self._become(
            principal, "channel.suspend", code, expected_version, "suspended", idempotency
        )

    async def resume(
        self, principal: OfficialPrincipal, code: str, expected_version: int, idempotency: Idempotency
    ) -> Done:
        """It is heard again. Raises NotFound, VersionConflict."""
        return await self._become(principal, "channel.resume", code, expected_version, "active", idempotency)

    async def _become(
        self,
        principal: OfficialPrincipal,
        action: str,
        code: str,
        expected_version: int,
        state: str,
        idempotency: Idempotency,
    ) -> Done:
        async def make(work: UnitOfWork, now: datetime) -> Made:
            return await _write(work, await _one(work, code, expected_version), {"state": state})

        return await self._change(principal, action, Activity.UPDATE, idempotency, make)

    async def _change(
        self,
        principal: OfficialPrincipal,
        action: str,
        activity: Activity,
        idempotency: Idempotency,
        make: Make,
    ) -> Done:
        intent = AuditEvent(action, activity=activity)
        return await self._administration.change(principal, Register.CHANNELS, intent, idempotency, make)

    async def _add_key(
        self,
        work: UnitOfWork,
        code: str,
        kind: ChannelKind,
        purpose: str,
        given: str | None,
        now: datetime,
    ) -> str | None:
        """Write a key; its secret as it is shown once, None for one that the administrator brought."""
        key_id, octets = self._new_id(), self._random_bytes(SECRET_BYTES)
        row: dict[str, Any] = {"id": key_id, "code": code, "purpose": purpose, "now": now}
        told: str | None = shown(octets)
        sealed: bytes | None = seal_secret(self._seal, octets, key_id)
        digest: bytes | None = None
        if kind is ChannelKind.ZALO:
            if given is None or not _ZALO_SECRET.fullmatch(given):
                raise InvalidInput("secret")
            sealed, told = seal_secret(self._seal, given.encode("ascii"), key_id), None
        elif given is not None:
            # What somebody thought up is no key.
            raise InvalidInput("secret")
        elif kind is ChannelKind.OPEN311:
            told = b64u(octets)
            sealed, digest = None, digest_of(told)
        await work.connection.execute(_KEY, {**row, "sealed": sealed, "digest": digest})
        return told

    def _checked(self, new: NewChannel) -> dict[str, Any]:
        """Raises InvalidInput naming the field."""
        if not _CODE.fullmatch(new.code):
            raise InvalidInput("code")
        zalo = new.kind is ChannelKind.ZALO
        if zalo != (new.zalo_app_id is not None) or (zalo and not _APP_ID.fullmatch(new.zalo_app_id or "")):
            raise InvalidInput("zaloAppId")
        return {
            "code": new.code,
            "kind": new.kind.value,
            "name": checked_label("name", new.name),
            "callback_url": self._url(new.callback_url),
            "zalo_app_id": new.zalo_app_id,
            "rate_amount": _checked_rate("rateAmount", new.rate_amount, MOST_RATE),
            "rate_seconds": _checked_rate("rateSeconds", new.rate_seconds, 86_400),
        }

    def _url(self, url: str | None) -> str | None:
        return None if url is None else checked_url(url, private=self._private)


async def _one(work: UnitOfWork, code: str, expected_version: int) -> Any:
    """The channel, locked. Raises NotFound, VersionConflict."""
    if not _CODE.fullmatch(code):
        raise NotFound
    work.intent = replace(work.intent, resource=f"channel:{code}")
    row = (await work.connection.execute(_ONE, {"code": code})).one_or_none()
    if row is None:
        raise NotFound
    if row.version != expected_version:
        raise VersionConflict(row.version)
    return row


async def _write(
    work: UnitOfWork, row: Any, changed: Mapping[str, Any], told: Mapping[str, Any] | None = None
) -> Made:
    before = {name: getattr(row, name) for name in _TOLD}
    after = {**before, **changed}
    await work.connection.execute(_CHANGE, {"code": row.code, **after})
    shown_after = {**_told(after), **(told or {})}
    return Made(HistoryKind.CHANNEL, row.code, row.version + 1, _told(before), shown_after)


def _told(fields: Mapping[str, Any]) -> Fields:
    """For the history: never a secret."""
    return {
        "kind": fields["kind"],
        "name": fields["name"],
        "state": fields["state"],
        "callbackUrl": fields["callback_url"],
        "zaloAppId": fields["zalo_app_id"],
        "rateAmount": fields["rate_amount"],
        "rateSeconds": fields["rate_seconds"],
    }


def _checked_rate(field: str, value: int, most: int) -> int:
    if not 1 <= value <= most:
        raise InvalidInput(field)
    return value
