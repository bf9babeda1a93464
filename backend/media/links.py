"""Links to one form of one file, signed, for 60 s: whoever has one may read that form and nothing else."""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from backend.media.errors import LinkInvalid
from backend.media.types import Content, Size
from foundation.errors import InvalidInput
from foundation.ids import b64u, unb64u

LIFE = timedelta(seconds=60)
_LABEL = b"ioc-media-link/v1"


@dataclass(frozen=True, slots=True)
class Link:
    """What is signed. `until` is in seconds since 1970."""

    media_id: UUID
    size: Size
    content: Content
    until: int


class LinkSigner:
    """HMAC-SHA-256 over label ‖ version ‖ id 16 ‖ lp(size) ‖ lp(content type) ‖ u64 expiry."""

    def __init__(self, key: bytes, accepted: tuple[bytes, ...] = ()) -> None:
        if min(map(len, (key, *accepted))) < 32:
            raise ValueError("the key of links needs 32 bytes")
        self._key = key
        self._keys = (key, *accepted)

    def sign(self, media_id: UUID, size: Size, content: Content, now: datetime) -> tuple[Link, str]:
        """A link that lives for 60 s, and its signature."""
        link = Link(media_id, size, content, int((now + LIFE).timestamp()))
        return link, b64u(_tag(self._key, link))

    def check(self, link: Link, signature: str, now: datetime) -> None:
        """Raise LinkInvalid for a signature that is not of exactly this link, or one that is over."""
        try:
            given = unb64u(signature[:64])
        except InvalidInput as error:
            raise LinkInvalid from error
        # All are compared, whichever fits.
        if not any([hmac.compare_digest(given, _tag(key, link)) for key in self._keys]):  # noqa: C419 - as said
            raise LinkInvalid
        if not now.timestamp() < link.until <= (now + LIFE).timestamp():
            raise LinkInvalid


def _tag(key: bytes, link: Link) -> bytes:
    signed = b"".join(
        (
            _LABEL,
            b"\x01",
            link.media_id.bytes,
            _lp(link.size.value.encode()),
            _lp(link.content.value.encode()),
            link.until.to_bytes(8, "big"),
        )
    )
    return hmac.digest(key, signed, hashlib.sha256)


def _lp(octets: bytes) -> bytes:
    return len(octets).to_bytes(2, "big") + octets
