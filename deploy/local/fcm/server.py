"""Stands for Google's Firebase Cloud Messaging on one machine: FCM HTTP v1 and the OAuth token endpoint of
service accounts. It checks what Google checks (the signed assertion, the access token, the shape of a
message), keeps what it took, one JSON object a line, and delivers nothing.

Tests tell it to fail (`Fcm.fail`). A token that begins with "dead-" is nobody's, also in the stack.
"""

import argparse
import asyncio
import contextlib
import json
import re
import secrets
import signal
import time
import urllib.parse
from collections import defaultdict, deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h11
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

SCOPES = {f"https://www.googleapis.com/auth/{name}" for name in ("firebase.messaging", "cloud-platform")}
AUDIENCE = "https://oauth2.googleapis.com/token"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
LONGEST = 4_096  # octets of data that FCM takes
_SEND = re.compile(r"/v1/projects/([a-z0-9-]+)/messages:send")
# https://firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode
ERRORS = {
    "unregistered": (404, "NOT_FOUND", "UNREGISTERED"),
    "mismatch": (403, "PERMISSION_DENIED", "SENDER_ID_MISMATCH"),
    "invalid": (400, "INVALID_ARGUMENT", "INVALID_ARGUMENT"),
    "quota": (429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED"),
    "unavailable": (503, "UNAVAILABLE", "UNAVAILABLE"),
    "internal": (500, "INTERNAL", "INTERNAL"),
    "unauthenticated": (401, "UNAUTHENTICATED", None),
}


@dataclass(frozen=True)
class Fault:
    """One failure. `kind`: a name of ERRORS, "slow", "ack_lost" (taken, then cut off), "cut" (not taken)."""

    kind: str
    retry_after: str | None = None
    seconds: float = 0.0


class CutOff(Exception):
    """The connection is closed without an answer."""


@dataclass
class Fcm:
    """One project. `account` is the key file that it handed out."""

    account: dict[str, str]
    file: Path | None = None
    token_seconds: int = 3600
    taken: list[dict[str, Any]] = field(default_factory=list)
    """Messages that were taken, in their order; one that was sent twice stands here twice."""
    grants: int = 0
    """Access tokens handed out."""
    _faults: dict[str, deque[Fault]] = field(default_factory=lambda: defaultdict(deque))
    _tokens: dict[str, float] = field(default_factory=dict)

    def fail(self, token: str, *faults: Fault) -> None:
        """The next requests for this device's token fail so, one after the other. "*" is any token."""
        self._faults[token].extend(faults)

    def screens(self) -> dict[str, list[str]]:
        """What each device shows: of one collapse id the last message alone."""
        shown: dict[str, dict[str, None]] = defaultdict(dict)
        for message in self.taken:
            shown[message["token"]][collapse_id(message)] = None
        return {token: list(ids) for token, ids in shown.items()}

    def revoke(self) -> None:
        """No access token that was handed out is good any more."""
        self._tokens.clear()

    async def answer(
        self, path: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, str], Any]:
        """Status, headers and JSON. Raises CutOff."""
        if path == "/token":
            return self._grant(body)
        match = _SEND.fullmatch(path)
        if match is None or match[1] != self.account["project_id"]:
            return _error("unregistered")
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or self._tokens.get(token, 0) < time.time():
            return _error("unauthenticated")
        message = _message(body)
        if message is None:
            return _error("invalid")
        return await self._send(message)

    async def _send(self, message: dict[str, Any]) -> tuple[int, dict[str, str], Any]:
        token = message["token"]
        queue = self._faults[token] or self._faults["*"]
        fault = queue.popleft() if queue else None
        if fault is None and token.startswith("dead-"):
            fault = Fault("unregistered")
        if fault is not None and fault.kind == "slow":
            await asyncio.sleep(fault.seconds)
        elif fault is not None and fault.kind == "cut":
            raise CutOff
        elif fault is not None and fault.kind in ERRORS:
            return _error(fault.kind, fault.retry_after)
        self._keep(message)
        if fault is not None and fault.kind == "ack_lost":
            raise CutOff
        name = f"projects/{self.account['project_id']}/messages/{secrets.token_hex(8)}"
        return 200, {}, {"name": name}

    def _keep(self, message: dict[str, Any]) -> None:
        self.taken.append(message)
        if self.file is not None:
            with self.file.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"at": time.time(), **message}) + "\n")

    def _grant(self, body: bytes) -> tuple[int, dict[str, str], Any]:
        form = dict(urllib.parse.parse_qsl(body.decode()))
        key = RSAKey.import_key(self.account["private_key"])
        try:
            claims = jwt.decode(form.get("assertion", ""), key, algorithms=["RS256"]).claims
        except (JoseError, ValueError):
            return 400, {}, {"error": "invalid_grant", "error_description": "Invalid JWT Signature."}
        now = time.time()
        right = (
            form.get("grant_type") == GRANT
            and claims.get("iss") == self.account["client_email"]
            and claims.get("aud") == AUDIENCE  # whatever the key file's token_uri says
            and not SCOPES.isdisjoint(str(claims.get("scope", "")).split())
            and now - 3660 < claims.get("iat", 0) <= now + 60
            and now < claims.get("exp", 0) <= claims["iat"] + 3600
        )
        if not right:
            return 400, {}, {"error": "invalid_grant"}
        self.grants += 1
        token = secrets.token_urlsafe(32)
        self._tokens[token] = now + self.token_seconds
        return 200, {}, {"access_token": token, "expires_in": self.token_seconds, "token_type": "Bearer"}


