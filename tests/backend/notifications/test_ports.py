"""The ports of letters and short messages, against servers that speak SMTP and the gateway's HTTP."""

import asyncio
import email
import runpy
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.message import Message
from pathlib import Path
from uuid import UUID

import pytest
import structlog
from aiosmtpd.smtp import SMTP, Envelope, Session

from backend.citizens.sms import HttpSmsGateway
from backend.notifications.letters import SmtpLetters
from backend.notifications.push import Outcome
from foundation.clock import SystemClock
from foundation.phones import Phone
from foundation.settings import MailSettings, SmsSettings
from services.notices import TEXT, NoticeSms
from stack.certificates import Pair, ensure
from stack.home import ROOT
from tests.backend.citizens.rig import gateway_at

RECEIVER = runpy.run_path(str(ROOT / "deploy" / "local" / "mail" / "receiver.py"))
"""The double's own program."""
REFERENCE = UUID("01a21d29-217f-70a1-9b22-1e6053a287b3")
TO = "minh@ioc.hanoi.example"
PASSWORD = b"a-password"
PHONE = Phone.parse("0912345678")


class Answering:
    """Takes letters as the double does, or answers with a status."""

    def __init__(self, folder: Path, recipient: str | None = None, data: str | None = None) -> None:
        self._kept = RECEIVER["Folder"](folder)
        self._recipient, self._data = recipient, data

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Say whether there is such an address."""
        if self._recipient is not None:
            return self._recipient
        envelope.rcpt_tos.append(address)
        return "250 there"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Keep the letter."""
        if self._data is not None:
            return self._data
        kept: str = await self._kept.handle_DATA(server, session, envelope)
        return kept


@asynccontextmanager
async def mail_server(handler: object, tls: Pair | None) -> AsyncIterator[int]:
    """A server of its own on a free port; without `tls` it offers none."""
    context = None
    if tls is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(tls.certificate, tls.key)

    def connection() -> SMTP:
        return SMTP(
            handler,
            hostname="localhost",
            tls_context=context,
            require_starttls=context is not None,
            authenticator=RECEIVER["accounts"]({"ioc": PASSWORD}),
            auth_required=context is not None,
            auth_require_tls=context is not None,
        )

    server = await asyncio.get_running_loop().create_server(connection, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


def letters(folder: Path, port: int, authority: Path, password: bytes = PASSWORD) -> SmtpLetters:
    """The port as the worker has it."""
    file = folder / "password"
    file.write_bytes(password)
    settings = MailSettings("localhost", port, "ioc", file, "ioc@hanoi.example", authority, seconds=5.0)
    return SmtpLetters(settings, SystemClock())


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Pair]:
    """An authority and the mail server's pair."""
    made = ensure(tmp_path_factory.mktemp("tls"))
    return made.authority, made.mail


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """Where letters lie."""
    folder = tmp_path / "mail"
    folder.mkdir()
    return folder


def read(folder: Path) -> list[Message]:
    """Letters that were taken, the oldest first."""
    return [email.message_from_bytes(file.read_bytes()) for file in sorted(folder.glob("[0-9]*.eml"))]


async def test_letter_says_that_there_is_something_and_no_more(
    tmp_path: Path, kept: Path, certificates: tuple[Path, Pair]
) -> None:
    authority, pair = certificates
    async with mail_server(Answering(kept), pair) as port:
        assert await letters(tmp_path, port, authority).send(TO, REFERENCE) is Outcome.SENT
    (letter,) = read(kept)
    body = str(letter.get_payload(decode=True), "utf-8")  # type: ignore[arg-type]  # bytes of a plain text
    assert (letter["X-Recipients"], letter["Auto-Submitted"]) == (TO, "auto-generated")
    assert ("http" in body, str(REFERENCE) in body) == (False, False)


async def test_letter_sent_again_is_the_same_letter(
    tmp_path: Path, kept: Path, certificates: tuple[Path, Pair]
) -> None:
    authority, pair = certificates
    async with mail_server(Answering(kept), pair) as port:
        port_of_letters = letters(tmp_path, port, authority)
        await port_of_letters.send(TO, REFERENCE)
        await port_of_letters.send(TO, REFERENCE)
    assert {letter["Message-ID"] for letter in read(kept)} == {f"<{REFERENCE}@hanoi.example>"}


