"""A record's octets open for this version of this record of this tenant and class, and for nothing else."""

from dataclasses import replace
from uuid import UUID

import pytest

from vault.keyring.types import Class
from vault.records.envelope import Place, RecordUnreadable, seal, unseal

KEY = bytearray(b"k" * 32)
NONCE = b"n" * 12
PLACE = Place("00070", Class.PARTY, UUID("018f0000-0000-7000-8000-000000000001"), 3, "cadre/v1")
SEALED = seal(KEY, PLACE, NONCE, b'{"code":"HK-0001"}')


def test_sealed_opens() -> None:
    assert SEALED[:13] == b"\x01" + NONCE
    assert unseal(KEY, PLACE, SEALED) == bytearray(b'{"code":"HK-0001"}')


def test_associated_data_are_as_written_in_the_formats() -> None:
    assert PLACE.octets.hex() == (
        "0013696f632d7661756c742f7265636f72642f7631"  # lp("ioc-vault/record/v1")
        "00053030303730"  # lp("00070")
        "03"
        "018f0000000070008000000000000001"
        "0000000000000003"
        "000863616472652f7631"  # lp("cadre/v1")
    )


@pytest.mark.parametrize(
    "change",
    [
        {"tenant": "00376"},
        {"class_": Class.PERSONAL},
        {"record": UUID("018f0000-0000-7000-8000-000000000002")},
        {"version": 2},
        {"schema": "cadre/v2"},
    ],
)
def test_other_place_is_refused(change: dict) -> None:
    with pytest.raises(RecordUnreadable):
        unseal(KEY, replace(PLACE, **change), SEALED)


@pytest.mark.parametrize("bit", range(len(SEALED) * 8))
def test_each_bit_flipped_is_refused(bit: int) -> None:
    octets = bytearray(SEALED)
    octets[bit // 8] ^= 1 << (bit % 8)
    with pytest.raises(RecordUnreadable):
        unseal(KEY, PLACE, bytes(octets))


@pytest.mark.parametrize("length", [0, 1, 13, 28, len(SEALED) - 1])
def test_cut_octets_are_refused(length: int) -> None:
    with pytest.raises(RecordUnreadable):
        unseal(KEY, PLACE, SEALED[:length])


def test_other_key_is_refused() -> None:
    with pytest.raises(RecordUnreadable):
        unseal(bytearray(b"K" * 32), PLACE, SEALED)
