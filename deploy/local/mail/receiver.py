"""Stands for the city's mail server on one machine: one .eml file a message, nothing is sent on.

STARTTLS before anything else, then a password, as a real one wants it.
"""

import argparse
import asyncio
import hmac
import itertools
import os
import signal
import ssl
from datetime import UTC, datetime
from pathlib import Path

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

LONGEST = 1_000_000


class Folder:
    """Writes messages into a folder, in the order of their arrival."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = itertools.count(1)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Keep the message as it came, its recipients before it."""
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
        draft = self._folder / f".{moment}-{next(self._numbers):04}"
        recipients = ", ".join(envelope.rcpt_tos).encode("utf-8")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(b"X-Recipients: " + recipients + b"\r\n" + content)
        # Appears whole.
        draft.rename(self._folder / f"{draft.name[1:]}.eml")
        return "250 kept"


def accounts(passwords: dict[str, bytes]):  # type: ignore[no-untyped-def]  # aiosmtpd's own untyped protocol
    """Who may hand in."""

    def check(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: object) -> AuthResult:
        given = data if isinstance(data, LoginPassword) else LoginPassword(b"", b"")
        password = passwords.get(given.login.decode(errors="replace"), b"")
        right = bool(password) and hmac.compare_digest(given.password, password)
        # Not handled: the library tells the client.
        return AuthResult(success=right, handled=False)

    return check


def passwords_of(accounts: list[str]) -> dict[str, bytes]:
    """What lies in the file of each "user=file"."""
    pairs = (account.partition("=") for account in accounts)
    return {user: Path(file).read_bytes().strip() for user, _, file in pairs}


async def main(arguments: argparse.Namespace) -> None:
    """Receive until SIGTERM."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(arguments.certificate, arguments.key)
    folder = Folder(arguments.folder)
    passwords = passwords_of(arguments.account)
    loop = asyncio.get_running_loop()

    def connection() -> SMTP:
        return SMTP(
            folder,
            hostname="localhost",
            ident="HaNoi IOC mail double",
            data_size_limit=LONGEST,
            enable_SMTPUTF8=True,
            tls_context=context,
            require_starttls=True,
            authenticator=accounts(passwords),
            auth_required=True,
            auth_require_tls=True,
        )

    server = await loop.create_server(connection, "127.0.0.1", arguments.port)
    stop = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    print("mail_started", flush=True)
    async with server:
        await stop.wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--account", action="append", required=True, help="user=password file")
    for name in ("folder", "certificate", "key"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    asyncio.run(main(parser.parse_args()))
