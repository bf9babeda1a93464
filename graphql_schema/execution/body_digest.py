"""What idempotency compares: SHA-256(documentId ‖ RFC 8785 form of the variables without the key)."""

import hashlib
from collections.abc import Mapping
from typing import Any

import rfc8785

from foundation.errors import InvalidInput

KEY = "idempotencyKey"


def body_digest(document_id: str, variables: Mapping[str, Any]) -> bytes:
    """32 bytes. The key is left out where it stands: as a variable, or one level down in an input object.

    Raises InvalidInput for what RFC 8785 can't write (integers beyond 2^53, lone surrogates).
    """
    others = {name: _without_key(value) for name, value in variables.items() if name != KEY}
    try:
        canonical = rfc8785.dumps(others)
    except rfc8785.CanonicalizationError as error:
        raise InvalidInput("variables") from error
    return hashlib.sha256(document_id.encode("ascii") + canonical).digest()


def _without_key(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: inner for name, inner in value.items() if name != KEY}
    return value
