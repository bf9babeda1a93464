"""The answer: 0x01 ‖ r 32 ‖ ciphertext. Only who opened the request can make it; its key dies with it."""

import hashlib
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from vault.call import octets
from vault.call.errors import AnswerNotGenuine
from vault.call.octets import LARGEST_ANSWER, VERSION, Malformed
from vault.keyring.memory import wiped

R = 32
_HEAD = len(VERSION) + R
_TAG = 16
_INFO = b"ioc-vault/answer/v1"
_KEY = 32
_NONCE = 12


def seal(answer_key: bytes, request_digest: bytes, r: bytes, *json: bytes | bytearray) -> bytes:
    """The vault's half. `r` is 32 fresh random octets, so that no key and nonce are used twice.

    `json` may come in parts; what it is copied into is wiped. Raises ValueError for too much.
    """
    if len(r) != R:
        raise ValueError("r has 32 octets")
    cipher, nonce = _cipher(answer_key, request_digest, r)
    head = VERSION + r
    with wiped(octets.filled(json, _HEAD + _TAG)) as plain:
        if _HEAD + len(plain) + _TAG > LARGEST_ANSWER:
            raise ValueError("more than an answer carries")
        return head + cipher.encrypt(nonce, plain, head)


def unseal(answer: bytes, answer_key: bytes, request: bytes) -> dict[str, Any]:
    """The device's half: the JSON of the answer to exactly these request octets. Raises AnswerNotGenuine."""
    if not _HEAD + _TAG < len(answer) <= LARGEST_ANSWER or not answer.startswith(VERSION):
        raise AnswerNotGenuine
    head = answer[:_HEAD]
    cipher, nonce = _cipher(answer_key, hashlib.sha256(request).digest(), head[len(VERSION) :])
    try:
        return octets.object_of(octets.json_inside(cipher.decrypt(nonce, answer[_HEAD:], head)))
    except (InvalidTag, Malformed) as error:
        raise AnswerNotGenuine from error


def _cipher(answer_key: bytes, request_digest: bytes, r: bytes) -> tuple[AESGCM, bytes]:
    derived = HKDF(SHA256(), _KEY + _NONCE, request_digest + r, _INFO).derive(answer_key)
    return AESGCM(derived[:_KEY]), derived[_KEY:]
