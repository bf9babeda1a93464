"""The idempotency of a mutation, as the client states it."""

import re
from dataclasses import dataclass

from foundation.errors import InvalidInput

_KEY = re.compile(r"[\x21-\x7e]{16,64}")


@dataclass(frozen=True, slots=True)
class Idempotency:
    """A key of 16–64 printable ASCII characters, and the SHA-256 of the request's body.

    The digest covers documentId ‖ RFC 8785 form of the variables without the key.
    Raises InvalidInput for a key of another form.
    """

    key: str
    body_digest: bytes

    def __post_init__(self) -> None:
        check_key(self.key)


def check_key(key: str) -> None:
    """Raise InvalidInput for a key of another form: 16–64 printable ASCII characters."""
    if not _KEY.fullmatch(key):
        raise InvalidInput("idempotencyKey")
