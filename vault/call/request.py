"""The request: 0x01 ‖ suite 6 ‖ kid 8 ‖ enc 1,120 ‖ ciphertext, bound to who sends it."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography.exceptions import InvalidTag

from vault.call import octets
from vault.call.errors import TooLarge, UnknownKey
from vault.call.keys import ENCAPSULATED, HPKE, KID, SUITE, TAG, RequestKey, kid_of, public_key
from vault.call.octets import LARGEST_REQUEST, VERSION, Malformed, lp

ANSWER_KEY = 32
OPERATION_ID = 16
_HEAD = len(VERSION) + len(SUITE) + KID
_AROUND = _HEAD + ENCAPSULATED + TAG
_LEAST = _AROUND + ANSWER_KEY + OPERATION_ID + 4


@dataclass(frozen=True, slots=True)
class Binding:
    """What a request belongs to: from the verified token and proof, never from the message."""

    iss: str
    sub: str
    sid: str
    jkt: str
    ath: str
    """b64u of SHA-256 of the token, as in the proof."""
    jti: str

    def info(self, kid: bytes) -> bytes:
        """HPKE's `info`. Raises Malformed when a member is not ASCII."""
        members: tuple[bytes | str, ...] = (
            "ioc-vault/request/v1",
            SUITE,
            kid,
            self.iss,
            self.sub,
            self.sid,
            self.jkt,
            self.ath,
            self.jti,
        )
        return b"".join(lp(member) for member in members)


@dataclass(frozen=True, slots=True)
class Opened:
    """A request as its device made it. The answer is sealed under `answer_key` and `digest`."""

    answer_key: bytes = field(repr=False)
    operation_id: bytes
    json: bytes = field(repr=False)
    digest: bytes
    """SHA-256 of the request's octets."""

    def value(self) -> dict[str, Any]:
        """The JSON object inside. Raises Malformed."""
        return octets.object_of(self.json)


def seal(public: bytes, binding: Binding, answer_key: bytes, operation_id: bytes, json: bytes) -> bytes:
    """The device's half. `public` comes from a verified keyset; `answer_key` is fresh for each request."""
    if len(answer_key) != ANSWER_KEY or len(operation_id) != OPERATION_ID:
        raise ValueError("an answer key has 32 octets, an operation id 16")
    kid = kid_of(public)
    plain = octets.inside(answer_key + operation_id, json, _AROUND)
    return VERSION + SUITE + kid + HPKE.encrypt(plain, public_key(public), binding.info(kid))


def unseal(frame: bytes, binding: Binding, keys: Mapping[bytes, RequestKey]) -> Opened:
    """The vault's half. Raises TooLarge, and UnknownKey for whatever none of `keys` opens.

    One refusal for all of it: who sends other octets learns nothing of where they failed.
    """
    if len(frame) > LARGEST_REQUEST:
        raise TooLarge
    head = VERSION + SUITE
    key = keys.get(frame[len(head) : _HEAD])
    if not frame.startswith(head) or key is None:
        raise UnknownKey
    if len(frame) < _LEAST or octets.padded_length(len(frame)) != len(frame):
        raise UnknownKey
    try:
        plain = HPKE.decrypt(frame[_HEAD:], key.private, binding.info(key.kid))
        json = octets.json_inside(plain[ANSWER_KEY + OPERATION_ID :])
    except (InvalidTag, Malformed, ValueError) as error:
        raise UnknownKey from error
    return Opened(
        answer_key=plain[:ANSWER_KEY],
        operation_id=plain[ANSWER_KEY : ANSWER_KEY + OPERATION_ID],
        json=json,
        digest=hashlib.sha256(frame).digest(),
    )