def collapse_id(message: dict[str, Any]) -> str:
    """What a message replaces on a device."""
    headers = message.get("apns", {}).get("headers", {})
    return str(message.get("android", {}).get("collapse_key") or headers.get("apns-collapse-id"))


def _message(body: bytes) -> dict[str, Any] | None:
    try:
        message = json.loads(body)["message"]
        data = message.get("data", {})
        right = (
            isinstance(message["token"], str)
            and all(isinstance(item, str) for pair in data.items() for item in pair)
            and len(json.dumps(data)) <= LONGEST
            and len(message.get("apns", {}).get("headers", {}).get("apns-collapse-id", "")) <= 64
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return message if right else None


def _error(kind: str, retry_after: str | None = None) -> tuple[int, dict[str, str], Any]:
    status, name, code = ERRORS[kind]
    error: dict[str, Any] = {"code": status, "message": f"The double says {kind}.", "status": name}
    if code is not None:
        fcm = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
        error["details"] = [{"@type": fcm, "errorCode": code}]
    return status, {} if retry_after is None else {"retry-after": retry_after}, {"error": error}


class Connection:
    """One connection, HTTP/1.1."""

    def __init__(self, fcm: Fcm, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._fcm, self._reader, self._writer = fcm, reader, writer
        self._http = h11.Connection(h11.SERVER)

    async def serve(self) -> None:
        """Answer until the other side closes."""
        with contextlib.suppress(CutOff, ConnectionError, h11.RemoteProtocolError):
            while await self._one():
                self._http.start_next_cycle()
        self._writer.close()

    async def _one(self) -> bool:
        request, body = None, b""
        while True:
            event = self._http.next_event()
            if event is h11.NEED_DATA:
                self._http.receive_data(await self._reader.read(65_536))
            elif isinstance(event, h11.Request):
                request = event
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage) and request is not None:
                break
            else:
                return False
        headers = {name.decode(): value.decode() for name, value in request.headers}
        status, more, answer = await self._fcm.answer(request.target.decode(), headers, body)
        content = json.dumps(answer).encode()
        shown = [("content-type", "application/json"), ("content-length", str(len(content))), *more.items()]
        for event in (h11.Response(status_code=status, headers=shown), h11.Data(content), h11.EndOfMessage()):
            self._writer.write(self._http.send(event) or b"")
        await self._writer.drain()
        return self._http.our_state is h11.DONE and self._http.their_state is h11.DONE


async def listen(fcm: Fcm, port: int = 0) -> asyncio.Server:
    """Serve on the loopback."""
    return await asyncio.start_server(
        lambda reader, writer: Connection(fcm, reader, writer).serve(), "127.0.0.1", port
    )


async def main(arguments: argparse.Namespace) -> None:
    """Serve until SIGTERM."""
    account = json.loads(arguments.account.read_text(encoding="utf-8"))
    server = await listen(Fcm(account, arguments.file), arguments.port)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    print("fcm_started", flush=True)
    async with server:
        await stop.wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--account", type=Path, required=True)
    parser.add_argument("--file", type=Path, required=True)
    asyncio.run(main(parser.parse_args()))
