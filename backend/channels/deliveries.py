"""Status changes on their way back: announced by the fan-out, sent by jobs, at last an operator's."""

import asyncio
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import orjson
import structlog
from sqlalchemy import text

from backend.channels.addresses import AddressRefused, Resolve, Target, target_of
from backend.channels.doors import KeySeal, open_secret
from backend.channels.errors import NotDelivered
from backend.channels.signing import signed_headers
from backend.reports.types import report_resource
from foundation.clock import Clock
from foundation.database.database import Database
from foundation.database.jobs import enqueue
from foundation.identity.principal import Origin, SystemPrincipal
from foundation.ids import NewId
from foundation.policy.engine import PolicyEngine
from foundation.recording import AuditEvent

SEND = "channels.send"
NOWHERE = "0.0.0.0"  # noqa: S104 - a job has no network; nothing is bound to this
# As Standard Webhooks proposes: soon again, then for a day and a half.
PAUSES = (5, 30, 120, 600, 1_800, 3_600, 7_200, 18_000, 36_000, 50_400)
SECONDS = 8.0
"""For one attempt, from the name to the answer's first line."""
RUN_SECONDS = 60.0
"""A run ends then; the next one goes on."""
AFTER_SILENCE = timedelta(seconds=30)
"""Where nobody answered, the others of the channel wait too: a dead far end takes no worker's time."""
LONGEST_WAIT = 3_600
_HOPELESS = frozenset({400, 405, 410, 413, 415, 422})
"""The same octets would be refused again."""

_CHANGE = text(
    """
    SELECT c.resource, r.id, r.citizen_id, r.participants, r.ward_id, r.state, u.code AS handler_code,
           tenancy.path_of(r.handler_id) AS handler_path
    FROM changes.change c JOIN reports.report r ON c.resource = 'report:' || r.code
    JOIN tenancy.unit u ON u.id = r.handler_id WHERE c.id = :change
    """
)
_ANNOUNCE = text("SELECT channels.announce(:change, :now)")
# The next attempt's time is written with the claim: who dies under way has not lost it.
_CLAIM = """
UPDATE channels.delivery d
SET attempts = d.attempts + 1,
    next_at = $2 + make_interval(secs => ($3::int[])[least(d.attempts + 1, cardinality($3::int[]))])
FROM channels.channel c
WHERE c.code = d.channel AND c.state = 'active' AND c.callback_url IS NOT NULL AND d.id = (
  SELECT w.id FROM channels.delivery w WHERE w.channel = $1 AND w.state = 'waiting' AND w.next_at <= $2
  ORDER BY w.next_at, w.id LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING d.*, c.callback_url
"""
_KEYS = """
SELECT id, sealed FROM channels.key WHERE channel = $1 AND purpose = 'out' AND from_at <= $2
  AND (until_at IS NULL OR until_at > $2) ORDER BY from_at DESC LIMIT 3
"""
_FAILED = """
UPDATE channels.delivery SET fault = $2, next_at = greatest(next_at, $3) WHERE id = $1 AND state = 'waiting'
"""
_WAIT = "UPDATE channels.delivery SET next_at = $2 WHERE channel = $1 AND state = 'waiting' AND next_at < $2"
_END = text(
    "UPDATE channels.delivery SET state = :state, fault = :fault, ended_at = :now"
    " WHERE id = :id AND state = 'waiting'"
)
DUE = "SELECT DISTINCT channel FROM channels.delivery WHERE state = 'waiting' AND next_at <= $1"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Answer:
    """What became of an attempt. `fault` None: it arrived."""

    fault: str | None
    final: bool = False
    silent: bool = False
    wait: int = 0


