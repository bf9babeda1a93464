"""Letters by SMTP: that there is something new, and nothing of what it is."""

import ssl
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Protocol
from uuid import UUID

import aiosmtplib
import structlog

from backend.notifications.push import Outcome
from foundation.clock import Clock
from foundation.settings import MailSettings, read_secret

SUBJECT = "Bạn có thông báo mới / You have a new notice"
BODY = """\
Bạn có thông báo mới trong ứng dụng IOC Hà Nội. Hãy mở ứng dụng để xem.
Thư này không có đường dẫn, và không bao giờ hỏi mật khẩu.

There is a new notice for you in the IOC app of Ha Noi. Please open the app to read it.
This letter has no link, and never asks for a password.
"""
_LATER = range(400, 500)

log = structlog.get_logger()


class LetterPort(Protocol):
    """Sends a letter. Sent again with the same reference it is the same letter."""

    async def send(self, to: str, reference: UUID) -> Outcome: ...


class SmtpLetters:
    """STARTTLS, then a password; nothing is sent in the clear."""

    def __init__(self, settings: MailSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._tls = ssl.create_default_context(cafile=settings.ca_file)
        self._domain = settings.sender.rpartition("@")[2]

    async def send(self, to: str, reference: UUID) -> Outcome:
        """Hand a letter over."""
        settings = self._settings
        try:
            await aiosmtplib.send(
                self._letter(to, reference),
                hostname=settings.host,
                port=settings.port,
                username=settings.user,
                password=read_secret(settings.password_file).decode(),
                start_tls=True,
                tls_context=self._tls,
                timeout=settings.seconds,
            )
        except aiosmtplib.SMTPRecipientsRefused as error:
            codes = [refused.code for refused in error.recipients]
            return Outcome.LATER if all(code in _LATER for code in codes) else Outcome.DEAD
        except aiosmtplib.SMTPAuthenticationError as error:
            # Ours is wrong, not the letter: it goes once the password is right again.
            log.error("mail_server_refuses_the_password", code=error.code)
            return Outcome.LATER
        except aiosmtplib.SMTPResponseException as error:
            return Outcome.LATER if error.code in _LATER else Outcome.REFUSED
        except (aiosmtplib.SMTPException, OSError):
            return Outcome.LATER
        return Outcome.SENT

    def _letter(self, to: str, reference: UUID) -> EmailMessage:
        letter = EmailMessage()
        letter["From"], letter["To"], letter["Subject"] = self._settings.sender, to, SUBJECT
        letter["Date"] = format_datetime(self._clock.now())
        # The same for a letter that is sent again: mail systems show one.
        letter["Message-ID"] = f"<{reference}@{self._domain}>"
        letter["Auto-Submitted"] = "auto-generated"
        letter.set_content(BODY)
        return letter