@pytest.mark.parametrize(
    ("recipient", "data", "outcome"),
    [
        ("550 no such person", None, Outcome.DEAD),
        ("451 greylisted", None, Outcome.LATER),
        (None, "452 full", Outcome.LATER),
        (None, "554 we think it is spam", Outcome.REFUSED),
    ],
)
async def test_what_the_mail_server_says_decides(
    tmp_path: Path,
    kept: Path,
    certificates: tuple[Path, Pair],
    recipient: str | None,
    data: str | None,
    outcome: Outcome,
) -> None:
    authority, pair = certificates
    async with mail_server(Answering(kept, recipient, data), pair) as port:
        assert await letters(tmp_path, port, authority).send(TO, REFERENCE) is outcome
    assert read(kept) == []


async def test_password_that_was_changed_sends_nothing_and_loses_nothing(
    tmp_path: Path, kept: Path, certificates: tuple[Path, Pair]
) -> None:
    authority, pair = certificates
    async with mail_server(Answering(kept), pair) as port:
        with structlog.testing.capture_logs() as logged:
            outcome = await letters(tmp_path, port, authority, b"another").send(TO, REFERENCE)
    assert (outcome, read(kept)) == (Outcome.LATER, [])
    assert [entry["event"] for entry in logged] == ["mail_server_refuses_the_password"]


async def test_server_that_offers_no_tls_gets_neither_password_nor_letter(
    tmp_path: Path, kept: Path, certificates: tuple[Path, Pair]
) -> None:
    authority, _ = certificates
    async with mail_server(Answering(kept), None) as port:
        assert await letters(tmp_path, port, authority).send(TO, REFERENCE) is Outcome.LATER
    assert read(kept) == []


async def test_server_of_another_authority_gets_nothing(
    tmp_path: Path, kept: Path, certificates: tuple[Path, Pair]
) -> None:
    _, pair = certificates
    (tmp_path / "other").mkdir()
    stranger = ensure(tmp_path / "other").authority
    async with mail_server(Answering(kept), pair) as port:
        assert await letters(tmp_path, port, stranger).send(TO, REFERENCE) is Outcome.LATER
    assert read(kept) == []


async def test_letter_that_nobody_takes_goes_later(tmp_path: Path, certificates: tuple[Path, Pair]) -> None:
    authority, pair = certificates
    async with mail_server(None, pair) as port:
        pass
    assert await letters(tmp_path, port, authority).send(TO, REFERENCE) is Outcome.LATER


@asynccontextmanager
async def short_messages(folder: Path, token: bytes = b"a-token") -> AsyncIterator[NoticeSms]:
    """The port as the worker has it, and the double's own program."""
    file = folder / "token"
    file.write_bytes(token)
    async with gateway_at(folder) as url:
        gateway = HttpSmsGateway.of(SmsSettings(url, file))
        try:
            yield NoticeSms(gateway)
        finally:
            await gateway.close()


async def test_message_says_that_there_is_something_and_is_sent_once(tmp_path: Path) -> None:
    async with short_messages(tmp_path) as send:
        outcomes = [await send(PHONE, REFERENCE) for _ in range(2)]
    (message,) = [file.read_text(encoding="utf-8") for file in (tmp_path / "sms").glob("*.json")]
    assert outcomes == [Outcome.SENT, Outcome.SENT]
    assert (TEXT in message, len(TEXT) <= 160, TEXT.isascii()) == (True, True, True)


@pytest.mark.parametrize("trouble", ["429", "503", "lost"])
async def test_gateway_in_trouble_is_asked_again_later(tmp_path: Path, trouble: str) -> None:
    async with short_messages(tmp_path) as send:
        (tmp_path / "sms" / "trouble").write_text(trouble, encoding="ascii")
        assert await send(PHONE, REFERENCE) is Outcome.LATER


async def test_gateway_that_does_not_know_us_takes_nothing(tmp_path: Path) -> None:
    async with short_messages(tmp_path, b"another") as send:
        assert await send(PHONE, REFERENCE) is Outcome.REFUSED
    assert list((tmp_path / "sms").glob("*.json")) == []
