"""The keys of citizens' numbers, and codes: what the services of this feature share."""

import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self
from uuid import UUID

from foundation.errors import InvalidInput
from foundation.phones import KEY_BYTES, Phone, PhoneDigests, PhoneSeal
from foundation.settings import PhoneSettings

DIGITS = 6
MOST_ATTEMPTS = 5
"""Of 10⁶ codes: one in 200,000 for each message, and messages are limited."""

NewCode = Callable[[], str]


def new_code() -> str:
    """Six random digits."""
    return f"{secrets.randbelow(10**DIGITS):0{DIGITS}}"


def checked_code(text: str) -> str:
    """The code as it was sent. Raises InvalidInput for what can be none."""
    code = "".join(text[:32].split())
    if len(code) != DIGITS or not (code.isascii() and code.isdigit()):
        raise InvalidInput("code")
    return code


@dataclass(frozen=True, slots=True)
class PhoneKeys:
    """Digests of numbers and codes; the seal of what waits to be sent."""

    digests: PhoneDigests
    seal: PhoneSeal

    @classmethod
    def of(cls, settings: PhoneSettings | None) -> Self:
        """With the files' keys; without settings with random ones, which end with the process."""
        if settings is None:
            return cls(
                PhoneDigests(secrets.token_bytes(KEY_BYTES)), PhoneSeal(secrets.token_bytes(KEY_BYTES))
            )
        return cls(
            PhoneDigests.from_file(settings.digest_key_file), PhoneSeal.from_file(settings.seal_key_file)
        )

    def fits(self, code: str, about: UUID, digest: bytes, code_digest: bytes) -> bool:
        """Whether it is the code, compared in the same time wherever it differs."""
        return hmac.compare_digest(self.digests.of_code(about, digest, code), code_digest)

    def number(self, sealed: bytes, purpose: str, about: UUID) -> Phone:
        """A sealed number. Raises foundation.phones.NotOpened."""
        return Phone.parse(self.seal.open(sealed, purpose, about))
