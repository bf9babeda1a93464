"""Identifiers round-trip, read what people type, and refuse the rest."""

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation.errors import InvalidInput
from foundation.ids import (
    GlobalIds,
    b64u,
    new_report_code,
    new_uuid,
    parse_report_code,
    show_report_code,
    unb64u,
)

KEY = bytes(range(64))
SEALED = GlobalIds(KEY)
KINDS = st.text(st.characters(min_codepoint=65, max_codepoint=90), min_size=1, max_size=12)
VECTORS = json.loads(
    (Path(__file__).parents[2] / "mobile_contract" / "vectors" / "ids.json").read_text(encoding="utf-8")
)


@given(st.binary(max_size=80))
def test_b64u_round_trip(octets: bytes) -> None:
    assert unb64u(b64u(octets)) == octets


@pytest.mark.parametrize("text", ["A", "AB==", "A+/A", "AB\n", "Ω", "AAAAA", "AB"])
def test_text_that_b64u_would_not_write_is_invalid(text: str) -> None:
    with pytest.raises(InvalidInput):
        unb64u(text)


@given(st.binary(min_size=10, max_size=10))
def test_report_code_reads_back_as_shown(octets: bytes) -> None:
    code = new_report_code(lambda _size: octets)
    assert parse_report_code(show_report_code(code).lower()) == code


@given(st.binary(min_size=10, max_size=10))
def test_report_code_holds_all_80_bits(octets: bytes) -> None:
    alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
    number = 0
    for character in new_report_code(lambda _size: octets):
        number = number << 5 | alphabet.index(character)
    assert number.to_bytes(10, "big") == octets


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("0123456789abcdef", "0123456789ABCDEF"),
        ("OiIlL234-5678-9ABC", "0111123456789ABC"),
        (" 0123 4567-89AB CDEF ", "0123456789ABCDEF"),
    ],
)
def test_report_code_is_read_as_people_type(typed: str, code: str) -> None:
    assert parse_report_code(typed) == code


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "0123456789ABCDE",
        "0123456789ABCDEF0",
        "0123456789ABCDEU",
        "0123456789ABCDE٣",
        "-" * 16,
        "0" * 65,
        "0123456789ABCDEF" + " " * 60,
        "ſ" + "0" * 15,
    ],
)
def test_what_is_no_report_code_is_invalid(typed: str) -> None:
    with pytest.raises(InvalidInput):
        parse_report_code(typed)


@given(KINDS, st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40))
def test_global_id_of_a_code_round_trip(kind: str, code: str) -> None:
    assert GlobalIds.parse_code(GlobalIds.of_code(kind, code)) == (kind, code)


@pytest.mark.parametrize("plain", [b"", b"Report", b"Report:", b":0123", "Report:Đ".encode()])
def test_global_id_without_kind_or_code_is_invalid(plain: bytes) -> None:
    with pytest.raises(InvalidInput):
        GlobalIds.parse_code(b64u(plain))


@given(KINDS, st.uuids())
def test_global_id_of_a_uuid_round_trip(kind: str, uuid: UUID) -> None:
    assert SEALED.parse_uuid(kind, SEALED.of_uuid(kind, uuid)) == uuid


@given(st.uuids())
def test_global_id_of_a_uuid_does_not_show_it(uuid: UUID) -> None:
    assert uuid.bytes not in unb64u(SEALED.of_uuid("Citizen", uuid))


@pytest.mark.parametrize("kind", ["Official", "Citize", "Citizens", ""])
def test_global_id_of_another_kind_is_invalid(kind: str) -> None:
    sealed = SEALED.of_uuid("Citizen", UUID(int=5))
    with pytest.raises(InvalidInput):
        SEALED.parse_uuid(kind, sealed)


@pytest.mark.parametrize("bit", range(8 * (1 + 16 + 7 + 16)))
def test_each_flipped_bit_of_a_sealed_id_is_refused(bit: int) -> None:
    octets = bytearray(unb64u(SEALED.of_uuid("Citizen", UUID(int=5))))
    octets[bit // 8] ^= 1 << (bit % 8)
    with pytest.raises(InvalidInput):
        SEALED.parse_uuid("Citizen", b64u(bytes(octets)))


def test_sealed_id_under_another_key_is_refused() -> None:
    sealed = GlobalIds(bytes(64)).of_uuid("Citizen", UUID(int=5))
    with pytest.raises(InvalidInput):
        SEALED.parse_uuid("Citizen", sealed)


def test_new_ids_are_uuidv7() -> None:
    assert new_uuid().version == 7


@pytest.mark.parametrize("vector", VECTORS["report_codes"], ids=lambda vector: vector["name"])
def test_report_code_vector(vector: dict[str, Any]) -> None:
    assert parse_report_code(vector["typed"]) == vector["code"]


@pytest.mark.parametrize("typed", VECTORS["report_codes_refused"])
def test_refused_report_code_vector(typed: str) -> None:
    with pytest.raises(InvalidInput):
        parse_report_code(typed)


@pytest.mark.parametrize("vector", VECTORS["global_ids"], ids=lambda vector: vector["id"])
def test_global_id_vector(vector: dict[str, Any]) -> None:
    assert GlobalIds.of_code(vector["type"], vector["code"]) == vector["id"]


@pytest.mark.parametrize("vector", VECTORS["sealed_ids"], ids=lambda vector: vector["id"])
def test_sealed_id_vector(vector: dict[str, Any]) -> None:
    sealed = GlobalIds(bytes.fromhex(vector["key"]))
    assert sealed.of_uuid(vector["type"], UUID(vector["uuid"])) == vector["id"]


@pytest.mark.parametrize("vector", VECTORS["sealed_ids_refused"], ids=lambda vector: vector["name"])
def test_refused_sealed_id_vector(vector: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        GlobalIds(bytes.fromhex(vector["key"])).parse_uuid(vector["type"], vector["id"])
