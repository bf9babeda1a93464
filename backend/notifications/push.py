"""Push by Google's FCM HTTP v1: what leaves the house, and what its answers mean.

A message is an id that means something to its recipient's app alone: no kind, no text, no code of a report.
Sent again it carries the same collapse id, so that a device shows it once. firebase-admin makes the messages
and reads the answers; its own HTTP client is replaced (`_Http` says why).
"""

import asyncio
import email.utils
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol
from uuid import UUID

import firebase_admin
import httpx
import structlog
from firebase_admin import credentials, exceptions, messaging
from google.auth.exceptions import GoogleAuthError
from google.auth.transport.requests import Request

from backend.notifications.types import Platform
from foundation.clock import Clock
from foundation.settings import PushSettings

BATCH = 500
"""The most that firebase-admin takes at once (FCM's own bound of the former batch route)."""
LIFE = timedelta(hours=24)
"""Later a device that was off learns of it by the inbox."""
CONNECTIONS = 100
LONGEST_WAIT = timedelta(hours=1)

log = structlog.get_logger()


class Outcome(StrEnum):
    """What became of one message."""

    SENT = "sent"
    """FCM took it."""
    DEAD = "dead"
    """Nobody is behind this token any more."""
    REFUSED = "refused"
    """FCM will not take this message, now or later."""
    LATER = "later"
    """It was not taken, or nobody knows: send it again."""


@dataclass(frozen=True, slots=True)
class PushMessage:
    """One message for one app."""

    token: str = field(repr=False)
    platform: Platform
    id: UUID
    urgent: bool


@dataclass(frozen=True, slots=True)
class PushAnswer:
    """Of one message. `after`: not before so long, as FCM said."""

    outcome: Outcome
    after: timedelta | None = None


class PushPort(Protocol):
    """Sends messages, at most BATCH at once; an answer each, in their order."""

    async def send(self, messages: Sequence[PushMessage]) -> list[PushAnswer]: ...


class FcmPush:
    """The real one. `open` before use: the account's key is read then."""

    def __init__(self, settings: PushSettings, clock: Clock) -> None:
        self._clock = clock
        account = credentials.Certificate(str(settings.account_file))
        # A name of its own, for the library keeps apps in a table of the process.
        self._app = firebase_admin.initialize_app(account, name=f"ioc-{id(self)}")
        self._http = _Http(account.get_credential(), settings.seconds)
        # The library has no public way to its service's address and client.
        service = messaging._get_messaging_service(self._app)
        service._async_client = self._http
        if settings.url is not None:
            service._fcm_url = f"{settings.url}/v1/projects/{account.project_id}/messages:send"

    async def send(self, messages: Sequence[PushMessage]) -> list[PushAnswer]:
        """Send them. Raises ValueError for more than BATCH."""
        if len(messages) > BATCH:
            raise ValueError(f"more than {BATCH} messages at once")
        if not messages:
            return []
        try:
            await self._http.ready()
            made = [_message(message, self._clock.now()) for message in messages]
            batch = await messaging.send_each_async(made, app=self._app)
        except (GoogleAuthError, exceptions.FirebaseError) as error:
            # The type alone: texts of these hold answers, and those hold tokens.
            log.warning("push_unavailable", error=type(error).__name__)
            return [PushAnswer(Outcome.LATER) for _ in messages]
        return [self._answer(response) for response in batch.responses]

    async def close(self) -> None:
        """Let go of the connections."""
        await self._http.aclose()
        # In a thread: the library closes with a loop of its own.
        await asyncio.to_thread(firebase_admin.delete_app, self._app)

    def _answer(self, response: Any) -> PushAnswer:
        error = response.exception
        match error:
            case None:
                return PushAnswer(Outcome.SENT)
            case messaging.UnregisteredError() | messaging.SenderIdMismatchError():
                return PushAnswer(Outcome.DEAD)
            case exceptions.InvalidArgumentError() | exceptions.PermissionDeniedError():
                # Kept all the same: if a message of ours is wrong, every token would seem to be.
                log.error("push_refused", error=type(error).__name__)
                return PushAnswer(Outcome.REFUSED)
        log.warning("push_failed", error=type(error).__name__)
        return PushAnswer(Outcome.LATER, _retry_after(error.http_response, self._clock.now()))


class _Http:
    """In place of firebase-admin's client, which fetches its access token with a call that blocks the loop
    (after a 401 once for each message of a batch), and sends 500 and 503 again four times by itself, whatever
    Retry-After says: then nobody could count how often a message was sent.
    """

    def __init__(self, credential: Any, seconds: float) -> None:
        self._credential = credential
        self._refreshing = asyncio.Lock()
        self._client = httpx.AsyncClient(
            http2=True,
            timeout=httpx.Timeout(seconds, pool=seconds * BATCH / CONNECTIONS),
            limits=httpx.Limits(max_connections=CONNECTIONS),
            follow_redirects=False,
        )

    async def ready(self) -> None:
        """Have an access token. Raises GoogleAuthError when none is to be had."""
        async with self._refreshing:
            if not self._credential.valid:
                await asyncio.to_thread(self._credential.refresh, Request())

    async def request(self, method: str, url: str, **given: Any) -> httpx.Response:
        """As the library calls it. Raises httpx.HTTPError."""
        used = self._credential.token
        headers = {**given.pop("headers", {}), "authorization": f"Bearer {used}"}
        response = await self._client.request(method, url, headers=headers, **given)
        if response.status_code == httpx.codes.UNAUTHORIZED and self._credential.token == used:
            self._credential.token = None  # the next batch asks for another
        return response.raise_for_status()

    async def aclose(self) -> None:
        """Let go of the connections."""
        await self._client.aclose()


def _message(message: PushMessage, now: datetime) -> messaging.Message:
    shown_id = str(message.id)
    data = {"id": shown_id}
    if message.platform is Platform.ANDROID:
        # Data alone: the app wakes, asks for its notices, and shows its own words.
        android = messaging.AndroidConfig(
            collapse_key=shown_id, priority="high" if message.urgent else "normal", ttl=LIFE
        )
        return messaging.Message(token=message.token, data=data, android=android)
    headers = {
        "apns-push-type": "alert",
        "apns-priority": "10" if message.urgent else "5",
        "apns-collapse-id": shown_id,
        "apns-expiration": str(int((now + LIFE).timestamp())),
    }
    # iOS shows nothing without an alert. The key is the same for every message; the app has the words.
    alert = messaging.ApsAlert(loc_key="notice")
    payload = messaging.APNSPayload(messaging.Aps(alert=alert, mutable_content=True))
    return messaging.Message(
        token=message.token, data=data, apns=messaging.APNSConfig(headers=headers, payload=payload)
    )


def _retry_after(response: Any, now: datetime) -> timedelta | None:
    """RFC 9110, 10.2.3: seconds or a moment; at most an hour, for who answers is not ours."""
    told = None if response is None else response.headers.get("retry-after")
    if not told:
        return None
    if told.isdecimal() and len(told) < 10:
        wait = timedelta(seconds=int(told))
    else:
        try:
            wait = email.utils.parsedate_to_datetime(told) - now
        except (ValueError, TypeError):
            return None
    return min(max(wait, timedelta(0)), LONGEST_WAIT)