class DeliveryService:
    """Announces and sends. Announcing again changes nothing; sending again is the same message."""

    def __init__(
        self,
        *,
        database: Database,
        policy: PolicyEngine,
        seal: KeySeal,
        resolve: Resolve,
        private_addresses: bool,
        tls: ssl.SSLContext | None,
        clock: Clock,
        new_id: NewId,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._policy = policy
        self._seal = seal
        self._resolve = resolve
        self._private = private_addresses
        self._clock = clock
        self._new_id = new_id
        self._monotonic = monotonic
        # No connection is kept: one to an address belongs to the name that it was made for.
        limits = httpx.Limits(max_keepalive_connections=0)
        verify = tls or ssl.create_default_context()
        self._http = httpx.AsyncClient(
            verify=verify, follow_redirects=False, timeout=SECONDS, limits=limits, trust_env=False
        )
        self._running: set[str] = set()

    async def announce(self, principal: SystemPrincipal, change_id: UUID) -> None:
        """A change goes to every channel that handed the report in. A reaction of the fan-out.

        Raises Forbidden when the job's principal may not, LookupError for a change that does not exist.
        """
        now = self._clock.now()
        async with self._database.unit_of_work(principal, AuditEvent("channel.announce")) as work:
            row = (await work.connection.execute(_CHANGE, {"change": change_id})).one_or_none()
            if row is None:
                raise LookupError(f"no change {change_id}")
            path, participants = tuple(row.handler_path), tuple(row.participants)
            resource = report_resource(row.id, row.citizen_id, path, participants, row.ward_id, row.state)
            decision = self._policy.authorise(principal, "report.fan_out", resource, now=now)
            told = {"change": change_id, "now": now}
            channels = (await work.connection.execute(_ANNOUNCE, told)).scalars().all()
            if not channels:
                return
            for channel in channels:
                await enqueue(work, SEND, channel=channel)
            await work.record(
                replace(work.intent, resource=row.resource, unit=row.handler_code, policies=decision.policies)
            )
            await work.commit()

    async def run(self, channel: str) -> int:
        """Send what is due of a channel, one after the other; how many attempts there were.

        A channel has one run at a time in a process: a slow far end holds up its own messages alone.
        """
        if channel in self._running:
            return 0
        self._running.add(channel)
        try:
            return await self._run(channel)
        finally:
            self._running.discard(channel)

    async def due(self) -> list[str]:
        """Channels that have something to be sent now."""
        rows = await self._database.pool.fetch(DUE, self._clock.now())
        return [row["channel"] for row in rows]

    async def close(self) -> None:
        """Let go of the connections."""
        await self._http.aclose()

    async def _run(self, channel: str) -> int:
        attempts, ends = 0, self._monotonic() + RUN_SECONDS
        while self._monotonic() < ends:
            now = self._clock.now()
            row = await self._database.pool.fetchrow(_CLAIM, channel, now, list(PAUSES))
            if row is None:
                break
            attempts += 1
            answer = await self._attempt(row, now)
            await self._keep(row, answer)
            if answer.silent:
                await self._database.pool.execute(_WAIT, channel, self._clock.now() + AFTER_SILENCE)
                break
        return attempts

    async def _attempt(self, row: Any, now: datetime) -> _Answer:
        try:
            async with asyncio.timeout(SECONDS):
                target = await target_of(row["callback_url"], self._resolve, private=self._private)
                keys = await self._database.pool.fetch(_KEYS, row["channel"], now)
                if not keys:
                    return _Answer("no_key", final=True)
                secrets = [open_secret(self._seal, key["sealed"], key["id"]) for key in keys]
                body = body_of(row)
                headers = signed_headers(f"msg_{row['id'].hex}", now, body, secrets)
                return await self._post(target, body, headers)
        except AddressRefused as refusal:
            return _Answer(refusal.fault, final=refusal.final, silent=not refusal.final)
        except TimeoutError:
            return _Answer("timeout", silent=True)
        except (httpx.HTTPError, OSError) as error:
            log.info("channel_unreachable", channel=row["channel"], fault=type(error).__name__)
            return _Answer("unreachable", silent=True)

    async def _post(self, target: Target, body: bytes, headers: dict[str, str]) -> _Answer:
        sent = {
            **headers,
            "host": target.host_header,
            "content-type": "application/json",
            "user-agent": "hanoi-ioc",
        }
        extensions = {"sni_hostname": target.server_name}
        # The answer's body is nobody's: it is not read.
        async with self._http.stream(
            "POST", target.url, content=body, headers=sent, extensions=extensions
        ) as response:
            status = response.status_code
            if response.is_success:
                return _Answer(None)
            wait = 0
            with suppress(ValueError):
                wait = min(max(int(response.headers.get("retry-after", "0")), 0), LONGEST_WAIT)
            final = status in _HOPELESS or 300 <= status < 400
            return _Answer(f"http_{status}", final=final, wait=wait)

    async def _keep(self, row: Any, answer: _Answer) -> None:
        if answer.fault is None:
            await self._end(row, "sent", None)
        elif answer.final or row["attempts"] > len(PAUSES):
            log.error("channel_delivery_dead", channel=row["channel"], fault=answer.fault)
            await self._end(row, "dead", answer.fault)
        else:
            later = self._clock.now() + timedelta(seconds=answer.wait)
            await self._database.pool.execute(_FAILED, row["id"], answer.fault, later)

    async def _end(self, row: Any, state: str, fault: str | None) -> None:
        principal = SystemPrincipal(Origin(str(self._new_id()), NOWHERE), "channels")
        event = AuditEvent("channel.deliver", resource=f"report:{row['report_code']}", unit=row["unit_code"])
        async with self._database.unit_of_work(principal, event) as work:
            ended = {"id": row["id"], "state": state, "fault": fault, "now": self._clock.now()}
            if (await work.connection.execute(_END, ended)).rowcount != 1:
                return
            if state == "sent":
                await work.record(event)
            else:
                await work.record_refused(
                    replace(event, resource=f"channel:{row['channel']}"), NotDelivered()
                )
            await work.commit()


def body_of(row: Any) -> bytes:
    """The message (Standard Webhooks, "Payload structure"): state and public dates, no text of anybody."""
    told = {
        "id": row["external_id"],
        "code": row["report_code"],
        "version": row["version"],
        "step": row["step"],
        "state": row["report_state"],
        "closingReason": row["closing_reason"],
        "unit": {"code": row["unit_code"], "name": row["unit_name"]},
    }
    stamp = row["changed_at"].isoformat()
    return orjson.dumps({"type": "report.status_changed", "timestamp": stamp, "data": told})
