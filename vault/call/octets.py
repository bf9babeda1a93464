"""Octets that several formats share: length prefixes, the inside of a frame, padding."""

import json
from collections.abc import Sequence
from typing import Any

VERSION = b"\x01"
LARGEST_REQUEST = 64 * 1024
LARGEST_ANSWER = 256 * 1024
_STEPS = (4 * 1024, 16 * 1024, 64 * 1024, 256 * 1024)
_LENGTH = 4


class Malformed(ValueError):
    """Octets that this version of the format does not write. The text names what, not its content."""


def lp(text: bytes | str) -> bytes:
    """A u16 length and the octets; text is ASCII as it stands. Raises Malformed."""
    try:
        octets = text.encode("ascii") if isinstance(text, str) else text
    except UnicodeEncodeError as error:
        raise Malformed("not ASCII") from error
    if len(octets) > 0xFFFF:
        raise Malformed("longer than 65,535 octets")
    return len(octets).to_bytes(2, "big") + octets


def padded_length(length: int) -> int:
    """The length of a whole frame that needs `length` octets: 4, 16, 64, 256 KiB, then Padmé.

    Padmé (Nikitin et al., PETS 2019) keeps of a length's bits as many as tell little: at most 12 % more.
    """
    for step in _STEPS:
        if length <= step:
            return step
    exponent = length.bit_length() - 1
    mask = (1 << (exponent - exponent.bit_length())) - 1
    return (length + mask) & ~mask


def content(value: dict[str, Any]) -> bytes:
    """The JSON inside a frame: compact UTF-8."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def inside(head: bytes, json_octets: bytes, around: int) -> bytes:
    """`head`, u32 length, JSON, zeros, so that frame and `around` octets about it are padded."""
    filled = head + len(json_octets).to_bytes(_LENGTH, "big") + json_octets
    return filled.ljust(padded_length(around + len(filled)) - around, b"\0")


def filled(parts: Sequence[bytes | bytearray], around: int) -> bytearray:
    """As `inside` without a head, of a JSON in parts: in one buffer, so that wiping it leaves no copy."""
    length = sum(map(len, parts))
    frame = bytearray(padded_length(around + _LENGTH + length) - around)
    frame[:_LENGTH] = length.to_bytes(_LENGTH, "big")
    at = _LENGTH
    for part in parts:
        frame[at : at + len(part)] = part
        at += len(part)
    return frame


def json_inside(octets: bytes | bytearray) -> bytes:
    """The JSON of u32 length, JSON, zeros. Raises Malformed."""
    length = int.from_bytes(octets[:_LENGTH], "big")
    end = _LENGTH + length
    if len(octets) < end:
        raise Malformed("the length is beyond the frame")
    if octets.count(0, end) != len(octets) - end:
        raise Malformed("the padding is not zeros")
    return bytes(octets[_LENGTH:end])


def object_of(json_octets: bytes) -> dict[str, Any]:
    """The JSON object, its members once each. Raises Malformed."""
    try:
        value = json.loads(json_octets.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise Malformed("not JSON") from error
    if not isinstance(value, dict):
        raise Malformed("not a JSON object")
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member stands twice")
    return members


def _no_constant(_: str) -> Any:
    raise ValueError("NaN and Infinity are not JSON")
